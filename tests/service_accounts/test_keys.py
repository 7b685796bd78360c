"""API keys, by who makes them and what they then open."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select, update

from app.accounts.models import ServiceAccount
from app.audit.models import AuditRow
from app.events.models import Event
from app.schools.models import School
from app.service_accounts.models import ApiKey
from tests.world import Client, World

DAY = timedelta(days=1)


async def made(admin: Client, owner: Client, **given: Any) -> httpx.Response:
    body = {"name": "Nightly push", "scopes": ["schools:read"]} | given
    return await admin.post(f"/service-account/{owner.id}/keys", json=body)


def showing(owner: Client, answer: httpx.Response) -> Client:
    """A client with the key that an answer holds."""
    assert answer.status_code == 200, answer.text
    return Client(owner.http, owner.id, answer.json()["key"])


def path_of(owner: Client, answer: httpx.Response) -> str:
    return f"/service-account/{owner.id}/key/{answer.json()['id']}"


async def status(client: Client) -> int:
    return (await client.get("/auth/me")).status_code


async def change(world: World, key: Client, **columns: Any) -> None:
    async with world.session() as session:
        public_id = key.token.split("_")[1]
        await session.execute(update(ApiKey).where(ApiKey.public_id == public_id).values(**columns))


async def audited(world: World, owner: Client) -> list[AuditRow]:
    async with world.session() as session:
        query = select(AuditRow).where(AuditRow.subject == f"service_account:{owner.id}").order_by(AuditRow.id)
        return list(await session.scalars(query))


def links(*schools: School) -> list[str]:
    return [str(school.wriveted_identifier) for school in schools]


# Making


@pytest.mark.parametrize("who", ["admin", "backend"])
async def test_an_admin_makes_a_key_that_works_as_either_header(world: World, who: str) -> None:
    admin = await world.admin() if who == "admin" else await world.service("backend")
    lms = await world.lms(await world.school())
    answer = await made(admin, lms, name=" Push ", scopes=["schools:read", "events:write", "schools:read"])
    body = answer.json()
    assert body.keys() == {
        *("id", "public_id", "name", "scopes", "schools", "key"),
        *("created_at", "expires_at", "replaced_at", "revoked_at", "last_used_at"),
    }
    assert (body["name"], body["scopes"], body["schools"]) == ("Push", ["events:write", "schools:read"], None)
    assert body["key"].startswith(f"wrtest_{body['public_id']}_")
    lifetime = datetime.fromisoformat(body["expires_at"]) - datetime.fromisoformat(body["created_at"])
    assert lifetime == timedelta(days=365)
    for headers in ({"Authorization": f"Bearer {body['key']}"}, {"X-Api-Key": body["key"]}):
        me = (await world.http.get("/v1/auth/me", headers=headers)).json()
        assert me["service_account"]["id"] == str(lms.id)
        assert me["token_expiry"] == body["expires_at"]


async def test_only_the_hash_of_the_secret_is_stored(world: World) -> None:
    admin, lms = await world.admin(), await world.lms()
    key = (await made(admin, lms)).json()["key"]
    async with world.session() as session:
        (row,) = await session.scalars(select(ApiKey).where(ApiKey.service_account_id == lms.id))
        events = list(await session.scalars(select(Event).where(Event.info["api_key"]["id"].astext == str(row.id))))
    secret = key.split("_")[2]
    assert row.secret_hash == hashlib.sha256(secret.encode()).digest()
    told = [str(vars(row)), *(str(event.info) for event in events)]
    told += [str(vars(each)) for each in await audited(world, lms)]
    told.append((await admin.get(f"/service-account/{lms.id}/keys")).text)
    assert len(told) == 4
    assert not any(secret in each or secret[:26] in each for each in told)


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["schools:delete"]}, "/scopes/0"),
        ({"scopes": ["users:read"]}, "/scopes/0"),
        ({"scopes": "schools:read"}, "/scopes"),
        ({"scopes": None}, "/scopes"),
        ({"schools": []}, "/schools"),
        ({"schools": ["x"]}, "/schools/0"),
        ({"expires_in_days": 0}, "/expires_in_days"),
        ({"expires_in_days": 366}, "/expires_in_days"),
        ({"expires_in_days": None}, "/expires_in_days"),
        ({"expires_in_days": 1.5}, "/expires_in_days"),
    ],
)
async def test_what_a_key_may_not_be_is_pointed_at(world: World, fault: dict[str, Any], pointer: str) -> None:
    answer = await made(await world.admin(), await world.lms(), **fault)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_key_is_narrowed_to_schools_that_its_account_serves_and_no_other(world: World) -> None:
    admin, north, south = await world.admin(), await world.school(), await world.school()
    lms, vendor = await world.lms(north), await world.service("lms", vendor=True)
    refused = await made(admin, lms, schools=links(north, south))
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/schools/1"]
    assert (await made(admin, vendor, schools=[str(uuid4())])).status_code == 422
    assert (await made(admin, vendor, schools=links(south, south))).json()["schools"] == links(south)
    assert (await made(admin, await world.service("backend"), schools=links(north))).status_code == 422


async def test_a_deactivated_account_gets_no_key(world: World) -> None:
    admin, lms = await world.admin(), await world.lms()
    first = await made(admin, lms)
    await admin.delete(f"/service-account/{lms.id}")
    assert (await made(admin, lms)).status_code == 409
    assert (await admin.post(f"{path_of(lms, first)}/rotate", json={})).status_code == 409
    assert (await admin.delete(path_of(lms, first))).status_code == 200


@pytest.mark.parametrize("who", ["lms", "vendor", "school", "kiosk", "schooladmin", "educator"])
async def test_nobody_else_sees_or_touches_keys_not_even_of_the_own_account(world: World, who: str) -> None:
    school = await world.school()
    match who:
        case "schooladmin":
            client, owner = await world.school_admin(school), await world.lms(school)
        case "educator":
            client, owner = await world.educator(school), await world.lms(school)
        case "vendor":
            client = owner = await world.service("lms", vendor=True)
        case _:
            client = owner = await world.service(who, school)
    first = await made(await world.admin(), owner)
    answers = [
        await client.get(f"/service-account/{owner.id}/keys"),
        await made(client, owner),
        await client.post(f"{path_of(owner, first)}/rotate", json={}),
        await client.delete(path_of(owner, first)),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert {answer.json()["permission"] for answer in answers} == {"update"}
    assert await status(showing(owner, first)) == 200


async def test_a_key_of_another_account_is_not_found(world: World) -> None:
    admin, mine, other = await world.admin(), await world.lms(), await world.lms()
    key = (await made(admin, other)).json()["id"]
    for answer in (
        await admin.delete(f"/service-account/{mine.id}/key/{key}"),
        await admin.post(f"/service-account/{mine.id}/key/{key}/rotate", json={}),
        await admin.delete(f"/service-account/{other.id}/key/{UUID(int=1)}"),
    ):
        assert answer.status_code == 404


# Being let in


async def test_a_narrowed_key_reaches_its_school_and_no_other(world: World) -> None:
    north, south, lost = [await world.school() for _ in range(3)]
    admin, lms = await world.admin(), await world.lms(north, south, lost)
    key = showing(lms, await made(admin, lms, schools=links(north, lost)))

    async def reached() -> list[int]:
        answers = [await key.get(f"/school/{school.wriveted_identifier}") for school in (north, south, lost)]
        return [answer.status_code for answer in answers]

    assert await reached() == [200, 403, 200]
    await admin.put(
        f"/service-account/{lms.id}", json={"schools": [{"wriveted_identifier": each} for each in links(north, south)]}
    )
    assert await reached() == [200, 403, 403], "the account's links hold for its keys at once"


@pytest.mark.parametrize(
    "columns",
    [
        {"revoked_at": datetime.now(UTC) - DAY},
        {"revoked_at": datetime.now(UTC) + DAY},
        {"created_at": datetime.now(UTC) - 2 * DAY, "expires_at": datetime.now(UTC) - DAY},
        {"secret_hash": b"\0" * 32},
        {"secret_hash": b""},
    ],
)
async def test_a_key_that_is_not_good_is_refused_like_a_bad_token(world: World, columns: dict[str, Any]) -> None:
    key = await world.key(await world.lms())
    assert await status(key) == 200
    await change(world, key, **columns)
    refused, bad = await key.get("/auth/me"), await Client(key.http, key.id, "forged").get("/auth/me")
    assert refused.status_code == 401
    assert refused.json() | {"request_id": ""} == bad.json() | {"request_id": ""}
    assert refused.headers["WWW-Authenticate"] == bad.headers["WWW-Authenticate"]
    assert await status(key) == 401


@pytest.mark.parametrize("columns", [{"is_active": False}, {"expires_at": datetime.now(UTC) - DAY}])
async def test_the_keys_of_an_account_end_with_it(world: World, columns: dict[str, Any]) -> None:
    lms = await world.lms()
    key = await world.key(lms)
    assert (await status(key), await status(lms)) == (200, 200)
    async with world.session() as session:
        await session.execute(update(ServiceAccount).where(ServiceAccount.id == lms.id).values(**columns))
    assert (await status(key), await status(lms)) == (401, 401)


async def test_an_administrators_key_that_is_narrowed_all_the_same_is_no_administrators(world: World) -> None:
    school = await world.school()
    key = await world.key(await world.service("backend"), schools=[school])
    assert await status(key) == 200
    assert (await key.get(f"/school/{school.wriveted_identifier}")).status_code == 403


# Rotating and revoking


async def test_a_rotated_key_works_on_during_the_overlap(world: World) -> None:
    admin, school = await world.admin(), await world.school()
    lms = await world.lms(school)
    first = await made(admin, lms, schools=links(school), expires_in_days=30)
    second = await admin.post(f"{path_of(lms, first)}/rotate", json={"overlap_hours": 2})
    assert [await status(showing(lms, each)) for each in (first, second)] == [200, 200]
    same = ("name", "scopes", "schools")
    assert [second.json()[name] for name in same] == [first.json()[name] for name in same]
    assert second.json()["public_id"] != first.json()["public_id"]
    newest, oldest = (await admin.get(f"/service-account/{lms.id}/keys")).json()
    assert (newest["id"], oldest["id"]) == (second.json()["id"], first.json()["id"])
    now = datetime.now(UTC)
    assert timedelta(hours=1) < datetime.fromisoformat(oldest["expires_at"]) - now <= timedelta(hours=2)
    assert timedelta(days=29) < datetime.fromisoformat(newest["expires_at"]) - now <= timedelta(days=30)
    assert oldest["replaced_at"]
    assert newest["replaced_at"] is None


async def test_a_rotation_without_overlap_revokes_at_once_and_a_long_one_prolongs_nothing(world: World) -> None:
    admin, lms = await world.admin(), await world.lms()
    leaked, short = await made(admin, lms), await made(admin, lms, expires_in_days=1)
    answer = await admin.post(f"{path_of(lms, leaked)}/rotate", json={"overlap_hours": 0})
    assert (await status(showing(lms, leaked)), await status(showing(lms, answer))) == (401, 200)
    await admin.post(f"{path_of(lms, short)}/rotate", json={"overlap_hours": 720})
    listed = {each["id"]: each for each in (await admin.get(f"/service-account/{lms.id}/keys")).json()}
    assert listed[short.json()["id"]]["expires_at"] == short.json()["expires_at"]


@pytest.mark.parametrize("end", ["revoked", "expired", "rotated"])
async def test_a_key_that_has_ended_is_not_rotated(world: World, end: str) -> None:
    admin, lms = await world.admin(), await world.lms()
    first = await made(admin, lms)
    if end == "revoked":
        await admin.delete(path_of(lms, first))
    elif end == "rotated":
        await admin.post(f"{path_of(lms, first)}/rotate", json={})
    else:
        past = datetime.now(UTC) - 2 * DAY
        await change(world, showing(lms, first), created_at=past, expires_at=past + DAY)
    assert (await admin.post(f"{path_of(lms, first)}/rotate", json={})).status_code == 409


async def test_a_revoked_key_is_refused_at_once_and_stays_on_record(world: World) -> None:
    admin, lms = await world.admin(), await world.lms()
    first = await made(admin, lms)
    for _ in range(2):
        answer = await admin.delete(path_of(lms, first))
        assert answer.status_code == 200
        assert answer.json()["revoked_at"]
        assert await status(showing(lms, first)) == 401
    assert [row.action for row in await audited(world, lms)] == ["api_key.created", "api_key.revoked"]
    assert await status(lms) == 200


# On record


async def test_every_deed_leaves_one_event_and_one_row_of_the_audit(world: World) -> None:
    admin, school = await world.admin(), await world.school()
    created = await admin.post("/service-account", json={"name": "LMS", "type": "lms", "schools": []})
    lms = Client(admin.http, UUID(created.json()["id"]), created.json()["access_token"])
    path = f"/service-account/{lms.id}"
    await admin.put(path, json={"schools": [{"wriveted_identifier": each} for each in links(school)]})
    await admin.post(f"{path}/rotate", json={"overlap_hours": 1})
    first = await made(admin, lms, schools=links(school))
    second = await admin.post(f"{path_of(lms, first)}/rotate", json={"overlap_hours": 3})
    await admin.delete(path_of(lms, second))
    await admin.delete(path)
    rows = await audited(world, lms)
    assert [row.action for row in rows] == [
        "service_account.created",
        "service_account.updated",
        "service_account.rotated",
        "api_key.created",
        "api_key.rotated",
        "api_key.revoked",
        "service_account.deactivated",
    ]
    assert {row.actor for row in rows} == {f"user:{admin.id}"}
    assert rows[1].details == {"fields": ["schools"], "schools": links(school)}
    assert rows[3].details["schools"] == links(school)
    assert (rows[4].details["key"], rows[4].details["successor"]) == (first.json()["id"], second.json()["id"])
    async with world.session() as session:
        whose = Event.info["service_account"]["id"].astext == str(lms.id)
        titles = list(await session.scalars(select(Event.title).where(whose).order_by(Event.timestamp)))
    assert sorted(titles) == sorted(
        [
            "Service account created",
            "Service account updated",
            "Service account credential rotated",
            "API key created",
            "API key rotated",
            "API key revoked",
            "Service account deleted",
        ]
    )
    secrets = [lms.token, first.json()["key"], second.json()["key"]]
    assert not any(secret in str(row.details) for row in rows for secret in secrets)
