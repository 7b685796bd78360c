import ast
import base64
import json
import secrets
import timeit
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jose import jwt
from pydantic import SecretStr

import app
from app.core import security
from app.core.environment import load_settings
from app.core.errors import Unauthenticated
from app.core.secret_keys import key_id
from app.core.security import Claims, Kind, Subject, Tokens
from tests.core.forge import SOMEBODY, Forge
from tests.core.forgeries import forgeries, genuine, sendable

ISSUER, AUDIENCE = "https://api.hueybooks.com", "https://api.hueybooks.com/v1"
OLD, NEW = secrets.token_hex(32), secrets.token_hex(32)
KINDS: tuple[Kind, ...] = ("user-account", "service-account")
HOUR = timedelta(hours=1)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def ring(*keys: str, clock: Clock | None = None, **options: Any) -> Tokens:
    return Tokens([SecretStr(key) for key in keys], ISSUER, AUDIENCE, clock=clock or Clock(), **options)


def reads(tokens: Tokens, token: str) -> bool:
    try:
        tokens.read(token)
    except Unauthenticated:
        return False
    return True


def segment(token: str, number: int) -> dict[str, Any]:
    raw = token.split(".")[number]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
    return decoded


@pytest.mark.parametrize("kind", KINDS)
def test_token_says_after_reading_what_it_was_issued_with(kind: Kind) -> None:
    clock, account, admin = Clock(), uuid4(), uuid4()
    tokens = ring(NEW, clock=clock)
    token = tokens.issue(kind, account, HOUR, extra={"ver": 0, "act": f"wriveted:user-account:{admin}"})
    claims = tokens.read(token)
    assert claims == Claims(
        kind=kind,
        id=account,
        jti=segment(token, 1)["jti"],
        issued_at=clock.now,
        expires_at=clock.now + HOUR,
        version=0,
        actor=Subject("user-account", admin),
    )


def test_plain_token_has_neither_version_nor_actor() -> None:
    tokens = ring(NEW)
    token = tokens.issue("user-account", SOMEBODY, HOUR)
    claims = tokens.read(token)
    assert (claims.version, claims.actor) == (None, None)
    assert segment(token, 0) == {"alg": "HS256", "typ": "at+jwt", "kid": key_id(NEW)}
    assert segment(token, 1).keys() == {"iss", "aud", "sub", "jti", "iat", "exp"}
    assert segment(token, 1)["sub"] == f"wriveted:user-account:{SOMEBODY}"


def test_issued_at_a_given_time_counts_from_then() -> None:
    clock = Clock()
    tokens = ring(NEW, clock=clock)
    token = tokens.issue("user-account", SOMEBODY, HOUR, now=clock.now - HOUR / 2)
    assert tokens.read(token).expires_at == clock.now + HOUR / 2


def test_every_token_has_an_id_of_its_own() -> None:
    tokens = ring(NEW)
    issued = [tokens.issue("user-account", SOMEBODY, HOUR) for _ in range(100)]
    assert len({tokens.read(token).jti for token in issued}) == 100


def test_tokens_of_the_settings_use_their_keys_issuer_and_audience() -> None:
    environ = {
        "DATABASE_URL": "postgresql:///wriveted",
        "WRIVETED_ENVIRONMENT": "test",
        "WRIVETED_PUBLIC_URL": "http://localhost:8000",
        "WRIVETED_TOKEN_KEYS": f"{NEW},{OLD}",
        "WRIVETED_TOKEN_ISSUER": ISSUER,
        "WRIVETED_TOKEN_AUDIENCE": AUDIENCE,
        "WRIVETED_DATA_KEYS": "a-key-that-seals-nothing-in-this-test",
    }
    tokens = Tokens.of(load_settings(environ))
    assert reads(ring(NEW), tokens.issue("user-account", SOMEBODY, HOUR))
    assert reads(tokens, ring(OLD).issue("user-account", SOMEBODY, HOUR))


@pytest.mark.parametrize("lifetime", [timedelta(0), -HOUR, timedelta(days=365, seconds=1)])
def test_token_without_end_or_beginning_is_not_issued(lifetime: timedelta) -> None:
    with pytest.raises(ValueError, match="365 days"):
        ring(NEW).issue("service-account", SOMEBODY, lifetime)


