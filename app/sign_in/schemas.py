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
