"""Shapes of classes."""

import enum
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from app.accounts.models import UserAccountType
from app.core.include import WithPermissions
from app.core.schemas import Input, Pagination, Schema
from app.schools.schemas import SchoolIdentity

ClassName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]
JoinCode = Annotated[str, Field(description="Empty where it can no longer be shown: rotate it.")]
STUDENT_ID = "6f1e0b9a-4b1c-4c0e-9a53-0c9f2f7c9d10"


class ClassGroupCreateIn(Input):
    model_config = ConfigDict(json_schema_extra={"example": {"name": "3B"}})

    school_id: UUID | None = Field(None, description="The school of the path, if anything.")
    name: ClassName


class ClassGroupMemberUpdateType(enum.StrEnum):
    ADD = "add"
    REMOVE = "remove"


class ClassGroupMemberUpdateIn(Input):
    action: ClassGroupMemberUpdateType
    user_id: UUID


class ClassGroupUpdateIn(Input):
    """Absent keeps, null clears the note."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"note": "Room 12", "members": [{"action": "add", "user_id": STUDENT_ID}]}}
    )

    name: ClassName | None = Field(None, description="Cannot be null.")
    note: Annotated[str, StringConstraints(max_length=2_000)] | None = Field(None, description="For the staff.")
    members: Annotated[list[ClassGroupMemberUpdateIn], Field(max_length=1_000)] | None = Field(
        None,
        description="`add` moves a student of the same school into this class, `remove` takes one out of it. A student "
        "without a class cannot sign in with a code. Null changes nothing.",
    )
    admins: list[ClassGroupMemberUpdateIn] | None = Field(
        None, description="A class has no administrators of its own: only null and an empty list are accepted."
    )

    @field_validator("name")
    @classmethod
    def _stays(cls, value: str | None) -> str | None:
        if value is None:
            raise PydanticCustomError("not_clearable", "This cannot be null; leave it out to keep it.")
        return value

    @field_validator("admins")
    @classmethod
    def _has_none(cls, value: list[ClassGroupMemberUpdateIn] | None) -> None:
        if value:
            raise PydanticCustomError(
                "not_supported",
                "A class has no administrators of its own: educators and admins of its school look after it.",
            )


class ClassFilters(Schema):
    """Which classes to list."""

    school_id: UUID | None = Field(None, description="Only classes of this school.")
    query: str | None = Field(None, max_length=200, description="Text that stands in the name, as it is, in any case.")


class StudentIdentity(Schema):
    """Who a student is, to the staff of the school."""

    id: UUID
    type: Literal[UserAccountType.STUDENT]
    name: str
    first_name: str | None
    last_name_initial: str | None
    username: str
    school: SchoolIdentity


class Classmate(Schema):
    """Who a student is, to the others of the class."""

    first_name: str | None
    last_name_initial: str | None


class ClassGroupBrief(WithPermissions):
    id: UUID
    school_id: UUID
    name: str
    student_count: int
    updated_at: datetime


class ClassGroupBriefWithJoiningCode(ClassGroupBrief):
    note: str | None
    join_code: JoinCode
    join_code_expires_at: datetime


class ClassGroupDetail(ClassGroupBriefWithJoiningCode):
    """A class to the staff of its school."""

    students: list[StudentIdentity]


class OwnClass(ClassGroupBrief):
    """A class to those who are in it."""

    join_code: JoinCode
    students: list[Classmate]


AnyClassGroup = ClassGroupDetail | OwnClass | ClassGroupBrief


class ClassGroupListResponse(Schema):
    data: list[ClassGroupBrief]
    pagination: Pagination
