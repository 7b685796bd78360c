"""Every line of the tables: what Nielsen's fields become, and what labels follow from them.

The expectations are written out from the description of the data, not taken from the tables.
"""

from typing import Any

import pytest

from app.adapters.nielsen import read_record
from app.books.schemas import EditionCreateIn, EditionInfo, Genre, GenreSource
from app.hydration import codes, fields
from app.hydration.inference import (
    infer_abilities,
    infer_ages,
    infer_labels,
    infer_status,
    infer_summary,
    read_ages,
)
from app.labels.models import LabelGroup, LabelOrigin
from tests.books.catalogue import new_isbn

ISBN = new_isbn()
FIELDS: dict[str, tuple[str, str, Any]] = {
    "LA": (" The ", "leading_article", "The"),
    "TL": ("Twits &amp; <i>Co</i>", "title", "Twits & Co"),
    "ST": ("A Nasty Couple", "subtitle", "A Nasty Couple"),
    "SN": ("Puffin Fiction", "series_name", "Puffin Fiction"),
    "NWS": ("Vol. 12", "series_number", 12),
    "PUBPD": ("20070816", "date_published", 20070816),
    "PAGNUM": ("87", "info.pages", "87"),
    "COP": ("Australia", "info.country", "Australia"),
    "PRODCC": ("Y2.1", "info.prodcc", "Y2.1"),
    "PRODCT": ("Children's General Fiction", "info.prodct", "Children's General Fiction"),
    "CBMCCODE": ("C3N79", "info.cbmccode", "C3N79"),
    "CBMCTEXT": ("Fiction 7-9", "info.cbmctext", "Fiction 7-9"),
    "AUSFSD": ("<p>Short<br/>one</p>", "info.summary_short", "Short one"),
    "AUSFLD": ("&lt;p&gt;Long one&lt;/p&gt;<script>alert(1)</script>", "info.summary_long", "Long one"),
    "KEYWORDS": ("monkeys; glue", "info.keywords", "monkeys; glue"),
    "IA": ("7-9 years", "info.interest_age", "7-9 years"),
    "RA": ("From 8", "info.reading_age", "From 8"),
    "IMAGFLAG": ("Y", "info.image_flag", True),
}
LISTS = {
    "BIC2QC#": "info.bic_qualifiers",
    "THEMAQC#": "info.thema_qualifiers",
    "PCTCT#": "info.medium_tags",
    "PFCT#": "info.medium_tags",
}
GENRES = {
    "BISACT": ("BISACC", "BISAC"),
    "BIC2ST": ("BIC2SC", "BIC"),
    "THEMAST": ("THEMASC", "THEMA"),
    "LOCSH": ("", "LOCSH"),
}


def at(edition: EditionCreateIn, path: str) -> Any:
    value: Any = edition
    for name in path.split("."):
        value = getattr(value, name)
    return value


def test_the_tables_hold_these_lines_and_no_others() -> None:
    assert {field.nielsen for field in fields.FIELDS} == FIELDS.keys() | {"ISBN13"}
    assert {listed.nielsen: listed.ours for listed in fields.LISTS} == LISTS
    assert {genre.name.rstrip("#") for genre in fields.GENRES} == GENRES.keys()
    assert fields.ROLES == {"A01": "authors", "A02": "authors", "A12": "illustrators", "A35": "illustrators"}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_becomes_ours(name: str) -> None:
    told, path, expected = FIELDS[name]
    edition = read_record(ISBN, {"ISBN13": ISBN, name: told})
    assert at(edition, path) == expected
    untold = read_record(ISBN, {"ISBN13": ISBN, name: " "})
    assert at(untold, path) is None


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("number", range(1, 10))
def test_a_field_that_is_told_several_times_becomes_a_list(name: str, number: int) -> None:
    edition = read_record(ISBN, {name.replace("#", str(number)): "5AH", name.replace("#", "10"): "no"})
    assert at(edition, LISTS[name]) == ["5AH"]


def test_both_sources_of_tags_are_kept() -> None:
    info = read_record(ISBN, {"PCTCT1": "a", "PCTCT2": "b", "PFCT1": "c"}).info
    assert info is not None
    assert info.medium_tags == ["a", "b", "c"]


