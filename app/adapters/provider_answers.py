"""How the providers' HTTP is taken: one question, and a body or one of the domain's failures."""

from typing import Any

import msgspec

from app.books.schemas import MAX_OTHER_ISBNS, Genre, GenreSource
from app.core.isbn import display, understand
from app.core.outside import NoAnswer, NotAllowed, Outside
from app.hydration import text
from app.hydration.providers import ProviderBusy, ProviderFailed, Unreadable

USUAL_PAUSE, LONGEST_PAUSE = 60, 24 * 3600
MOST_GENRES = 20


async def fetch(outside: Outside, provider: str, url: str) -> bytes:
    """What a provider answers with 200; what else it answers is its failure."""
    try:
        response = await outside.request("GET", url, purpose=provider, headers={"Accept": "*/*"})
    except (NoAnswer, NotAllowed) as error:
        raise ProviderFailed(provider, error.reason) from error
    if response.status == 429:
        raise ProviderBusy(provider, pause(response.headers.get("retry-after")))
    if response.status != 200:
        raise ProviderFailed(provider, f"http_{response.status}")
    return response.body


def pause(retry_after: str | None) -> int:
    """Seconds that a provider asks us to wait."""
    told = int(retry_after) if retry_after and retry_after.isdigit() and len(retry_after) < 7 else USUAL_PAUSE
    return min(max(told, 1), LONGEST_PAUSE)


def json_object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("not JSON") from error
    if not isinstance(found, dict):
        raise Unreadable("not a JSON object")
    return found


def listed(value: object) -> list[Any]:
    """A list, which is empty where something else was told."""
    return value if isinstance(value, list) else []


def genres(value: object) -> list[Genre]:
    """The first subjects that are text, as genres of no code list."""
    names = (text.clean(each, 200) for each in listed(value)[:MOST_GENRES])
    return [Genre(name=name, source=GenreSource.OTHER) for name in names if name is not None]


def siblings(isbn: str, told: list[Any]) -> list[str]:
    """The other editions that a record names beside this one: those that are plain ISBNs."""
    found = (understand(each) for each in told)
    others = {display(each.isbn): None for each in found if each.isbn is not None and each.code is None}
    return [other for other in others if other != isbn][:MAX_OTHER_ISBNS]
