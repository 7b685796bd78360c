"""Hosts and URLs, of settings and of other people: which host is public, and which URL is exact."""

import re
from urllib.parse import urlsplit

NOT_PUBLIC = frozenset({"localhost", "localdomain", "local", "test", "invalid", "example", "internal"})
HOST_LABEL = re.compile(r"\A[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def is_public(host: str) -> bool:
    """Whether a host is a name in the public DNS: no address in any notation, nothing local."""
    labels = host.split(".")
    return len(labels) > 1 and len(host) <= 253 and labels[-1][:1].isalpha() and labels[-1] not in NOT_PUBLIC


def is_exact(url: str, *, production: bool, origin: bool = False) -> bool:
    """Whether a URL is scheme, host, port and (no origin) path; in production https on a public host."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return False
    host = parts.hostname or ""
    exact = f"{parts.scheme}://{host}{port}{'' if origin else parts.path}"
    if url != exact or not all(map(HOST_LABEL.fullmatch, host.split("."))):
        return False
    return parts.scheme == "https" and is_public(host) if production else parts.scheme in {"http", "https"}