@pytest.mark.parametrize("name", GENRES)
def test_a_genre_keeps_its_scheme_and_its_code(name: str) -> None:
    code, source = GENRES[name]
    told = (
        {f"{name}1": "One", f"{name}9": "Nine", f"{code}9": "X9"} if code else {f"{name}1": "One", f"{name}9": "Nine"}
    )
    info = read_record(ISBN, told).info
    assert info is not None
    assert [(genre.name, genre.source.value, genre.code) for genre in info.genres] == [
        ("One", source, None),
        ("Nine", source, "X9" if code else None),
    ]


@pytest.mark.parametrize(
    ("role", "becomes"),
    [
        ("A01", "authors"),
        ("A02", "authors"),
        ("A12", "illustrators"),
        ("A35", "illustrators"),
        ("B06", None),
        ("", None),
    ],
)
def test_a_contributor_counts_by_role(role: str, becomes: str | None) -> None:
    edition = read_record(ISBN, {"ICFN9": "Roald", "ICKN9": "Dahl", "CNF9": "Dahl, R.", "CR9": role})
    people = {name: getattr(edition, name) or [] for name in ("authors", "illustrators")}
    assert {name: [(each.first_name, each.last_name) for each in said] for name, said in people.items() if said} == (
        {becomes: [("Roald", "Dahl")]} if becomes else {}
    )


@pytest.mark.parametrize(
    ("told", "person"),
    [
        ({"ICFN1": "Madonna"}, (None, "Madonna")),
        ({"ICKN1": "Dahl"}, (None, "Dahl")),
        ({"CNF1": "Roald Dahl"}, ("Roald", "Dahl")),
        ({"CNF1": "Dahl, Roald"}, ("Roald", "Dahl")),
        ({"CNF1": "Homer"}, (None, "Homer")),
    ],
)
def test_a_name_is_understood_by_its_parts_or_as_a_whole(told: dict[str, str], person: tuple[str | None, str]) -> None:
    (author,) = read_record(ISBN, {**told, "CR1": "A01"}).authors or ()
    assert (author.first_name, author.last_name) == person


@pytest.mark.parametrize(
    ("told", "date"),
    [
        ("2007", 2007),
        ("200708", 2007),
        ("2007-08-16", 20070816),
        ("20071399", 2007),
        ("16 August 2007", 2007),
        ("soon", None),
    ],
)
def test_a_date_is_as_whole_as_it_is_told(told: str, date: int | None) -> None:
    assert read_record(ISBN, {"PUBPD": told}).date_published == date


def test_a_record_of_immense_texts_fits() -> None:
    told = dict.fromkeys((*FIELDS, "BISACT1", "CNF1", "ICFN1", "ICKN1"), "x" * 50000) | {"CR1": "A01"}
    edition = read_record(ISBN, told)
    assert len(edition.title or "") == 512
    assert len((edition.info or EditionInfo()).summary_long or "") == 10_000


# ---- labels

QUALIFIERS = (
    "AB 0-2, AC 3-4, AD 4-6, AF 5-7, AG 6-8, AH 7-9, AJ 8-10, AK 9-11, AL 10-12, AM 11-13, AN 12-14, AP 13-15, AQ 14-16"
)
ONLY_THEMA = "AS 15-17, AT 16-18, AU 17-19"


def lines(text: str) -> list[tuple[str, int, int]]:
    split = (line.split() for line in text.split(", "))
    return [(f"5{code}", *map(int, ages.split("-"))) for code, ages in split]  # type: ignore[misc]


def ages_of(**told: Any) -> tuple[int, int, str] | None:
    found = infer_ages(EditionInfo(**told))
    return None if found is None else (*found[0], found[1].value)


@pytest.mark.parametrize(
    ("code", "lowest", "highest"), [("A", 0, 5), ("B", 5, 7), ("C", 7, 9), ("D", 9, 11), ("E", 12, 14)]
)
def test_age_by_cbmc(code: str, lowest: int, highest: int) -> None:
    assert ages_of(cbmccode=f"{code}3N79", thema_qualifiers=["5AB"]) == (lowest, highest, "NIELSEN_CBMC")


@pytest.mark.parametrize(("code", "lowest", "highest"), [*lines(QUALIFIERS), *lines(ONLY_THEMA)])
def test_age_by_thema(code: str, lowest: int, highest: int) -> None:
    found = ages_of(cbmccode="Z", thema_qualifiers=["5HC", code.lower()], bic_qualifiers=["5AB"])
    assert found == (lowest, highest + 2, "NIELSEN_THEMA")


@pytest.mark.parametrize(("code", "lowest", "highest"), lines(QUALIFIERS))
def test_age_by_bic(code: str, lowest: int, highest: int) -> None:
    assert ages_of(bic_qualifiers=[code], interest_age="1-2") == (lowest, highest + 2, "NIELSEN_BIC")


