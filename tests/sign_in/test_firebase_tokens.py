"""Forged, foreign, stale and unfit ID tokens: whatever is wrong, nobody is signed in, and the answer says no more than
it has to."""

import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from sqlalchemy import func, select

from app.core.errors import REGISTRY
from app.sign_in.models import SignInSession
from app.sign_in.proof import RefreshTokenInvalid, SignInRefused
from tests.sign_in.conftest import Door
from tests.sign_in.fake_google import HOUR, ISSUER, PROJECT, Google, Key, segment
from tests.world import World

Make = Callable[[Google], str]
MINUTES = 60
OTHER = "an-attackers-own"
ATTACKER = Key()
INVALID, EXPIRED = "id_token_invalid", "id_token_expired"
UNVERIFIED, PROVIDER = "email_not_verified", "provider_not_allowed"


def claiming(**changes: Any) -> Make:
    """A token that Google would sign, saying something else."""
    return lambda google: google.token(**changes)


def headed(**header: Any) -> Make:
    return lambda google: google.signed(google.claims(), header=header)


def unsigned(**header: Any) -> Make:
    """As the emulator makes them."""
    return lambda google: f"{segment({'alg': 'none', 'typ': 'JWT'} | header)}.{segment(google.claims())}."


def with_secret(secret: Callable[[Google], bytes], alg: str = "HS256") -> Make:
    """Signed with what everybody knows, as if it were a shared secret."""

    def make(google: Google) -> str:
        signed = f"{segment({'alg': alg, 'kid': google.keys[-1].id, 'typ': 'JWT'})}.{segment(google.claims())}"
        return f"{signed}.{segment(hmac.digest(secret(google), signed.encode(), 'sha256'))}"

    return make


def public_key(encoding: serialization.Encoding, form: serialization.PublicFormat) -> Callable[[Google], bytes]:
    return lambda google: google.keys[-1].private.public_key().public_bytes(encoding, form)


def raw(payload: Callable[[str], str], header: Callable[[str], str] = lambda text: text) -> Make:
    """Signed over text that is not what a JSON library would write."""

    def make(google: Google) -> str:
        key = google.keys[-1]
        head = header(json.dumps({"alg": "RS256", "kid": key.id, "typ": "JWT"}))
        return key.sign(head.encode(), payload(json.dumps(google.claims())).encode())

    return make


def changed(token: Callable[[Google], str], change: Callable[[list[str]], list[str]]) -> Make:
    return lambda google: ".".join(change(token(google).split(".")))


def flipped(text: str, place: int = 20) -> str:
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def by_padding(alg: str, algorithm: hashes.HashAlgorithm, *, pss: bool = False) -> Make:
    def make(google: Google) -> str:
        key = google.keys[-1]
        signed = f"{segment({'alg': alg, 'kid': key.id, 'typ': 'JWT'})}.{segment(google.claims())}"
        form: Any = padding.PSS(padding.MGF1(algorithm), 32) if pss else padding.PKCS1v15()
        return f"{signed}.{segment(key.private.sign(signed.encode(), form, algorithm))}"

    return make


def elliptic(google: Google) -> str:
    signed = f"{segment({'alg': 'ES256', 'kid': google.keys[-1].id, 'typ': 'JWT'})}.{segment(google.claims())}"
    signature = ec.generate_private_key(ec.SECP256R1()).sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    return f"{signed}.{segment(signature)}"


def attackers(**header: Any) -> Make:
    """Signed by an attacker who names Google's key."""
    return lambda google: google.signed(google.claims(), key=ATTACKER, header={"kid": google.keys[-1].id} | header)


def attackers_jwk(google: Google) -> str:
    numbers = ATTACKER.private.public_key().public_numbers()
    jwk = {
        "kty": "RSA",
        "n": segment(numbers.n.to_bytes(256)),
        "e": segment(numbers.e.to_bytes(3)),
        "kid": google.keys[-1].id,
    }
    return attackers(jwk=jwk)(google)


