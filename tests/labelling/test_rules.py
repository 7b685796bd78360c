"""Every line of the tables, and what holds whatever a book says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.labelling import rules
from app.labelling.labellers import LONGEST, Book, book_of
from app.labelling.local import Local, judge
from app.labelling.saying import hues_of, labels_of
from app.labelling.schemas import Judgement
from app.labels.models import LabelGroup, LabelOrigin, RecommendStatus
from app.labels.patching.authority import WITH_ORIGIN, relabel
from app.labels.patching.saying import Words
from app.labels.vocabulary import HueKey, ReadingAbilityKey
from tests.labels.test_authority import SPECIFIED, known_labels

WORDS = Words({key.value: n for n, key in enumerate(HueKey)}, {key.value: n for n, key in enumerate(ReadingAbilityKey)})
texts = st.text(max_size=80) | st.sampled_from(
    [line.words for line in rules.HUES] + [each.words for each in rules.AGES]
)
genres = st.lists(st.fixed_dictionaries({"name": texts}), max_size=4)
members = {
    "pages": texts | st.integers(-5, 99_999).map(str),
    **dict.fromkeys(("summary_short", "summary_long", "keywords", "cbmctext", "prodct"), texts),
    "genres": genres,
}
infos = st.lists(st.fixed_dictionaries({}, optional=members), max_size=4)
books = st.builds(book_of, texts, st.lists(texts, max_size=2), st.none() | texts, st.none(), infos)
"""Books as labellers are told of them, whatever stands in the catalogue."""


def about(words: str) -> Book:
    """A book of which only the first of a line's words is told."""
    return Book("X", keywords=words.split(", ")[0].replace("*", "s"))


@pytest.mark.parametrize("line", rules.HUES, ids=lambda line: line.words)
def test_each_line_of_hues_speaks_for_its_hues(line: rules.HueRule) -> None:
    for word in line.words.split(", "):
        said = judge(about(word)).hue_map
        assert said.keys() >= {hue for hue, weight in line.hues.items() if weight == max(line.hues.values())}, word
        assert max(said.values()) == 1


@pytest.mark.parametrize("line", rules.AGES, ids=lambda line: line.words)
def test_each_line_of_ages_speaks_for_a_band_that_has_its_age(line: rules.AgeRule) -> None:
    for word in line.words.split(", "):
        said = judge(about(word))
        votes = [each for each in rules.AGES if judge(about(word)).min_age is not None and _speaks(each, word)]
        middle = sum(each.age * each.counts for each in votes) / sum(each.counts for each in votes)
        assert said.min_age is not None and said.max_age is not None, word
        assert line in votes
        assert said.min_age <= middle <= said.max_age, word


def _speaks(line: rules.AgeRule, word: str) -> bool:
    book = about(word)
    return word in line.words.split(", ") or any(
        each.rstrip("*") == (book.keywords or "")
        or (each.endswith("*") and (book.keywords or "").startswith(each[:-1]))
        or f" {each.rstrip('*')} " in f" {book.keywords} "
        for each in line.words.split(", ")
    )


@pytest.mark.parametrize(("most", "age", "counts"), rules.PAGES)
def test_each_length_speaks_for_an_age(most: int, age: float, counts: float) -> None:
    said = judge(Book("X", pages=most))
    assert said.min_age is not None and said.max_age is not None
    assert said.min_age <= age <= said.max_age
    assert counts > 0


def test_longer_books_are_for_older_readers() -> None:
    said = [judge(Book("X", pages=pages)).min_age or 0 for pages in (10, 30, 60, 100, 150, 250, 900)]
    assert said == sorted(said)
    assert said[0] < said[-1]


@pytest.mark.parametrize(("most", "band"), rules.BANDS)
def test_each_band_is_said(most: float, band: tuple[int, int]) -> None:
    assert judge(Book("X", keywords=f"ages {band[0]}-{band[1]}")).min_age == band[0]
    assert band[0] <= most


@pytest.mark.parametrize(("most", "keys"), rules.ABILITIES)
def test_each_age_has_its_reading_abilities(most: int, keys: tuple[ReadingAbilityKey, ...]) -> None:
    age = min(most, 17)
    assert judge(Book("X", keywords=f"ages {age}-{age}")).reading_abilities == list(keys)


@pytest.mark.parametrize(("key", "line"), [*rules.GENRES.items(), *rules.CHARACTERS.items(), *rules.STATUSES.items()])
def test_each_line_of_genres_characters_and_statuses_says_its_key(key: str, line: str) -> None:
    for word in line.split(", "):
        said = judge(about(word))
        assert key in (*said.genres, *said.characters, said.recommend_status), word


