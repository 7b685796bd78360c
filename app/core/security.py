"""Signs and reads our own tokens; nothing else imports jose.

A token is a JWT (RFC 7519) of type ``at+jwt`` under HMAC-SHA256. `kid` in its header names the key, and the
key alone decides the algorithm. python-jose 3.5 checks the signature and the registered claims; by itself it
would take a public key in DER for an HMAC secret, a token without `aud`, an unknown `crit` or one audience of
many, and break on a deep header or an endless `exp`. So a token is refused here before jose parses it, and
judged again afterwards (RFC 8725).
"""

import base64
import json
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, NoReturn, Self, TypeAlias, TypedDict, TypeVar, cast
from uuid import UUID

import msgspec
from jose import jwt
from jose.jwk import construct
from msgspec import Meta
from pydantic import SecretStr

from app.core.config import Settings
from app.core.errors import Unauthenticated
from app.core.secret_keys import key_id

ALGORITHM = "HS256"
TYPE = "at+jwt"
LEEWAY = timedelta(seconds=10)
LONGEST_LIFETIME = timedelta(days=365)
LONGEST_TOKEN = 4096
LONGEST_HEADER = 128
REMEMBERED = 10_000
REQUIRED = ("iss", "aud", "sub", "jti", "iat", "exp")
OPTIONS = {f"require_{claim}": True for claim in REQUIRED} | {"leeway": LEEWAY.seconds}
# Three segments of base64url; the last is an HMAC-SHA256 in its only canonical spelling.
SHAPE = re.compile(r"\A([\w-]++)\.([\w-]++)\.[\w-]{42}[AEIMQUYcgkosw048]\Z", re.ASCII)
SUBJECT = re.compile(r"\Awriveted:(user-account|service-account):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z")
END_OF_TIME = 253_402_300_799  # the last second that a datetime holds

Kind: TypeAlias = Literal["user-account", "service-account"]
Clock: TypeAlias = Callable[[], datetime]
NumericDate: TypeAlias = Annotated[float, Meta(ge=0, le=END_OF_TIME)]
Part = TypeVar("Part", bound=msgspec.Struct)


class Subject(NamedTuple):
    """Whom a token speaks for, spelled `wriveted:user-account:<uuid>`."""

    kind: Kind
    id: UUID

    def __str__(self) -> str:
        return f"wriveted:{self.kind}:{self.id}"


class Claims(msgspec.Struct, frozen=True):
    """What a verified token says: `version` is a service account's credential's, `session` the sign-in that it came
    from, `actor` who impersonates."""

    kind: Kind
    id: UUID
    jti: str
    issued_at: datetime
    expires_at: datetime
    version: int | None = None
    session: UUID | None = None
    actor: Subject | None = None
    area: str | None = None
    """The one area that the token opens, by the tag of its doors; None: all that the account may."""

    @property
    def name(self) -> str:
        """How limits call whom it speaks for."""
        return f"{self.kind}:{self.id}"


class Extra(TypedDict, total=False):
    """Claims that not every token has: the credential's version, the sign-in session, the subject who impersonates,
    the one area that it opens."""

    ver: int
    sid: UUID
    act: str
    area: str


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    alg: Literal["HS256"]
    typ: Literal["at+jwt"]
    kid: str


class _Actor(msgspec.Struct):
    sub: str


class _Payload(msgspec.Struct, omit_defaults=True):
    """The claims on the wire, `act` as in RFC 8693; other claims are ignored, as RFC 7519 (4.) asks."""

    iss: str
    aud: str
    sub: str
    jti: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{16,64}\Z")]
    iat: NumericDate
    exp: NumericDate
    nbf: NumericDate = 0.0
    ver: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    sid: UUID | None = None
    act: _Actor | None = None
    area: Annotated[str, Meta(pattern=r"^[a-z-]{1,40}\Z")] | None = None


def utc_now() -> datetime:
    return datetime.now(UTC)


