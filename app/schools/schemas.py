"""Shapes of schools: what comes in and goes out."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError, ValidationError
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from app.accounts.models import UserAccountType
from app.core.include import WithPermissions
from app.core.schemas import Input, JsonObject, Schema, Url
from app.schools.countries import CountryCode
from app.schools.models import SchoolBookbotType, SchoolState

MAX_INFO = 16_384
SCHOOL_EXAMPLE: JsonObject = {
    "name": "Annandale North Public School",
    "country_code": "AUS",
    "official_identifier": "1038",
    "lms_type": "Oliver",
    "info": {"location": {"suburb": "Annandale", "state": "NSW", "postcode": "2038"}, "sector": "Government"},
}


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _none_if_odd(value: Any, understood: ValidatorFunctionWrapHandler) -> Any:
    try:
        return understood(value)
    except ValidationError:
        return None


def _blank_if_odd(value: Any, understood: ValidatorFunctionWrapHandler) -> Any:
    return _none_if_odd(value, understood) or ""


def _text(longest: int, *, shortest: int = 0) -> Any:
    return StringConstraints(strip_whitespace=True, min_length=shortest, max_length=longest)


OfficialIdentifier = Annotated[str | None, _text(512), BeforeValidator(_blank_is_none)]
SchoolName = Annotated[str, _text(256, shortest=1)]
LmsType = Annotated[str, _text(50, shortest=1)]
Domain = Annotated[Url, Field(max_length=256)]
Short = Annotated[str, _text(200)]
Long = Annotated[str, _text(2_000)]
MaybeText = Annotated[str | None, WrapValidator(_none_if_odd)]
TextOrBlank = Annotated[str, WrapValidator(_blank_if_odd)]


class SchoolLocationIn(Input):
    suburb: Short | None = None
    state: Short = Field(description="The state or region, as `GET /schools?state=` asks for it.")
    postcode: Short
    geolocation: Short | None = None
    lat: Short | None = None
    long: Short | None = None


class AcceptedTerms(Input):
    """Who accepted, and when, is recorded by the server from the caller; what a client says of it is replaced."""

    version: Annotated[str, _text(50, shortest=1), Field(coerce_numbers_to_str=True)]
    accepted_at: Short | None = None
    accepted_by_user_id: Short | None = None


class TermsAcceptanceIn(Input):
    huey_books: AcceptedTerms | None = None


class SchoolInfoIn(Input):
    """What is known of a school beside its columns."""

    location: SchoolLocationIn
    type: Short | None = None
    sector: Short | None = None
    URL: Long | None = None
    status: Short | None = None
    age_id: Short | None = None
    experiments: dict[str, bool] | None = None
    terms_acceptance: TermsAcceptanceIn | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.model_dump_json(exclude_none=True)) > MAX_INFO:
            raise PydanticCustomError("too_large", "This takes at most {most} characters.", {"most": MAX_INFO})
        return self


class SchoolCreateIn(Input):
    model_config = ConfigDict(json_schema_extra={"example": SCHOOL_EXAMPLE})

    name: SchoolName
    country_code: CountryCode = Field(description="ISO 3166-1 alpha-3, such as `AUS`.")
    official_identifier: OfficialIdentifier = Field(
        None, description="The school's number in its country's register, at most once in a country."
    )
    bookbot_type: SchoolBookbotType | None = Field(None, description="`huey_books` unless given.")
    lms_type: LmsType | None = Field(None, description="`none` unless given.")
    info: SchoolInfoIn
    student_domain: Domain | None = None
    teacher_domain: Domain | None = None


class SchoolPatchOptions(Input):
    """Absent keeps, null clears (`lms_type` and `bookbot_type` go back to their defaults).

    An LMS account may write `lms_type` and `max_removal_percent`, a school admin and an admin everything.
    """

    model_config = ConfigDict(
        json_schema_extra={"example": {"status": "active", "info": {"experiments": {"no-jokes": True}}}}
    )

    status: SchoolState | None = Field(None, description="Cannot be null.")
    bookbot_type: SchoolBookbotType | None = None
    lms_type: LmsType | None = None
    name: SchoolName | None = Field(None, description="Cannot be null.")
    info: JsonObject | None = Field(
        None,
        description="Merged into the present `info` member by member (RFC 7396: null removes); the whole has to be a "
        "valid `info` then. Cannot be null. Terms once accepted stay on record; who accepts, and when, is taken from "
        "the caller.",
    )
    student_domain: Domain | None = None
    teacher_domain: Domain | None = None
    max_removal_percent: int | None = Field(
        None,
        ge=0,
        le=100,
        strict=True,
        description="A sync that would withdraw a larger share of the collection is refused; null: no limit.",
    )

    @field_validator("status", "name", "info")
    @classmethod
    def _cannot_be_cleared(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("not_clearable", "This cannot be null; leave it out to keep it.")
        return value


class SchoolFilters(Schema):
    """What to look for. The last three look only at schools that the caller may read."""

    country_code: Annotated[str, StringConstraints(to_upper=True)] | None = None
    state: str | None = Field(None, description="Exactly `info.location.state`.")
    postcode: str | None = None
    q: str | None = Field(None, max_length=200, description="Words of the name, each at least begun.")
    official_identifier: str | None = None
    is_active: bool | None = Field(None, description="False: inactive or pending.")
    has_active_subscription: bool | None = None
    connected_collection: bool | None = Field(None, description="With a collection, or without one.")


class SchoolLocation(Schema):
    """A place, read from whatever is stored: what is odd is left out."""

    model_config = ConfigDict(coerce_numbers_to_str=True, json_schema_serialization_defaults_required=True)

    suburb: MaybeText = None
    state: TextOrBlank = ""
    postcode: TextOrBlank = ""
    geolocation: MaybeText = None
    lat: MaybeText = None
    long: MaybeText = None


class SchoolPlace(Schema):
    """The part of `info` that everybody may see."""

    location: SchoolLocation

    @classmethod
    def of(cls, stored: object) -> Self:
        """Read a stored `info`, whatever it holds: what is odd is left out."""
        known = stored if isinstance(stored, dict) else {}
        location = known.get("location")
        return cls.model_validate({**known, "location": location if isinstance(location, dict) else {}})


class SchoolInfo(SchoolPlace):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    type: MaybeText = None
    sector: MaybeText = None
    URL: MaybeText = None
    status: MaybeText = None
    age_id: MaybeText = None
    experiments: Annotated[dict[str, bool] | None, WrapValidator(_none_if_odd)] = None
    terms_acceptance: Annotated[JsonObject | None, WrapValidator(_none_if_odd)] = None


class SchoolIdentity(WithPermissions):
    wriveted_identifier: UUID
    name: str
    official_identifier: str | None
    country_code: str


class SchoolCollection(Schema):
    """A school's collection, in brief."""

    id: UUID
    name: str
    book_count: int
    school_id: UUID
    user_id: None
    updated_at: datetime


