"""The corpus of forged tokens: each is answered 401, with one and the same body, wherever it is sent.

Most are wrong in one point only and signed with the true key, so that what refuses them is the rule about
that point.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.core.secret_keys import key_id
from app.core.security import Tokens
from tests.core.forge import MISSING, SOMEBODY, SUBJECT, Forge, as_json, b64

SOMEBODY_ELSE = UUID("0b9d2f52-4a2c-4d8e-8f0c-7f6f3f1a2b3c")
LONGEST_HEADER_LINE = 12_000
Forgery = tuple[str, str]


def forgeries(tokens: Tokens, now: datetime) -> list[Forgery]:
    """Names and tokens, none of which `tokens` may accept at `now`; names and tokens are unique."""
    forge = Forge(tokens.keys[0].get_secret_value().encode(), tokens.issuer, tokens.audience, now.timestamp())
    groups = (
        _algorithms,
        _confused,
        _keys,
        _headers,
        _times,
        _claims,
        _subjects,
        _json,
        _shapes,
        _spellings,
        _sizes,
    )
    return [forgery for group in groups for forgery in group(forge)]


def genuine(tokens: Tokens, now: datetime) -> str:
    """The token that the forgeries vary, unvaried: it is accepted, or else the corpus proves nothing."""
    key = tokens.keys[0].get_secret_value().encode()
    return Forge(key, tokens.issuer, tokens.audience, now.timestamp()).token()


def sendable(token: str) -> bool:
    """Whether an HTTP header carries this token as it is: the others are for `Tokens.read` alone."""
    return 0 < len(token) <= LONGEST_HEADER_LINE and all("!" <= character <= "~" for character in token)


def _labelled(kind: str, values: Iterable[object]) -> Iterator[tuple[str, Any]]:
    return ((f"{kind} {value!r:.90}", value) for value in values)


def _algorithms(forge: Forge) -> Iterator[Forgery]:
    signature = forge.token().rpartition(".")[2]
    for name, alg in _labelled("alg", ("none", "None", "NONE", "nOnE")):
        unsigned = forge.heading(alg=alg).rpartition(".")[0]
        yield f"{name}, no signature", f"{unsigned}."
        yield f"{name}, two segments", unsigned
        yield f"{name}, borrowed signature", f"{unsigned}.{signature}"
        yield f"{name}, signed", forge.heading(alg=alg)
    others = (
        "hs256",
        "HS",
        "HS2",
        "HS256 ",
        "SHA256",
        "dir",
        "A256GCMKW",
        "RS256",
        "PS256",
        "ES256",
        "EdDSA",
    )
    for name, alg in _labelled("alg", (*others, "", None, 256, True, ["HS256"], {"HS256": 1})):
        yield name, forge.heading(alg=alg)
    yield "alg missing", forge.heading(alg=MISSING)
    for alg, digest in (("HS384", "sha384"), ("HS512", "sha512")):
        yield f"{alg} with the true key", forge.token(header=forge.header | {"alg": alg}, digest=digest)
        yield f"{alg} that says HS256", forge.token(digest=digest)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _confused(forge: Forge) -> Iterator[Forgery]:
    """Public keys taken for HMAC secrets, and true signatures of keys that are not ours."""
    public = rsa_key().public_key()
    numbers = public.public_numbers()
    modulus = b64(numbers.n.to_bytes(256, "big"))
    spellings = {
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "PKCS1 PEM": public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "PKCS1 DER": public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        "OpenSSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "JWK": as_json({"kty": "RSA", "n": modulus, "e": "AQAB"}),
        "modulus": numbers.n.to_bytes(256, "big"),
    }
    for name, secret in spellings.items():
        yield f"HS256 under a public key in {name}", forge.token(key=secret)
        yield f"RS256 that is an HMAC under {name}", forge.heading(key=secret, alg="RS256")
    curve, edwards = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signers: dict[str, Callable[[bytes], bytes]] = {
        "RS256": lambda data: rsa_key().sign(data, padding.PKCS1v15(), hashes.SHA256()),
        "PS256": lambda data: rsa_key().sign(data, pss, hashes.SHA256()),
        "ES256": lambda data: curve.sign(data, ec.ECDSA(hashes.SHA256())),
        "EdDSA": edwards.sign,
    }
    for alg, sign in signers.items():
        signed = forge.heading(alg=alg).rpartition(".")[0]
        yield f"{alg} with a signature of its own", f"{signed}.{b64(sign(signed.encode()))}"
    yield from _of_other_issuers(forge)


def _of_other_issuers(forge: Forge) -> Iterator[Forgery]:
    """What Firebase and Google sign for us is exchanged elsewhere; it is no access token."""
    google = {"aud": "huey-books", "iat": forge.now - 60, "exp": forge.now + 3600, "email_verified": True}
    issued = {
        "a Firebase ID token": google | {"iss": "https://securetoken.google.com/huey-books", "sub": "Xq9"},
        "the queue's token": google | {"iss": "https://accounts.google.com", "sub": "1093", "email": "t@x.iam"},
        "a Firebase ID token for us": forge.payload,
    }
    for name, payload in issued.items():
        header = {"alg": "RS256", "kid": "a1b2c3", "typ": "JWT"}
        signed = f"{b64(as_json(header))}.{b64(as_json(payload))}"
        signature = rsa_key().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        yield name, f"{signed}.{b64(signature)}"


def _keys(forge: Forge) -> Iterator[Forgery]:
    other = hashlib.sha256(b"another environment").hexdigest()
    kid = forge.header["kid"]
    yield "another environment's token", forge.heading(key=other.encode(), kid=key_id(other))
    yield "another environment's key under our kid", forge.token(key=other.encode())
    yield "our key under another's kid", forge.heading(kid=key_id(other))
    yield "the empty key", forge.token(key=b"")
    yield "the kid as key", forge.token(key=kid.encode())
    yield "the key and a newline", forge.token(key=forge.key + b"\n")
    yield "the key's hash", forge.token(key=hashlib.sha256(forge.key).digest())
    yield "kid missing", forge.heading(kid=MISSING)
    spelled = (
        kid.upper() + "0",
        f" {kid}",
        f"{kid}\n",
        f"{kid}\0",
        kid[:-1],
        "",
        "0" * 16,
        "*",
        "default",
        "x" * 5000,
    )
    typed: tuple[object, ...] = (None, 0, 1.5, True, [kid], [], {}, {"kid": kid})
    for name, value in _labelled("kid", (*spelled, *typed)):
        yield name, forge.heading(kid=value)
    injected = {
        "../../../../dev/null": b"",
        "/proc/sys/kernel/randomize_va_space": b"2\n",
        "file:///dev/null": b"",
        "https://attacker.example/key": b"key",
        "x' UNION SELECT 'key' -- ": b"key",
        "'; DROP TABLE users; --": b"",
        "$(id)": b"",
        "{{7*7}}": b"49",
        "__proto__": b"",
    }
    for value, secret in injected.items():
        yield f"kid {value}, signed with what it points to", forge.heading(key=secret, kid=value)
        yield f"kid {value}, signed with the true key", forge.heading(kid=value)


def _headers(forge: Forge) -> Iterator[Forgery]:
    """Members that would say where the key is, or that the token is to be read in another way."""
    own = b"0123456789abcdef0123456789abcdef"
    extra: dict[str, Any] = {
        "jku": "https://attacker.example/jwks.json",
        "x5u": "https://attacker.example/x5u.pem",
        "jwk": {"kty": "oct", "k": b64(own)},
        "x5c": ["MIIB"],
        "x5t": "dGh1bWI",
        "x5t#S256": "dGh1bWI",
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
        "cty": "JWT",
        "enc": "A256GCM",
        "p2c": 2_000_000_000,
        "apu": "x",
        "iss": forge.issuer,
        "": "",
        "ALG": "none",
    }
    for name, value in extra.items():
        yield f"header with {name!r}", forge.heading(**{name: value})
        yield f"header with {name!r}, under a key of its own", forge.heading(key=own, **{name: value})
    yield "unknown crit", forge.token(header=forge.header | {"crit": ["urn:x"], "urn:x": True})
    yield "empty crit", forge.heading(crit=[])
    yield "typ missing", forge.heading(typ=MISSING)
    other_types = (
        "JWT",
        "jwt",
        "AT+JWT",
        "at+jwt ",
        "application/at+jwt",
        "refresh+jwt",
        "id+jwt",
        "JOSE",
        "",
    )
    for name, typ in _labelled("typ", (*other_types, None, 1, ["at+jwt"])):
        yield name, forge.heading(typ=typ)
    spelled = as_json(forge.header).decode()
    yield "alg twice, ours last", forge.token(header=f'{{"alg":"none",{spelled[1:]}'.encode())
    yield "alg twice, ours first", forge.token(header=f'{spelled[:-1]},"alg":"none"}}'.encode())
    yield "alg twice, the same", forge.token(header=f'{spelled[:-1]},"alg":"HS256"}}'.encode())
    yield "alg twice, one escaped", forge.token(header=f'{spelled[:-1]},"\\u0061lg":"none"}}'.encode())
    yield "kid twice", forge.token(header=f'{{"kid":"0",{spelled[1:]}'.encode())


def _times(forge: Forge) -> Iterator[Forgery]:
    now = forge.now
    yield "expired 11 seconds ago", forge.claiming(exp=now - 11)
    yield "expired a year ago", forge.claiming(iat=now - 2 * 31_536_000, exp=now - 31_536_000)
    yield "expires when it is issued", forge.claiming(iat=now, exp=now)
    yield "expires before it is issued", forge.claiming(iat=now + 5, exp=now + 1)
    yield "expires in ten years", forge.claiming(exp=now + 315_360_000)
    yield "lives a day longer than any may", forge.claiming(iat=now, exp=now + 366 * 86_400)
    yield "issued in 11 seconds", forge.claiming(iat=now + 11)
    yield "issued tomorrow", forge.claiming(iat=now + 86_400, exp=now + 90_000)
    yield "good from 11 seconds on", forge.claiming(nbf=now + 11)
    yield "good from tomorrow", forge.claiming(nbf=now + 86_400)
    later = int(now) + 3600

    def named(raw: str) -> str:
        return raw.replace(str(later), "later") if len(raw) < 40 else f"of {len(raw)} digits"

    numbers = (
        "1e400",
        "-1e400",
        "NaN",
        "Infinity",
        "-Infinity",
        "9" * 400,
        "9" * 1500,
        "-1",
        "0",
        "1e18",
        "-0.0",
    )
    others = (
        "true",
        "false",
        "null",
        f'"{later}"',
        '""',
        '"never"',
        f"[{later}]",
        "[]",
        "{}",
        f'{{"v":{later}}}',
    )
    for raw in (*numbers, *others):
        yield f"exp {named(raw)}", forge.spelling("exp", raw)
    for raw in ("1e400", "NaN", "-Infinity", "9" * 1500, "-1", "0", *others):
        yield f"iat {named(raw)}", forge.spelling("iat", raw)
    for raw in ("1e400", "NaN", "-1", "9" * 1500, *others):
        yield f"nbf {named(raw)}", forge.spelling("nbf", raw)


def _claims(forge: Forge) -> Iterator[Forgery]:
    for claim in forge.payload:
        yield f"{claim} missing", forge.claiming(**{claim: MISSING})
    for claim in ("iss", "aud", "sub", "jti"):
        for name, value in _labelled(claim, (None, "", 0, True, [], {}, "\ud800", "x\0")):
            yield name, forge.claiming(**{claim: value})
    for claim, true in (("iss", forge.issuer), ("aud", forge.audience)):
        strings = (
            f"{true}/",
            true[:-1],
            f" {true}",
            f"{true}\n",
            true.upper(),
            "https://attacker.example",
            "*",
            "None",
        )
        for name, value in _labelled(claim, (*strings, [true], [true, "x"], {true: 1}, [[true]])):
            yield name, forge.claiming(**{claim: value})
    yield "iss and aud exchanged", forge.claiming(iss=f"{forge.audience}?", aud=f"{forge.issuer}?")
    for name, value in _labelled("jti", ("short", "x" * 65, "3f2b8a0c 9d7e4f61", "3f2b8a0c9d7e4f6\u00e9", ["x" * 16])):
        yield name, forge.claiming(jti=value)
    for name, value in _labelled("ver", ("1", -1, 1.5, True, [1], {}, 10**30)):
        yield name, forge.claiming(ver=value)
    actors: tuple[object, ...] = (
        SUBJECT,
        {},
        {"sub": ""},
        {"sub": None},
        {"sub": str(SOMEBODY)},
        {"sub": [SUBJECT]},
        [],
        True,
    )
    for name, value in _labelled("act", actors):
        yield name, forge.claiming(act=value)
    yield "at_hash of nothing", forge.claiming(at_hash="x")


def _subjects(forge: Forge) -> Iterator[Forgery]:
    uuid = str(SOMEBODY)
    heads = (
        "",
        "::",
        ":user-account:",
        "wriveted:",
        "wriveted::",
        "user-account:wriveted:",
        "wriveted/user-account/",
    )
    kinds = ("admin-account", "user_account", "user", " user-account", "user-account:service-account", "USER")
    ids = (
        "",
        "1",
        "*",
        uuid.replace("-", ""),
        uuid[:-1],
        f"{uuid[:-1]}g",
        f"{uuid[:-1]}\uff11",
        f"{{{uuid}}}",
    )
    more_ids = (f"urn:uuid:{uuid}", f" {uuid}", "../../admin", "' OR '1'='1")
    malformed: tuple[object, ...] = (
        *(f"{head}{uuid}" for head in heads),
        *(f"wriveted:{kind}:{uuid}" for kind in kinds),
        *(f"wriveted:user-account:{wrong}" for wrong in (*ids, *more_ids)),
        *(f"{SUBJECT}{tail}" for tail in (" ", "\n", "\0", ":", "0", f":{uuid}", f",{SUBJECT}")),
        *(f"{head}{SUBJECT}" for head in (" ", "x", "\ufeff", "wriveted:")),
        *("wriveted", "wriveted:user-account", "wriveted:user-account:None"),
        *(
            SUBJECT.replace("i", "\u0131"),
            SUBJECT.replace("s", "\u017f"),
            SUBJECT.replace("wriveted", "other"),
        ),
        *([SUBJECT], {"sub": SUBJECT}, int(SOMEBODY)),
    )
    for name, value in _labelled("sub", malformed):
        yield name, forge.claiming(sub=value)


def _json(forge: Forge) -> Iterator[Forgery]:
    """Segments that are not the one JSON object that they have to be."""
    spelled = {"header": as_json(forge.header), "payload": as_json(forge.payload)}
    for part, true in spelled.items():
        wrong: dict[str, bytes] = {
            "no JSON": b"token",
            "cut off": true[:-1],
            "followed by more": true + b"x",
            "two objects": true + true,
            "in single quotes": true.replace(b'"', b"'"),
            "a list": b"[" + true + b"]",
            "a string": as_json(true.decode()),
            "a number": b"17",
            "true": b"true",
            "null": b"null",
            "an empty object": b"{}",
            "one blank": b" ",
            "with a byte order mark": b"\xef\xbb\xbf" + true,
            "in UTF-16": true.decode().encode("utf-16"),
            "not UTF-8": true[:-1] + b',"x":"\xff\xfe"}',
            "with an overlong slash": true[:-1] + b',"x":"\xc0\xaf"}',
            "with NaN": true[:-1] + b',"x":NaN}',
            "with a control character": true[:-1] + b',"x":"\n"}',
            "nested 100 deep": b"[" * 100,
            "nested 2,000 deep": b"[" * 2000,
            "500 objects deep": b'{"":' * 500,
        }
        for name, raw in wrong.items():
            yield f"{part} {name}", forge.token(header=raw) if part == "header" else forge.token(payload=raw)
    payload = spelled["payload"].decode()
    yield (
        "sub twice",
        forge.token(payload=f'{payload[:-1]},"sub":"wriveted:user-account:{SOMEBODY_ELSE}"}}'.encode()),
    )
    yield "exp twice", forge.token(payload=f'{{"exp":1,{payload[1:]}'.encode())
    yield "aud twice, the same", forge.token(payload=f'{payload[:-1]},"aud":"{forge.audience}"}}'.encode())
    yield "iss twice, one escaped", forge.token(payload=f'{{"\\u0069ss":"x",{payload[1:]}'.encode())


def _shapes(forge: Forge) -> Iterator[Forgery]:
    token = forge.token()
    header, payload, signature = token.split(".")
    other = forge.claiming(sub=f"wriveted:user-account:{SOMEBODY_ELSE}").split(".")[1]
    shapes = {
        "nothing": "",
        "a dot": ".",
        "two dots": "..",
        "a word": "token",
        "a UUID": str(SOMEBODY),
        "the header alone": header,
        "no payload": f"{header}..{signature}",
        "no header": f".{payload}.{signature}",
        "no signature": f"{header}.{payload}.",
        "no signature and no dot": f"{header}.{payload}",
        "a fourth segment": f"{token}.{signature}",
        "an empty fourth segment": f"{token}.",
        "a leading dot": f".{token}",
        "an encrypted token's five segments": f"{header}.{payload}.{payload}.{payload}.{signature}",
        "the payload twice": f"{header}.{payload}.{payload}.{signature}",
        "the header twice": f"{header}.{header}.{payload}.{signature}",
        "the token twice": token + token,
        "the token twice with a dot": f"{token}.{token}",
        "header and payload exchanged": f"{payload}.{header}.{signature}",
        "another's payload": f"{header}.{other}.{signature}",
        "the key id as signature": f"{header}.{payload}.{b64(forge.header['kid'].encode())}",
        "a signature of zeros": f"{header}.{payload}.{b64(bytes(32))}",
        "a signature of 31 bytes": f"{header}.{payload}.{b64(bytes(31))}",
        "a signature and more": f"{token}AA",
        "the signature in hex": f"{header}.{payload}.{base64.urlsafe_b64decode(signature + '=').hex()}",
        "commas for dots": token.replace(".", ","),
    }
    yield from shapes.items()
    for cut in (1, 2, 10, len(signature) - 1):
        yield f"{cut} characters short", token[:-cut]
    for place, segment in (("header", header), ("payload", payload), ("signature", signature)):
        start = token.index(segment)
        for at in (start, start + len(segment) // 2):
            letter = "A" if token[at] != "A" else "B"
            yield f"character {at - start} of the {place} changed", token[:at] + letter + token[at + 1 :]


def _spellings(forge: Forge) -> Iterator[Forgery]:
    """The same bytes, spelled otherwise: what a lenient decoder reads is still not our token."""
    token = forge.token()
    header, payload, signature = token.split(".")
    invisible = ("\0", "\t", "\n", "\r\n", " ", "\u00a0", "\u200b", "\udc80")
    for name, character in _labelled(
        "the character", (*invisible, "!", "=", "+", "/", "%2E", '"', "\u00e9", "\U0001f511")
    ):
        yield f"{name} before", character + token
        yield f"{name} behind", token + character
        yield f"{name} in the signature", token[:-9] + character + token[-9:]
        yield f"{name} in the header", forge.sealed(f"{header[:9]}{character}{header[9:]}.{payload}")
    yield "the scheme again", f"Bearer {token}"
    yield "full-width dots", token.replace(".", "\uff0e")
    yield "full-width letters", token.replace("e", "\uff45")
    yield "spare bits in the signature", token[:-1] + _with_spare_bit(signature[-1])
    unpadded = as_json(forge.payload | {"x": ""})
    uneven = as_json(forge.payload | {"x": "x" * ((1 - len(unpadded)) % 3)})
    for name, raw in (("header", as_json(forge.header)), ("payload", uneven)):
        loose = b64(raw)[:-1] + _with_spare_bit(b64(raw)[-1])
        signed = f"{loose}.{payload}" if name == "header" else f"{header}.{loose}"
        yield f"spare bits in the {name}", forge.sealed(signed)
        yield f"padded {name}", forge.sealed(signed.replace(loose, f"{b64(raw)}="))
        yield f"{name} in standard base64", forge.sealed(signed.replace(loose, f"{b64(raw)}+/"))


def _with_spare_bit(character: str) -> str:
    """The next character of the alphabet: it differs in the lowest bit, which ends a segment as padding."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(character) + 1]


def _sizes(forge: Forge) -> Iterator[Forgery]:
    """Too long, though signed with the true key."""
    yield "a header of 100 blanks more", forge.token(header=as_json(forge.header) + b" " * 100)
    for size in (4_000, 5_000, 64_000, 1_000_000):
        yield f"a claim of {size:,} bytes", forge.claiming(x="x" * size)
        yield f"a header of {size:,} bytes", forge.heading(x="x" * size)
        yield f"a header of {size:,} blanks", forge.token(header=b" " * size + as_json(forge.header))
        yield f"{size:,} letters", "A" * size
        yield f"{size:,} dots", "." * size
        yield f"a signature of {size:,} bytes", f"{forge.token()}{'A' * size}"