class Tokens:
    """The tokens of one environment: its keys, of which the first signs and all verify, issuer and audience.

    `clock` is for tests; it may run ahead of the system's, not behind: jose goes by the system's as well.
    """

    def __init__(
        self,
        keys: Sequence[SecretStr],
        issuer: str,
        audience: str,
        *,
        clock: Clock = utc_now,
        remembered: int = REMEMBERED,
    ) -> None:
        texts = [key.get_secret_value() for key in keys]
        self.keys, self.issuer, self.audience = tuple(keys), issuer, audience
        self._signing = key_id(texts[0])
        self._ring = {key_id(text): construct(text, ALGORITHM) for text in texts}
        self._clock = clock
        self._verified = lru_cache(remembered)(self._verify)

    @classmethod
    def of(cls, settings: Settings, *, clock: Clock = utc_now) -> Self:
        return cls(settings.token_keys, settings.token_issuer, settings.token_audience, clock=clock)

    def issue(
        self, kind: Kind, account: UUID, lifetime: timedelta, *, now: datetime | None = None, extra: Extra | None = None
    ) -> str:
        """A new token, good from `now` on for `lifetime`, which is 365 days at most."""
        if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
            raise ValueError("a token lives for some time, and for 365 days at most")
        extra = extra or {}
        if not extra.keys() <= Extra.__annotations__.keys():
            raise ValueError("a token has no such claim")
        issued_at = now or self._clock()
        payload = _Payload(
            iss=self.issuer,
            aud=self.audience,
            sub=str(Subject(kind, account)),
            jti=secrets.token_hex(16),
            iat=issued_at.timestamp(),
            exp=(issued_at + lifetime).timestamp(),
            ver=extra.get("ver"),
            sid=extra.get("sid"),
            act=_Actor(str(_subject(extra["act"]))) if "act" in extra else None,
            area=extra.get("area"),
        )
        header = {"typ": TYPE, "kid": self._signing}
        return str(jwt.encode(msgspec.to_builtins(payload), self._ring[self._signing], ALGORITHM, header))

    def read(self, token: str) -> Claims:
        """What a token says, or `Unauthenticated`, always the same. Tokens that verify are remembered."""
        claims = self._verified(token)
        if self._clock() > claims.expires_at + LEEWAY:
            raise refusal()
        return claims

    def _verify(self, token: str) -> Claims:
        try:
            return self._judged(token)
        except Exception as fault:  # whatever is wrong with a token, its sender learns no more than that
            raise refusal() from fault

    def _judged(self, token: str) -> Claims:
        """The claims of a token; raises anything at all for one that is not good."""
        shape = SHAPE.fullmatch(token) if len(token) <= LONGEST_TOKEN else None
        if shape is None or len(shape[1]) > LONGEST_HEADER:
            raise ValueError
        key = self._ring[_decoded(shape[1], _Header).kid]
        jwt.decode(token, key, [ALGORITHM], options=OPTIONS, audience=self.audience, issuer=self.issuer)
        payload = _decoded(shape[2], _Payload)
        if (payload.iss, payload.aud) != (self.issuer, self.audience):
            raise ValueError
        now, leeway = self._clock().timestamp(), LEEWAY.total_seconds()
        if max(payload.iat, payload.nbf) > now + leeway or payload.exp < now - leeway:
            raise ValueError
        if not 0 < payload.exp - payload.iat <= LONGEST_LIFETIME.total_seconds():
            raise ValueError
        return _claims(payload)


def _claims(payload: _Payload) -> Claims:
    subject = _subject(payload.sub)
    return Claims(
        kind=subject.kind,
        id=subject.id,
        jti=payload.jti,
        issued_at=datetime.fromtimestamp(payload.iat, UTC),
        expires_at=datetime.fromtimestamp(payload.exp, UTC),
        version=payload.ver,
        session=payload.sid,
        actor=None if payload.act is None else _subject(payload.act.sub),
        area=payload.area,
    )


def _subject(text: str) -> Subject:
    """The subject that a claim spells; older tokens say `Wriveted:User-Account:`."""
    match = SUBJECT.fullmatch(text.lower())
    if match is None:
        raise ValueError("not a subject")
    return Subject(cast(Kind, match[1]), UUID(match[2]))


def _decoded(segment: str, part: type[Part]) -> Part:
    """One JSON segment: canonical base64url, no member twice, no NaN, the types that `part` declares."""
    raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != segment.encode():
        raise ValueError
    members = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    return msgspec.convert(members, part)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError


def refusal() -> Unauthenticated:
    """The one answer to a credential that is not good, whatever is wrong with it."""
    return Unauthenticated("The token is not valid.", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
