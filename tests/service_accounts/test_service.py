"""The verbs of accounts, where no door of this release leads to the account that matters."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from app.accounts.models import ServiceAccount, User, WrivetedAdmin
from app.accounts.service import Issuer, find_user, mint_token
from app.core.account import Account
from app.core.acl import may
from app.core.config import Settings
from app.core.errors import Conflict, Invalid, NotFound
from app.core.security import Claims
from app.events.models import Event
from app.events.service import record
from app.schools.models import School
from app.service_accounts import service
from tests.world import Client, World


def staff_of(school: School, role: str) -> Account:
    person, now, key = uuid4(), datetime.now(UTC), school.wriveted_identifier
    principals = {"system:everyone", "system:authenticated", f"user:{person}", f"{role}:{key}", f"school:{key}"}
    claims = Claims("user-account", person, uuid4().hex, now, now + timedelta(hours=1))
    return Account("user", person, role, "Staff", frozenset(principals), claims)


async def listed(world: World, account: Account) -> set[UUID]:
    async with world.session() as session:
        found = await service.list_service_accounts(
            session, account, include_inactive=False, after=None, skip=0, limit=1000
        )
    return {each.id for each in found}


async def test_a_school_admin_reads_the_accounts_linked_to_the_school(world: World) -> None:
    north, south = await world.school(), await world.school()
    lms, both = await world.lms(north), await world.lms(north, south)
    await world.lms(south)
    schooladmin = staff_of(north, "schooladmin")
    assert await listed(world, schooladmin) == {lms.id, both.id}
    async with world.session() as session:
        for client, expected in ((lms, True), (both, True), (await world.lms(south), False)):
            account = await service.get_service_account(session, client.id)
            assert may(account, "read", schooladmin.principals) is expected
            for permission in ("create", "update", "delete"):
                assert not may(account, permission, schooladmin.principals)


@pytest.mark.parametrize("role", ["educator", "student", "lms", "kiosk", "library"])
async def test_nobody_else_at_the_school_reads_them(world: World, role: str) -> None:
    school = await world.school()
    await world.lms(school)
    assert await listed(world, staff_of(school, role)) == set()


async def test_a_school_admin_is_not_shown_what_the_account_did_elsewhere(world: World) -> None:
    north, south = await world.school(), await world.school()
    kiosk = await world.service("kiosk", north, south)
    for school in (north, south):
        school_id = str(school.wriveted_identifier)
        event = {"title": f"At {school_id}", "level": "normal", "school_id": school_id}
        assert (await kiosk.post("/events", json=event)).status_code == 200
    async with world.session() as session:
        account = await service.get_service_account(session, kiosk.id)
        detail = await service.describe_service_account(session, staff_of(north, "schooladmin"), account)
    assert [event.title for event in detail.events] == [f"At {north.wriveted_identifier}"]


# Minting


@pytest.fixture
def issuer(settings: Settings) -> Issuer:
    return Issuer.of(settings)


async def minted(
    world: World, issuer: Issuer, client: Client, *, lifetime: timedelta | None = None, reason: str = ""
) -> str:
    async with world.session() as session:
        program = await session.get(ServiceAccount, client.id)
        person = await session.get(User, client.id)
        holder = person if program is None else program
        assert holder is not None
        return await mint_token(session, None, issuer, holder, lifetime=lifetime, reason=reason)


async def test_a_minted_token_works_for_an_hour(world: World, issuer: Issuer) -> None:
    lms, admin = await world.lms(), await world.admin()
    for client in (lms, admin):
        token = await minted(world, issuer, client, reason="Ticket 12")
        claims = issuer.tokens.read(token)
        assert claims.expires_at - claims.issued_at == timedelta(hours=1)
        me = await Client(client.http, client.id, token).get("/auth/me")
        assert me.status_code == 200
    async with world.session() as session:
        (event,) = await session.scalars(select(Event).where(Event.title == "Token minted", Event.user_id == admin.id))
    assert event.info["reason"] == "Ticket 12"
    assert event.info["subject"] == f"wriveted:user-account:{admin.id}"
    assert token not in str(event.info)


@pytest.mark.parametrize("hours", [0, -1, 24.01])
async def test_a_minted_token_lives_a_day_at_most(world: World, issuer: Issuer, hours: float) -> None:
    lms = await world.lms()
    with pytest.raises(Invalid):
        await minted(world, issuer, lms, lifetime=timedelta(hours=hours))


async def test_none_is_minted_for_an_inactive_account(world: World, issuer: Issuer) -> None:
    lms = await world.lms()
    async with world.session() as session:
        (await session.get_one(ServiceAccount, lms.id)).is_active = False
    with pytest.raises(Conflict):
        await minted(world, issuer, lms)


async def test_who_acts_with_a_minted_token_stands_on_every_event(world: World, issuer: Issuer) -> None:
    admin, lms = await world.admin(), await world.lms()
    async with world.session() as session:
        account = staff_of(await world.school(), "schooladmin")
        account = Account("user", admin.id, "wriveted", "Ada", frozenset({"role:admin"}), account.claims)
        token = await mint_token(session, account, issuer, await service.get_service_account(session, lms.id))
    impersonated = Client(lms.http, lms.id, token)
    posted = (await impersonated.post("/events", json={"title": "Looked around", "level": "debug"})).json()
    assert posted["service_account"]["id"] == str(lms.id)
    assert posted["info"]["impersonator"] == f"wriveted:user-account:{admin.id}"


async def test_an_event_about_another_person_names_who_acts(world: World) -> None:
    admin, other = await world.admin(), await world.admin()
    account = Account("user", admin.id, "wriveted", "Ada", frozenset(), staff_of(await world.school(), "x").claims)
    async with world.session() as session:
        about_other = record(session, "Token minted", account=account, user_id=other.id)
        about_self = record(session, "Token minted", account=account)
    assert (about_other.user_id, about_other.info["actor"]) == (other.id, f"user:{admin.id}")
    assert about_self.user_id == admin.id
    assert "actor" not in about_self.info


async def test_a_user_is_found_by_id_and_by_address_in_any_case(world: World) -> None:
    admin = await world.admin()
    async with world.session() as session:
        email = (await session.get_one(WrivetedAdmin, admin.id)).email
        assert email is not None
        assert (await find_user(session, email.upper())).id == admin.id
        assert (await find_user(session, str(admin.id))).id == admin.id
        for unknown in ("nobody@example.com", str(uuid4())):
            with pytest.raises(NotFound):
                await find_user(session, unknown)
