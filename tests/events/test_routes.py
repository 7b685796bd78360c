"""The doors of events, by who knocks."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.events.models import EventLevel
from app.events.titles import SYSTEM_TITLES
from tests.world import Client, World

NOT_ADMINS = ["lms", "school", "kiosk"]


async def post(client: Client, title: str = "Looked around", level: str = "normal", **given: Any) -> httpx.Response:
    return await client.post("/events", json={"title": title, "level": level, **given})


async def titles(client: Client, **query: Any) -> list[str]:
    answer = await client.get("/events", params=query)
    assert answer.status_code == 200, answer.text
    return [event["title"] for event in answer.json()["data"]]


# Creating


async def test_an_admin_posts_any_event_about_anybody(world: World) -> None:
    admin, other, school = await world.admin(), await world.admin(), await world.school("Bondi School")
    answer = await post(
        admin,
        "Work updated",
        "error",
        description="By hand",
        user_id=str(other.id),
        school_id=str(school.wriveted_identifier),
        slack_channel="#api-alerts",
        info={"depth": {"a": [1, None]}},
    )
    assert answer.status_code == 200
    event = answer.json()
    assert (event["title"], event["description"], event["level"]) == ("Work updated", "By hand", "error")
    assert event["info"] == {
        "depth": {"a": [1, None]},
        "description": "By hand",
        "slack_channel": "#api-alerts",
        "actor": f"user:{admin.id}",
    }
    assert event["school"] == {
        "wriveted_identifier": str(school.wriveted_identifier),
        "name": "Bondi School",
    }
    assert event["user"] == {"id": str(other.id), "type": "wriveted", "name": "Ada Admin"}
    assert event["service_account"] is None
    assert datetime.fromisoformat(event["timestamp"]).tzinfo is not None


@pytest.mark.parametrize("kind", NOT_ADMINS)
async def test_a_service_account_posts_an_event_of_its_own(world: World, kind: str) -> None:
    client = await world.service(kind)
    event = (await post(client, info=None, description=None)).json()
    assert event["service_account"] == {
        "id": str(client.id),
        "name": f"{kind} of a test",
        "type": kind,
        "is_active": True,
    }
    assert (event["user"], event["school"], event["info"]) == (None, None, {"description": ""})


@pytest.mark.parametrize(("kind", "status"), [("backend", 200), ("kiosk", 200), ("school", 200), ("lms", 403)])
async def test_members_and_kiosks_post_events_of_their_own_school(world: World, kind: str, status: int) -> None:
    own, other = await world.school(), await world.school()
    client = await world.service(kind, own)
    assert (await post(client, school_id=str(own.wriveted_identifier))).status_code == status
    elsewhere = await post(client, school_id=str(other.wriveted_identifier))
    assert elsewhere.status_code == (200 if kind == "backend" else 403)


async def test_a_school_and_a_user_both_have_to_be_ones_own(world: World) -> None:
    school, somebody = await world.school(), await world.admin()
    kiosk = await world.service("kiosk", school)
    own = {"school_id": str(school.wriveted_identifier)}
    assert (await post(kiosk, **own)).status_code == 200
    for given in ({"user_id": str(somebody.id)}, own | {"user_id": str(somebody.id)}):
        refused = await post(kiosk, **given)
        assert refused.status_code == 403
        assert refused.json()["permission"] == "create"


@pytest.mark.parametrize("kind", NOT_ADMINS)
@pytest.mark.parametrize(
    "title",
    [
        *SYSTEM_TITLES[:3],
        "user LOGGED in",
        " Token  minted",
        "School account made admin",
        "school account made",
    ],
)
async def test_nobody_forges_an_event_of_the_system(world: World, kind: str, title: str) -> None:
    client = await world.service(kind)
    answer = await post(client, title)
    assert answer.status_code == 403
    assert (answer.json()["code"], answer.json()["permission"]) == ("permission_missing", "create")
    assert await titles(await world.admin(), service_account_id=str(client.id)) == []


@pytest.mark.parametrize("kind", NOT_ADMINS)
@pytest.mark.parametrize(("level", "status"), [("debug", 200), ("normal", 200), ("warning", 403), ("error", 403)])
async def test_loud_events_are_for_admins(world: World, kind: str, level: str, status: int) -> None:
    assert (await post(await world.service(kind), level=level)).status_code == status


async def test_a_slack_channel_is_for_admins(world: World) -> None:
    answer = await post(await world.lms(), slack_channel="#memberships")
    assert (answer.status_code, answer.json()["code"]) == (403, "field_forbidden")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/slack_channel"]


@pytest.mark.parametrize("field", ["school_id", "user_id"])
async def test_an_event_of_nobody_is_pointed_at(world: World, field: str) -> None:
    answer = await post(await world.admin(), **{field: str(uuid4())})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}"]


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        ({"title": " "}, "/title"),
        ({"title": "x" * 257}, "/title"),
        ({"level": "loud"}, "/level"),
        ({"user_id": "me"}, "/user_id"),
        ({"info": [1]}, "/info"),
        ({"info": {"a": "\0"}}, "/info/a"),
        ({"description": "x" * 10_001}, "/description"),
        ({"service_account_id": str(uuid4())}, "/service_account_id"),
        ({"timestamp": "2020-01-01T00:00:00Z"}, "/timestamp"),
    ],
)
async def test_what_an_event_may_not_be_is_refused(world: World, fault: dict[str, Any], pointer: str) -> None:
    answer = await post(await world.admin(), **{"title": "Looked around", "level": "normal"} | fault)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_an_account_cannot_speak_for_another_in_info(world: World) -> None:
    """What the server says in ``info`` wins over what the client says there."""
    lms = await world.lms()
    event = (await post(lms, description="true", info={"description": "false", "a": 1})).json()
    assert event["info"] == {"description": "true", "a": 1}
    for client in (lms, await world.admin()):
        forged = await post(client, info={"impersonator": "x", "actor": "user:x", "a": 1})
        assert (forged.status_code, forged.json()["code"]) == (403, "field_forbidden")
        assert [error["pointer"] for error in forged.json()["errors"]] == ["/info/actor", "/info/impersonator"]


async def test_a_repeated_request_has_one_event(world: World) -> None:
    lms, admin = await world.lms(), await world.admin()
    headers = {"Idempotency-Key": uuid4().hex}
    first, second = [
        await lms.post("/events", json={"title": "Synced", "level": "normal"}, headers=headers) for _ in range(2)
    ]
    assert first.json() == second.json()
    assert await titles(admin, service_account_id=str(lms.id)) == ["Synced"]


# Reading


@pytest.mark.parametrize("kind", NOT_ADMINS)
async def test_a_service_account_reads_no_events(world: World, kind: str) -> None:
    school = await world.school()
    client = await world.service(kind, school)
    await post(await world.admin(), school_id=str(school.wriveted_identifier))
    await post(client)
    assert await titles(client) == []
    assert await titles(client, school_id=str(school.wriveted_identifier)) == []
    assert (await client.get("/event-types")).json()["data"] == []


async def several(world: World, names: Sequence[str], **given: Any) -> tuple[Client, Client]:
    """An admin, and an account that has posted events of these titles, in this order."""
    lms = await world.lms()
    for name in names:
        assert (await post(lms, name, **given)).status_code == 200
    return await world.admin(), lms


async def test_an_admin_reads_the_newest_first_page_by_page(world: World) -> None:
    admin, lms = await several(world, [f"Event {number}" for number in range(5)])
    found: list[str] = []
    path = f"/events?service_account_id={lms.id}&limit=2"
    while path:
        page = await admin.get(path)
        assert page.json()["pagination"]["total"] is None
        found += [event["title"] for event in page.json()["data"]]
        path = page.links.get("next", {}).get("url", "").removeprefix("/v1")
        await post(lms, "Arrived while paging")
    assert found == [f"Event {number}" for number in range(4, -1, -1)]
    assert await titles(admin, service_account_id=str(lms.id), skip=5, limit=2) == ["Event 2", "Event 1"]


async def test_titles_are_matched_as_they_are_written(world: World) -> None:
    """`%` and `_` are letters like any other."""
    admin, lms = await several(world, ["100% read", "100 pages read", "a_b", "axb", "Read 100%"])
    mine = {"service_account_id": str(lms.id)}
    assert await titles(admin, query="100%", **mine) == ["Read 100%", "100% read"]
    assert await titles(admin, query="100%", match_prefix=True, **mine) == ["100% read"]
    assert await titles(admin, query="a_b", **mine) == ["a_b"]
    assert await titles(admin, query="\\", **mine) == []
    assert await titles(admin, query=["pages", "axb"], **mine) == ["axb", "100 pages read"]


async def test_a_level_is_the_least_that_is_shown(world: World) -> None:
    admin = await world.admin()
    school = str((await world.school()).wriveted_identifier)
    for level in EventLevel:
        await post(admin, level.value, level.value, school_id=school)
    shown = {level: set(await titles(admin, school_id=school, level=level)) for level in ("debug", "normal", "error")}
    assert shown == {
        "debug": {"debug", "normal", "warning", "error"},
        "normal": {"normal", "warning", "error"},
        "error": {"error"},
    }


async def test_events_are_found_by_whom_and_when(world: World) -> None:
    admin, school, somebody = await world.admin(), await world.school(), await world.admin()
    school_id, user_id = str(school.wriveted_identifier), str(somebody.id)
    await post(admin, "At school", school_id=school_id)
    second = (await post(admin, "About somebody", user_id=user_id, school_id=school_id)).json()
    assert await titles(admin, school_id=school_id) == ["About somebody", "At school"]
    assert await titles(admin, school_id=school_id, user_id=user_id) == ["About somebody"]
    assert await titles(admin, school_id=school_id, since=second["timestamp"]) == ["About somebody"]
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert await titles(admin, school_id=school_id, since=later.isoformat()) == []
    without_zone = datetime.fromisoformat(second["timestamp"]).replace(tzinfo=None)
    assert await titles(admin, school_id=school_id, since=without_zone.isoformat()) == ["About somebody"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("level=loud", "level"),
        ("school_id=1", "school_id"),
        ("since=yesterday", "since"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("skip=-1", "skip"),
        ("info_jsonpath_match=" + "x" * 501, "info_jsonpath_match"),
        ("&".join(["query=x"] * 11), "query"),
    ],
)
async def test_a_filter_that_cannot_be_is_pointed_at(world: World, query: str, name: str) -> None:
    answer = await (await world.admin()).get(f"/events?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/query/{name}"


async def test_a_list_is_one_statement_beside_the_accounts(world: World) -> None:
    admin, _ = await several(world, ["One", "Two", "Three"])
    for path in ("/events?limit=3", "/event-types"):
        # The less of two: at the turn of a minute the rate limiter asks as well.
        counts = [await world.count_statements(admin.get(path)) for _ in range(2)]
        assert min(counts) == 2


# Matching on info


async def test_an_admin_matches_on_info(world: World) -> None:
    admin, lms = await world.admin(), await world.lms()
    for number in range(3):
        await post(lms, f"{number} reads", info={"reads": number, "book": {"isbn": "9780439023481"}})
    mine = {"service_account_id": str(lms.id)}
    assert await titles(admin, info_jsonpath_match="$.reads > 1", **mine) == ["2 reads"]
    assert await titles(admin, info_jsonpath_match='exists($.book ? (@.isbn == "x"))', **mine) == []


@pytest.mark.parametrize("path", ["$.", "reads > 1", "$.reads", "$[", '$.a like_regex "("', "1; DROP TABLE events"])
async def test_a_path_that_is_no_predicate_is_malformed(world: World, path: str) -> None:
    admin, lms = await world.admin(), await world.lms()
    await post(lms, info={"reads": 1, "a": "b"})
    answer = await admin.get("/events", params={"info_jsonpath_match": path, "service_account_id": str(lms.id)})
    assert answer.status_code == 400
    assert "info_jsonpath_match" in answer.json()["detail"]
    assert await titles(admin, service_account_id=str(lms.id)) == ["Looked around"]


@pytest.mark.parametrize("kind", NOT_ADMINS)
async def test_others_do_not_match_on_info(world: World, kind: str) -> None:
    answer = await (await world.service(kind)).get("/events", params={"info_jsonpath_match": "$.a == 1"})
    assert (answer.status_code, answer.json()["code"]) == (403, "field_forbidden")
    assert answer.json()["errors"][0]["pointer"] == "/query/info_jsonpath_match"


async def test_a_path_that_takes_for_ever_is_cut_short(world: World) -> None:
    admin, lms = await world.admin(), await world.lms()
    await post(lms, info={"a": list(range(1000))})
    started = time.monotonic()
    path = "exists($.a[*] ? (exists($.a[*] ? (exists($.a[*] ? (@ < 0))))))"
    answer = await admin.get("/events", params={"info_jsonpath_match": path, "service_account_id": str(lms.id)})
    assert answer.status_code == 503
    assert time.monotonic() - started < 4
    assert "longer than a second" in answer.json()["detail"]
    assert await titles(admin, service_account_id=str(lms.id)) == ["Looked around"]


# Types


async def test_an_admin_lists_every_title_once_page_by_page(world: World) -> None:
    stem = f"~{uuid4().hex}"
    admin, _ = await several(world, [f"{stem} b", f"{stem} a", f"{stem} b", f"{stem} c"])
    found: list[str] = []
    path = "/event-types?limit=2"
    while path:
        page = await admin.get(path)
        found += page.json()["data"]
        path = page.links.get("next", {}).get("url", "").removeprefix("/v1")
    assert found == sorted(set(found))
    assert [title for title in found if title.startswith(stem)] == [f"{stem} a", f"{stem} b", f"{stem} c"]


async def test_titles_of_a_level_have_an_event_so_loud(world: World) -> None:
    stem, admin = f"~{uuid4().hex}", await world.admin()
    for name, level in (("quiet", "debug"), ("mixed", "debug"), ("mixed", "error"), ("loud", "error")):
        await post(admin, f"{stem} {name}", level)
    shown = (await admin.get("/event-types?level=warning&limit=1000")).json()["data"]
    assert [title for title in shown if title.startswith(stem)] == [f"{stem} loud", f"{stem} mixed"]