@pytest.mark.parametrize(("code", "_", "__"), lines(ONLY_THEMA))
def test_bic_has_no_such_qualifier(code: str, _: int, __: int) -> None:
    assert ages_of(bic_qualifiers=[code]) is None


def test_the_tables_of_ages_have_no_other_lines() -> None:
    assert (len(codes.CBMC_AGES), len(codes.BIC_AGES), len(codes.THEMA_AGES)) == (5, 13, 16)


def test_of_several_qualifiers_all_ages_count() -> None:
    assert ages_of(thema_qualifiers=["5AJ", "5AG"]) == (6, 12, "NIELSEN_THEMA")


@pytest.mark.parametrize(
    ("text", "interest", "reading"),
    [
        ("7-9", (7, 11), (7, 9)),
        ("From 7 to 9 years", (7, 11), (7, 9)),
        ("7+", (7, 11), (7, 11)),
        ("From 8 years", (8, 12), (8, 12)),
        ("Up to 5 years", (1, 7), (1, 5)),
        ("under 3", (0, 5), (0, 3)),
        ("6-12 months", (0, 3), (0, 1)),
        ("From 18 months", (1, 5), (1, 5)),
        ("18 months to 3 years", (1, 5), (1, 3)),
        ("0", (0, 4), (0, 4)),
        ("9.5 - 11", (9, 13), (9, 11)),
        ("12-7", None, None),
        ("Level 400", None, None),
        ("Adult", None, None),
        ("", None, None),
    ],
)
def test_age_by_text(text: str, interest: tuple[int, int] | None, reading: tuple[int, int] | None) -> None:
    assert ages_of(interest_age=text) == (None if interest is None else (*interest, "NIELSEN_IA"))
    assert ages_of(reading_age=text) == (None if reading is None else (*reading, "NIELSEN_RA"))


def test_a_source_that_says_nothing_leaves_the_word_to_the_next() -> None:
    assert ages_of(cbmccode="X", thema_qualifiers=["x"], interest_age="all", reading_age="8") == (8, 12, "NIELSEN_RA")
    assert read_ages("from birth") is None


PICTURES = [Genre(name="Picture books", source=GenreSource.THEMA, code="YBCS")]


@pytest.mark.parametrize(
    ("pages", "age", "pictures", "keys"),
    [
        ("400", 12, False, ["HARRY_POTTER"]),
        ("640", 15, True, ["HARRY_POTTER"]),
        ("399", 12, False, ["CHARLIE_CHOCOLATE", "HARRY_POTTER"]),
        ("700", 9, False, ["CHARLIE_CHOCOLATE", "HARRY_POTTER"]),
        ("250", 8, False, ["CHARLIE_CHOCOLATE"]),
        ("32", 3, True, ["SPOT", "CAT_HAT"]),
        ("32", 3, False, ["SPOT"]),
        ("33", 6, False, ["SPOT"]),
        ("33", 10, True, ["SPOT"]),
        ("34", 5, False, ["CAT_HAT"]),
        ("87 p.", 7, False, ["CAT_HAT", "TREEHOUSE"]),
        ("100", 9, False, ["TREEHOUSE"]),
        ("101", 7, False, ["TREEHOUSE"]),
        ("249", 11, False, ["TREEHOUSE", "CHARLIE_CHOCOLATE"]),
        ("180", 12, False, ["CHARLIE_CHOCOLATE"]),
        ("20", 14, False, []),
        ("", 7, False, []),
        ("0", 7, False, []),
        ("many", 7, False, []),
    ],
)
def test_reading_ability_by_pages_age_and_pictures(pages: str, age: int, pictures: bool, keys: list[str]) -> None:
    info = EditionInfo(pages=pages, genres=PICTURES if pictures else [])
    assert list(infer_abilities(info, codes.Ages(age, age + 2))) == keys


def test_every_rule_of_reading_abilities_decides_somewhere() -> None:
    """In the first system one rule could never be reached, and another was never true."""
    deciding = set()
    for pages in range(1, 500):
        for age in range(20):
            for pictures in ([], PICTURES):
                fitting = [
                    number
                    for number, rule in enumerate(codes.ABILITIES)
                    if rule.least_pages <= pages <= rule.most_pages
                    and rule.least_age <= age <= rule.most_age
                    and rule.picture_book in (None, bool(pictures))
                ]
                deciding |= set(fitting[:1])
    assert deciding == set(range(len(codes.ABILITIES)))