@pytest.mark.parametrize("extra", [{"admin": True}, {"sub": "x"}, {"act": "nobody"}])
def test_token_with_other_claims_is_not_issued(extra: Any) -> None:
    with pytest.raises(ValueError, match=r"no such claim|not a subject"):
        ring(NEW).issue("user-account", SOMEBODY, HOUR, extra=extra)


def test_rotation_keeps_the_old_key_until_it_is_removed() -> None:
    token = ring(OLD).issue("service-account", SOMEBODY, HOUR)
    rotating = ring(NEW, OLD)
    assert reads(rotating, token)
    assert segment(rotating.issue("service-account", SOMEBODY, HOUR), 0)["kid"] == key_id(NEW)
    assert not reads(ring(NEW), token)


@pytest.mark.parametrize("spelled", ["Wriveted:User-Account:{}", "WRIVETED:USER-ACCOUNT:{}"])
@pytest.mark.parametrize("account", [str(SOMEBODY), str(SOMEBODY).upper()])
def test_subject_of_older_tokens_is_read(spelled: str, account: str) -> None:
    clock = Clock()
    forge = Forge(NEW.encode(), ISSUER, AUDIENCE, clock.now.timestamp())
    claims = ring(NEW, clock=clock).read(forge.claiming(sub=spelled.format(account)))
    assert (claims.kind, claims.id) == ("user-account", SOMEBODY)


def test_claims_of_a_later_release_are_ignored() -> None:
    clock = Clock()
    forge = Forge(NEW.encode(), ISSUER, AUDIENCE, clock.now.timestamp())
    assert ring(NEW, clock=clock).read(forge.claiming(scope="books:read")).id == SOMEBODY


@pytest.mark.parametrize("remembered", [True, False])
def test_token_is_refused_once_it_has_expired_by_more_than_the_leeway(remembered: bool) -> None:
    clock = Clock()
    tokens = ring(NEW, clock=clock)
    token = tokens.issue("user-account", SOMEBODY, HOUR)
    if remembered:
        tokens.read(token)
    clock.now += HOUR + timedelta(seconds=11)
    assert not reads(tokens, token)
    clock.now -= timedelta(seconds=2)
    assert reads(tokens, token)


