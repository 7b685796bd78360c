"""Shapes of people: what comes in."""

import enum
import unicodedata
from typing import Annotated, Self
from uuid import UUID

from pydantic import (
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from app.accounts.models import UserAccountType
from app.core.schemas import Input, JsonObject, Name, Schema, Url
from app.people.schemas import HueKey, ReadingAbilityKey

MAX_INFO = 16_384
MAX_CHILDREN = 50
CLASS: JsonDict = {
    "school_id": "a6ed1bb5-6bd8-4ed7-9c38-5cd4ea5bd2c1",
    "class_group_id": "0d9b2a0e-5f3a-4f6e-9a43-7b7d7f0b8f14",
}
STUDENT_EXAMPLE: JsonDict = {"type": "student", "first_name": "Kim", "last_name_initial": "K", **CLASS}
CHILD_EXAMPLE: JsonDict = {"type": "public", "first_name": "Robin", "last_name_initial": "P"}
PARENT_EXAMPLE: JsonDict = {
    "type": "parent",
    "name": "Pat Parent",
    "email": "pat@example.com",
    "children": [CHILD_EXAMPLE],
}


class SubscriptionType(enum.StrEnum):
    FAMILY = "family"
    LIBRARY = "library"
    SCHOOL = "school"


def _composed(value: object) -> object:
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _blank_is_none(value: object) -> object:
    return (value.strip() or None) if isinstance(value, str) else value


def _text(longest: int, pattern: str | None = None) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=longest, pattern=pattern)


Email = Annotated[EmailStr, Field(max_length=320)]
FirstName = Annotated[str, _text(100), BeforeValidator(_composed)]
Initial = Annotated[str, _text(1), BeforeValidator(_composed)]
Username = Annotated[str, _text(100, r"^\S+$")]
Nickname = Annotated[str, _text(100)]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?$")]
Words = Annotated[list[Annotated[str, _text(200)]], Field(max_length=100)]
SmallId = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]


class HueyAttributesIn(Input):
    birthdate: Day | None = None
    last_visited: Day | None = None
    age: Annotated[StrictInt, Field(ge=0, le=150)] | None = None
    reading_ability: Annotated[list[ReadingAbilityKey], Field(max_length=100)] | None = None
    hues: Annotated[list[HueKey], Field(max_length=100)] | None = None
    goals: Words | None = None
    genres: Words | None = None
    characters: Words | None = None
    parent_nickname: Nickname | None = None


class UserInfoIn(Input):
    sign_in_provider: Annotated[str, _text(100)] | None = None
    phone_number: Phone | None = Field(None, description="In E.164, such as `+61400000000`.")
    picture: Url | None = None
    reader_info: JsonObject | None = None
    student_info: JsonObject | None = None
    educator_info: JsonObject | None = None
    school_admin_info: JsonObject | None = None
    wriveted_admin_info: JsonObject | None = None
    parent_info: JsonObject | None = None
    other: JsonObject | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.model_dump_json(exclude_none=True)) > MAX_INFO:
            raise PydanticCustomError("too_large", "This takes at most {most} characters.", {"most": MAX_INFO})
        return self


class UserCreateIn(Input):
    """A new account. What it needs depends on its type: each fault says what is missing."""

    model_config = ConfigDict(json_schema_extra={"examples": [STUDENT_EXAMPLE, PARENT_EXAMPLE]})

    name: Name | None = Field(None, description="Unless given, the first name and the initial.")
    email: Email | None = Field(None, description="Of one account at most, in whatever case it is written.")
    info: UserInfoIn | None = None
    type: UserAccountType = UserAccountType.PUBLIC
    newsletter: StrictBool = False
    username: Username | None = Field(None, description="A student's, unique in the school. Unless given, we choose.")
    first_name: FirstName | None = Field(None, description="Of a reader; unless given, from `name`.")
    last_name_initial: Initial | None = Field(None, description="Of a reader; unless given, from `name`.")
    huey_attributes: HueyAttributesIn | None = None
    parent_id: UUID | None = None
    school_id: UUID | SmallId | None = Field(
        None, description="The school's UUID, or the small number that older clients know it by."
    )
    class_group_id: UUID | None = Field(None, description="A class of the school.")
    children: Annotated[list["UserCreateIn"], Field(max_length=MAX_CHILDREN)] | None = Field(
        None, description="A parent's: readers, created together with the parent or not at all."
    )
    checkout_session_id: Annotated[str, _text(500)] | None = Field(
        None, description="There are no subscriptions in this release, so this is refused unless it is null."
    )


class UserUpdateIn(Input):
    """Absent keeps, null clears. Which fields you may write depends on who you are to this person."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"first_name": "Kim", "newsletter": False}]})

    name: Name | None = Field(None, description="Cannot be null.")
    is_active: StrictBool | None = Field(None, description="Cannot be null. False ends every session at once.")
    email: Email | None = None
    info: UserInfoIn | None = None
    newsletter: StrictBool | None = Field(None, description="Cannot be null.")
    first_name: FirstName | None = None
    last_name_initial: Initial | None = None
    huey_attributes: HueyAttributesIn | None = None
    username: Username | None = Field(None, description="Cannot be null.")
    school_id: UUID | None = Field(None, description="Cannot be null. A student who changes school leaves the class.")
    class_group_id: UUID | None = None
    type: UserAccountType | None = Field(
        None, description="Cannot be null. What the new type needs has to be there already, or stand in this body."
    )
    parent_id: UUID | None = Field(None, description="A reader's: who may see and change what is the child's.")

    @field_validator("name", "is_active", "newsletter", "username", "school_id", "type")
    @classmethod
    def _cannot_be_cleared(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("not_clearable", "This cannot be null; leave it out to keep it.")
        return value


class UserFilter(Schema):
    """Whom to look for."""

    q: Annotated[str | None, BeforeValidator(_blank_is_none)] = Field(
        None, max_length=200, description="A part of the name, the user name or the e-mail address."
    )
    is_active: bool | None = None
    type: UserAccountType | None = None
    active_subscription_type: SubscriptionType | None = Field(
        None, description="There are no subscriptions in this release, so nobody has one of any type."
    )
    school_id: UUID | None = Field(None, description="Students and staff of the school.")
    class_group_id: UUID | None = Field(None, description="Students of the class.")


class SchoolAdminIn(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "5b0b7d8e-33c1-4f0e-8f67-3f6b1b1f7a10"}]})

    user_id: UUID = Field(description="Whoever it is now: the account, its events and its lists stay.")


class MintIn(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"hours": 1, "reason": "Ticket 4711"}]})

    hours: Annotated[StrictInt, Field(ge=1, le=24)] | None = Field(None, description="How long it is good: an hour.")
    reason: Annotated[str, _text(500)] | None = Field(None, description="Kept with the event.")


class SupporterInviteIn(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "nana@family.example", "supporter_nickname": "Nana"}]}
    )

    email: Email = Field(description="Whom to invite: this address gets an e-mail.")
    supporter_nickname: Nickname = Field(description="What the reader calls the supporter.")


class SupporterLinkIn(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"supporter_nickname": "Nana"}]})

    supporter_nickname: Nickname = Field(description="What the reader calls the supporter.")
    allow_email: StrictBool = True
    allow_phone: StrictBool = False
    is_active: StrictBool = Field(True, description="Only while it is true does the supporter see anything.")
