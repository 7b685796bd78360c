"""Shapes of people: what goes out."""

import enum
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.accounts.models import UserAccountType
from app.core.include import WithPermissions
from app.core.schemas import JsonObject, Page, Schema
from app.schools.schemas import SchoolIdentity, UserBrief


class HueKey(enum.StrEnum):
    """The moods of books."""

    DARK_SUSPENSE = "hue01_dark_suspense"
    BEAUTIFUL_WHIMSICAL = "hue02_beautiful_whimsical"
    DARK_BEAUTIFUL = "hue03_dark_beautiful"
    JOYFUL_CHARMING = "hue04_joyful_charming"
    FUNNY_COMIC = "hue05_funny_comic"
    DARK_GRITTY = "hue06_dark_gritty"
    SILLY_CHARMING = "hue07_silly_charming"
    CHARMING_COURAGEOUS = "hue08_charming_courageous"
    CHARMING_PLAYFUL = "hue09_charming_playful"
    INSPIRING = "hue10_inspiring"
    REALISTIC_HOPE = "hue11_realistic_hope"
    FUNNY_QUIRKY = "hue12_funny_quirky"
    INFORMATIVE = "hue13_informative"


class ReadingAbilityKey(enum.StrEnum):
    """Levels of reading, from the lowest up."""

    SPOT = "SPOT"
    CAT_HAT = "CAT_HAT"
    TREEHOUSE = "TREEHOUSE"
    CHARLIE_CHOCOLATE = "CHARLIE_CHOCOLATE"
    HARRY_POTTER = "HARRY_POTTER"


class ListType(enum.StrEnum):
    PERSONAL = "Personal"
    SCHOOL = "School"
    REGION = "Regional"
    HUEY = "Huey"
    OTHER_LIST = "Other"


class UserInfo(Schema):
    """What is known of a person beside the columns; each kind of account has its own object."""

    sign_in_provider: str | None = None
    phone_number: str | None = None
    picture: str | None = None
    reader_info: JsonObject | None = None
    student_info: JsonObject | None = None
    educator_info: JsonObject | None = None
    school_admin_info: JsonObject | None = None
    wriveted_admin_info: JsonObject | None = None
    parent_info: JsonObject | None = None
    other: JsonObject | None = None


class HueyAttributes(Schema):
    """What a reader told Huey the bookbot."""

    birthdate: str | None = None
    last_visited: str | None = None
    age: int | None = None
    reading_ability: list[ReadingAbilityKey] | None = None
    hues: list[HueKey] | None = None
    goals: list[str] | None = None
    genres: list[str] | None = None
    characters: list[str] | None = None
    parent_nickname: str | None = None


class UserIdentity(WithPermissions):
    """Who somebody is, and no more: what a child sees of the own parent."""

    id: UUID
    type: UserAccountType
    name: str


class ReaderIdentity(UserIdentity):
    first_name: str | None
    last_name_initial: str | None


class SupportedReader(WithPermissions):
    """What a supporter sees of a reader."""

    id: UUID
    type: UserAccountType
    first_name: str | None


class CheeredReader(SupportedReader):
    supporter_nickname: str = Field(description="What the reader calls the supporter.")


class ReaderFields(Schema):
    first_name: str | None
    last_name_initial: str | None
    huey_attributes: HueyAttributes
    parent: UserIdentity | None


class StudentBrief(ReaderFields, UserBrief):
    type: Literal[UserAccountType.STUDENT]
    username: str
    school: SchoolIdentity
    class_group_id: UUID | None


class ReaderBrief(ReaderFields, UserBrief):
    type: Literal[UserAccountType.PUBLIC]


class SchoolAdminBrief(UserBrief):
    type: Literal[UserAccountType.SCHOOL_ADMIN]
    school: SchoolIdentity


class EducatorBrief(UserBrief):
    type: Literal[UserAccountType.EDUCATOR]
    school: SchoolIdentity


class ParentBrief(UserBrief):
    type: Literal[UserAccountType.PARENT]
    children: list[ReaderIdentity]
    subscription: None


class WrivetedAdminBrief(UserBrief):
    type: Literal[UserAccountType.WRIVETED]


class SupporterBrief(UserBrief):
    type: Literal[UserAccountType.SUPPORTER]


FoundPerson = (
    StudentBrief
    | ReaderBrief
    | SchoolAdminBrief
    | EducatorBrief
    | ParentBrief
    | WrivetedAdminBrief
    | SupporterBrief
    | UserIdentity
)
"""In a list too, a child sees of a parent the name alone."""


class UserListsResponse(Page[FoundPerson]):
    pass


class BookListBase(Schema):
    id: UUID
    name: str
    type: ListType
    book_count: int | None


class ReadingPath(Schema):
    read_now: BookListBase | None = None
    read_next: BookListBase | None = None


class SpecialLists(Schema):
    read_books: BookListBase | None = None
    favorite_books: BookListBase | None = None
    suggested_books: BookListBase | None = None


class UserCollection(Schema):
    """A person's own collection, in brief."""

    id: UUID
    name: str
    book_count: int
    school_id: None
    user_id: UUID
    updated_at: datetime


class DetailFields(Schema):
    info: UserInfo | None
    created_at: datetime
    updated_at: datetime
    newsletter: bool


class ShelfFields(Schema):
    """What a reader has. Booklists come with a later release: until then there are none."""

    booklists: list[BookListBase]
    reading_path: ReadingPath
    special_lists: SpecialLists
    collection: UserCollection | None


class StudentDetail(ShelfFields, DetailFields, StudentBrief):
    pass


class PublicReaderDetail(ShelfFields, DetailFields, ReaderBrief):
    pass


class EducatorDetail(DetailFields, EducatorBrief):
    educator_info: JsonObject | None


class SchoolAdminDetail(DetailFields, SchoolAdminBrief):
    educator_info: JsonObject | None
    school_admin_info: JsonObject | None


class ParentDetail(DetailFields, ParentBrief):
    parent_info: JsonObject | None


class WrivetedAdminDetail(DetailFields, WrivetedAdminBrief):
    pass


class SupporterDetail(DetailFields, SupporterBrief):
    readers: list[CheeredReader] = Field(description="Whom the supporter cheers on; only while the link is active.")


PersonDetail = (
    StudentDetail
    | PublicReaderDetail
    | SchoolAdminDetail
    | EducatorDetail
    | ParentDetail
    | WrivetedAdminDetail
    | SupporterDetail
)
SeenPerson = PersonDetail | UserIdentity | SupportedReader
"""The whole to whoever may read it; a child sees a parent's name, a supporter a reader's first name."""


class MintedToken(Schema):
    """A token to act as another account: send it as `Authorization: Bearer <access_token>`."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  the name of a scheme (RFC 6750), no secret


class SupporterLink(Schema):
    """That somebody cheers a reader on, and how the supporter may be told of it."""

    supporter: UserIdentity
    supporter_nickname: str
    allow_email: bool
    allow_phone: bool
    is_active: bool
