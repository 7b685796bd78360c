"""The script that puts the demonstration set's books together, on small sources with the defects of the real ones."""

import csv
import json
from pathlib import Path

import pytest

from scripts import gather_books as script

CLASSROOM = [
    {"authors": "L. Frank Baum", "title": "Wizard of Oz, The", "copies": 2, "pages": 128, "isbn10": 97804862911}
    | {"isbn13": 9780486291161},
    {
        "authors": "Laura Ingalls wilder",
        "title": "Plum Creek",
        "copies": 1,
        "pages": "",
        "isbn10": 590488155,
        "isbn13": "",
    },
    {"authors": "Dan Gutman,Jim Paillot (Illustrator)", "title": "Miss Daisy (My Weird School, No. 1)", "copies": 3}
    | {"pages": 96, "isbn10": 60507004, "isbn13": 9780060507008},
    {"authors": "SINGLE COPY", "title": "An Animal Atlas", "copies": 1, "pages": 64, "isbn10": 817241981, "isbn13": ""},
    {"authors": "Nobody", "title": "Without a number", "copies": 1, "pages": 1, "isbn10": "", "isbn13": ""},
]
GOODBOOKS = [
    ("141301066", "Roald Dahl, Quentin Blake", "Matilda", "Matilda", "eng"),
    ("439554934", "J.K. Rowling", "Harry Potter and the Philosopher's Stone", "A Stone (Harry Potter, #1)", "eng"),
    ("439064864", "J.K. Rowling", "", "The Chamber (Harry Potter, #2)", "en-US"),
    ("439139597", "J.K. Rowling", "", "The Goblet (Harry Potter, #4)", "eng"),
    ("0439887453", "J.K. Rowling", "", "Boxed (Harry Potter, #1-6)", "eng"),
    ("439023483", "Suzanne Collins", "", "The Hunger Games (The Hunger Games, #1)", "eng"),
    ("123456789", "Roald Dahl", "", "Bad Check Digit", "eng"),
    ("8424133498", "Tomie dePaola", "", "Strega Nona", "spa"),
]
KIDLIT = [
    ("Matilda", "Roald Dahl", "humor, friendship, education", "Whimsical", "8\N{EN DASH}12"),
    ("Harry Potter and the Philosopher's Stone", "J.K. Rowling", "magic, courage", "adventurous", "9-12"),
    ("The Hunger Games (The Hunger Games, #1)", "Suzanne Collins", "survival", "dark", "14+"),
    ("The Wizard of Oz", "L. Frank Baum", "adventure", "unheard of", "10+"),
    ("Strega Nona", "Tomie dePaola", "magic", "playful", "4-8"),
]
STORY = (
    "# {title}\n\n##\nOnce.\n\n##\n* License: [{licence}]\n* Text: Ursula Nafula\n* Illustration: Rob Owen, Rob Owen\n"
)


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """The books by their titles, and under ``stories`` those."""
    classroom, goodbooks, kidlit, stories = (tmp_path / name for name in ("allBooks.js", "books.csv", "tags.csv", "en"))
    classroom.write_text(f"export default {json.dumps(CLASSROOM)};\n")
    named = (("isbn", "authors", "original_title", "title", "language_code"), GOODBOOKS, goodbooks)
    for header, values, path in (named, (("title", "author", "themes", "tone", "age_range"), KIDLIT, kidlit)):
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *values])
    stories.mkdir()
    told = {"0001_a": ("Kuma.", "CC-BY"), "0001_b": ("KUMA", "CC-BY"), "0002_c": ("Sold", "CC-BY-NC")}
    for name, (title, licence) in told.items():
        (stories / f"{name}.md").write_text(STORY.format(title=title, licence=licence))
    made = tmp_path / "made"
    made.mkdir()
    monkeypatch.setattr(script, "DEMO", made)
    options = {"classroom": classroom, "goodbooks": goodbooks, "kidlit": kidlit, "stories": stories}
    arguments = [part for name, path in options.items() for part in (f"--{name}", str(path))]
    monkeypatch.setattr("sys.argv", ["gather_books", *arguments])
    assert script.main() == 0
    found = {row["title"]: row for row in script.rows_of(made / "books.csv")}
    return found | {f"story {row['story_id']}": row for row in script.rows_of(made / "stories.csv")}


def test_books_for_children_and_the_first_of_their_series_are_chosen(rows: dict[str, dict[str, str]]) -> None:
    books = {title for title in rows if not title.startswith("story ")}
    assert books == {"Wizard of Oz", "Plum Creek", "Miss Daisy", "Animal Atlas", "Matilda", "Stone", "Chamber"}


def test_numbers_and_titles_are_taken_apart(rows: dict[str, dict[str, str]]) -> None:
    assert [rows[title]["isbn"] for title in ("Wizard of Oz", "Plum Creek", "Matilda")] == [
        "9780486291161",
        "9780590488150",
        "9780141301068",
    ]
    assert (rows["Wizard of Oz"]["leading_article"], rows["Stone"]["leading_article"]) == ("The", "A")
    assert [
        (rows[title]["series"], rows[title]["series_number"]) for title in ("Miss Daisy", "Chamber", "Matilda")
    ] == [
        ("My Weird School", "1"),
        ("Harry Potter", "2"),
        ("", ""),
    ]
    assert (rows["Miss Daisy"]["authors"], rows["Miss Daisy"]["illustrators"]) == ("Dan Gutman", "Jim Paillot")
    assert (rows["Animal Atlas"]["authors"], rows["Animal Atlas"]["recommend_status"]) == ("", "BAD_REFERENCE")
    assert {rows[title]["copies"] for title in ("Wizard of Oz", "Miss Daisy")} == {"2", "3"}


def test_labels_are_those_of_the_tables_and_of_what_was_told(rows: dict[str, dict[str, str]]) -> None:
    said = ("min_age", "max_age", "hues", "reading_abilities", "recommend_status")
    assert [rows["Matilda"][name] for name in said] == [
        "8",
        "12",
        "hue02_beautiful_whimsical; hue05_funny_comic; hue04_joyful_charming",
        "TREEHOUSE; CHARLIE_CHOCOLATE; HARRY_POTTER",
        "GOOD",
    ]
    assert rows["Stone"]["hues"] == "hue08_charming_courageous; hue02_beautiful_whimsical"
    assert [rows["Wizard of Oz"][name] for name in said[:3]] == ["10", "18", "hue08_charming_courageous"]
    assert [rows["Chamber"][name] for name in said] == [""] * 5


def test_free_stories_are_taken_once(rows: dict[str, dict[str, str]]) -> None:
    (story,) = [row for title, row in rows.items() if title.startswith("story ")]
    assert story == {
        "story_id": "0001",
        "title": "Kuma",
        "authors": "Ursula Nafula",
        "illustrators": "Rob Owen",
        "licence": "CC BY",
    }
