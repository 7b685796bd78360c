"""The rule of who may overwrite whom, on random labels."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.labels.models import LabelGroup, LabelOrigin, RecommendStatus
from app.labels.patching.authority import UNLABELLED, WEIGHTS, WITH_ORIGIN, Labelled, Labels, kept, relabel

SPECIFIED = {
    "HUMAN": 5,
    "VERTEXAI": 4,
    "GPT4": 4,
    "CLUSTER_RELEVANCE": 3,
    "CLUSTER_ZAINAB": 2,
    "NIELSEN_CBMC": 1.5,
    "NIELSEN_BIC": 1.4,
    "NIELSEN_THEMA": 1.3,
    "NIELSEN_IA": 1.2,
    "NIELSEN_RA": 1.1,
    "PREDICTED_NIELSEN": 1,
    "OTHER": 0,
    "RULES": -1,
}
origins = st.sampled_from(LabelOrigin)
VALUES: dict[LabelGroup, st.SearchStrategy[Any]] = {
    LabelGroup.HUES: st.dictionaries(st.sampled_from(["primary", "secondary", "tertiary"]), st.text(max_size=3)),
    LabelGroup.AGE: st.fixed_dictionaries(
        {"min_age": st.none() | st.integers(0, 5), "max_age": st.none() | st.integers(5, 9)}
    ),
    LabelGroup.READING_ABILITY: st.lists(st.sampled_from(["SPOT", "CAT_HAT"]), unique=True),
    LabelGroup.SUMMARY: st.none() | st.text(max_size=3),
    LabelGroup.RECOMMEND_STATUS: st.sampled_from([each.value for each in RecommendStatus]),
    LabelGroup.INFO: st.none() | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    LabelGroup.CHECKED: st.none() | st.booleans(),
}


def labelled(group: LabelGroup, *, by_somebody: bool) -> st.SearchStrategy[Labelled]:
    said_by = st.none() if group not in WITH_ORIGIN else origins if by_somebody else st.none() | origins
    return st.builds(Labelled, VALUES[group], said_by)


known_labels = st.fixed_dictionaries({group: labelled(group, by_somebody=False) for group in LabelGroup})
said_labels = st.fixed_dictionaries({}, optional={group: labelled(group, by_somebody=True) for group in LabelGroup})


def test_weights_are_those_of_the_contract() -> None:
    assert {origin.value: weight for origin, weight in WEIGHTS.items()} == SPECIFIED


@given(known_labels, said_labels)
def test_a_weaker_origin_never_overwrites_a_stronger_one(known: Labels, said: Labels) -> None:
    after = relabel(known, said)
    for group in WITH_ORIGIN:
        was, is_ = known[group].origin, after[group].origin
        if is_ != was:
            assert is_ is not None
            assert was is None or SPECIFIED[was] <= SPECIFIED[is_]
        if was is not None and group in said and SPECIFIED[said[group].origin or ""] < SPECIFIED[was]:
            assert after[group] == known[group]


@given(known_labels, said_labels)
def test_what_is_not_said_is_kept_and_what_is_said_is_taken_whole_or_not_at_all(known: Labels, said: Labels) -> None:
    after = relabel(known, said)
    assert after.keys() == known.keys()
    for group, value in after.items():
        assert value == known[group] or value == said[group]


@given(known_labels, said_labels)
def test_people_are_always_heard(known: Labels, said: Labels) -> None:
    human = {
        group: each._replace(origin=LabelOrigin.HUMAN if group in WITH_ORIGIN else None) for group, each in said.items()
    }
    assert relabel(known, human) == {**known, **human}
    assert kept(known, human) == []


@given(said_labels)
def test_who_is_first_is_heard(said: Labels) -> None:
    assert relabel(UNLABELLED, said) == {**UNLABELLED, **said}


@given(known_labels, said_labels)
def test_saying_it_twice_is_saying_it_once(known: Labels, said: Labels) -> None:
    once = relabel(known, said)
    assert relabel(once, said) == once


@given(known_labels, said_labels)
def test_kept_names_the_groups_that_would_have_changed(known: Labels, said: Labels) -> None:
    after = relabel(known, said)
    refused = {group for group, each in said.items() if each != known[group] and after[group] == known[group]}
    assert set(kept(known, said)) == refused


@pytest.mark.parametrize("origin", [each for each in LabelOrigin if each is not LabelOrigin.HUMAN])
@pytest.mark.parametrize("first", LabelOrigin)
def test_that_a_book_is_controversial_is_taken_back_by_people_alone(first: LabelOrigin, origin: LabelOrigin) -> None:
    group = LabelGroup.RECOMMEND_STATUS
    known = {**UNLABELLED, group: Labelled("BAD_CONTROVERSIAL", first)}
    assert relabel(known, {group: Labelled("GOOD", origin)}) == known
    human = Labelled("GOOD", LabelOrigin.HUMAN)
    assert relabel(known, {group: human})[group] == human
