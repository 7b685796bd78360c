"""Which addresses a webhook may have, as far as the address itself tells. Where its name leads is looked at anew by
each delivery, when the name is resolved."""

import re
from urllib.parse import urlsplit

from app.core.faults import HOST_LABEL, is_public

LONGEST = 2_000
HTTPS_PORT = 443
WRITTEN = re.compile(r"\A[\x21-\x7e]+\Z")
LOOPBACK = frozenset({"127.0.0.1", "localhost"})


def fault_of(url: str, *, loopback: bool) -> str | None:
    """What is wrong with an address, in a sentence; None for one that is good. ``loopback``: this machine is, too."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "It is not a URL."
    if not WRITTEN.match(url) or len(url) > LONGEST or "\\" in url:
        return f"It has to be at most {LONGEST} printable ASCII characters, without spaces or backslashes."
    if parts.netloc != parts.netloc.lower():
        return "Write its host in small letters."
    if "@" in parts.netloc or parts.fragment or "#" in url:
        return "It may hold no user name and no fragment."
    if loopback and host in LOOPBACK and parts.scheme in ("http", "https"):
        return None
    if parts.scheme != "https" or port not in (None, HTTPS_PORT):
        return "It has to begin with https://, at the usual port."
    if not is_public(host) or not all(map(HOST_LABEL.match, host.split("."))):
        return "Its host has to be a name in the public DNS: no address, nothing local."
    return None
