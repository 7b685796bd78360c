"""The doors of signing in."""

from fastapi import APIRouter

from app.accounts.doors import TokenIssuer
from app.classes.doors import ClassCodes
from app.classes.schemas import StudentIdentity
from app.core.db import Session
from app.core.guards import Caller, classroom
from app.core.requests import Door
from app.core.scopes import opens_to_any_key
from app.sign_in import class_codes, service
from app.sign_in.guesses import REFUSED, GuessToRegister, GuessToSignIn
from app.sign_in.schemas import AuthenticatedAccountBrief, Token

router = APIRouter(prefix="/v1", tags=["sign-in"], route_class=Door)


@router.get("/auth/me")
@opens_to_any_key
async def get_current_account(caller: Caller, session: Session) -> AuthenticatedAccountBrief:
    """The account that your token or API key speaks for, and until when."""
    return await service.describe_caller(session, caller)


@router.post("/auth/class-code", dependencies=[classroom], responses=REFUSED)
async def use_class_code(guess: GuessToSignIn, session: Session, issuer: TokenIssuer, codes: ClassCodes) -> Token:
    """Sign in as a pupil: with your user name and the code of a class of your school.

    Whatever is wrong with them is answered by the same 401. After some failures there are pauses: see `Retry-After`.
    """
    return await class_codes.sign_in(session, issuer, codes, guess)


@router.post("/auth/register-student", dependencies=[classroom], responses=REFUSED)
async def register_student(guess: GuessToRegister, session: Session, codes: ClassCodes) -> StudentIdentity:
    """Become a pupil of a class, by its code and its school. The answer has the user name to sign in with.

    A school and a code that do not belong together are answered by a 401, whatever is wrong with them.
    """
    return await class_codes.register(session, codes, guess)
