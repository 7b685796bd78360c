"""Guesses of class codes as they come in: counted before they are judged (S10 of the bar).

Whoever guesses has to find a code and a user name together, and hears the same of every wrong pair. Failures are what
is counted, in any stretch of five minutes:

- for a user name with a code, 10 at most, with pauses that double from the seventh on: one pupil cannot be tried out,
  while five mistypings in a row cost no pause at all;
- for an address, 250: a class of 35 behind one address may mistype five times each, all at once (175 failures), with
  room for those who are just being judged. A limit of 20 would lock a class out by four clumsy pupils;
- for everybody together, 1,000: that many guesses are judged, whether they come from one address or from a hundred.

An address is not told apart by whether its codes exist: what is counted differently answers the question. A guess for
which a bucket is empty is refused unjudged, with 429. Beside this the door itself takes a fixed number of requests a
minute from one address, and a code so many new pupils an hour.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request

from app.classes.codes import normal
from app.core.attempts import Bucket, Limit
from app.core.ratelimit import client_address
from app.sign_in.schemas import ClassCodeUserLogIn, RegisterUserIn

WINDOW = 300
OF_PUPIL = (Limit(6, 15), Limit(7, 30), Limit(8, 60), Limit(9, 120), Limit(10, WINDOW))
OF_ADDRESS = (Limit(250, WINDOW),)
OF_ALL = (Limit(1_000, WINDOW),)
NEW_PUPILS_AN_HOUR = 100
REFUSED: dict[int | str, dict[str, Any]] = {401: {"description": "No active pupil or class is found by these."}}


async def guess_to_sign_in(request: Request, given: ClassCodeUserLogIn) -> AsyncIterator[ClassCodeUserLogIn]:
    pupil = _named(request, f"{normal(given.class_joining_code)}\n{given.username.lower()}")
    buckets = [Bucket(f"class-code:pupil:{pupil}", OF_PUPIL), *_shared(request)]
    async with request.app.state.attempts.counted(buckets):
        yield given


async def guess_to_register(request: Request, given: RegisterUserIn) -> AsyncIterator[RegisterUserIn]:
    async with request.app.state.attempts.counted(_shared(request)):
        code = _named(request, normal(given.class_joining_code))
        await request.app.state.limiter.take(
            f"class-code:pupils:{code}", NEW_PUPILS_AN_HOUR, 3600, policy="registrations", fail_closed=True
        )
        yield given


GuessToSignIn = Annotated[ClassCodeUserLogIn, Depends(guess_to_sign_in, scope="function")]
GuessToRegister = Annotated[RegisterUserIn, Depends(guess_to_register, scope="function")]
"""Name them before the session in a door's signature: counting has a connection of its own, and none waits for it."""


def _shared(request: Request) -> list[Bucket]:
    address = client_address(request.scope, request.app.state.settings.trusted_proxies)
    return [Bucket(f"class-code:address:{address}", OF_ADDRESS), Bucket("class-code:all", OF_ALL)]


def _named(request: Request, what: str) -> str:
    """What was typed, as the table of limits may know it."""
    mark: bytes = request.app.state.vault.marks(what, "class-code guess")[0]
    return mark.hex()