def attackers_x5c(google: Google) -> str:
    der = x509.load_pem_x509_certificate(ATTACKER.certificate.encode()).public_bytes(serialization.Encoding.DER)
    return attackers(x5c=[segment(der)])(google)


def late(**after: float) -> Make:
    """With claims of time that many seconds from now."""
    return lambda google: google.token(**{name: time.time() + seconds for name, seconds in after.items()})


PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SPKI, PKCS1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1
GOOD = claiming()
CORPUS: dict[str, tuple[Make, str]] = {
    "another project's token, signed by Google": (
        claiming(aud=OTHER, iss=f"https://securetoken.google.com/{OTHER}"),
        INVALID,
    ),
    "another project's audience": (claiming(aud=OTHER), INVALID),
    "another project's issuer": (claiming(iss=f"https://securetoken.google.com/{OTHER}"), INVALID),
    "audience in another case": (claiming(aud=PROJECT.upper()), INVALID),
    "audience one of a list": (claiming(aud=[PROJECT]), INVALID),
    "audience beside another": (claiming(aud=[OTHER, PROJECT]), INVALID),
    "no audience": (claiming(aud=None), INVALID),
    "no issuer": (claiming(iss=None), INVALID),
    "issuer with a slash behind": (claiming(iss=f"{ISSUER}/"), INVALID),
    "issuer without https": (claiming(iss=ISSUER.replace("https", "http")), INVALID),
    "a session cookie": (claiming(iss=f"https://session.firebase.google.com/{PROJECT}"), INVALID),
    "a custom token": (claiming(aud="https://identitytoolkit.googleapis.com/google.identity"), INVALID),
    "a tenant of the project": (claiming(firebase={"sign_in_provider": "password", "tenant": "t"}), INVALID),
    "unsigned, as an emulator makes it": (unsigned(), INVALID),
    "unsigned, naming a key": (lambda google: unsigned(kid=google.keys[-1].id)(google), INVALID),
    "unsigned, in another case": (unsigned(alg="nOnE"), INVALID),
    "unsigned, called RS256": (lambda google: unsigned(alg="RS256", kid=google.keys[-1].id)(google), INVALID),
    "the certificate as a shared secret": (
        with_secret(lambda google: google.keys[-1].certificate.encode()),
        INVALID,
    ),
    "the public key as a shared secret": (with_secret(public_key(PEM, SPKI)), INVALID),
    "the public key in DER as a shared secret": (with_secret(public_key(DER, SPKI)), INVALID),
    "the public key in PKCS #1 as a shared secret": (with_secret(public_key(DER, PKCS1)), INVALID),
    "a shared secret called RS256": (with_secret(public_key(PEM, SPKI), alg="RS256"), INVALID),
    "another's signature under a key of Google's": (attackers(), INVALID),
    "an unknown key": (lambda google: google.token(key=ATTACKER), INVALID),
    "no key named": (headed(kid=None), INVALID),
    "an empty key": (headed(kid=""), INVALID),
    "a key that is a path": (headed(kid="../../../../dev/null"), INVALID),
    "a key that is SQL": (headed(kid="' OR 1=1 --"), INVALID),
    "a key that is a list": (headed(kid=["a"]), INVALID),
    "the key named in other letters": (
        lambda google: google.signed(google.claims(), header={"kid": google.keys[-1].id.upper()}),
        INVALID,
    ),
    "the other key of Google's": (
        lambda google: google.signed(google.claims(), header={"kid": google.keys[0].id}),
        INVALID,
    ),
    "RS512": (by_padding("RS512", hashes.SHA512()), INVALID),
    "PS256": (by_padding("PS256", hashes.SHA256(), pss=True), INVALID),
    "ES256": (elliptic, INVALID),
    "a key in the header": (attackers_jwk, INVALID),
    "a certificate in the header": (attackers_x5c, INVALID),
    "an address of keys in the header": (headed(jku="https://attacker.example/keys"), INVALID),
    "an address of certificates in the header": (headed(x5u="https://attacker.example/keys"), INVALID),
    "an extension that has to be understood": (headed(crit=["exp"]), INVALID),
    "a payload that is not encoded": (headed(b64=False), INVALID),
    "a key named twice": (
        raw(lambda text: text, lambda text: text.replace('{"alg"', '{"kid": "a", "alg"')),
        INVALID,
    ),
    "a claim given twice": (raw(lambda text: f'{{"aud": "{OTHER}", {text[1:]}'), INVALID),
    "other claims": (changed(GOOD, lambda parts: [parts[0], flipped(parts[1]), parts[2]]), INVALID),
    "another signature": (changed(GOOD, lambda parts: [*parts[:2], flipped(parts[2])]), INVALID),
    "no signature": (changed(GOOD, lambda parts: [*parts[:2], ""]), INVALID),
    "two segments": (changed(GOOD, lambda parts: parts[:2]), INVALID),
    "four segments": (changed(GOOD, lambda parts: [*parts, parts[2]]), INVALID),
    "padding": (changed(GOOD, lambda parts: [parts[0] + "=", *parts[1:]]), INVALID),
    "line feeds": (changed(GOOD, lambda parts: [parts[0], parts[1] + "\n", parts[2]]), INVALID),
    "no token at all": (lambda _: "x", INVALID),
    "letters that are none": (lambda google: GOOD(google).replace(".", "é.", 1), INVALID),
    "nine kilobytes": (claiming(name="a" * 7000), INVALID),
    "a long header": (headed(typ="J" * 600), INVALID),
    "a deep payload": (raw(lambda text: text[:-1] + ', "deep": ' + "[" * 1500 + "]" * 1500 + "}"), INVALID),
    "a payload that is a list": (lambda google: google.signed([google.claims()]), INVALID),  # type: ignore[arg-type]
    "a header that is no JSON": (raw(lambda text: text, lambda _: "RS256"), INVALID),
    "a time that is no number": (raw(lambda text: text.replace('"exp": 1', '"exp": NaN, "n": 1')), INVALID),
    "an endless time": (raw(lambda text: text.replace('"exp": 1', '"exp": 1e400, "n": 1')), INVALID),
    "a time in a text": (claiming(exp=str(int(time.time()) + HOUR)), INVALID),
    "a time that is true": (claiming(iat=True), INVALID),
    "expired": (late(exp=-2 * MINUTES, iat=-HOUR, auth_time=-HOUR), EXPIRED),
    "issued in the future": (late(iat=2 * MINUTES), INVALID),
    "a sign-in of the future": (late(auth_time=2 * MINUTES), INVALID),
    "expired before it was issued": (late(exp=-30, iat=0), INVALID),
    "good for a year": (late(exp=365 * 24 * HOUR), INVALID),
    "no expiry": (claiming(exp=None), INVALID),
    "no time of issue": (claiming(iat=None), INVALID),
    "no time of sign-in": (claiming(auth_time=None), INVALID),
    "nobody": (claiming(sub=None), INVALID),
    "an empty subject": (claiming(sub=""), INVALID),
    "a subject that is too long": (claiming(sub="a" * 129), INVALID),
    "a subject that is a number": (claiming(sub=7), INVALID),
    "a subject with NUL": (claiming(sub="a\0b"), INVALID),
    "an address that is not verified": (claiming(email_verified=False), UNVERIFIED),
    "nothing said of the address": (claiming(email_verified=None), UNVERIFIED),
    "verified by a text": (claiming(email_verified="true"), INVALID),
    "verified by a number": (claiming(email_verified=1), INVALID),
    "no address": (claiming(email=None), UNVERIFIED),
    "no address but its verification": (claiming(email="", email_verified=True), UNVERIFIED),
    "an address that only looks like another": (claiming(email="mi\u212ae@example.com"), UNVERIFIED),
    "two addresses": (claiming(email="a@example.com@example.net"), UNVERIFIED),
    "an anonymous account": (claiming(provider="anonymous"), PROVIDER),
    "an anonymous account without an address": (
        claiming(provider="anonymous", email=None, email_verified=None),
        PROVIDER,
    ),
    "a custom sign-in": (claiming(provider="custom"), PROVIDER),
    "a provider that is not on the list": (claiming(provider="facebook.com"), PROVIDER),
    "a provider in other letters": (claiming(provider="Google.com"), PROVIDER),
    "no word of the provider": (claiming(firebase=None), INVALID),
    "a token of ours": (lambda _: "", INVALID),
}