@pytest.mark.parametrize(("ahead", "accepted"), [(9, True), (11, False)])
def test_issuers_clock_may_be_ahead_by_the_leeway(ahead: int, accepted: bool) -> None:
    clock = Clock()
    tokens = ring(NEW, clock=clock)
    token = tokens.issue("user-account", SOMEBODY, HOUR, now=clock.now + timedelta(seconds=ahead))
    assert reads(tokens, token) is accepted


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens that reach jose."""
    seen: list[str] = []
    decode = jwt.decode

    def counted(token: str, *args: Any, **options: Any) -> Any:
        seen.append(token)
        return decode(token, *args, **options)

    monkeypatch.setattr(jwt, "decode", counted)
    return seen


def test_token_is_verified_once(verifications: list[str]) -> None:
    tokens = ring(NEW)
    token = tokens.issue("user-account", SOMEBODY, HOUR)
    assert [tokens.read(token).id for _ in range(3)] == [SOMEBODY] * 3
    assert verifications == [token]


def test_refused_token_is_not_remembered(verifications: list[str]) -> None:
    tokens = ring(NEW)
    token = ring(NEW).issue("user-account", SOMEBODY, HOUR)[:-43] + "A" * 43
    assert [reads(tokens, token) for _ in range(2)] == [False, False]
    assert verifications == [token, token]


def test_expired_token_is_not_remembered(verifications: list[str]) -> None:
    clock = Clock()
    tokens = ring(NEW, clock=clock)
    token = tokens.issue("user-account", SOMEBODY, HOUR)
    clock.now += 2 * HOUR
    assert [reads(tokens, token) for _ in range(2)] == [False, False]
    assert verifications == [token, token]


def test_remembered_claims_cannot_be_changed() -> None:
    tokens = ring(NEW)
    claims = tokens.read(tokens.issue("user-account", SOMEBODY, HOUR))
    with pytest.raises(AttributeError):
        claims.kind = "service-account"  # type: ignore[misc]


def test_only_so_many_tokens_are_remembered(verifications: list[str]) -> None:
    tokens = ring(NEW, remembered=2)
    first, second, third = (tokens.issue("user-account", SOMEBODY, HOUR) for _ in range(3))
    for token in (first, second, first, third, first, second):
        tokens.read(token)
    assert verifications == [first, second, third, second]


def test_remembered_token_is_read_in_less_than_five_microseconds() -> None:
    tokens = Tokens([SecretStr(NEW)], ISSUER, AUDIENCE)
    token = tokens.issue("user-account", SOMEBODY, HOUR)
    rounds = 2_000
    best = min(timeit.repeat(lambda: tokens.read(token), number=rounds, repeat=5)) / rounds
    assert best < 5e-6


def answers(tokens: Tokens, corpus: list[tuple[str, str]]) -> dict[str, str]:
    """What each forgery is answered: status, body and headers."""
    found = {}
    for name, token in corpus:
        try:
            found[name] = f"accepted for {tokens.read(token).id}"
        except Unauthenticated as refusal:
            body = refusal.body(public_url="https://x", request_id="1")
            found[name] = f"{refusal.status} {body} {refusal.headers}"
    return found


@pytest.mark.parametrize("keys", [(NEW,), (NEW, OLD)])
def test_every_forgery_is_refused_alike(keys: tuple[str, ...]) -> None:
    clock = Clock()
    tokens = ring(*keys, clock=clock)
    corpus = forgeries(tokens, clock.now)
    (usual,) = set(answers(tokens, [("a word", "token")]).values())
    assert usual.startswith("401 ")
    assert 'Bearer error="invalid_token"' in usual
    assert tokens.read(genuine(tokens, clock.now)).id == SOMEBODY
    assert {name: answer for name, answer in answers(tokens, corpus).items() if answer != usual} == {}


def test_corpus_of_forgeries_is_large_and_without_repetition() -> None:
    corpus = forgeries(ring(NEW), datetime.now(UTC))
    assert len(corpus) >= 80
    assert len({name for name, _ in corpus}) == len({token for _, token in corpus}) == len(corpus)
    assert len([token for _, token in corpus if sendable(token)]) >= 80


def test_forgeries_have_the_same_names_at_any_time() -> None:
    tokens, now = ring(NEW), datetime.now(UTC)
    names = [[name for name, _ in forgeries(tokens, moment)] for moment in (now, now + HOUR)]
    assert names[0] == names[1]


@given(st.text(max_size=300) | st.from_regex(r"\A[\w-]{1,99}\.[\w-]{1,99}\.[\w-]{43}\Z"))
@settings(max_examples=300, deadline=None)
def test_no_text_is_a_token_by_chance(text: str) -> None:
    assert not reads(ring(NEW), text)


TOKEN = ring(NEW).issue("user-account", SOMEBODY, HOUR)


@given(st.integers(0, len(TOKEN) - 1), st.characters(), st.integers(0, 1))
@settings(max_examples=300, deadline=None)
def test_token_with_one_character_changed_or_added_is_refused(at: int, character: str, kept: int) -> None:
    changed = TOKEN[:at] + character + TOKEN[at + 1 - kept :]
    assert reads(ring(NEW), changed) is (changed == TOKEN)


def test_tokens_do_not_show_their_keys() -> None:
    tokens = ring(NEW)
    assert NEW not in f"{tokens!r} {vars(tokens)!r}"


def imported(source: str) -> set[str]:
    """The top-level packages that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


def test_nothing_but_security_imports_a_token_library() -> None:
    root = Path(app.__path__[0])
    libraries = {"jose", "jwt", "authlib", "jwcrypto", "joserfc"}
    modules = {path.relative_to(root).as_posix(): imported(path.read_text()) for path in root.rglob("*.py")}
    assert {name for name, found in modules.items() if found & libraries} == {"core/security.py"}


def test_never_is_a_token_encrypted_or_decrypted() -> None:
    assert "jwe" not in Path(security.__file__).read_text()


def test_subject_is_spelled_as_tokens_spell_it() -> None:
    account = UUID("6F1D4C0E-8D5B-4B53-9A27-3C1F3F0F7A11")
    assert str(Subject("service-account", account)) == f"wriveted:service-account:{str(account).lower()}"
