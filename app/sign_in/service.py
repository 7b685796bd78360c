"""The verbs of signing in."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import ServiceAccountType
from app.core.account import Account
from app.people.schemas import PersonDetail
from app.people.service import find_person
from app.people.shapes import detail
from app.service_accounts.schemas import ServiceAccountBrief
from app.sign_in.schemas import AuthenticatedAccountBrief


async def describe_caller(session: AsyncSession, account: Account) -> AuthenticatedAccountBrief:
    """Who an account is, to itself."""
    is_user = account.kind == "user"
    return AuthenticatedAccountBrief(
        account_type=account.kind,
        token_expiry=account.claims.expires_at,
        user=await describe_person(session, account) if is_user else None,
        service_account=None
        if is_user
        else ServiceAccountBrief(
            id=account.id, name=account.name, type=ServiceAccountType(account.type), is_active=True
        ),
    )


async def describe_person(session: AsyncSession, account: Account) -> PersonDetail:
    """A person, to itself."""
    return detail(await find_person(session, account.id), account.principals)