async def sessions_begun(world: World) -> int:
    async with world.session() as session:
        return await session.scalar(select(func.count()).select_from(SignInSession)) or 0


def refusals(answer: httpx.Response, code: str) -> list[str]:
    """What is wrong with a refusal; nothing, where it is the one that is meant."""
    if answer.status_code != 401:
        return [f"{answer.status_code} {answer.text[:200]}"]
    problem = answer.json()
    faults = [] if problem["code"] == code else [f"{problem['code']} instead of {code}"]
    if answer.headers["www-authenticate"] != 'Bearer error="invalid_token"':
        faults.append("no challenge")
    return faults


async def test_tokens_that_prove_nothing_sign_nobody_in(door: Door, google: Google, world: World) -> None:
    assert (await door.exchange(google.token())).status_code == 200
    own = (await world.public_reader()).token
    begun = await sessions_begun(world)
    faults = {}
    for name, (make, code) in CORPUS.items():
        token = make(google) or own
        sent = token.encode()
        answers = [
            await door.http.get("/v1/auth/firebase", headers={b"authorization": b"Bearer " + sent}),
            await door.begin(token, session="refresh"),
        ]
        if len(sent) > 8192:
            assert answers.pop().status_code == 422
        if found := [fault for answer in answers for fault in refusals(answer, code)]:
            faults[name] = found
    assert faults == {}
    assert len(CORPUS) >= 45
    assert await sessions_begun(world) == begun


