"""Shapes of signing in."""

from datetime import datetime
from typing import Literal

from app.core.schemas import Schema
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
