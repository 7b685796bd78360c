from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.account import Account
from app.core.errors import Invalid, UnknownField
from app.core.security import Claims
from app.schools.info import accepted_terms, changed_info, new_info
from app.schools.schemas import SchoolInfo, SchoolInfoIn, SchoolPlace

ANNANDALE = {"location": {"state": "NSW", "postcode": "2038"}}
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*SchoolInfo.model_fields, "state", "x"]), inner),
)


def account(id_: UUID | None = None) -> Account:
    now = datetime.now(UTC)
    id_ = id_ or uuid4()
    claims = Claims("user-account", id_, "jti", now, now + timedelta(hours=1))
    return Account("user", id_, "school_admin", "Sam", frozenset(), claims)


def terms(**members: Any) -> dict[str, Any]:
    return {"terms_acceptance": {"huey_books": members}}


def test_a_new_school_takes_part_in_the_usual_experiments_unless_it_says_otherwise() -> None:
    given = SchoolInfoIn.model_validate({**ANNANDALE, "experiments": {"no-jokes": True, "slow": True}})
    assert new_info(given, account())["experiments"] == {"no-jokes": True, "no-choice-option": True, "slow": True}
    plain = new_info(SchoolInfoIn.model_validate(ANNANDALE), account())
    assert plain == {**ANNANDALE, "experiments": {"no-jokes": False, "no-choice-option": True}}


def test_a_change_is_merged_member_by_member_and_null_removes() -> None:
    stored = {"location": {"state": "NSW", "postcode": "2038", "suburb": "Annandale"}, "sector": "x", "type": "y"}
    changed = changed_info(stored, {"location": {"postcode": "2039", "suburb": None}, "sector": None}, account())
    assert changed == {"location": {"state": "NSW", "postcode": "2039"}, "type": "y"}


@pytest.mark.parametrize(
    ("patch", "kind", "pointer", "code"),
    [
        ({"sectr": "x"}, UnknownField, "/info/sectr", "unknown_field"),
        ({"location": {"post_code": "1"}}, UnknownField, "/info/location/post_code", "unknown_field"),
        ({"location": None}, Invalid, "/info/location", "missing"),
        ({"location": {"state": None}}, Invalid, "/info/location/state", "missing"),
        ({"location": {"state": 7}}, Invalid, "/info/location/state", "string_type"),
        ({"experiments": {"no-jokes": "maybe"}}, Invalid, "/info/experiments/no-jokes", "bool_parsing"),
        ({"URL": "x" * 2_001}, Invalid, "/info/URL", "string_too_long"),
        ({"experiments": {f"experiment {n}": True for n in range(900)}}, Invalid, "/info", "too_large"),
        (terms(accepted_at="now"), Invalid, "/info/terms_acceptance/huey_books/version", "missing"),
    ],
)
def test_a_change_that_leaves_no_info_is_refused_with_a_pointer(
    patch: dict[str, Any], kind: type[Invalid], pointer: str, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        changed_info(ANNANDALE, patch, account())
    assert type(refused.value) is kind
    assert [(fault.pointer, fault.code) for fault in refused.value.errors] == [(pointer, code)]


def test_a_misspelt_member_is_told_its_nearest_name() -> None:
    with pytest.raises(UnknownField) as refused:
        changed_info(ANNANDALE, {"sectr": "x"}, account())
    assert "`sector`" in refused.value.errors[0].detail


def test_who_accepts_terms_is_the_caller_whatever_the_client_says() -> None:
    caller, before = account(), datetime.now(UTC)
    forged = terms(version="2", accepted_at="1999-01-01", accepted_by_user_id=str(uuid4()))
    recorded = accepted_terms(changed_info(ANNANDALE, forged, caller))
    assert recorded is not None
    assert (recorded["version"], recorded["accepted_by_user_id"]) == ("2", str(caller.id))
    assert before <= datetime.fromisoformat(recorded["accepted_at"]) <= datetime.now(UTC)


def test_terms_on_record_stay_as_they_are_until_another_version_is_accepted() -> None:
    first, second = account(), account()
    stored = changed_info(ANNANDALE, terms(version=1), first)
    assert changed_info(stored, terms(version="1"), second) == stored
    assert changed_info(stored, stored, second) == stored
    assert changed_info(stored, {"sector": "x"}, second)["terms_acceptance"] == stored["terms_acceptance"]
    renewed = accepted_terms(changed_info(stored, terms(version="2"), second))
    assert renewed is not None
    assert renewed["accepted_by_user_id"] == str(second.id)


@pytest.mark.parametrize("patch", [{"terms_acceptance": None}, {"terms_acceptance": {"huey_books": None}}])
def test_accepted_terms_cannot_be_cleared(patch: dict[str, Any]) -> None:
    stored = changed_info(ANNANDALE, terms(version="1"), account())
    with pytest.raises(Invalid) as refused:
        changed_info(stored, patch, account())
    assert refused.value.errors[0].code == "not_clearable"
    assert accepted_terms(changed_info(ANNANDALE, patch, account())) is None


@given(ODD)
def test_whatever_is_stored_can_be_shown(stored: object) -> None:
    shown = SchoolInfo.of(stored)
    SchoolInfo.model_validate(shown.model_dump(mode="json"))
    assert SchoolPlace.of(stored).location == shown.location
    assert accepted_terms(stored) is None or shown.terms_acceptance is not None


def test_numbers_in_an_old_location_are_shown_as_text() -> None:
    shown = SchoolInfo.of({"location": {"state": "NSW", "postcode": 2038, "lat": -33.9, "suburb": ["x"]}})
    assert shown.location.model_dump(exclude_none=True) == {"state": "NSW", "postcode": "2038", "lat": "-33.9"}
