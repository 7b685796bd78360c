"""The part of the catalogue that additions are about: as it was found, as it is to be, and what is new in it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.books.additions.rows import Addition
from app.books.matching import KnownWork, match_title, person_key, series_key
from app.books.schemas import AuthorCreateIn
from app.core.aside import array_of, json_of
from app.core.text import fold


@dataclass(slots=True, eq=False)
class Person:
    """An author or illustrator. ``id`` is None until a new one is stored."""

    id: int | None
    name_key: str
    first_name: str | None
    last_name: str
    info: dict[str, Any] | None = None


@dataclass(slots=True, eq=False)
class KnownEdition:
    """An edition under the transaction's lock. ``info`` is JSON as it was found, until something is added to it."""

    isbn: int
    work_id: int | None
    leading_article: str | None
    edition_title: str | None
    edition_subtitle: str | None
    date_published: int | None
    cover_url: str | None
    series_name: str | None
    series_number: int | None
    info: str | dict[str, Any] | None
    hydrated: bool
    has_illustrators: bool
    work: KnownWork | None = None

    def known_info(self) -> dict[str, Any]:
        return msgspec.json.decode(self.info) if isinstance(self.info, str) else self.info or {}


@dataclass(slots=True)
class NewWork:
    """A work that is to be stored: what it is matched by, and how its title is written."""

    known: KnownWork
    leading_article: str | None
    title: str
    subtitle: str | None


