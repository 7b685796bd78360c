"""Which of Nielsen BookData's fields becomes which of ours. Data alone: each line has its test.

A field with `#` is told up to nine times, as `CNF1` … `CNF9`; several fields of one part belong together by number.
"""

from typing import NamedTuple

from app.books.schemas import GenreSource

TIMES = range(1, 10)


class Field(NamedTuple):
    nielsen: str
    ours: str
    kind: str
    """How it is read: `heading`, `text`, `number`, `date`, `flag`."""


FIELDS = (
    Field("ISBN13", "isbn", "isbn"),
    Field("LA", "leading_article", "article"),
    Field("TL", "title", "heading"),
    Field("ST", "subtitle", "heading"),
    Field("SN", "series_name", "heading"),
    Field("NWS", "series_number", "number"),
    Field("PUBPD", "date_published", "date"),
    Field("PAGNUM", "info.pages", "text"),
    Field("COP", "info.country", "text"),
    Field("PRODCC", "info.prodcc", "text"),
    Field("PRODCT", "info.prodct", "text"),
    Field("CBMCCODE", "info.cbmccode", "text"),
    Field("CBMCTEXT", "info.cbmctext", "text"),
    Field("AUSFSD", "info.summary_short", "text"),
    Field("AUSFLD", "info.summary_long", "text"),
    Field("KEYWORDS", "info.keywords", "text"),
    Field("IA", "info.interest_age", "text"),
    Field("RA", "info.reading_age", "text"),
    Field("IMAGFLAG", "info.image_flag", "flag"),
)


class Listed(NamedTuple):
    """A field that is told several times, and the list that it is put in."""

    nielsen: str
    ours: str


LISTS = (
    Listed("BIC2QC#", "info.bic_qualifiers"),
    Listed("THEMAQC#", "info.thema_qualifiers"),
    Listed("PCTCT#", "info.medium_tags"),
    Listed("PFCT#", "info.medium_tags"),
)


class GenreFields(NamedTuple):
    name: str
    code: str | None
    source: GenreSource


GENRES = (
    GenreFields("BISACT#", "BISACC#", GenreSource.BISAC),
    GenreFields("BIC2ST#", "BIC2SC#", GenreSource.BIC),
    GenreFields("THEMAST#", "THEMASC#", GenreSource.THEMA),
    GenreFields("LOCSH#", None, GenreSource.LOCSH),
)
NAME, FIRST_NAME, LAST_NAME, ROLE = "CNF#", "ICFN#", "ICKN#", "CR#"
"""A contributor: the whole name, its parts, and what the person did."""
ROLES = {"A01": "authors", "A02": "authors", "A12": "illustrators", "A35": "illustrators"}
"""ONIX code list 17: written by, with; illustrated by, drawings by. Who did something else is not kept."""
