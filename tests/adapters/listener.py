"""A host of a test's own: a listener on loopback, and a network in which every address leads to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpcore
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@dataclass
class Listener:
    """Answers every connection with the same bytes, and remembers what it heard."""

    answer: bytes = OK
    pause: float = 0.0
    """Seconds before each byte of the answer."""
    port: int = 0
    connections: int = 0
    heard: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    """What clients called the host when they began TLS."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.heard.append(await reader.readuntil(b"\r\n\r\n"))
            for piece in [self.answer[i : i + 1] for i in range(len(self.answer))] if self.pause else [self.answer]:
                await asyncio.sleep(self.pause)
                writer.write(piece)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(answer: bytes = OK, *, pause: float = 0.0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Any]:
    listener = Listener(answer, pause)
    if tls is not None:
        tls.sni_callback = lambda _, name, __: listener.names.append(name)
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0, ssl=tls)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()


class Network(httpcore.AsyncNetworkBackend):
    """Remembers every address that somebody connects to, and leads each to the listener."""

    def __init__(self, port: int) -> None:
        self.dialled: list[tuple[str, int]] = []
        self._port = port
        self._real = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append((host, port))
        ip_address(host)  # a name would be resolved a second time
        return await self._real.connect_tcp("127.0.0.1", self._port, timeout)


class Names:
    """A resolver: each name has answers, told one after the other, the last of them for ever."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(told) for name, told in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        told = self._answers.get(host)
        if told is None:
            return ["93.184.215.14"]
        return told.pop(0) if len(told) > 1 else told[0]


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS of a server that proves to be `name`, and of a client that believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file = folder / "server.pem"
    file.write_bytes(
        pem
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cadata=pem.decode())
    return server, client
