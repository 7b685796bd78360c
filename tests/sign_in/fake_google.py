"""Google on loopback: signs ID tokens with keys whose certificates it serves over HTTP, and looks accounts up.

It can rotate its keys, be slow, talk nonsense, fail, or not answer at all.
"""

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

PROJECT = "huey-books-test"
ISSUER = f"https://securetoken.google.com/{PROJECT}"
HOUR = 3600
SLOW_SECONDS = 30


def segment(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Key:
    """A signing key and its certificate."""

    id: str = field(default_factory=lambda: uuid4().hex)

    @cached_property
    def private(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def certificate(self) -> str:
        return certificate_of(self.private)

    def sign(self, header: Any, payload: Any) -> str:
        signed = f"{segment(header)}.{segment(payload)}"
        return f"{signed}.{segment(self.private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def certificate_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "securetoken.system.gserviceaccount.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=15))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


class Google(ThreadingHTTPServer):
    """What answers at Google's addresses. ``trouble`` is what is wrong with it, by path; empty: nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.keys = [Key(), Key()]
        self.max_age = HOUR
        self.trouble: dict[str, str] = {}
        self.asked: list[str] = []
        self.accounts: dict[str, dict[str, Any]] = {}
        self.released = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def settings(self) -> dict[str, str]:
        """Of an application for which this is Google."""
        return {
            "WRIVETED_FIREBASE_PROJECT_ID": PROJECT,
            "WRIVETED_FIREBASE_CERTIFICATES_URL": f"{self.address}/certificates",
            "WRIVETED_FIREBASE_ACCOUNTS_URL": self.address,
        }

    def rotate(self) -> Key:
        """A new key in the place of the oldest."""
        self.keys = [*self.keys[1:], Key()]
        return self.keys[-1]

    def claims(self, subject: str | None = None, *, at: float | None = None, **changes: Any) -> dict[str, Any]:
        """What an ID token of ours says. A change to None leaves the claim out."""
        at, subject = time.time() if at is None else at, subject or uuid4().hex[:28]
        provider = changes.pop("provider", "google.com")
        claims = {
            "iss": ISSUER,
            "aud": PROJECT,
            "auth_time": int(at),
            "user_id": subject,
            "sub": subject,
            "iat": int(at),
            "exp": int(at) + HOUR,
            "email": f"{subject}@example.com",
            "email_verified": True,
            "name": "Robin Reader",
            "picture": "https://lh3.googleusercontent.com/a/robin",
            "jti": uuid4().hex,
            "firebase": {"identities": {}, "sign_in_provider": provider},
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, subject: str | None = None, *, key: Key | None = None, **changes: Any) -> str:
        """An ID token as Google signs it."""
        return self.signed(self.claims(subject, **changes), key=key)

    def signed(
        self, claims: Mapping[str, Any], *, key: Key | None = None, header: Mapping[str, Any] | None = None
    ) -> str:
        key = key or self.keys[-1]
        named = {"alg": "RS256", "kid": key.id, "typ": "JWT"} | dict(header or {})
        return key.sign({name: value for name, value in named.items() if value is not None}, claims)


class _Answers(BaseHTTPRequestHandler):
    server: Google

    def do_GET(self) -> None:
        certificates = {key.id: key.certificate for key in self.server.keys}
        self._answer("certificates", json.dumps(certificates).encode())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = [
            self.server.accounts[uid] | {"localId": uid} for uid in asked["localId"] if uid in self.server.accounts
        ]
        self._answer("accounts", json.dumps({"users": known} if known else {}).encode())

    def _answer(self, what: str, body: bytes) -> None:
        self.server.asked.append(what)
        trouble = self.server.trouble.get(what, "")
        status = 200
        match trouble:
            case "down":
                self.close_connection = True
                return
            case "slow":
                self.server.released.wait(SLOW_SECONDS)
            case "error":
                status = 500
            case "garbage":
                body = b"<html>It is not the certificates that you look for.</html>"
            case "empty":
                body = b"{}"
            case "no certificates":
                body = json.dumps({key.id: "-----BEGIN CERTIFICATE-----" for key in self.server.keys}).encode()
            case "nested":
                body = b"[" * 100_000
            case "huge":
                body = b'{"a": "' + b"a" * 10_000_000 + b'"}'
            case "weak":
                weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  that is the point
                body = json.dumps({key.id: certificate_of(weak) for key in self.server.keys}).encode()
            case "elliptic":
                curve = ec.generate_private_key(ec.SECP256R1())
                body = json.dumps({key.id: certificate_of(curve) for key in self.server.keys}).encode()
        self._send(status, body, dribbling=trouble == "dribbling")

    def _send(self, status: int, body: bytes, *, dribbling: bool) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", f"public, max-age={self.server.max_age}, must-revalidate")
            self.end_headers()
            for place in range(len(body) if dribbling else 0):
                self.wfile.write(body[place : place + 1])
                if self.server.released.wait(0.5):
                    return
            self.wfile.write(b"" if dribbling else body)
        except OSError:
            return  # whoever asked has given up

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def google() -> Iterator[Google]:
    """Google, until the block is left."""
    server = Google()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