class UserBrief(WithPermissions):
    id: UUID
    type: UserAccountType
    name: str
    email: str | None
    is_active: bool
    last_login_at: datetime | None


class SchoolRecognised(SchoolIdentity):
    """What it takes to recognise a school, which is what those see who may not read it."""

    info: SchoolPlace
    admins: list[UserBrief]


class SchoolSelectorOption(SchoolIdentity):
    state: SchoolState
    subscription: None
    collection: SchoolCollection | None
    info: SchoolInfo
    admins: list[UserBrief]


FoundSchool = SchoolRecognised | SchoolSelectorOption
"""In this order: pydantic tells one from the other many times faster."""


class CountryDetail(Schema):
    id: str
    name: str


class BookListID(Schema):
    id: UUID
    name: str


class SchoolDetail(SchoolIdentity):
    state: SchoolState
    subscription: None
    collection: SchoolCollection | None
    country: CountryDetail
    info: SchoolInfo
    admins: list[UserBrief]
    lms_type: str
    bookbot_type: SchoolBookbotType
    created_at: datetime
    updated_at: datetime
    student_domain: str | None
    teacher_domain: str | None
    max_removal_percent: int | None
    booklists: list[BookListID]


class SchoolBot(Schema):
    """What a bookbot has to know of the school it speaks for."""

    name: str
    type: SchoolBookbotType
    experiments: dict[str, bool]
    supporter: bool


class SchoolBookbotInfo(Schema):
    wriveted_identifier: UUID
    name: str
    state: SchoolState
    bookbot_type: SchoolBookbotType
