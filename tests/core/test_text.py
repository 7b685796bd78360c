"""Titles and names as keys: what falls together, what stays apart, and that no text breaks them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.text import MAX_SORT_TITLE, UNTITLED, fold, name_key, sort_title


@pytest.mark.parametrize(
    ("title", "folded"),
    [
        ("The Very Hungry Caterpillar", "the very hungry caterpillar"),
        ("Where's Spot?", "where s spot"),
        ("  Room\ton the\u00a0Broom ", "room on the broom"),
        ("Matilda (Puffin, #1)", "matilda puffin 1"),
        ("snake_case", "snake case"),
        ("Ångström & Ménage à trois", "angstrom menage a trois"),
        ("Angstro\u0308m", "angstrom"),
        ("STRASSE / Straße", "strasse strasse"),
        ("ﬁve ｗｉｄｅ", "five wide"),
        ("co\u00adoperate", "cooperate"),
        ("Ключ й", "ключ и"),
        ("हिन्दी की किताब", "हिन्दी की किताब"),
        ("がか", "がか"),
        ("한국 동화", "한국 동화"),
        ("?!", ""),
        ("❤️", ""),
        ("", ""),
    ],
)
def test_a_title_is_folded_to_its_words(title: str, folded: str) -> None:
    assert fold(title) == folded


@pytest.mark.parametrize(
    ("title", "article", "key"),
    [
        ("The Gruffalo", None, "gruffalo"),
        ("A Bear Called Paddington", None, "bear called paddington"),
        ("An Elephant in the Garden", "", "elephant in the garden"),
        ("“The Gruffalo”", None, "gruffalo"),
        ("The A-Team", None, "a team"),
        ("A-Z of Animals", None, "a z of animals"),
        ("A, B, C", None, "a b c"),
        ("Theo", None, "theo"),
        ("The", None, "the"),
        ("The ...", None, "the"),
        ("Gruffalo", "The", "gruffalo"),
        ("The Gruffalo", "The", "gruffalo"),
        ("A Team", "The", "a team"),
        ("Die Leeu", "Die", "leeu"),
        ("L'Étranger", "L'", "etranger"),
        ("Die Hard", None, "die hard"),
        ("The", "The", "the"),
        ("?!", None, "?!"),
        ("❤️ ", None, "❤️"),
    ],
)
def test_a_title_sorts_by_its_first_word_that_is_no_article(title: str, article: str | None, key: str) -> None:
    assert sort_title(title, article) == key


@pytest.mark.parametrize("title", [None, "", " ", "\u00a0\n", "\x00", "\u200b"])
def test_a_blank_title_sorts_last(title: str | None) -> None:
    assert sort_title(title) == UNTITLED
    titles = [title, "Zoo", "Ω", "動物園", "The Ark"]
    in_order = sorted(titles, key=lambda each: sort_title(each).encode())
    assert in_order == ["The Ark", "Zoo", "Ω", "動物園", title]


def test_a_long_title_is_cut() -> None:
    assert sort_title("word " * 100) == ("word " * 24).strip()
    assert len(sort_title("\ufdfa" * 512)) <= MAX_SORT_TITLE


@pytest.mark.parametrize(
    ("first", "last", "key"),
    [
        ("J. K.", "Rowling", "jkrowling"),
        ("J.K.", "ROWLING", "jkrowling"),
        (None, "Dr. Seuss", "drseuss"),
        ("Mem_", "O'Fox-2", "memofox2"),
        ("José", "Saramago", "josésaramago"),
        ("Jose\u0301", "Saramago", "josésaramago"),
        ("Лев", "Толстой", "левтолстой"),
        ("प्रेमचंद", "मुंशी", "प्रेमचंदमुंशी"),
        ("村上", "春樹", "村上春樹"),
        ("", "?", ""),
    ],
)
def test_spellings_of_one_name_share_a_key(first: str | None, last: str, key: str) -> None:
    assert name_key(first, last) == key


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert name_key(None, name_key(text, text)) == name_key(text, text)


@given(st.text(), st.none() | st.text(max_size=5))
def test_every_title_has_a_key_that_the_database_can_keep(title: str, article: str | None) -> None:
    key = sort_title(title, article)
    assert 0 < len(key) <= MAX_SORT_TITLE
    assert key == key.strip()
    assert "\x00" not in key
    assert key.encode()
    assert fold(key) == key or not fold(title)
