"""Nielsen BookData, which knows what the book trade knows: one record of flat fields (`hydration.fields`), in XML."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import ValidationError

from app.adapters.provider_answers import USUAL_PAUSE, fetch
from app.books.schemas import AuthorCreateIn, EditionCreateIn, EditionInfo, Genre
from app.core.config import Settings
from app.core.isbn import understand
from app.core.outside import Outside
from app.hydration import fields, text
from app.hydration.providers import Budget, ProviderBusy, ProviderFailed, Raw, Unreadable

OK, BUSY = "00", "50"
FAILURES = {"01": "service_down", "02": "not_authenticated", "03": "server_error"}
"""Its result codes that say that nothing can be had. No such ISBN is `00` with no record."""
DATA = {"from": 0, "to": 1, "indexType": 0, "format": 7, "resultView": 2, "field0": 1}
MOST_FIELDS, LONGEST_FIELD = 500, 20_000
READERS: Mapping[str, Callable[[str], Any]] = {
    "article": lambda told: text.clean(told, 20),
    "heading": text.heading,
    "text": text.clean,
    "number": text.number,
    "date": text.date,
    "flag": lambda told: {"Y": True, "N": False}.get(told.strip().upper()[:1]),
}


class Nielsen:
    """Asks for one ISBN at a time. The password goes in the query, for Nielsen takes it nowhere else."""

    name = "nielsen"
    most = 1

    def __init__(self, outside: Outside, settings: Settings) -> None:
        self.budget = Budget(settings.nielsen_requests_per_minute, timedelta(minutes=1), burst=60)
        self._outside = outside
        self._url = settings.nielsen_url
        self._client_id = settings.nielsen_client_id or ""
        password = settings.nielsen_password
        self._password = password.get_secret_value() if password else ""

    async def ask(self, isbns: Sequence[str]) -> Mapping[str, Raw | None]:
        (isbn,) = isbns
        query = urlencode({"clientId": self._client_id, "password": self._password, **DATA, "value0": isbn})
        code, found = read_xml(await fetch(self._outside, self.name, f"{self._url}?{query}"), isbn)
        if code == BUSY:
            raise ProviderBusy(self.name, USUAL_PAUSE)
        if code != OK:
            raise ProviderFailed(self.name, FAILURES.get(code, "unknown_code"))
        return {isbn: found}

    def read(self, isbn: str, raw: Raw) -> EditionCreateIn:
        return read_record(isbn, raw)


def read_xml(body: bytes, isbn: str) -> tuple[str, Raw | None]:
    """The result code, and the fields of the record; None where there is none. `Unreadable` for another book's."""
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        root = ElementTree.fromstring(body, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Unreadable("not XML") from error
    code = (root.findtext(".//resultCode") or "").strip()
    if not code:
        raise Unreadable("no result code")
    records = [parent for parent in root.iter() if parent.find("ISBN13") is not None]
    if code != OK or not records:
        return code, None
    raw = {
        field.tag: field.text.strip()[:LONGEST_FIELD]
        for field in list(records[0])[:MOST_FIELDS]
        if field.text and field.text.strip() and isinstance(field.tag, str)
    }
    if understand(raw.get("ISBN13", "")).isbn != int(isbn):
        raise Unreadable("another book")
    return code, raw


def read_record(isbn: str, raw: Raw) -> EditionCreateIn:
    """A record in our words."""
    said: dict[str, Any] = {"info": {}}
    for field in fields.FIELDS:
        if field.kind != "isbn" and (value := READERS[field.kind](str(raw.get(field.nielsen, "")))) is not None:
            _put(said, field.ours, value)
    for listed in fields.LISTS:
        _put(said, listed.ours, _list_at(said, listed.ours) + [value for _, value in _told(raw, listed.nielsen)])
    for number in fields.TIMES:
        person, role = _person(raw, number), str(raw.get(f"CR{number}", "")).strip().upper()
        if person is not None and role in fields.ROLES:
            said.setdefault(fields.ROLES[role], []).append(person.model_dump())
    info = EditionInfo(**said.pop("info"), genres=list(_genres(raw)))
    try:
        return EditionCreateIn(isbn=isbn, info=info, hydrated=True, **said)
    except ValidationError as error:
        raise Unreadable("does not fit") from error


def _told(raw: Raw, name: str) -> Iterator[tuple[int, str]]:
    """What a numbered field says, by number."""
    for number in fields.TIMES:
        if (value := text.clean(raw.get(name.replace("#", str(number))))) is not None:
            yield number, value


def _genres(raw: Raw) -> Iterator[Genre]:
    for genre in fields.GENRES:
        codes = dict(_told(raw, genre.code)) if genre.code else {}
        for number, name in _told(raw, genre.name):
            yield Genre(name=name, source=genre.source, code=codes.get(number))


def _person(raw: Raw, number: int) -> AuthorCreateIn | None:
    parts = [raw.get(name.replace("#", str(number))) for name in (fields.FIRST_NAME, fields.LAST_NAME)]
    return text.named(*parts) or text.person(raw.get(fields.NAME.replace("#", str(number))))


def _put(said: dict[str, Any], path: str, value: Any) -> None:
    whole, _, part = path.rpartition(".")
    (said[whole] if whole else said)[part] = value


def _list_at(said: dict[str, Any], path: str) -> list[Any]:
    found: list[Any] = said["info"].get(path.removeprefix("info."), [])
    return found
