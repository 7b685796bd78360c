"""The doors of signing in."""

from fastapi import APIRouter

from app.core.db import Session
from app.core.guards import Caller
from app.core.requests import Door
from app.core.scopes import opens_to_any_key
from app.sign_in import service
from app.sign_in.schemas import AuthenticatedAccountBrief

router = APIRouter(prefix="/v1", tags=["sign-in"], route_class=Door)


@router.get("/auth/me")
@opens_to_any_key
async def get_current_account(caller: Caller, session: Session) -> AuthenticatedAccountBrief:
    """The account that your token or API key speaks for, and until when."""
    return await service.describe_caller(session, caller)
