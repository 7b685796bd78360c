"""Shapes of service accounts."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, field_validator
from pydantic.config import JsonDict

from app.accounts.models import ServiceAccountType
from app.core.include import WithPermissions
from app.core.schemas import Input, JsonObject, Name, Schema
from app.core.scopes import Scope
from app.events.schemas import EventBrief


class ServiceAccountBrief(Schema):
    id: UUID
    name: str
    type: ServiceAccountType
    is_active: bool


class ServiceAccountCreatedResponse(ServiceAccountBrief):
    access_token: str = Field(description="Shown this once: keep it where secrets are kept.")


class LinkedSchool(Schema):
    wriveted_identifier: UUID
    name: str
    official_identifier: str | None
    country_code: str


class ServiceAccountFound(ServiceAccountBrief, WithPermissions):
    """A service account in a list."""


class ServiceAccountDetail(ServiceAccountBrief, WithPermissions):
    is_vendor: bool
    info: JsonObject | None
    expires_at: datetime | None
    last_used_at: datetime | None = Field(
        description="When its token or one of its keys was last used; every 5 minutes."
    )
    created_at: datetime
    updated_at: datetime
    events: list[EventBrief] = Field(description="What it did last, as far as you may read it.")
    schools: list[LinkedSchool]


class SchoolLink(Input):
    wriveted_identifier: UUID
    name: str | None = Field(default=None, description="For whoever reads the request: the identifier alone decides.")


SchoolLinks = Annotated[list[SchoolLink], Field(max_length=1_000)]
IsVendor = Annotated[
    bool, Field(description="For an account of type `lms` without linked schools: it serves every school.")
]


def _in_the_future(moment: datetime) -> datetime:
    if moment <= datetime.now(UTC):
        raise ValueError("name a time in the future; deactivate an account that is to end now")
    return moment


ExpiresAt = Annotated[
    Annotated[AwareDatetime, AfterValidator(_in_the_future)] | None,
    Field(description="From then on the account is refused, whatever it shows; null: never."),
]

SCHOOL_EXAMPLE: JsonDict = {"wriveted_identifier": "a6ed1bb5-6bd8-4ed7-9c38-5cd4ea5bd2c1", "name": "Annandale North"}


class ServiceAccountCreateIn(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Library system", "type": "lms", "schools": [SCHOOL_EXAMPLE]}]}
    )

    name: Name
    type: ServiceAccountType
    info: JsonObject | None = None
    schools: SchoolLinks | None = None
    is_vendor: IsVendor = False
    expires_at: ExpiresAt = None


class ServiceAccountUpdateIn(Input):
    """What is absent stays; ``schools`` and ``info`` are replaced as a whole; null clears them and ``expires_at``."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Library", "schools": [SCHOOL_EXAMPLE]}]})

    name: Name | None = None
    info: JsonObject | None = None
    schools: SchoolLinks | None = None
    is_vendor: IsVendor = False
    expires_at: ExpiresAt = None

    @field_validator("name")
    @classmethod
    def _name_stays(cls, name: str | None) -> str | None:
        if name is None:
            raise ValueError("a service account has a name: leave the field out to keep the one it has")
        return name


class RotateIn(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: int = Field(
        default=24,
        ge=0,
        le=720,
        strict=True,
        description="How long the present one works beside the new one; 0 revokes it at once.",
    )


class ServiceAccountRotateIn(RotateIn):
    """How a service account's token is replaced."""


class ApiKeyRotateIn(RotateIn):
    """How an API key is replaced."""


class ApiKeyCreateIn(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Nightly push",
                    "scopes": ["collections:read", "collections:write"],
                    "schools": ["a6ed1bb5-6bd8-4ed7-9c38-5cd4ea5bd2c1"],
                    "expires_in_days": 365,
                }
            ]
        }
    )

    name: Name = Field(description="What staff know it by.")
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] = Field(
        description="What it may be used for, of what its account may do; `write` does not include `read`."
    )
    schools: Annotated[list[UUID], Field(min_length=1, max_length=1_000)] | None = Field(
        default=None, description="Narrows the key to these schools of its account; null: all of them."
    )
    expires_in_days: int = Field(default=365, ge=1, le=365, strict=True)


class ApiKeyDetail(Schema):
    """A key without its secret."""

    id: UUID
    public_id: str = Field(description="The part of the key by which it is known: `wrlive_<public_id>_…`.")
    name: str
    scopes: list[Scope]
    schools: list[UUID] | None = Field(description="Null: all schools of the account.")
    created_at: datetime
    expires_at: datetime
    replaced_at: datetime | None = Field(description="When a rotation made the key that takes its place.")
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="Noted every 5 minutes.")


class ApiKeyCreatedResponse(ApiKeyDetail):
    key: str = Field(description="Shown this once: keep it where secrets are kept.")
