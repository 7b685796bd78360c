"""The doors of signing in."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from app.accounts.doors import TokenIssuer
from app.classes.doors import ClassCodes
from app.classes.schemas import StudentIdentity
from app.core.db import Session, WritingSession
from app.core.guards import Caller, Permission, classroom, public
from app.core.paging import Pages
from app.core.requests import Door
from app.core.scopes import opens_to_any_key
from app.sign_in import class_codes, identities, service, sessions
from app.sign_in.doors import FreshProof, ProofInBody, ProofInHeader, counted, own_account
from app.sign_in.guesses import REFUSED, GuessToRegister, GuessToSignIn
from app.sign_in.models import SignInSession
from app.sign_in.schemas import (
    AuthenticatedAccountBrief,
    EmailChanged,
    EmailChangeIn,
    FirebaseSignIn,
    RefreshIn,
    SessionBrief,
    SessionsEnded,
    SessionToken,
    Token,
)

router = APIRouter(prefix="/v1", tags=["sign-in"], route_class=Door)
SIGN_IN = [public, Depends(counted)]


async def session_by_id(session_id: UUID, session: Session) -> SignInSession:
    return await sessions.get_session(session, session_id)


async def sessions_of_user(user_id: UUID, session: Session) -> SignInSession:
    return await sessions.sessions_of(session, user_id)


@router.get("/auth/me")
@opens_to_any_key
async def get_current_account(caller: Caller, session: Session) -> AuthenticatedAccountBrief:
    """The account that your token or API key speaks for, and until when."""
    return await service.describe_caller(session, caller)


@router.get("/auth/firebase", dependencies=SIGN_IN, responses={401: {}})
async def exchange_firebase_token(
    proof: ProofInHeader,
    session: WritingSession,
    issuer: TokenIssuer,
    create: Annotated[bool, Query(description="Make an account for who has none.")] = True,
    checkout_session_id: Annotated[
        str | None, Query(max_length=500, description="Accepted, and without effect until there are subscriptions.")
    ] = None,
) -> Token:
    """Exchange a Firebase ID token for an access token. Each ID token is good for one exchange.

    The e-mail address has to be verified. The first time, it links the account that has it; afterwards the Firebase
    user alone counts. `POST` does the same without writing by a GET, and offers refresh tokens.
    """
    return await identities.exchange(session, issuer, proof, create=create)


@router.post("/auth/firebase", dependencies=SIGN_IN, responses={401: {}})
async def begin_firebase_session(
    proof: ProofInBody, given: FirebaseSignIn, session: Session, issuer: TokenIssuer
) -> SessionToken:
    """Exchange a Firebase ID token for the tokens of a session. Each ID token is good for one exchange."""
    renewable = given.session == "refresh"
    return await identities.exchange(session, issuer, proof, create=given.create, renewable=renewable)


@router.post("/auth/refresh", dependencies=SIGN_IN, responses={401: {}})
async def refresh(given: RefreshIn, request: Request, issuer: TokenIssuer) -> SessionToken:
    """The next access token of a session, and its next refresh token.

    A refresh token is good for one use. If one comes a second time, somebody else may have it: its session ends at
    once, and one signs in again.
    """
    return await sessions.renew(request.app.state.database, issuer, given.refresh_token)


@router.post("/auth/email", responses={401: {}})
async def change_email(
    proof: FreshProof,
    given: EmailChangeIn,
    permitted: Annotated[object, Permission("update", own_account)],
    caller: Caller,
    session: Session,
) -> EmailChanged:
    """Give your account the address that you have changed to at the sign-in provider.

    Firebase sends a link to the new address, and only then tells that it is verified; it also writes to the old
    address. Sign in there again, and within five minutes send the ID token of the same Firebase user.
    """
    return await identities.change_email(session, caller, proof)


@router.get("/auth/sessions", dependencies=[Permission("read", own_account)])
async def list_sessions(caller: Caller, session: Session, pages: Pages) -> list[SessionBrief]:
    """Your sign-ins that go on, the newest first."""
    after = None if pages.after is None else (datetime.fromisoformat(pages.after[0]), UUID(pages.after[1]))
    found = await sessions.list_sessions(session, caller, after=after, skip=pages.skip, limit=pages.limit)
    pages.offer_next(len(found), (found[-1].begun_at.isoformat(), str(found[-1].id)) if found else None)
    return found


@router.delete("/auth/session/{session_id}")
async def end_session(
    found: Annotated[SignInSession, Permission("delete", session_by_id)], caller: Caller, session: Session
) -> SessionsEnded:
    """End a session: its tokens are refused from now on."""
    return await sessions.end(session, caller, found)


@router.post("/auth/logout", dependencies=[Permission("delete", own_account)])
async def log_out(caller: Caller, session: Session) -> SessionsEnded:
    """End the session that your token comes from."""
    return await sessions.end_own(session, caller)


@router.post("/auth/logout-everywhere", dependencies=[Permission("delete", own_account)])
async def log_out_everywhere(caller: Caller, session: Session) -> SessionsEnded:
    """End all of your sessions, this one too, and refuse every token that you were given until now."""
    return await sessions.end_all(session, caller, caller.id)


@router.delete("/user/{user_id}/sessions")
async def end_sessions_of_user(
    user_id: UUID,
    found: Annotated[SignInSession, Permission("delete", sessions_of_user)],
    caller: Caller,
    session: Session,
) -> SessionsEnded:
    """End all sessions of a person, and refuse every token that they were given until now."""
    return await sessions.end_all(session, caller, user_id)


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
