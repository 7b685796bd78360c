"""The verbs of signing in."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import ServiceAccountType, WrivetedAdmin
from app.core.account import Account
from app.people.schemas import WrivetedAdminDetail
from app.service_accounts.schemas import ServiceAccountBrief
from app.sign_in.schemas import AuthenticatedAccountBrief


async def describe_caller(session: AsyncSession, account: Account) -> AuthenticatedAccountBrief:
    """Who an account is, to itself."""
    user = await session.get(WrivetedAdmin, account.id) if account.kind == "user" else None
    return AuthenticatedAccountBrief(
        account_type=account.kind,
        token_expiry=account.claims.expires_at,
        user=None if user is None else WrivetedAdminDetail.model_validate(user),
        service_account=None
        if account.kind == "user"
        else ServiceAccountBrief(
            id=account.id, name=account.name, type=ServiceAccountType(account.type), is_active=True
        ),
    )
