"""Shapes of people."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from app.accounts.models import UserAccountType
from app.core.schemas import JsonObject, Schema


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


class WrivetedAdminDetail(Schema):
    id: UUID
    type: Literal[UserAccountType.WRIVETED]
    name: str
    email: str | None
    is_active: bool
    last_login_at: datetime | None
    info: UserInfo | None
    created_at: datetime
    updated_at: datetime
    newsletter: bool
