"""Which credentials of programs this process has let in lately."""

import time
from typing import TypeAlias

from app.core.api_keys import ApiKey
from app.core.security import Claims

Credential: TypeAlias = Claims | ApiKey

SECONDS = 300
MOST = 10_000


class Acquaintances:
    """Credentials that were let in within the last five minutes.

    This lets nobody in, the database is asked at every request: it only spares most requests what has to be done now
    and then, to note that the credential is used, and to suspect a key of being made up.
    """

    def __init__(self) -> None:
        self._met: dict[Credential, float] = {}

    def knows(self, credential: Credential) -> bool:
        return time.monotonic() - self._met.get(credential, float("-inf")) < SECONDS

    def remember(self, credential: Credential) -> None:
        if len(self._met) >= MOST:
            self._met.clear()
        self._met[credential] = time.monotonic()

    def forget(self, credential: Credential) -> None:
        self._met.pop(credential, None)
