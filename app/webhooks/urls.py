"""Which addresses a webhook may have, as far as the address itself tells. Where its name leads is looked at anew by
each delivery, when the name is resolved."""

import re

from app.core.urls import HOST_LABEL, is_public

LONGEST = 2_000
_PATH = r"(?:[/?][!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]*)?"
PUBLIC = re.compile(rf"https://(?P<host>[a-z0-9.-]{{1,253}})(?::443)?{_PATH}")
LOOPBACK = re.compile(rf"https?://(?:127\.0\.0\.1|localhost)(?::[0-9]{{1,5}})?{_PATH}")


def fault_of(url: str, *, loopback: bool) -> str | None:
    """What is wrong with an address, in a sentence; None for one that is good. ``loopback``: this machine is, too."""
    if loopback and LOOPBACK.fullmatch(url):
        return None
    parts = PUBLIC.fullmatch(url)
    if parts is None or len(url) > LONGEST:
        return "Write https://, the host in small letters, and a path: no user name, other port, blank or fragment."
    if not is_public(parts["host"]) or not all(map(HOST_LABEL.fullmatch, parts["host"].split("."))):
        return "Its host has to be a name in the public DNS: no address, nothing local."
    return None
