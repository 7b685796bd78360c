"""Shapes of signing in."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from app.core.schemas import Input, Schema
from app.people.schemas import PersonDetail
from app.service_accounts.schemas import ServiceAccountBrief

ID_TOKEN_EXAMPLE = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ij…"  # noqa: S105  the beginning of one
IdToken = Annotated[
    str,
    StringConstraints(min_length=1, max_length=8192),
    Field(description="A Firebase ID token, good for one exchange: what `getIdToken(true)` returns."),
]


class AuthenticatedAccountBrief(Schema):
    """Who you are: a person in ``user``, a program in ``service_account``."""

    account_type: Literal["user", "service_account"]
    token_expiry: datetime
    user: PersonDetail | None
    service_account: ServiceAccountBrief | None


class FirebaseSignIn(Input):
    """An ID token to be exchanged."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id_token": ID_TOKEN_EXAMPLE, "create": False, "session": "refresh"}]}
    )

    id_token: IdToken
    create: bool = Field(True, description="Make an account for who has none.")
    session: Literal["token", "refresh"] = Field(
        "token",
        description="`token`: one access token for all of the session. `refresh`: an access token of minutes, and a "
        "refresh token for the next one.",
    )


class RefreshIn(Input):
    """The newest refresh token of a session."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"refresh_token": "iwnTeFOt4e5fJvyCzxBW1C62vy0RJDmf9ZQNUrcbyXY"}]}
    )

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class EmailChangeIn(Input):
    """An ID token of your own identity, from a sign-in of the last five minutes, with the new address verified."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id_token": ID_TOKEN_EXAMPLE}]})

    id_token: IdToken


class EmailChanged(Schema):
    email: str = Field(description="The address that the account has now.")


class SessionBrief(Schema):
    """One sign-in of yours that goes on."""

    id: UUID
    method: str = Field(description="How it began: `firebase` or `class_code`.")
    begun_at: datetime
    last_used_at: datetime = Field(description="When it was begun or last renewed.")
    expires_at: datetime
    current: bool = Field(description="Whether the token that asks comes from it.")


class SessionsEnded(Schema):
    ended: int = Field(description="How many sessions this ended; 0 where they had ended before.")


class Token(Schema):
    """What a sign-in answers: send it as `Authorization: Bearer <access_token>`."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  the name of a scheme (RFC 6750), no secret


class SessionToken(Token):
    """The tokens of a session. Keep them in memory or in the platform's safe place; none ever belongs in a URL."""

    expires_in: int = Field(description="Seconds for which the access token is good.")
    refresh_token: str | None = Field(
        description="For `POST /v1/auth/refresh`, once; null for a session of one access token."
    )


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


ClassCode = Annotated[
    str,
    StringConstraints(min_length=1, max_length=40),
    Field(description="The code of a class. Case, spaces and dashes do not matter.", examples=["7KQ-2VX"]),
]


class ClassCodeUserLogIn(Input):
    model_config = ConfigDict(
        json_schema_extra={"example": {"username": "MerryOtter42", "class_joining_code": "7KQ2VX"}}
    )

    username: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    class_joining_code: ClassCode


class RegisterUserIn(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "first_name": "Kim",
                "last_name_initial": "K",
                "school_id": "0d2e8a57-6f8a-4b57-9d3c-0c7e1f1c2a11",
                "class_joining_code": "7KQ2VX",
            }
        }
    )

    first_name: Annotated[
        Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] | None, BeforeValidator(_blank_is_none)
    ] = None
    last_name_initial: Annotated[
        Annotated[str, StringConstraints(strip_whitespace=True, max_length=1)] | None, BeforeValidator(_blank_is_none)
    ] = None
    school_id: UUID
    class_joining_code: ClassCode
