"""Firebase's Auth emulator, for development. Its tokens are not signed, so it is asked whether it made them."""

import asyncio
from datetime import UTC, datetime

import msgspec

from app.adapters.id_tokens import proof_of, read
from app.core.config import Settings
from app.core.errors import Unavailable
from app.sign_in.proof import IdTokenInvalid, IdTokenRevoked, Proof, ProviderAccountDisabled

SECONDS = 5.0


class Account(msgspec.Struct, rename="camel"):
    local_id: str
    valid_since: str = "0"
    disabled: bool = False


class Found(msgspec.Struct):
    users: list[Account] = []


class FirebaseEmulator:
    """Takes the tokens of the emulator that the settings name. Settings for production name none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def verify(self, token: str) -> Proof:
        header, claims = read(token, self._settings, datetime.now(UTC))
        if header.alg != "none" or self._settings.environment == "production":
            raise IdTokenInvalid
        account = await self._account(token, claims.sub)
        if account.disabled:
            raise ProviderAccountDisabled
        if claims.iat < int(account.valid_since):
            raise IdTokenRevoked
        return proof_of(token, claims, self._settings)

    async def close(self) -> None:
        pass

    async def _account(self, token: str, subject: str) -> Account:
        import httpx

        url = f"http://{self._settings.firebase_emulator_host}/identitytoolkit.googleapis.com/v1/accounts:lookup"
        try:
            async with asyncio.timeout(SECONDS), httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
                answer = await client.post(url, params={"key": "any"}, json={"idToken": token})
            found = msgspec.json.decode(answer.content, type=Found)
        except (httpx.HTTPError, OSError, msgspec.MsgspecError) as error:
            raise Unavailable("The Auth emulator does not answer.", retry_after=5) from error
        for account in found.users:
            if account.local_id == subject:
                return account
        raise IdTokenInvalid
