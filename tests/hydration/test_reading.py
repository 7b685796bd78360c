"""Open Library's and Google's answers in our words, and several answers about one book together."""

from typing import Any

import pytest

from app.adapters.google_books import GoogleBooks
from app.adapters.nielsen import Nielsen
from app.adapters.openlibrary import OpenLibrary
from app.books.schemas import EditionCreateIn
from app.core.outside import Response
from app.hydration import text
from app.hydration.asking import Findings
from app.hydration.providers import Unreadable
from tests.books.catalogue import new_isbn
from tests.conftest import settings_for
from tests.hydration.twins import google_record, nielsen_record, open_library_record

ISBN = new_isbn()
SETTINGS = settings_for("postgresql://nobody@127.0.0.1/nothing")


class Nowhere:
    """A way out that is not taken: these tests only read."""

    async def request(self, *_: Any, **__: Any) -> Response:
        raise AssertionError("nobody is asked")


NIELSEN, OPEN_LIBRARY, GOOGLE = (kind(Nowhere(), SETTINGS) for kind in (Nielsen, OpenLibrary, GoogleBooks))


def by_open_library(**details: Any) -> EditionCreateIn:
    return OPEN_LIBRARY.read(ISBN, open_library_record(ISBN, **details))


def by_google(**info: Any) -> EditionCreateIn:
    return GOOGLE.read(ISBN, google_record(ISBN, **info))


def test_a_record_of_open_library_in_our_words() -> None:
    edition = by_open_library(subtitle="A Tale")
    assert (edition.title, edition.subtitle) == (f"Fantastic Mr. Fox {ISBN}", "A Tale")
    assert [(each.first_name, each.last_name) for each in edition.authors or ()] == [("Roald", "Dahl")]
    assert (edition.series_name, edition.series_number, edition.date_published) == ("Puffin story books", 4, 1988)
    assert edition.cover_url == "https://covers.openlibrary.org/b/id/8739161-L.jpg"
    assert edition.info is not None
    assert (edition.info.pages, edition.info.summary_long) == ("96", "Three farmers and a fox.")
    assert [(genre.name, genre.source.value) for genre in edition.info.genres] == [
        ("Animals", "OTHER"),
        ("Foxes", "OTHER"),
    ]


def test_a_volume_of_google_in_our_words() -> None:
    edition = by_google()
    assert (edition.title, edition.subtitle, edition.date_published) == (f"The Google Story {ISBN}", "Inside", 20051115)
    assert [each.last_name for each in edition.authors or ()] == ["Vise", "Malseed"]
    assert edition.cover_url == "https://books.google.com/books/content?id=zyTCAlFPjgYC&zoom=1"
    assert edition.info is not None
    assert (edition.info.pages, edition.info.summary_long) == ("207", "The definitive account.")


@pytest.mark.parametrize(
    ("told", "series", "number"),
    [
        (["Twilight ; bk. 1"], "Twilight", 1),
        (["Dirk Pitt, #4"], "Dirk Pitt", 4),
        (["Goosebumps"], "Goosebumps", None),
        (["Area 51"], "Area 51", None),
        ([], None, None),
        ("Twilight", None, None),
        ([7], "7", None),
    ],
)
def test_a_series_and_the_number_that_is_written_behind(told: Any, series: str | None, number: int | None) -> None:
    edition = by_open_library(series=told)
    assert (edition.series_name, edition.series_number) == (series, number)


@pytest.mark.parametrize("covers", [[], [-1], ["x"], None, "8739161", [None]])
def test_no_cover_is_made_up(covers: Any) -> None:
    assert by_open_library(covers=covers).cover_url is None
    assert by_google(imageLinks={"thumbnail": "javascript:alert(1)"}).cover_url is None
    assert by_google(imageLinks=covers).cover_url is None


def test_another_books_record_is_refused() -> None:
    other = new_isbn()
    for provider, raw in (
        (OPEN_LIBRARY, open_library_record(other)),
        (GOOGLE, google_record(other)),
        (GOOGLE, google_record(ISBN, industryIdentifiers=None)),
    ):
        with pytest.raises(Unreadable):
            provider.read(ISBN, raw)
    assert by_open_library(isbn_13=None).title is not None, "a record that names no ISBN was found by it"


