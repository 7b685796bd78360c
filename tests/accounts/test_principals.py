"""What accounts hold, held to the table in the specification of access."""

from typing import get_args
from uuid import UUID

import pytest

from app.accounts.models import ServiceAccountType, UserAccountType
from app.accounts.principals import of_service_account, of_user
from app.events import schemas as events

NORTH, SOUTH, SOMEBODY = UUID(int=1), UUID(int=2), UUID(int=3)
ANY = {"system:everyone", "system:authenticated"}

SERVICE_ACCOUNTS = [
    ("backend", [], False, {"role:admin"}),
    ("backend", [NORTH], True, {"role:admin"}),
    ("lms", [NORTH, SOUTH], False, {"role:lms", f"lms:{NORTH}", f"lms:{SOUTH}"}),
    ("lms", [], False, {"role:lms"}),
    ("lms", [], True, {"role:lms", "role:lms_vendor"}),
    ("lms", [NORTH], True, {"role:lms", f"lms:{NORTH}"}),
    ("school", [NORTH], False, {"role:library", f"library:{NORTH}", f"school:{NORTH}"}),
    ("school", [], True, {"role:library"}),
    ("kiosk", [NORTH], False, {"role:kiosk", f"kiosk:{NORTH}", f"school:{NORTH}"}),
    ("kiosk", [], True, {"role:kiosk"}),
]


@pytest.mark.parametrize(("kind", "schools", "is_vendor", "expected"), SERVICE_ACCOUNTS)
def test_a_service_account_holds_its_role_and_its_schools(
    kind: str, schools: list[UUID], is_vendor: bool, expected: set[str]
) -> None:
    held = of_service_account(ServiceAccountType(kind), schools, is_vendor=is_vendor)
    assert held == ANY | expected


NARROWED = [
    ("lms", [NORTH, SOUTH], False, [NORTH], {"role:lms", f"lms:{NORTH}"}),
    ("lms", [NORTH], False, [SOUTH], {"role:lms"}),
    ("lms", [], False, [SOUTH], {"role:lms"}),
    ("lms", [], True, [NORTH], {"role:lms", f"lms:{NORTH}"}),
    ("lms", [], True, [], {"role:lms"}),
    ("school", [NORTH, SOUTH], False, [SOUTH], {"role:library", f"library:{SOUTH}", f"school:{SOUTH}"}),
    ("kiosk", [NORTH], False, [SOUTH], {"role:kiosk"}),
    ("backend", [], False, [NORTH], set()),
    ("backend", [NORTH], True, [NORTH], set()),
]


@pytest.mark.parametrize(("kind", "schools", "is_vendor", "only", "expected"), NARROWED)
def test_a_narrowed_key_holds_what_its_account_holds_of_these_schools(
    kind: str, schools: list[UUID], is_vendor: bool, only: list[UUID], expected: set[str]
) -> None:
    held = of_service_account(ServiceAccountType(kind), schools, is_vendor=is_vendor, only=only)
    assert held == ANY | expected


def test_an_admin_holds_the_role_and_itself() -> None:
    held = of_user(SOMEBODY, UserAccountType.WRIVETED)
    assert held == ANY | {"role:admin", f"user:{SOMEBODY}"}


@pytest.mark.parametrize("kind", [kind for kind in UserAccountType if kind is not UserAccountType.WRIVETED])
def test_nobody_else_is_an_admin(kind: UserAccountType) -> None:
    held = of_user(SOMEBODY, kind)
    assert f"user:{SOMEBODY}" in held
    assert "role:admin" not in held


def test_events_know_every_type_of_account() -> None:
    """Events stand on a lower floor, and spell the types themselves."""
    assert set(get_args(events.UserType)) == {kind.value for kind in UserAccountType}
    assert set(get_args(events.ServiceAccountType)) == {kind.value for kind in ServiceAccountType}
