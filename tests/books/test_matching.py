import pytest

from app.books.matching import (
    Description,
    KnownWork,
    best_match,
    fits,
    match_title,
    person_key,
    titles_agree,
)

DAHL, BLAKE, COLLINS = "roalddahl", "quentinblake", "suzannecollins"


def work(
    id_: int | None = 1,
    *authors: str,
    title: str = "matilda",
    subtitle: str = "",
    numbers: tuple[int, ...] = (),
) -> KnownWork:
    return KnownWork(id_, title, subtitle, set(authors), set(numbers))


def said(*authors: str, title: str = "matilda", subtitle: str = "", number: int | None = None) -> Description:
    return Description(title, subtitle, frozenset(authors), number)


@pytest.mark.parametrize(
    ("title", "article"),
    [
        ("The Hunger Games", None),
        ("Hunger Games", "The"),
        ("The Hunger Games", "The"),
        ("  the HUNGER-games! ", None),
        ("Hunger Games", " "),
    ],
)
def test_a_title_is_matched_without_its_article_wherever_it_stands(title: str, article: str | None) -> None:
    assert match_title(title, article) == "hunger games"


def test_a_title_of_signs_alone_is_still_something_to_match() -> None:
    assert match_title("?!") == "?!"


def test_long_titles_that_differ_at_their_end_are_not_the_same() -> None:
    one, other = f"The {'very ' * 90}long way", f"The {'very ' * 90}long road"
    assert match_title(one) != match_title(other)
    assert match_title(one) == match_title(one.removeprefix("The "), "The")


def test_the_longest_title_of_the_widest_letters_fits_an_index_entry() -> None:
    assert len(match_title("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 512).encode()) < 2_700


def test_scripts_of_which_only_the_vowel_signs_differ_are_told_apart() -> None:
    assert match_title("कि") != match_title("का")
    assert person_key(None, "कि") != person_key(None, "का")


@pytest.mark.parametrize(("first", "last"), [("J. K.", "Rowling"), ("J.K.", "ROWLING"), (None, "J K Rowling")])
def test_a_name_is_looked_up_however_it_is_written(first: str | None, last: str) -> None:
    assert person_key(first, last) == "jkrowling"


def test_names_of_signs_alone_are_not_all_one_person() -> None:
    assert person_key(None, "???") != person_key(None, "!!!")


def test_a_name_that_grows_when_folded_fits_its_column() -> None:
    assert len(person_key("İ" * 200, "İ" * 200)) <= 400


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("matilda", "matilda", True),
        ("matilda", "matilda the musical", True),
        ("the hunger games", "the hunger games the hunger games 1", True),
        ("matilda", "matildas", False),
        ("cats", "dogs", False),
    ],
)
def test_titles_agree_where_one_goes_on_after_the_other(one: str, other: str, agree: bool) -> None:
    assert titles_agree(one, other) is agree
    assert titles_agree(other, one) is agree


@pytest.mark.parametrize(
    ("known", "description", "match"),
    [
        (work(1, DAHL), said(DAHL), True),
        (work(1, DAHL), said(DAHL, BLAKE), True),
        (work(1, DAHL, BLAKE), said(DAHL), True),
        (work(1, DAHL), said(COLLINS), False),
        (work(1, DAHL, BLAKE), said(DAHL, COLLINS), False),
        (work(1), said(), False),
        (work(1, DAHL), said(), False),
        (work(1), said(DAHL), False),
        (work(1, DAHL, title="the twits"), said(DAHL), False),
        (work(1, DAHL, subtitle="a play"), said(DAHL), True),
        (work(1, DAHL, subtitle="a play"), said(DAHL, subtitle="a play"), True),
        (work(1, DAHL, subtitle="a play"), said(DAHL, subtitle="a novel"), False),
        (work(1, DAHL, numbers=(1,)), said(DAHL), True),
        (work(1, DAHL, numbers=(1, 2)), said(DAHL, number=2), True),
        (work(1, DAHL, numbers=(1,)), said(DAHL, number=0), False),
        (work(1, DAHL), said(DAHL, number=0), True),
    ],
)
def test_a_work_fits_by_title_and_author_unless_something_contradicts(
    known: KnownWork, description: Description, match: bool
) -> None:
    assert fits(known, description) is match


def test_of_several_works_the_one_with_most_authors_in_common_is_meant_then_the_oldest() -> None:
    both, older, younger, new = work(9, DAHL, BLAKE), work(3, DAHL), work(7, DAHL), work(None, DAHL)
    assert best_match([new, younger, both, older], said(DAHL, BLAKE)) is both
    assert best_match([new, younger, older], said(DAHL)) is older
    assert best_match([new], said(DAHL)) is new
    assert best_match([both, older], said(COLLINS)) is None
