"""The doors of accounts, by who knocks."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from app.accounts.models import ServiceAccount
from app.events.models import Event
from app.schools.models import School
from tests.world import Client, World

OTHERS = ["lms", "vendor", "school", "kiosk"]


async def knock(world: World, who: str, *schools: School) -> Client:
    if who == "vendor":
        return await world.service("lms", vendor=True)
    return await world.admin() if who == "admin" else await world.service(who, *schools)


def link(school: School) -> dict[str, str]:
    return {"wriveted_identifier": str(school.wriveted_identifier), "name": school.name}


def speaking(client: Client, answer: httpx.Response) -> Client:
    """A client with the token that an answer holds."""
    return Client(client.http, UUID(answer.json()["id"]), answer.json()["access_token"])


async def created(world: World, admin: Client, **given: Any) -> Client:
    answer = await admin.post("/service-account", json={"name": "Library system", "type": "lms", **given})
    assert answer.status_code == 200, answer.text
    return speaking(admin, answer)


async def events_of(world: World, title: str, account_id: UUID) -> list[Event]:
    async with world.session() as session:
        query = select(Event).where(
            Event.title == title, Event.info[("service_account", "id")].astext == str(account_id)
        )
        return list(await session.scalars(query))


# Who am I


async def test_an_admin_is_told_who_it_is(world: World) -> None:
    admin = await world.admin()
    answer = (await admin.get("/auth/me")).json()
    assert answer["account_type"] == "user"
    assert answer["service_account"] is None
    assert datetime.fromisoformat(answer["token_expiry"]) > datetime.now(UTC)
    assert (answer["user"]["id"], answer["user"]["type"]) == (str(admin.id), "wriveted")
    expected = "id type name email is_active last_login_at info created_at updated_at newsletter"
    assert answer["user"].keys() == set(expected.split())


@pytest.mark.parametrize("kind", ["backend", "lms", "school", "kiosk"])
async def test_a_service_account_is_told_who_it_is(world: World, kind: str) -> None:
    client = await world.service(kind)
    answer = (await client.get("/auth/me")).json()
    assert answer["account_type"] == "service_account"
    assert answer["user"] is None
    assert answer["service_account"] == {
        "id": str(client.id),
        "name": f"{kind} of a test",
        "type": kind,
        "is_active": True,
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/me"),
        ("GET", "/service-accounts"),
        ("POST", "/service-account"),
        ("GET", f"/service-account/{UUID(int=1)}"),
        ("PUT", f"/service-account/{UUID(int=1)}"),
        ("DELETE", f"/service-account/{UUID(int=1)}"),
        ("POST", f"/service-account/{UUID(int=1)}/rotate"),
    ],
)
async def test_nobody_enters_without_a_token(http: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await http.request(method, f"/v1{path}", json={} if method in ("POST", "PUT") else None)
    assert answer.status_code == 401


# Creating


@pytest.mark.parametrize("who", ["admin", "backend"])
@pytest.mark.parametrize("kind", ["backend", "lms", "school", "kiosk"])
async def test_an_admin_creates_a_service_account_whose_token_works(world: World, who: str, kind: str) -> None:
    admin, school = await knock(world, who), await world.school()
    answer = await admin.post("/service-account", json={"name": " Library ", "type": kind, "schools": [link(school)]})
    assert answer.status_code == 200
    assert answer.json().keys() == {"id", "name", "type", "is_active", "access_token"}
    assert (answer.json()["name"], answer.json()["is_active"]) == ("Library", True)
    me = (await speaking(admin, answer).get("/auth/me")).json()
    assert me["service_account"]["id"] == answer.json()["id"]
    expiry = datetime.fromisoformat(me["token_expiry"]) - datetime.now(UTC)
    assert timedelta(days=364) < expiry <= timedelta(days=365)
    (event,) = await events_of(world, "Service account created", UUID(answer.json()["id"]))
    assert admin.id in (event.user_id, event.service_account_id)
    assert answer.json()["access_token"] not in str(event.info)


@pytest.mark.parametrize("who", OTHERS)
async def test_others_create_none(world: World, who: str) -> None:
    client = await knock(world, who, await world.school())
    answer = await client.post("/service-account", json={"name": "Mine", "type": "backend"})
    assert answer.status_code == 403
    assert answer.json()["permission"] == "create"


async def test_an_unknown_school_is_pointed_at(world: World) -> None:
    admin, school = await world.admin(), await world.school()
    unknown = {"wriveted_identifier": str(uuid4()), "name": "Nowhere"}
    body = {"name": "Lost", "type": "lms", "schools": [link(school), unknown]}
    answer = await admin.post("/service-account", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/schools/1/wriveted_identifier"]


async def test_a_school_named_twice_is_linked_once(world: World) -> None:
    admin, school = await world.admin(), await world.school()
    lms = await created(world, admin, schools=[link(school), link(school)])
    detail = (await admin.get(f"/service-account/{lms.id}")).json()
    assert [each["wriveted_identifier"] for each in detail["schools"]] == [str(school.wriveted_identifier)]


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        ({"type": "reader"}, "/type"),
        ({"name": " "}, "/name"),
        ({"name": None}, "/name"),
        ({"is_active": False}, "/is_active"),
        ({"schools": [{"wriveted_identifier": "x", "name": "X"}]}, "/schools/0/wriveted_identifier"),
        ({"type": "school", "is_vendor": True}, "/is_vendor"),
    ],
)
async def test_what_a_service_account_may_not_be_is_refused(world: World, fault: dict[str, Any], pointer: str) -> None:
    admin = await world.admin()
    answer = await admin.post("/service-account", json={"name": "Library system", "type": "lms"} | fault)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


# Reading


async def test_an_admin_reads_a_service_account_with_its_schools_and_events(world: World) -> None:
    admin, school = await world.admin(), await world.school("Zebra School")
    lms = await created(world, admin, schools=[link(school)], info={"ticket": 7})
    for number in range(21):
        posted = await lms.post("/events", json={"title": f"Synced {number}", "level": "normal"})
        assert posted.status_code == 200, posted.text
    detail = (await admin.get(f"/service-account/{lms.id}")).json()
    assert detail["info"] == {"ticket": 7}
    assert detail["is_vendor"] is False
    assert detail["schools"] == [
        link(school) | {"official_identifier": school.official_identifier, "country_code": "AUS"}
    ]
    assert [event["title"] for event in detail["events"]] == [f"Synced {n}" for n in range(20, 0, -1)]


@pytest.mark.parametrize("who", OTHERS)
async def test_others_read_none_not_even_themselves(world: World, who: str) -> None:
    client = await knock(world, who, await world.school())
    answer = await client.get(f"/service-account/{client.id}")
    assert answer.status_code == 403
    assert answer.json()["permission"] == "read"
    assert (await client.get("/service-accounts")).json() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(("key", "status"), [("7", 422), ("no-uuid", 422), (str(UUID(int=7)), 404)])
async def test_a_malformed_id_is_422_and_an_unknown_one_404(world: World, method: str, key: str, status: int) -> None:
    admin = await world.admin()
    body: dict[str, Any] = {"json": {}} if method == "PUT" else {}
    assert (await admin.request(method, f"/service-account/{key}", **body)).status_code == status


async def test_an_admin_pages_through_all_active_accounts_by_name(world: World) -> None:
    admin = await world.admin()
    stem = f"AAA {uuid4().hex}"
    made = [await created(world, admin, name=f"{stem} {number}") for number in range(3)]
    assert (await admin.delete(f"/service-account/{made[1].id}")).status_code == 200

    async def names(path: str) -> list[str]:
        found: list[str] = []
        while path:
            page = await admin.get(path)
            found += [each["name"] for each in page.json()]
            path = page.links.get("next", {}).get("url", "").removeprefix("/v1")
        return found

    everything = await names("/service-accounts?limit=2&include_inactive=true")
    assert [name for name in everything if name.startswith(stem)] == [f"{stem} {n}" for n in range(3)]
    active = await names("/service-accounts?limit=2")
    assert [name for name in active if name.startswith(stem)] == [f"{stem} 0", f"{stem} 2"]


# Changing


async def test_an_admin_replaces_what_the_body_names(world: World) -> None:
    admin, north, south, west = await world.admin(), *[await world.school(name) for name in ("N", "S", "W")]
    lms = await created(world, admin, info={"a": 1}, schools=[link(north), link(south)])
    path = f"/service-account/{lms.id}"
    before = (await admin.get(path)).json()

    after = (await admin.put(path, json={"schools": [link(south), link(west)]})).json()
    assert [school["name"] for school in after["schools"]] == ["S", "W"]
    assert (after["name"], after["info"]) == (before["name"], {"a": 1})

    after = (await admin.put(path, json={"name": "Renamed", "info": {"b": 2}})).json()
    assert (after["name"], after["info"]) == ("Renamed", {"b": 2})
    assert [school["name"] for school in after["schools"]] == ["S", "W"]
    assert after["updated_at"] > before["updated_at"]

    after = (await admin.put(path, json={"schools": None, "info": None})).json()
    assert (after["schools"], after["info"], after["name"]) == ([], None, "Renamed")
    assert after == (await admin.get(path)).json()
    assert len(await events_of(world, "Service account updated", lms.id)) == 3


async def test_a_school_taken_away_is_out_of_reach_at_once(world: World) -> None:
    admin, school = await world.admin(), await world.school()
    kiosk = await created(world, admin, type="kiosk", schools=[link(school)])
    event = {"title": "Visited", "level": "normal", "school_id": str(school.wriveted_identifier)}
    assert (await kiosk.post("/events", json=event)).status_code == 200
    await admin.put(f"/service-account/{kiosk.id}", json={"schools": []})
    assert (await kiosk.post("/events", json=event)).status_code == 403


async def test_only_an_lms_without_schools_becomes_a_vendor(world: World) -> None:
    admin, school = await world.admin(), await world.school()
    lms = await created(world, admin, schools=[link(school)])
    path = f"/service-account/{lms.id}"
    refused = await admin.put(path, json={"is_vendor": True})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/is_vendor"
    assert (await admin.get(path)).json()["is_vendor"] is False
    vendor = await admin.put(path, json={"is_vendor": True, "schools": []})
    assert vendor.json()["is_vendor"] is True
    assert (await admin.put(path, json={"schools": [link(school)]})).status_code == 422


@pytest.mark.parametrize("who", OTHERS)
@pytest.mark.parametrize(
    ("method", "suffix", "permission"),
    [("PUT", "", "update"), ("DELETE", "", "delete"), ("POST", "/rotate", "update")],
)
async def test_others_change_none_not_even_themselves(
    world: World, who: str, method: str, suffix: str, permission: str
) -> None:
    client = await knock(world, who, await world.school())
    body: dict[str, Any] = {} if method == "DELETE" else {"json": {}}
    answer = await client.request(method, f"/service-account/{client.id}{suffix}", **body)
    assert answer.status_code == 403
    assert answer.json()["permission"] == permission
    assert (await client.get("/auth/me")).status_code == 200


@pytest.mark.parametrize(("field", "value"), [("is_active", False), ("type", "backend"), ("nmae", "X")])
async def test_what_an_update_does_not_know_is_refused(world: World, field: str, value: object) -> None:
    admin = await world.admin()
    lms = await created(world, admin)
    answer = await admin.put(f"/service-account/{lms.id}", json={field: value, "name": "Changed"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "unknown_field"
    assert (await admin.get(f"/service-account/{lms.id}")).json()["name"] == "Library system"


async def test_a_deleted_account_is_refused_at_once_and_kept(world: World) -> None:
    admin = await world.admin()
    lms = await created(world, admin)
    for _ in range(2):
        answer = await admin.delete(f"/service-account/{lms.id}")
        assert answer.status_code == 200
        assert answer.json() == {
            "id": str(lms.id),
            "name": "Library system",
            "type": "lms",
            "is_active": False,
        }
        assert (await lms.get("/auth/me")).status_code == 401
    assert len(await events_of(world, "Service account deleted", lms.id)) == 1
    async with world.session() as session:
        assert (await session.get_one(ServiceAccount, lms.id)).is_active is False


# Rotating


async def test_a_rotated_token_works_on_during_the_overlap(world: World) -> None:
    admin = await world.admin()
    first = await created(world, admin)
    second = speaking(admin, await admin.post(f"/service-account/{first.id}/rotate"))
    assert [(await client.get("/auth/me")).status_code for client in (first, second)] == [200, 200]
    third = speaking(admin, await admin.post(f"/service-account/{first.id}/rotate", json={"overlap_hours": 720}))
    assert [(await client.get("/auth/me")).status_code for client in (first, second, third)] == [
        401,
        200,
        200,
    ]
    hours = [
        event.info["service_account"]["overlap_hours"]
        for event in await events_of(world, "Service account credential rotated", first.id)
    ]
    assert sorted(hours) == [24, 720]


async def test_a_rotation_without_overlap_revokes_at_once(world: World) -> None:
    admin = await world.admin()
    leaked = await created(world, admin)
    answer = await admin.post(f"/service-account/{leaked.id}/rotate", json={"overlap_hours": 0})
    assert (await leaked.get("/auth/me")).status_code == 401
    assert (await speaking(admin, answer).get("/auth/me")).status_code == 200


@pytest.mark.parametrize("hours", [-1, 721, 1.5, "many", None])
async def test_an_overlap_out_of_bounds_is_refused(world: World, hours: object) -> None:
    admin = await world.admin()
    lms = await created(world, admin)
    answer = await admin.post(f"/service-account/{lms.id}/rotate", json={"overlap_hours": hours})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/overlap_hours"


async def test_a_deleted_account_has_nothing_to_rotate(world: World) -> None:
    admin = await world.admin()
    lms = await created(world, admin)
    await admin.delete(f"/service-account/{lms.id}")
    assert (await admin.post(f"/service-account/{lms.id}/rotate", json={})).status_code == 409