@pytest.mark.parametrize("hue", HueKey)
def test_each_hue_has_its_styles(hue: HueKey) -> None:
    word = next(
        line.words
        for line in rules.HUES
        if next(iter(line.hues)) is hue or max(line.hues, key=line.hues.__getitem__) is hue
    )
    said = judge(about(word))
    assert said.styles == list(rules.STYLES[next(iter(said.hue_map))])
    assert rules.STYLES[hue]


@pytest.mark.parametrize("text", rules.NO_SUMMARIES)
def test_what_stands_for_a_summary_is_none(text: str) -> None:
    assert judge(Book("X", summaries=(text.upper(), "A wolf."))).short_summary == "A wolf."
    assert judge(Book("X", long_summary=text)).short_summary is None


def test_a_long_summary_ends_with_a_word() -> None:
    said = judge(Book("X", long_summary="word " * 200)).short_summary
    assert said is not None
    assert said.endswith("word…")
    assert len(said) <= rules.SUMMARY_LENGTH


@pytest.mark.parametrize(
    ("words", "line"), [("the ox ran to us " * 4, rules.EASY), ("extraordinary circumstances " * 8, rules.HARD)]
)
def test_the_length_of_words_speaks_for_an_age(words: str, line: tuple[float, float]) -> None:
    said = judge(Book("X", summaries=(words,)))
    assert said.min_age is not None and said.max_age is not None
    assert said.min_age <= line[0] <= said.max_age


def test_a_series_speaks_for_an_age() -> None:
    assert judge(Book("X", series="Q")).min_age is not None
    assert judge(Book("X")).min_age is None


def test_a_word_is_found_whole_and_without_accents_and_case() -> None:
    assert judge(Book("X", keywords="PIRÁTES")).characters == ["PIRATES"]
    assert judge(Book("X", keywords="scatter")).characters == []


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert judge(Book("Q")) == Judgement()


@given(books)
def test_what_rules_say_always_validates(book: Book) -> None:
    said = judge(book)
    assert Judgement.model_validate(said.model_dump()) == said
    assert said == judge(book)
    assert said.recommend_status is not RecommendStatus.BAD_CONTROVERSIAL


@given(books, known_labels)
def test_rules_never_overwrite_what_somebody_else_said_and_never_check(book: Book, known: dict) -> None:  # type: ignore[type-arg]
    after = relabel(known, labels_of(judge(book), LabelOrigin.RULES, known, WORDS))
    for group in WITH_ORIGIN:
        if known[group].origin not in (None, LabelOrigin.RULES):
            assert after[group] == known[group]
    assert after[LabelGroup.CHECKED] == known[LabelGroup.CHECKED]
    info, was = after[LabelGroup.INFO].value or {}, known[LabelGroup.INFO].value or {}
    assert {name: info[name] for name in was} == was
    assert min(SPECIFIED, key=SPECIFIED.__getitem__) == Local.origin


@given(st.dictionaries(st.sampled_from(HueKey), st.floats(0, 1), max_size=13))
def test_the_three_highest_hues_above_a_tenth_count_and_a_map_without_one_of_a_fifth_is_refused(
    scores: dict[HueKey, float],
) -> None:
    if scores and max(scores.values()) < 0.2:
        with pytest.raises(ValueError, match="at least"):
            Judgement(hue_map=scores)
        return
    hues = list(hues_of(Judgement(hue_map=scores), WORDS).values())
    counting = sorted((score for score in scores.values() if score > 0.1), reverse=True)
    assert [scores[HueKey(hue)] for hue in hues] == counting[:3]


def test_a_labeller_is_told_of_twenty_editions_in_texts_that_are_cut() -> None:
    infos = [
        {
            "summary_short": f"{n} " * 2000,
            "summary_long": "x" * n,
            "pages": f"{n} p.",
            "genres": [{"name": "Y"}, 7, {"name": 8}],
        }
        for n in range(1, 31)
    ]
    book = book_of("T\x00\n" * 3000, ["A" * 3000], None, {"genres": [{"name": "Z"}]}, infos)
    assert len(book.summaries) == 20
    assert {len(each) <= LONGEST for each in (*book.summaries, book.title, *book.authors)} == {True}
    assert "\x00" not in book.title
    assert (book.long_summary, book.pages, book.genres) == ("x" * 20, 10, ("Z", "Y"))
