"""Google Books, asked for one ISBN at a time."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import ValidationError

from app.adapters.provider_answers import fetch, genres, json_object, listed, siblings
from app.books.schemas import EditionCreateIn, EditionInfo
from app.core.config import Settings
from app.core.isbn import understand
from app.core.outside import Outside
from app.hydration import text
from app.hydration.providers import Budget, Raw, Unreadable


class GoogleBooks:
    name = "google-books"
    most = 1

    def __init__(self, outside: Outside, settings: Settings) -> None:
        self.budget = Budget(settings.google_books_requests_per_day, timedelta(days=1), burst=100)
        self._outside = outside
        self._url = settings.google_books_url
        key = settings.google_books_key
        self._key = {"key": key.get_secret_value()} if key else {}

    async def ask(self, isbns: Sequence[str]) -> Mapping[str, Raw | None]:
        (isbn,) = isbns
        query = urlencode({"q": f"isbn:{isbn}", "maxResults": 5, "projection": "full", **self._key}, safe=":")
        found = json_object(await fetch(self._outside, self.name, f"{self._url}/volumes?{query}"))
        items = found.get("items") or []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Unreadable("no list of volumes")
        return {isbn: next((item for item in items if _is_about(isbn, _volume(item))), None)}

    def read(self, isbn: str, raw: Raw) -> EditionCreateIn:
        volume = _volume(raw)
        if not _is_about(isbn, volume):
            raise Unreadable("another book")
        people = (text.person(name) for name in listed(volume.get("authors")))
        try:
            return EditionCreateIn(
                isbn=isbn,
                other_isbns=siblings(isbn, _isbns(volume)),
                title=text.heading(volume.get("title")),
                subtitle=text.heading(volume.get("subtitle")),
                authors=[person for person in people if person is not None],
                date_published=text.date(volume.get("publishedDate")),
                cover_url=_cover(volume.get("imageLinks")),
                info=EditionInfo(
                    pages=text.clean(volume.get("pageCount") or None),
                    summary_long=text.clean(volume.get("description")),
                    genres=genres(volume.get("categories")),
                ),
                hydrated=True,
            )
        except ValidationError as error:
            raise Unreadable("does not fit") from error


def _volume(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = item.get("volumeInfo")
    return found if isinstance(found, dict) else {}


def _is_about(isbn: str, volume: Mapping[str, Any]) -> bool:
    """Whether a volume has the ISBN: the search finds books that only mention it, too."""
    return int(isbn) in {understand(each).isbn for each in _isbns(volume)}


def _isbns(volume: Mapping[str, Any]) -> list[Any]:
    told = [each for each in listed(volume.get("industryIdentifiers")) if isinstance(each, dict)]
    return [each.get("identifier") for each in told if str(each.get("type", "")).startswith("ISBN_")]


def _cover(links: object) -> str | None:
    """The largest picture, by https; Google spells the address without."""
    if not isinstance(links, dict):
        return None
    for size in ("extraLarge", "large", "medium", "small", "thumbnail", "smallThumbnail"):
        if isinstance(url := links.get(size), str) and url.startswith(("http://", "https://")):
            return "https://" + url.partition("://")[2]
    return None
