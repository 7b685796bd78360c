"""Firebase's ID tokens: what one has to look like before a library sees it, and what it has to say afterwards.

https://firebase.google.com/docs/auth/admin/verify-id-tokens#verify_id_tokens_using_a_third-party_jwt_library. All
Firebase projects of the world share their signing keys: ``aud`` and ``iss`` are what tells ours from anybody's own.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.core.config import Settings
from app.core.strict_json import parse_json
from app.sign_in.proof import EmailNotVerified, IdTokenExpired, IdTokenInvalid, Proof, ProviderNotAllowed

ISSUER = "https://securetoken.google.com/"
SKEW_SECONDS = 60
LONGEST_TOKEN = 8192
LONGEST_HEADER = 512
LONGEST_LIFETIME = 24 * 3600
SEGMENTS = re.compile(r"\A([\w-]++)\.([\w-]++)\.([\w-]*+)\Z", re.ASCII)
EMAIL = re.compile(r"\A[\x21-\x3f\x41-\x7e]{1,64}@[A-Za-z0-9.-]{1,253}\Z")
"""Addresses of plain ASCII: others look like, or fold to, an address of somebody else."""
DANGEROUS = frozenset({"b64", "crit", "jku", "jwk", "x5c", "x5u", "zip"})
END_OF_TIME = 253_402_300_799

NumericDate = Annotated[float, Meta(ge=0, le=END_OF_TIME)]


class Header(msgspec.Struct):
    alg: str
    kid: str | None = None


class SignIn(msgspec.Struct):
    sign_in_provider: str
    tenant: str | None = None


class Claims(msgspec.Struct):
    iss: str
    aud: str
    sub: Annotated[str, Meta(min_length=1, max_length=128)]
    iat: NumericDate
    exp: NumericDate
    auth_time: NumericDate
    firebase: SignIn
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    picture: str | None = None


def read(token: str, settings: Settings, now: datetime) -> tuple[Header, Claims]:
    """The header and claims of a token that nobody has verified yet, if it is one of our project and of this hour."""
    try:
        header, claims = opened(token)
        found = msgspec.convert(header, Header)
    except Exception as fault:  # whatever is wrong with a token, its sender learns no more than that
        raise IdTokenInvalid from fault
    return found, checked(claims, settings, now)


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and claims that a token of three segments spells, verified by nobody; else a ``ValueError``."""
    match = SEGMENTS.fullmatch(token) if len(token) <= LONGEST_TOKEN else None
    if match is None or len(match[1]) > LONGEST_HEADER:
        raise ValueError("not three short segments")
    header, claims = _decoded(match[1]), _decoded(match[2])
    if header.keys() & DANGEROUS:
        raise ValueError("a header that would change the rules")
    return header, claims


def checked(claims: Mapping[str, Any], settings: Settings, now: datetime) -> Claims:
    """The claims, held to the rules that are the same for every ID token of ours."""
    try:
        found = msgspec.convert(claims, Claims)
    except msgspec.ValidationError as fault:
        raise IdTokenInvalid from fault
    project, latest = settings.firebase_project_id, now.timestamp() + SKEW_SECONDS
    if (found.iss, found.aud) != (f"{ISSUER}{project}", project) or found.firebase.tenant is not None:
        raise IdTokenInvalid("The ID token is of another project.")
    if max(found.iat, found.auth_time) > latest or not 0 < found.exp - found.iat <= LONGEST_LIFETIME:
        raise IdTokenInvalid
    if found.exp < now.timestamp() - SKEW_SECONDS:
        raise IdTokenExpired
    return found


def proof_of(token: str, claims: Claims, settings: Settings) -> Proof:
    """What a verified token proves, if its provider counts here and has verified the e-mail address."""
    if claims.firebase.sign_in_provider not in settings.firebase_providers:
        raise ProviderNotAllowed
    if claims.email_verified is not True or claims.email is None or not EMAIL.fullmatch(claims.email):
        raise EmailNotVerified
    return Proof(
        issuer=claims.iss,
        subject=claims.sub,
        email=claims.email,
        provider=claims.firebase.sign_in_provider,
        name=claims.name,
        picture=claims.picture,
        authenticated_at=datetime.fromtimestamp(claims.auth_time, UTC),
        expires_at=datetime.fromtimestamp(claims.exp, UTC),
        hash=hashlib.sha256(token.rpartition(".")[0].encode()).digest(),
    )


def _decoded(segment: str) -> dict[str, Any]:
    """One JSON segment in canonical base64url, no member twice."""
    raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != segment.encode():
        raise ValueError("not the only spelling")
    return msgspec.convert(parse_json(raw), dict[str, Any])
