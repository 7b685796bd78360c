"""Shapes of signing in."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from app.core.schemas import Input, Schema
from app.people.schemas import WrivetedAdminDetail
from app.service_accounts.schemas import ServiceAccountBrief


class AuthenticatedAccountBrief(Schema):
    """Who you are: a person in ``user``, a program in ``service_account``."""

    account_type: Literal["user", "service_account"]
    token_expiry: datetime
    user: WrivetedAdminDetail | None
    service_account: ServiceAccountBrief | None


class Token(Schema):
    """What a sign-in answers: send it as `Authorization: Bearer <access_token>`."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  the name of a scheme (RFC 6750), no secret


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
