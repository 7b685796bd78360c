"""What the doors of signing in ask of a request: a proof of who it is, and not too many of them."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from app.core import scopes
from app.core.acl import Allow
from app.core.errors import Forbidden, Unavailable
from app.core.guards import Caller, read_credential
from app.core.ratelimit import client_address
from app.sign_in.proof import IdentityVerifier, IdTokenInvalid, Proof
from app.sign_in.schemas import EmailChangeIn, FirebaseSignIn


async def counted(request: Request) -> None:
    """Count a sign-in by where it comes from. While that cannot be counted, nobody signs in."""
    settings = request.app.state.settings
    address = client_address(request.scope, settings.trusted_proxies)
    await request.app.state.limiter.take(
        f"sign-in:{address}", settings.rate_limit_anonymous, policy="sign-in", fail_closed=True
    )


async def _verified(request: Request, token: str) -> Proof:
    """What a provider's token proves. Asked before a connection to the database is taken: it may take seconds."""
    verifier: IdentityVerifier | None = request.app.state.identities
    if verifier is None:
        raise Unavailable("No sign-in provider is set up here.", retry_after=3600)
    return await verifier.verify(token)


class _IdTokenGuard(SecurityBase):
    """The proof in the Authorization header, as today's clients send it."""

    def __init__(self) -> None:
        self.scheme_name = "FirebaseIdToken"
        self.model = HTTPBearer(description="An ID token of our Firebase project: `Authorization: Bearer <ID token>`.")

    async def __call__(self, request: Request) -> Proof:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise IdTokenInvalid("Send the Firebase ID token as `Authorization: Bearer <ID token>`.")
        return await _verified(request, token.strip())


async def prove_by_body(request: Request, given: FirebaseSignIn) -> Proof:
    return await _verified(request, given.id_token)


async def prove_anew(request: Request, given: EmailChangeIn) -> Proof:
    """A proof from a person whose token of ours is good."""
    credential = await read_credential(request)
    if credential.kind == "api-key":
        scopes.check(request.scope["route"], request.method, ())
    if credential.kind != "user-account":
        raise Forbidden("Only a person has an identity at a sign-in provider.", permission="update")
    return await _verified(request, given.id_token)


async def own_account(caller: Caller) -> list[Any]:
    """The rules of what only a person has, and only for itself: sessions, and an identity at a provider."""
    return [(Allow, f"user:{caller.id}", ("read", "update", "delete"))]


ProofInHeader = Annotated[Proof, Depends(_IdTokenGuard())]
ProofInBody = Annotated[Proof, Depends(prove_by_body)]
FreshProof = Annotated[Proof, Depends(prove_anew)]