async def test_all_of_a_megabyte_is_refused_without_being_read(door: Door) -> None:
    assert (await door.begin("a" * 1_000_000)).status_code == 413
    assert (await door.exchange("a" * 1_000_000)).status_code == 431


@pytest.mark.parametrize("header", ["", "Bearer", "Basic cm9iaW46c2VjcmV0", "bearer  "])
async def test_a_request_without_a_token_is_told_what_to_send(door: Door, header: str) -> None:
    answer = await door.http.get("/v1/auth/firebase", headers={"Authorization": header})
    assert refusals(answer, INVALID) == []


async def test_clocks_may_differ_by_less_than_a_minute(door: Door, google: Google) -> None:
    now = time.time()
    assert (await door.exchange(google.token(iat=now + 40, auth_time=now + 40))).status_code == 200
    assert (await door.exchange(google.token(iat=now - HOUR - 40, exp=now - 40))).status_code == 200


@pytest.mark.parametrize("provider", ["google.com", "apple.com", "microsoft.com", "password"])
async def test_providers_that_verify_addresses_count(door: Door, google: Google, provider: str) -> None:
    assert (await door.exchange(google.token(provider=provider))).status_code == 200


async def test_an_id_token_is_no_access_token(door: Door, google: Google) -> None:
    answer = await door.ask("GET", "/auth/me", google.token())
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_authenticated"


async def test_every_emulated_token_is_refused_although_the_library_would_take_it(
    door: Door, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    """firebase-admin verifies nothing while this variable is set; then nothing is taken at all."""
    assert (await door.exchange(google.token())).status_code == 200
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")
    for make in (unsigned(), attackers(), GOOD):
        answer = await door.exchange(make(google))
        assert answer.status_code in (401, 503)
    door.forget()
    assert (await door.exchange(google.token())).status_code == 503


def test_every_refusal_is_put_on_record() -> None:
    kinds = [kind for kind in REGISTRY.values() if issubclass(kind, SignInRefused)]
    assert len(kinds) >= 13
    for kind in kinds:
        subject = f"user:{uuid4()}"
        refusal = kind(subject=subject).refusal
        assert refusal is not None
        assert (refusal.action, refusal.subject) == ("sign_in.refused", subject)
        assert refusal.details == {"method": "refresh" if kind is RefreshTokenInvalid else "firebase"}
