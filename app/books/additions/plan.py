"""What additions mean for the catalogue as it is: decided in memory, so that nothing here waits for the database.

The one rule: what is unknown or lacking is taken over, what is known stays. Where a row says otherwise than what is
known, the known stays and the row is told. A row whose title names another book than its ISBN does adds nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from app.books.additions.known import Catalogue, KnownEdition, NewWork, Person, keys_of
from app.books.additions.rows import Addition, Note
from app.books.matching import (
    Description,
    KnownWork,
    authors_agree,
    best_match,
    match_title,
    person_key,
    titles_agree,
)
from app.books.schemas import AuthorCreateIn, EditionData
from app.core.text import fold

Status: TypeAlias = Literal["created", "updated", "unchanged", "rejected"]

ANOTHER_BOOK = Note(
    "title_differs", "This ISBN is known under another title; nothing of the row was used. Check the ISBN."
)
TITLE_MISSING = Note("title_missing", "Authors belong to a work, which needs a title; they were not kept.")
REPEATED = Note("duplicate_in_file", "An earlier row has the same ISBN; this one added only what that one lacked.")


@dataclass(slots=True)
class Outcome:
    """What became of one addition: which parts it added, and what there is to say."""

    status: Status
    added: list[str] = field(default_factory=list)
    note: Note | None = None
    conflicts: bool = False
    """The edition was known, and there was nothing to add."""


NEW, NAMED, NAMED_AGAIN = Outcome("created"), Outcome("unchanged"), Outcome("unchanged", note=REPEATED)
"""What becomes of rows that say nothing but an ISBN."""


def apply_additions(catalogue: Catalogue, additions: Iterable[Addition]) -> list[Outcome]:
    """Work the additions into the catalogue in their order."""
    seen: set[int] = set()
    outcomes = []
    for addition in additions:
        is_repeated = addition.isbn in seen
        seen.add(addition.isbn)
        is_new = addition.isbn in catalogue.created and not is_repeated
        if addition.data is None:
            outcomes.append(NEW if is_new else NAMED_AGAIN if is_repeated else NAMED)
            continue
        outcome = _outcome(catalogue, addition, addition.data, is_new)
        if is_repeated and outcome.note is None:
            outcome.note = REPEATED
        outcomes.append(outcome)
    return outcomes


def _outcome(catalogue: Catalogue, addition: Addition, data: EditionData, is_new: bool) -> Outcome:
    if data.work_id is not None and data.work_id not in catalogue.works:
        return Outcome("rejected", note=Note("work_not_found", f"There is no work {data.work_id}.", rejects=True))
    edition = catalogue.editions[addition.isbn]
    was_hydrated = edition.hydrated
    if _is_another_book(edition, data):
        return Outcome("unchanged", note=ANOTHER_BOOK, conflicts=True)
    kept = list(_kept(edition, data))
    added = [
        *_fill(edition, data),
        *_draw(catalogue, edition, data),
        *_relate(catalogue, edition, addition, data),
    ]
    if added:
        catalogue.changed[edition.isbn] = edition
    outcome = Outcome("created" if is_new else "updated" if added else "unchanged", added)
    outcome.conflicts = was_hydrated and not added
    if data.authors and edition.work is None:
        outcome.note = TITLE_MISSING
    elif kept:
        outcome.note = Note("known_data_kept", f"Already known, and not overwritten: {', '.join(kept)}.")
    return outcome


def _is_another_book(edition: KnownEdition, data: EditionData) -> bool:
    if data.title is None:
        return False
    said = match_title(data.title, data.leading_article)
    if edition.edition_title is not None:
        return not titles_agree(said, match_title(edition.edition_title, edition.leading_article))
    if edition.work is None or not edition.work.authors or not data.authors:
        return False
    return not titles_agree(said, edition.work.title) and not authors_agree(edition.work.authors, keys_of(data.authors))


def _kept(edition: KnownEdition, data: EditionData) -> Iterator[str]:
    """The fields in which a row contradicts what is known."""
    known = {
        "title": edition.edition_title,
        "subtitle": edition.edition_subtitle,
        "series_name": edition.series_name,
        "series_number": edition.series_number,
        "cover_url": edition.cover_url,
        "date_published": edition.date_published,
        "work_id": edition.work and edition.work.id,
    }
    for name, value in known.items():
        said = getattr(data, name)
        if value is not None and said is not None and said != value:
            yield name


def _fill(edition: KnownEdition, data: EditionData) -> Iterator[str]:
    """Take over what the edition lacks. An article goes with the title, a number with the name of its series."""
    if edition.edition_title is None and data.title is not None:
        edition.edition_title, edition.leading_article = data.title, data.leading_article
        yield "title"
    if edition.edition_subtitle is None and data.subtitle is not None:
        edition.edition_subtitle = data.subtitle
        yield "subtitle"
    same_series = edition.series_name is None or fold(edition.series_name) == fold(data.series_name or "")
    if edition.series_number is None and data.series_number is not None and same_series:
        edition.series_number = data.series_number
        yield "series_number"
    if edition.series_name is None and data.series_name is not None:
        edition.series_name = data.series_name
        yield "series_name"
    if edition.cover_url is None and data.cover_url is not None:
        edition.cover_url = data.cover_url
        yield "cover_url"
    if edition.date_published is None and data.date_published is not None:
        edition.date_published = data.date_published
        yield "date_published"
    if data.info is not None and (lacking := _lacking(edition.known_info(), data.info.model_dump(mode="json"))):
        edition.info = {**edition.known_info(), **lacking}
        yield "info"
    if data.hydrated and not edition.hydrated and edition.edition_title is not None:
        edition.hydrated = True
        yield "hydrated"


def _lacking(known: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    empty: tuple[Any, ...] = (None, "", [], {})
    return {name: value for name, value in said.items() if value not in empty and known.get(name) in empty}


def _draw(catalogue: Catalogue, edition: KnownEdition, data: EditionData) -> Iterator[str]:
    if data.illustrators and not edition.has_illustrators:
        edition.has_illustrators = True
        people = _people(catalogue.illustrators, data.illustrators)
        catalogue.new_drawings += [(edition.isbn, person) for person in people]
        yield "illustrators"


def _relate(catalogue: Catalogue, edition: KnownEdition, addition: Addition, data: EditionData) -> Iterator[str]:
    """Give the edition a work, the work authors, and its other editions the same work, as far as they have none.

    One that has a title has had a work, which somebody took away: hearsay does not give it another.
    """
    others = [catalogue.editions[isbn] for isbn in addition.others]
    if edition.work is None:
        edition.work = _work_for(catalogue, edition, others, data)
        if edition.work is not None:
            yield "work"
    work = edition.work
    if work is None:
        return
    if data.authors and not work.authors:
        _credit(catalogue, work, data.authors)
        yield "authors"
    if edition.series_number is not None:
        work.series_numbers.add(edition.series_number)
    lonely = [
        other
        for other in others
        if other.work is None and not other.hydrated and not (addition.is_hearsay and other.edition_title is not None)
    ]
    for other in lonely:
        other.work = work
        catalogue.changed[other.isbn] = other
    if lonely:
        yield "other_isbns"


def _work_for(
    catalogue: Catalogue, edition: KnownEdition, others: list[KnownEdition], data: EditionData
) -> KnownWork | None:
    """The work that was named, else a relative's, else the described one, else a new one; None without a title."""
    if data.work_id is not None:
        return catalogue.works[data.work_id]
    authors = keys_of(data.authors or ())
    for other in others:
        if other.work is not None and authors_agree(other.work.authors, authors):
            return other.work
    if edition.edition_title is None:
        return None
    said = Description(
        title=match_title(edition.edition_title, edition.leading_article),
        subtitle=fold(edition.edition_subtitle or ""),
        authors=frozenset(authors),
        series_number=edition.series_number,
    )
    return best_match(catalogue.by_title.get(said.title, ()), said) or _new_work(catalogue, edition, said)


def _new_work(catalogue: Catalogue, edition: KnownEdition, said: Description) -> KnownWork:
    work = KnownWork(None, said.title, said.subtitle, set(), set())
    catalogue.by_title.setdefault(work.title, []).append(work)
    catalogue.new_works.append(
        NewWork(work, edition.leading_article, edition.edition_title or "", edition.edition_subtitle)
    )
    return work


def _credit(catalogue: Catalogue, work: KnownWork, authors: list[AuthorCreateIn]) -> None:
    people = _people(catalogue.authors, authors)
    catalogue.new_credits += [(work, person) for person in people]
    work.authors |= {person.name_key for person in people}


def _people(known: dict[str, Person], named: Iterable[AuthorCreateIn]) -> list[Person]:
    """The people of these names, each once. A name that is known is taken for the same person."""
    people = []
    for one in named:
        key = person_key(one.first_name, one.last_name)
        if key not in known:
            known[key] = Person(None, key, one.first_name, one.last_name, one.info)
        people.append(known[key])
    return list(dict.fromkeys(people))
