"""What a sign-in provider proves of a person, and the words in which a proof is refused."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from app.core.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class Proof:
    """A provider's word for a person, its signature verified. ``email`` is verified by the provider, and ASCII.

    ``hash`` is the token's: each is good for one exchange, and none comes after ``expires_at``.
    """

    issuer: str
    subject: str
    email: str
    provider: str
    name: str | None
    picture: str | None
    authenticated_at: datetime
    expires_at: datetime
    hash: bytes


class IdentityVerifier(Protocol):
    """Reads the tokens of a sign-in provider."""

    async def verify(self, token: str) -> Proof:
        """What a token proves. `SignInRefused` for one that proves nothing; `Unavailable`, within seconds, while
        that cannot be told."""
        ...

    async def close(self) -> None: ...


class SignInRefused(Unauthenticated):
    """Nobody signs in with this. Every refusal of this kind is put on record."""

    code = "sign_in_refused"
    title = "This does not sign you in"
    advice = "Sign in at the provider again, and exchange the token that it gives you then."
    default_headers: ClassVar = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    method: ClassVar[str] = "firebase"

    def __init__(self, detail: str = "", *, subject: str | None = None) -> None:
        super().__init__(detail)
        self.on_record("sign_in.refused", subject=subject, method=self.method)


class IdTokenInvalid(SignInRefused):
    code = "id_token_invalid"
    title = "The ID token is not valid"
    advice = "Send the ID token of our own Firebase project, as `getIdToken()` returns it, and unchanged."


class IdTokenExpired(SignInRefused):
    code = "id_token_expired"
    title = "The ID token has expired"
    advice = "Fetch a new one with `getIdToken(true)` and send that."


class IdTokenSpent(SignInRefused):
    code = "id_token_spent"
    title = "The ID token was exchanged before"
    advice = "Each ID token is good for one exchange. Fetch a new one with `getIdToken(true)` and send that."


class IdTokenRevoked(SignInRefused):
    code = "id_token_revoked"
    title = "The provider has ended this sign-in"
    advice = "Sign in at the provider again."


class ProviderAccountDisabled(SignInRefused):
    code = "provider_account_disabled"
    title = "The provider has disabled or deleted this account"
    advice = "Ask us for help: the account at the sign-in provider is not in use any more."


class ProviderNotAllowed(SignInRefused):
    code = "provider_not_allowed"
    title = "This way to sign in does not count here"
    advice = "Sign in with an account that has a verified e-mail address; an anonymous one does not do."


class EmailNotVerified(SignInRefused):
    code = "email_not_verified"
    title = "The e-mail address is not verified"
    advice = "Follow the link that the provider sent to the address, then fetch a new ID token with `getIdToken(true)`."


class SignInTooOld(SignInRefused):
    code = "sign_in_too_old"
    title = "It was too long ago that you signed in"
    advice = "Sign in at the provider again: a refreshed ID token is not enough, for it tells when you last did."


class AccountUnknown(SignInRefused):
    code = "account_unknown"
    title = "There is no account of this person"
    advice = "Send `create=true` to make one, or sign in with the address that the account has."


class AccountInactive(SignInRefused):
    code = "account_inactive"
    title = "The account is not active"
    advice = "Ask an administrator of the school, or us, to activate it."


class AccountLinkedElsewhere(SignInRefused):
    code = "account_linked_elsewhere"
    title = "Another identity signs in to the account of this address"
    advice = "Sign in as you did the first time. If that is not possible any more, ask us for help."


class IdentityOfAnother(SignInRefused):
    code = "identity_of_another"
    title = "The ID token is of another identity than the one that signs in to this account"
    advice = "Send an ID token of the identity with which you signed in."


class RefreshTokenInvalid(SignInRefused):
    code = "refresh_token_invalid"
    title = "The refresh token is not valid"
    advice = "Sign in again. A refresh token is good for one use: send the newest one, and never the same one twice."
    method = "refresh"
