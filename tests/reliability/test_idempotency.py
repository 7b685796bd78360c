"""What an Idempotency-Key promises: one effect and one answer, for one caller, method, route and request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.core.idempotency import replay_or_remember
from app.core.requests import operation_name
from app.events import service as events
from tests.collections.shelves import HUNGER_GAMES, TWILIGHT
from tests.reliability.doors import DOORS, Door, door_of, sync
from tests.world import World

KEPT = ("content-type", "etag", "location")


def test_every_door_that_takes_a_key_is_tried_here(app: FastAPI) -> None:
    def takes_a_key(dependant: Dependant) -> bool:
        return dependant.call is replay_or_remember or any(map(takes_a_key, dependant.dependencies))

    doors = [route for route in app.routes if isinstance(route, APIRoute) and takes_a_key(route.dependant)]
    assert sorted(operation_name(door) for door in doors) == sorted(DOORS)


def same_answer(first: httpx.Response, again: httpx.Response) -> bool:
    def kept(answer: httpx.Response) -> Any:
        return answer.status_code, answer.content, {name: answer.headers.get(name) for name in KEPT}

    return again.headers.get("idempotent-replayed") == "true" and bool(kept(first) == kept(again))


def executed(answer: httpx.Response) -> bool:
    return answer.status_code in (200, 202) and "idempotent-replayed" not in answer.headers


def refused(answer: httpx.Response, status: int, code: str) -> bool:
    told: str = answer.json()["code"]
    return answer.status_code == status and told == code and "idempotent-replayed" not in answer.headers


async def effects(world: World) -> int:
    """How many events there are: every change of anything leaves one."""
    async with world.database.transaction(reading=True) as transaction:
        row = await (await transaction.driver.execute("SELECT count(*) FROM events")).fetchone()
    return 0 if row is None else int(row[0])


@pytest.mark.parametrize("operation", DOORS)
async def test_same_request_again_gets_the_first_answer_and_has_no_second_effect(world: World, operation: str) -> None:
    door = await door_of(world, operation)
    first = await door.ask("a-key")
    assert executed(first), first.text
    before = await effects(world)
    assert same_answer(first, await door.ask("a-key"))
    assert same_answer(first, await door.ask("a-key"))
    assert await effects(world) == before


@pytest.mark.parametrize("operation", DOORS)
async def test_another_request_with_a_used_key_is_refused(world: World, operation: str) -> None:
    door = await door_of(world, operation)
    first = await door.ask("a-key")
    before = await effects(world)
    assert refused(await door.ask("a-key", other=True), 422, "idempotency_mismatch")
    assert await effects(world) == before
    assert same_answer(first, await door.ask("a-key"))


async def test_another_query_is_another_request(world: World) -> None:
    door = await sync(world)
    await door.ask("a-key", {"results": "all"})
    assert refused(await door.ask("a-key"), 422, "idempotency_mismatch")


async def test_another_path_of_one_route_is_another_request(world: World) -> None:
    schools = [await world.school(), await world.school()]
    lms = await world.lms(*schools)
    first, second = (
        Door(lms, "POST", f"/school/{each.wriveted_identifier}/collection", [{"isbn": TWILIGHT}], [])
        for each in schools
    )
    await first.ask("a-key")
    assert refused(await second.ask("a-key"), 422, "idempotency_mismatch")


async def test_a_key_belongs_to_its_caller(world: World) -> None:
    school = await world.school()
    path = f"/school/{school.wriveted_identifier}/collection"
    for caller in (await world.lms(school), await world.lms(school), await world.admin()):
        assert executed(await Door(caller, "POST", path, [{"isbn": TWILIGHT}], []).ask("a-key"))


async def test_a_key_belongs_to_its_method_and_its_route(world: World) -> None:
    school = await world.school()
    collection = await world.collection(school)
    lms, rows = await world.lms(school), [{"isbn": TWILIGHT}]
    path = f"/school/{school.wriveted_identifier}/collection"
    for method, door in (("POST", path), ("PATCH", path), ("PUT", f"/collection/{collection.id}/items")):
        assert executed(await Door(lms, method, door, rows, []).ask("a-key"))


async def test_without_a_key_every_request_is_new(world: World) -> None:
    door = await sync(world)
    assert executed(await door.ask(None))
    assert executed(await door.ask(None))


@pytest.mark.parametrize("key", ["k", "k" * 255, "".join(map(chr, range(0x21, 0x7F)))], ids=["1", "255", "every sign"])
async def test_any_visible_text_is_a_key(world: World, key: str) -> None:
    door = await sync(world)
    assert same_answer(await door.ask(key), await door.ask(key))


@pytest.mark.parametrize(
    "key",
    ["", " ", "two words", "tab\tbed", "k" * 256, "clé", "\x7f"],
    ids=["empty", "blank", "words", "tab", "256", "é", "DEL"],
)
async def test_what_is_no_key_is_refused_and_nothing_done(world: World, key: str) -> None:
    door = await sync(world)
    before = await effects(world)
    answer = await door.caller.request(
        door.method, door.path, json=door.body, headers={b"Idempotency-Key": key.encode("latin-1")}
    )
    assert refused(answer, 422, "invalid")
    assert [fault["pointer"].lower() for fault in answer.json()["errors"]] == ["/header/idempotency-key"]
    assert await effects(world) == before


@pytest.mark.parametrize("operation", ["collections_sync_school", "schools_create"], ids=["locked", "without a lock"])
async def test_fifty_at_once_have_one_effect(world: World, operation: str) -> None:
    door = await door_of(world, operation)
    before = await effects(world)
    answers = await asyncio.gather(*(door.ask("a-key") for _ in range(50)))
    (first,) = (answer for answer in answers if executed(answer))
    assert await effects(world) == before + 1
    for answer in answers:
        assert answer is first or same_answer(first, answer) or is_told_to_wait(answer), answer.text
    assert same_answer(first, await door.ask("a-key"))


def is_told_to_wait(answer: httpx.Response) -> bool:
    """In flight, or no connection was free for it: nothing was done, and it is said when to come again."""
    return answer.status_code in (409, 503) and int(answer.headers["retry-after"]) >= 1


@asynccontextmanager
async def held_up(world: World, statement: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """While this lasts, requests wait for what the statement has locked."""
    async with await psycopg.AsyncConnection.connect(world.database.settings.dsn) as holder:
        await holder.execute(statement.encode())
        yield holder
        await holder.rollback()


async def waiting(holder: psycopg.AsyncConnection[Any], number: int = 1) -> list[int]:
    """The connections that wait for the holder, once there are so many."""
    question = "SELECT pid FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
    async with asyncio.timeout(30):
        while len(found := await (await holder.execute(question, [holder.info.backend_pid])).fetchall()) < number:
            await holder.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.01)
    return [pid for (pid,) in found]


async def test_second_request_while_the_first_runs_is_told_to_wait(world: World) -> None:
    door = await door_of(world, "schools_create")
    async with held_up(world, "LOCK TABLE events IN SHARE MODE") as holder:
        first = asyncio.create_task(door.ask("a-key"))
        await waiting(holder)
        second = await door.ask("a-key")
    assert refused(second, 409, "idempotency_in_flight")
    assert second.headers["retry-after"] == "1"
    assert executed(await first)
    assert same_answer(await first, await door.ask("a-key"))


@pytest.mark.parametrize(
    ("rows", "query", "status", "code"),
    [
        ([{"isbn": "9780439023482"}], {}, 422, "nothing_usable"),
        ([{"isbn": HUNGER_GAMES}, {"isbn": "no"}], {"atomic": "true"}, 422, "atomic_rejected"),
        ([{"isbn": HUNGER_GAMES}], {"ignore_conflicts": "false"}, 409, "already_exists"),
        ([], {"max_removal_percent": "0"}, 409, "removal_limit_exceeded"),
        ([{"isbn": HUNGER_GAMES}], {"atomic": "perhaps"}, 422, "invalid"),
        ({}, {}, 422, "invalid"),
    ],
    ids=["nothing usable", "atomic", "held already", "removal limit", "bad query", "no rows"],
)
async def test_a_refusal_leaves_the_key_free(
    world: World, rows: Any, query: dict[str, str], status: int, code: str
) -> None:
    door = await sync(world)
    await door.ask(None)
    refusal = Door(door.caller, door.method, door.path, rows, [])
    assert refused(await refusal.ask("a-key", query), status, code)
    assert refused(await refusal.ask("a-key", query), status, code)
    first = await door.ask("a-key", other=True)
    assert executed(first)
    assert same_answer(first, await door.ask("a-key", other=True))


async def test_a_failed_precondition_leaves_the_key_free(world: World) -> None:
    door = await door_of(world, "collections_update")

    async def ask(etag: str) -> httpx.Response:
        headers = {"Idempotency-Key": "a-key", "If-Match": etag}
        return await door.caller.patch(door.path, json=door.body, headers=headers)

    assert refused(await ask('"of yesterday"'), 412, "precondition_failed")
    assert executed(await ask((await door.caller.get(door.path)).headers["etag"]))


async def test_a_retry_is_answered_although_its_precondition_held_only_the_first_time(world: World) -> None:
    door = await door_of(world, "collections_update")
    etag = (await door.caller.get(door.path)).headers["etag"]
    headers = {"Idempotency-Key": "a-key", "If-Match": etag}
    first = await door.caller.patch(door.path, json=door.body, headers=headers)
    assert same_answer(first, await door.caller.patch(door.path, json=door.body, headers=headers))


@pytest.mark.parametrize("operation", DOORS)
async def test_our_own_failure_leaves_the_key_free(
    world: World, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a mistake of ours")

    door = await door_of(world, operation)
    before = await effects(world)
    with monkeypatch.context() as patch:
        patch.setattr(events, "Event", fail)
        assert refused(await door.ask("a-key"), 500, "internal_error")
    assert await effects(world) == before
    first = await door.ask("a-key")
    assert executed(first), first.text
    assert same_answer(first, await door.ask("a-key"))


@pytest.mark.parametrize("table", ["events", "idempotency_records"])
async def test_a_connection_lost_before_the_commit_leaves_the_key_free(world: World, table: str) -> None:
    door = await sync(world)
    before = await effects(world)
    async with held_up(world, f"LOCK TABLE {table} IN SHARE MODE") as holder:
        asking = asyncio.create_task(door.ask("a-key"))
        for pid in await waiting(holder):
            await holder.execute("SELECT pg_terminate_backend(%s)", [pid])
        answer = await asking
    assert refused(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert await effects(world) == before
    assert executed(await door.ask("a-key"))


async def test_a_rehearsal_leaves_the_key_free(world: World) -> None:
    door = await sync(world)
    for _ in range(2):
        assert executed(await door.ask("a-key", {"dry_run": "true"}))
    first = await door.ask("a-key")
    assert executed(first)
    assert same_answer(first, await door.ask("a-key"))


@pytest.mark.parametrize(("hours", "is_replayed"), [(47, True), (49, False)])
async def test_an_answer_is_kept_for_two_days(world: World, hours: int, is_replayed: bool) -> None:
    door = await sync(world)
    first = await door.ask("a-key")
    async with world.database.transaction() as transaction:
        await transaction.driver.execute(
            "UPDATE idempotency_records SET created_at = now() - make_interval(hours => %s) WHERE subject LIKE %s",
            [hours, f"%{door.caller.id}%"],
        )
    second = await door.ask("a-key")
    assert same_answer(first, second) is is_replayed
    assert executed(second) is not is_replayed
    assert same_answer(second, await door.ask("a-key")) or is_replayed


async def test_who_lost_the_right_is_not_shown_the_answer(world: World) -> None:
    door = await sync(world)
    await door.ask("a-key")
    async with world.database.transaction() as transaction:
        await transaction.driver.execute(
            "DELETE FROM service_account_schools WHERE service_account_id = %s", [door.caller.id]
        )
    assert refused(await door.ask("a-key"), 403, "permission_missing")


async def test_who_was_deactivated_is_not_shown_the_answer(world: World) -> None:
    door = await sync(world)
    await door.ask("a-key")
    answer = await (await world.admin()).delete(f"/service-account/{door.caller.id}")
    assert answer.status_code == 200, answer.text
    assert refused(await door.ask("a-key"), 401, "not_authenticated")


async def test_what_was_deleted_since_is_not_shown(world: World) -> None:
    door = await door_of(world, "collections_update")
    await door.ask("a-key")
    answer = await (await world.admin()).delete(door.path)
    assert answer.status_code == 200, answer.text
    assert refused(await door.ask("a-key"), 404, "not_found")