REFERENCE = {"PRODCC": "Y4.2 Y4.3 Y5 Y6 S T", "BIC": "CB GB YQ YR", "THEMA": "CB GB YP YR"}
CONTROVERSIAL = {"PRODCC": "F2.6 T6 T7 T9 T10", "BIC": "FP BTC VFVX", "THEMA": "FP DNXC VFVC"}
JUDGED = [
    (scheme, code, status)
    for status, table in (("BAD_REFERENCE", REFERENCE), ("BAD_CONTROVERSIAL", CONTROVERSIAL))
    for scheme, told in table.items()
    for code in told.split()
]
ORIGINS = {"PRODCC": "PREDICTED_NIELSEN", "BIC": "NIELSEN_BIC", "THEMA": "NIELSEN_THEMA"}


def status_of(scheme: str, *classes: str) -> tuple[str, str] | None:
    if scheme == "PRODCC":
        found = infer_status(EditionInfo(prodcc=classes[0]))
    else:
        genres = [Genre(name="x", source=GenreSource(scheme), code=code) for code in classes]
        found = infer_status(EditionInfo(genres=genres))
    return None if found is None else (found[0].value, found[1].value)


@pytest.mark.parametrize(("scheme", "code", "status"), JUDGED)
def test_a_class_is_judged_with_all_below_it(scheme: str, code: str, status: str) -> None:
    for below in (code, f"{code}.1" if scheme == "PRODCC" else f"{code}X", code.lower()):
        assert status_of(scheme, below) == (status, ORIGINS[scheme])


def test_there_are_no_other_classes() -> None:
    assert len(codes.CLASSES) == len(JUDGED)


@pytest.mark.parametrize("code", ["Y2.1", "F2.60", "Y50", "F2", "Y4.20", "F2.1"])
def test_other_classes_are_good(code: str) -> None:
    assert status_of("PRODCC", code) == ("GOOD", "PREDICTED_NIELSEN")


@pytest.mark.parametrize(
    ("code", "status"), [("T60", "BAD_REFERENCE"), ("T1", "BAD_REFERENCE"), ("T10.2", "BAD_CONTROVERSIAL")]
)
def test_the_longer_class_decides(code: str, status: str) -> None:
    assert status_of("PRODCC", code) == (status, "PREDICTED_NIELSEN")


def test_of_several_classes_the_one_that_is_not_for_children_counts() -> None:
    assert status_of("THEMA", "YR", "FP", "YFB") == ("BAD_CONTROVERSIAL", "NIELSEN_THEMA")
    assert status_of("BIC", "YFB", "YR") == ("BAD_REFERENCE", "NIELSEN_BIC")


def test_a_book_without_any_class_is_not_judged() -> None:
    assert infer_status(EditionInfo(genres=[Genre(name="Erotic", source=GenreSource.OTHER)])) is None


@pytest.mark.parametrize(
    ("short", "long", "summary"),
    [
        ("A short one.", "A long one.", "A short one."),
        (None, "A long one.", "A long one."),
        ("  ", "A long one.", "A long one."),
        ("Synopsis coming soon.......", "A long one.", "A long one."),
        ("SYNOPSIS COMING SOON", None, None),
        (None, "word " * 49 + "words,  and more", "word " * 48 + "word…"),
        (None, None, None),
    ],
)
def test_summary(short: str | None, long: str | None, summary: str | None) -> None:
    found = infer_summary(EditionInfo(summary_short=short, summary_long=long))
    assert found == summary
    assert found is None or long is None or len(found) <= 250


def test_labels_say_whose_word_they_are_and_nothing_is_made_up() -> None:
    assert infer_labels(EditionCreateIn(isbn=ISBN, title="Matilda")) == {}
    told = EditionInfo(cbmccode="C", pages="90", prodcc="Y2.1", summary_long="Nasty.")
    said = infer_labels(EditionCreateIn(isbn=ISBN, info=told))
    assert {group: labelled.origin for group, labelled in said.items()} == {
        LabelGroup.AGE: LabelOrigin.NIELSEN_CBMC,
        LabelGroup.READING_ABILITY: LabelOrigin.PREDICTED_NIELSEN,
        LabelGroup.RECOMMEND_STATUS: LabelOrigin.PREDICTED_NIELSEN,
        LabelGroup.SUMMARY: LabelOrigin.OTHER,
    }
