"""Open Library, which anybody edits: asked for many ISBNs at once, and for pictures of covers.

`/api/books` with `jscmd=details` tells the record of an edition and the names of its authors in one answer; those of
`/isbn/…` only redirect. A cover is named by its own number, which Open Library does not ration.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from app.adapters.provider_answers import fetch, genres, json_object, listed, siblings
from app.books.schemas import EditionCreateIn, EditionInfo
from app.core.config import Settings
from app.core.isbn import understand
from app.core.outside import Outside
from app.hydration import text
from app.hydration.providers import Budget, Raw, Unreadable


class OpenLibrary:
    name = "open-library"
    most = 40

    def __init__(self, outside: Outside, settings: Settings) -> None:
        self.budget = Budget(settings.open_library_requests_per_minute, timedelta(minutes=1), burst=30)
        self._outside = outside
        self._url = settings.open_library_url
        self._covers_url = settings.open_library_covers_url

    async def ask(self, isbns: Sequence[str]) -> Mapping[str, Raw | None]:
        keys = ",".join(f"ISBN:{isbn}" for isbn in isbns)
        url = f"{self._url}/api/books?bibkeys={keys}&jscmd=details&format=json"
        found = json_object(await fetch(self._outside, self.name, url))
        answers = {isbn: found.get(f"ISBN:{isbn}") for isbn in isbns}
        return {isbn: raw if isinstance(raw, dict) else None for isbn, raw in answers.items()}

    def read(self, isbn: str, raw: Raw) -> EditionCreateIn:
        details = raw.get("details")
        if not isinstance(details, dict) or not _is_about(isbn, details):
            raise Unreadable("another book")
        description = details.get("description")
        series, number = _volume(_first(details.get("series")))
        try:
            return EditionCreateIn(
                isbn=isbn,
                other_isbns=siblings(isbn, _isbns(details)),
                title=text.heading(details.get("title")),
                subtitle=text.heading(details.get("subtitle")),
                series_name=series,
                series_number=number,
                authors=[
                    person
                    for each in listed(details.get("authors"))
                    if isinstance(each, dict) and (person := text.person(each.get("name"))) is not None
                ],
                date_published=text.date(details.get("publish_date")),
                cover_url=self._cover(details),
                info=EditionInfo(
                    pages=text.clean(details.get("number_of_pages")),
                    summary_long=text.clean(description.get("value") if isinstance(description, dict) else description),
                    genres=genres(details.get("subjects")),
                ),
                hydrated=True,
            )
        except ValidationError as error:
            raise Unreadable("does not fit") from error

    def _cover(self, details: Mapping[str, Any]) -> str | None:
        numbers = [each for each in listed(details.get("covers")) if isinstance(each, int) and each > 0]
        return f"{self._covers_url}/b/id/{numbers[0]}-L.jpg" if numbers else None


def _is_about(isbn: str, details: Mapping[str, Any]) -> bool:
    """Whether a record has the ISBN; one that names none is taken at its word."""
    told = _isbns(details)
    return not told or int(isbn) in {understand(each).isbn for each in told}


def _isbns(details: Mapping[str, Any]) -> list[Any]:
    """All that a record names: a librarian puts the hardback and the paperback in one."""
    return [*listed(details.get("isbn_13")), *listed(details.get("isbn_10"))]


def _first(value: object) -> object:
    return next(iter(listed(value)), None)


def _volume(told: object) -> tuple[str | None, int | None]:
    """A series and the number in it, which librarians write behind: `Twilight ; bk. 1`, `Dirk Pitt, #4`."""
    series = text.heading(told)
    if series is None:
        return None, None
    for sign in (" ;", ";", ", #", " #", ", no.", ", bk."):
        name, found, rest = series.partition(sign)
        if found and text.number(rest) is not None:
            return name.strip() or series, text.number(rest)
    return series, None
