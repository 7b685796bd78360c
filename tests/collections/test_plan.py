"""Decoding and planning: clean and unclean bodies mean the same, and no body is a failure of ours."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.collections.sync.plan import plan_changes
from app.collections.sync.rows import Delta, Row, Whole, decode_body, decode_rows, read_rows
from app.core.errors import Problem, TooLarge, UnknownField
from tests.collections.shelves import HUNGER_GAMES, isbn

ROW = st.fixed_dictionaries(
    {},
    optional={
        "isbn": st.one_of(st.none(), st.just(isbn(7)), st.text(max_size=15), st.integers()),
        "edition_isbn": st.one_of(st.none(), st.just(isbn(8))),
        "copies_total": st.one_of(st.none(), st.integers(-2, 2**40), st.text(max_size=3)),
        "copies_available": st.one_of(st.none(), st.integers(-2, 10)),
        "action": st.sampled_from(["add", "update", "remove", "destroy"]),
        "info": st.one_of(st.none(), st.dictionaries(st.sampled_from(["title", "author", "x"]), st.text(max_size=5))),
        "id": st.one_of(st.none(), st.integers(-1, 2**40)),
    },
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=12,
)


@given(rows=st.lists(st.one_of(ROW, ANYTHING), max_size=6), replacing=st.booleans())
def test_every_row_is_either_planned_or_explained(rows: list[Any], replacing: bool) -> None:
    plan = plan_changes(decode_rows(json.dumps(rows).encode(), limit=10), replacing=replacing)
    planned = {change.index for change in plan.changes.values()} | plan.merged.keys()
    refused = {index for index, flaw in plan.flaws.items() if flaw.fatal}
    assert planned | refused == set(range(len(rows)))
    assert not planned & refused
    assert all(flaw.hint and flaw.code for flaw in plan.flaws.values())


@given(st.lists(ROW, max_size=5))
def test_one_unclean_row_does_not_change_what_the_others_mean(rows: list[dict[str, Any]]) -> None:
    body = json.dumps(rows).encode()
    unclean = decode_rows(json.dumps([*rows, {"strange": 1, "isbn": HUNGER_GAMES}]).encode(), limit=10)
    assert decode_rows(body, limit=10).rows == unclean.rows[:-1]


@given(st.binary(max_size=60))
def test_no_bytes_are_a_failure_of_ours(body: bytes) -> None:
    for decode in (
        lambda: decode_rows(body, limit=10),
        lambda: decode_body(Delta, body, limit=10),
        lambda: decode_body(Whole, body, limit=10),
    ):
        try:
            decode()
        except Problem as problem:
            assert problem.status in (400, 413, 422)


@given(ANYTHING)
def test_no_document_is_a_failure_of_ours(document: Any) -> None:
    for shape in (Delta, Whole):
        try:
            decode_body(shape, json.dumps(document).encode(), limit=10)
        except Problem as problem:
            assert problem.status in (400, 413, 422)


def test_nul_costs_only_its_own_row() -> None:
    rows = decode_rows(json.dumps([{"isbn": HUNGER_GAMES}, {"info": {"title": "a\0b"}}]).encode(), limit=10)
    assert isinstance(rows.rows[0], Row)
    assert rows.rows[1] is None
    assert "NUL" in rows.flaws[1].hint


def test_more_rows_than_allowed_are_refused_at_once() -> None:
    with pytest.raises(TooLarge):
        read_rows([{}] * 3, 2, at="")
    with pytest.raises(TooLarge):
        decode_rows(json.dumps([{"isbn": HUNGER_GAMES}] * 3).encode(), limit=2)


def test_an_unknown_field_of_the_body_is_named_with_its_neighbour() -> None:
    with pytest.raises(UnknownField) as refusal:
        decode_body(Delta, b'{"nmae": "x"}', limit=10)
    assert refusal.value.errors[0].pointer == "/nmae"
    assert "`name`" in refusal.value.errors[0].detail