PAPER, CLOTH = "9780439023481", "9780142410370"


@pytest.mark.parametrize(
    ("thirteen", "ten", "others"),
    [
        ([ISBN, PAPER], [], [PAPER]),
        ([ISBN], ["0439023483"], [PAPER]),
        ([ISBN, PAPER, CLOTH], ["0-439-02348-3"], [PAPER, CLOTH]),
        ([CLOTH, PAPER], [ISBN], [CLOTH, PAPER]),
        ([ISBN], ["0439023484", "439023483", "0439023483 (pbk.)", "4006381333931", None, {}], []),
        ([ISBN], None, []),
    ],
)
def test_a_record_that_names_several_isbns_names_other_editions(thirteen: Any, ten: Any, others: list[str]) -> None:
    """Plain ones only: what would have to be guessed names no book of its own."""
    assert by_open_library(isbn_13=thirteen, isbn_10=ten).other_isbns == others
    told = [{"type": "ISBN_13", "identifier": each} for each in thirteen]
    told += [{"type": "ISBN_10", "identifier": each} for each in ten or ()]
    told.append({"type": "OTHER", "identifier": "9780306406157"})
    assert by_google(industryIdentifiers=told).other_isbns == others


def test_a_record_cannot_name_more_editions_than_anybody() -> None:
    assert len(by_open_library(isbn_13=[ISBN, *(new_isbn() for _ in range(250))]).other_isbns or ()) == 200


@pytest.mark.parametrize(("flag", "kept"), [("Y", True), ("N", False), ("", None), ("?", None)])
def test_a_picture_of_nielsens_is_told_and_another_shown(flag: str, kept: bool | None) -> None:
    findings = Findings()
    findings.take(NIELSEN, ISBN, nielsen_record(ISBN, IMAGFLAG=flag))
    assert findings.editions[ISBN].cover_url is None
    assert findings.lacks(ISBN), "Nielsen's own has no address that could be shown to anybody"
    findings.take(OPEN_LIBRARY, ISBN, open_library_record(ISBN))
    edition = findings.editions[ISBN]
    assert edition.info is not None
    assert edition.info.image_flag is kept
    assert edition.cover_url == "https://covers.openlibrary.org/b/id/8739161-L.jpg"


def test_the_first_word_counts_and_the_next_fill_its_gaps() -> None:
    findings = Findings()
    findings.take(NIELSEN, ISBN, nielsen_record(ISBN, ICKN2="", CNF2="", ICFN2="", LA=""))
    findings.take(OPEN_LIBRARY, ISBN, open_library_record(ISBN, subtitle="A Tale"))
    edition = findings.editions[ISBN]
    assert (edition.title, edition.subtitle, edition.leading_article) == (f"Twits {ISBN}", "A Tale", None)
    assert (edition.series_name, edition.series_number) == ("Puffin story books", 4)
    assert edition.date_published == 20070816
    assert edition.info is not None
    assert edition.info.pages == "87"
    assert edition.info.summary_long == "Three farmers and a fox."
    assert [genre.source.value for genre in edition.info.genres] == ["THEMA"]
    assert edition.info.image_flag is True


def test_a_number_of_another_series_is_not_taken_over() -> None:
    findings = Findings()
    findings.take(NIELSEN, ISBN, nielsen_record(ISBN, SN="Roald Dahl Fiction"))
    findings.take(OPEN_LIBRARY, ISBN, open_library_record(ISBN))
    edition = findings.editions[ISBN]
    assert (edition.series_name, edition.series_number) == ("Roald Dahl Fiction", None)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("<p>One</p><p>Two</p>", "One Two"),
        ("&lt;b&gt;bold&lt;/b&gt; &amp; plain", "bold & plain"),
        ("<script>alert(1)</script>text<style>p{}</style>", "text"),
        ("a\x00b\x1bc", "abc"),
        (" \n ", None),
        (None, None),
        (True, None),
        (["x"], None),
        (7, "7"),
        ("5 < 6 and 7 > 6", "5 < 6 and 7 > 6"),
    ],
)
def test_texts_are_plain(told: Any, kept: str | None) -> None:
    assert text.clean(told) == kept