@dataclass(slots=True)
class Catalogue:
    """What is known, by its keys, and what is to be written."""

    created: set[int]
    editions: dict[int, KnownEdition] = field(default_factory=dict)
    works: dict[int, KnownWork] = field(default_factory=dict)
    by_title: dict[str, list[KnownWork]] = field(default_factory=dict)
    authors: dict[str, Person] = field(default_factory=dict)
    illustrators: dict[str, Person] = field(default_factory=dict)
    new_works: list[NewWork] = field(default_factory=list)
    new_credits: list[tuple[KnownWork, Person]] = field(default_factory=list)
    new_drawings: list[tuple[int, Person]] = field(default_factory=list)
    changed: dict[int, KnownEdition] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked about works and people, as parameters: an array, and JSON."""

    work_ids: str
    descriptions: str
    writers: str
    drawers: str


def numbers_in(additions: Iterable[Addition]) -> str:
    """All ISBNs of additions, each once, as an array."""
    return array_of({isbn for addition in additions for isbn in addition.isbns})


def meet_editions(catalogue: Catalogue, rows: Iterable[Sequence[Any]], additions: Sequence[Addition]) -> Questions:
    """Take up the editions that were found, and ask for what belongs to them and for what the additions tell of."""
    for row in rows:
        catalogue.editions[row[0]] = KnownEdition(*row)
    said = [addition.data for addition in additions if addition.data is not None]
    work_ids = {edition.work_id for edition in catalogue.editions.values()} | {data.work_id for data in said}
    descriptions = {pair for addition in additions for pair in _descriptions(catalogue, addition)}
    return Questions(
        work_ids=array_of(work_id for work_id in work_ids if work_id is not None),
        descriptions=json_of([{"title": title, "author": author} for title, author in descriptions]),
        writers=json_of(keys_of(person for data in said for person in data.authors or ())),
        drawers=json_of(keys_of(person for data in said for person in data.illustrators or ())),
    )


def meet_works(catalogue: Catalogue, rows: Iterable[Sequence[Any]]) -> None:
    """Take up the works that were found; the editions come to theirs."""
    for id_, title, subtitle, authors, series_numbers in rows:
        work = KnownWork(id_, title, fold(subtitle or ""), set(authors or ()), set(series_numbers or ()))
        catalogue.works[id_] = work
        catalogue.by_title.setdefault(title, []).append(work)
    for edition in catalogue.editions.values():
        edition.work = None if edition.work_id is None else catalogue.works[edition.work_id]


def meet_people(catalogue: Catalogue, rows: Iterable[Sequence[Any]]) -> None:
    for is_author, id_, key, first_name, last_name in rows:
        people = catalogue.authors if is_author else catalogue.illustrators
        people[key] = Person(id_, key, first_name, last_name)


def keys_of(people: Iterable[AuthorCreateIn]) -> set[str]:
    """What people of these names are looked up by."""
    return {person_key(person.first_name, person.last_name) for person in people}


def _descriptions(catalogue: Catalogue, addition: Addition) -> Iterator[tuple[str, str]]:
    """Title and author by which the work of an addition may be found: a pair for each author."""
    edition, data = catalogue.editions[addition.isbn], addition.data
    if data is None:
        return
    title, article = data.title, data.leading_article
    if edition.edition_title is not None:
        title, article = edition.edition_title, edition.leading_article
    if title is not None:
        for key in keys_of(data.authors or ()):
            yield match_title(title, article), key


@dataclass(frozen=True, slots=True)
class Newcomers:
    """What an addition brings that had no row, and so no number."""

    works: list[NewWork]
    authors: list[Person]
    illustrators: list[Person]


def newcomers_in(catalogue: Catalogue) -> Newcomers:
    return Newcomers(
        catalogue.new_works,
        [person for person in catalogue.authors.values() if person.id is None],
        [person for person in catalogue.illustrators.values() if person.id is None],
    )


def records_of(catalogue: Catalogue, new: Newcomers, ids: Sequence[Sequence[int]]) -> dict[str, str]:
    """Number what is new; then all that is to be written, as JSON by table, in an order that references allow."""
    groups: tuple[Sequence[KnownWork | Person], ...] = (
        [work.known for work in new.works],
        new.authors,
        new.illustrators,
    )
    for group, numbers in zip(groups, ids, strict=True):
        for one, number in zip(group, numbers, strict=True):
            one.id = number
    records: dict[str, list[Any]] = {
        "works": [_work_record(work) for work in new.works],
        "authors": [_author_record(person) for person in new.authors],
        "illustrators": new.illustrators,
        "editions": [_edition_record(edition) for edition in catalogue.changed.values()],
        "author_works": [{"work_id": work.id, "author_id": person.id} for work, person in catalogue.new_credits],
        "illustrator_editions": [
            {"edition_isbn": isbn, "illustrator_id": person.id} for isbn, person in catalogue.new_drawings
        ],
        "series": [
            _volume_record(place, edition)
            for place, edition in enumerate(catalogue.changed.values())
            if _is_volume(edition)
        ],
    }
    return {table: json_of(rows) for table, rows in records.items() if rows}


def _work_record(new: NewWork) -> dict[str, Any]:
    return {
        "id": new.known.id,
        "leading_article": new.leading_article,
        "title": new.title,
        "subtitle": new.subtitle,
        "match_title": new.known.title,
        "match_subtitle": new.known.subtitle,
    }


def _author_record(new: Person) -> dict[str, Any]:
    name = f"{new.first_name or ''} {new.last_name}"
    return {**msgspec.to_builtins(new), "search_name": fold(name)}


def _is_volume(edition: KnownEdition) -> bool:
    return edition.work is not None and edition.series_name is not None


def _volume_record(place: int, edition: KnownEdition) -> dict[str, Any]:
    """A work's place in the series that its edition names."""
    title = edition.series_name or ""
    return {
        "place": place,
        "title": title,
        "title_key": series_key(title),
        "search_title": fold(title),
        "work_id": edition.work and edition.work.id,
        "order_id": edition.series_number,
    }


def _edition_record(edition: KnownEdition) -> dict[str, Any]:
    info = msgspec.Raw(edition.info.encode()) if isinstance(edition.info, str) else edition.info
    return {
        "isbn": edition.isbn,
        "work_id": edition.work and edition.work.id,
        "leading_article": edition.leading_article,
        "edition_title": edition.edition_title,
        "edition_subtitle": edition.edition_subtitle,
        "date_published": edition.date_published,
        "cover_url": edition.cover_url,
        "series_name": edition.series_name,
        "series_number": edition.series_number,
        "info": info,
        "hydrated": edition.hydrated,
    }
