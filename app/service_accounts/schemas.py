"""Shapes of service accounts."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator
from pydantic.config import JsonDict

from app.accounts.models import ServiceAccountType
from app.core.include import WithPermissions
from app.core.schemas import Input, JsonObject, Name, Schema
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


class ServiceAccountUpdateIn(Input):
    """What is absent stays; ``schools`` and ``info`` are replaced as a whole, and cleared by null."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Library", "schools": [SCHOOL_EXAMPLE]}]})

    name: Name | None = None
    info: JsonObject | None = None
    schools: SchoolLinks | None = None
    is_vendor: IsVendor = False

    @field_validator("name")
    @classmethod
    def _name_stays(cls, name: str | None) -> str | None:
        if name is None:
            raise ValueError("a service account has a name: leave the field out to keep the one it has")
        return name


class ServiceAccountRotateIn(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: int = Field(
        default=24,
        ge=0,
        le=720,
        strict=True,
        description="How long the present token works beside the new one; 0 revokes it at once.",
    )
