"""What is on a list, and where: by the model of plain lists, whoever edits at the same time."""

import asyncio
import random
import secrets
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.booklists.order import Edit, ItemUpdateType, NotOnTheList, difference, edited
from tests.booklists.lists import (
    add,
    delete_work,
    drop,
    edit,
    make,
    move,
    number_of_statements,
    on_list,
    sent,
    works,
)
from tests.world import Client, World

SOME = st.integers(1, 12)
EDITS = st.lists(
    st.builds(
        Edit,
        st.sampled_from(ItemUpdateType),
        SOME,
        st.one_of(st.none(), st.integers(0, 15)),
        st.one_of(st.just(False), st.none(), st.fixed_dictionaries({"note": st.sampled_from(["a", "b", None])})),
    ),
    max_size=20,
)


@given(st.lists(SOME, unique=True), EDITS)
def test_difference_turns_the_one_order_into_the_other(before: list[int], edits: list[Edit]) -> None:
    order: dict[int, Any] = dict.fromkeys(before)
    known = set(order)
    possible = []
    for one in edits:
        if one.action is ItemUpdateType.UPDATE and one.work_id not in known:
            with pytest.raises(NotOnTheList):
                edited(order, [*possible, one])
            continue
        possible.append(one)
        known = set(edited(order, possible))
    after = edited(order, possible)
    changes = difference(order, after)
    staying = [work for work in order if work not in changes.gone]
    rows = {work: (place, order[work]) for place, work in enumerate(staying)}
    rows |= {row["work_id"]: (row["order_id"], row["info"]) for row in (*changes.changed, *changes.new)}
    assert sorted(rows.items(), key=lambda row: row[1][0]) == [
        (work, (place, info)) for place, (work, info) in enumerate(after.items())
    ]
    assert bool(changes) is (list(order.items()) != list(after.items()))


async def test_owner_arranges_a_list(world: World) -> None:
    reader = await world.public_reader()
    a, b, c, d = await works(world, 4)
    made = await make(reader, "Personal", a, b)
    path = made["id"]
    assert made["book_count"] == 2
    await edit(reader, path, add(c, order_id=0))
    assert await on_list(reader, path) == [c, a, b]
    await edit(reader, path, add(d, order_id=99), add(c, order_id=2))
    assert await on_list(reader, path) == [c, a, b, d], "what is there stays where it is"
    await edit(reader, path, move(d, 1), move(c, 50))
    assert await on_list(reader, path) == [d, a, b, c]
    await edit(reader, path, drop(a), drop(a), add(a))
    assert await on_list(reader, path) == [d, b, c, a]


async def test_first_works_come_in_the_order_that_is_asked_for(world: World) -> None:
    reader = await world.public_reader()
    a, b, c = await works(world, 3)
    items = [{"work_id": a}, {"work_id": b, "order_id": 0}, {"work_id": a}, {"work_id": c, "order_id": 1}]
    made = sent(await reader.post("/list", json={"name": "L", "type": "Personal", "items": items}))
    assert await on_list(reader, made["id"]) == [b, c, a]


async def test_a_fault_anywhere_leaves_the_list_as_it_was(world: World) -> None:
    reader = await world.public_reader()
    a, b, c = await works(world, 3)
    path = (await make(reader, "Personal", a, b))["id"]
    etag = (await reader.get(f"/list/{path}")).headers["etag"]
    unknown = await edit(reader, path, drop(a), add(2**31 - 1), add(c))
    assert (unknown.status_code, [fault["pointer"] for fault in unknown.json()["errors"]]) == (
        422,
        ["/items/1/work_id"],
    )
    absent = await edit(reader, path, drop(a), move(c, 0))
    assert (absent.status_code, absent.json()["errors"][0]["pointer"]) == (422, "/items/1/work_id")
    answer = await reader.post("/list", json={"name": "Never", "type": "Personal", "items": [{"work_id": 2**31 - 1}]})
    assert answer.status_code == 422
    assert await on_list(reader, path) == [a, b]
    assert (await reader.get(f"/list/{path}")).headers["etag"] == etag
    assert [each["name"] for each in sent(await reader.get("/lists?list_type=Personal"))["data"]] == ["A Personal list"]


async def test_what_a_list_says_of_a_work_is_kept_merged_and_cleared(world: World) -> None:
    reader = await world.public_reader()
    (a,) = await works(world, 1)
    path = (await make(reader))["id"]

    async def info(**change: Any) -> Any:
        sent(await edit(reader, path, {"work_id": a, **change}))
        return sent(await reader.get(f"/list/{path}"))["data"][0]["info"]

    assert await info(action="add", info={"note": "n", "feedback": "GOOD"}) == {"note": "n", "feedback": "GOOD"}
    assert await info(action="add", info={"note": "again"}) == {"note": "n", "feedback": "GOOD"}
    assert await info(action="update", info={"note": "m"}) == {"note": "m", "feedback": "GOOD"}
    assert await info(action="update", order_id=0) == {"note": "m", "feedback": "GOOD"}
    assert await info(action="update", info={"note": None}) == {"feedback": "GOOD"}
    assert await info(action="update", info=None) is None


async def test_edits_cost_a_fixed_number_of_statements(world: World) -> None:
    reader = await world.public_reader()
    ids = await works(world, 120)
    path = (await make(reader, "Personal", *ids[:60]))["id"]
    counts = []
    for number in (1, 40):
        edits = [drop(ids.pop(0)) for _ in range(number)]
        edits += [add(ids.pop(), order_id=0) for _ in range(number)] + [move(ids[0], 0)]
        counts.append(await number_of_statements(edit(reader, path, *edits)))
    assert counts[0] == counts[1]


async def test_a_work_that_is_deleted_closes_its_gap(world: World) -> None:
    reader = await world.public_reader()
    a, b, c = await works(world, 3)
    first, second = (await make(reader, "Personal", a, b, c))["id"], (await make(reader, "Personal", c, b))["id"]
    etag = (await reader.get(f"/list/{first}")).headers["etag"]
    await delete_work(world, b)
    assert await on_list(reader, first) == [a, c]
    assert await on_list(reader, second) == [c]
    assert (await reader.get(f"/list/{first}")).headers["etag"] != etag


async def test_rows_of_a_list_that_come_and_go_without_its_doors_keep_it_dense(world: World) -> None:
    """As when two works are merged that are on one list, and when that is undone."""
    reader = await world.public_reader()
    a, b, c, d = await works(world, 4)
    path = (await make(reader, "Personal", a, b, c))["id"]
    async with world.session() as session:
        await session.execute(text("DELETE FROM book_list_works WHERE work_id = :id"), {"id": a})
        await session.execute(
            text("UPDATE book_list_works SET work_id = :new WHERE work_id = :id"), {"id": b, "new": d}
        )
    assert await on_list(reader, path) == [d, c]
    etag = (await reader.get(f"/list/{path}")).headers["etag"]
    row = {"list": path, "first": a, "second": b}
    async with world.session() as session:
        await session.execute(
            text("""INSERT INTO book_list_works (booklist_id, work_id, order_id)
                    VALUES (:list, :first, 0), (:list, :second, 70)"""),
            row,
        )
    assert await on_list(reader, path) == [a, d, c, b]
    assert (await reader.get(f"/list/{path}")).headers["etag"] != etag


async def test_merging_works_keeps_lists_in_order_and_undoing_it_brings_them_back(world: World) -> None:
    reader, admin = await world.public_reader(), await world.admin()
    a, b, c, d = await works(world, 4)
    both, one = (await make(reader, "Personal", a, b, c, d))["id"], (await make(reader, "Personal", c, b))["id"]
    merged = sent(await admin.post(f"/work/{a}/merge", json={"duplicate_id": b}))
    assert await on_list(reader, both) == [a, c, d]
    assert await on_list(reader, one) == [c, a]
    sent(await admin.post(f"/merges/{merged['id']}/undo"))
    assert await on_list(reader, both) == [a, b, c, d]
    assert await on_list(reader, one) == [c, b]


def random_edit(chance: random.Random, ids: list[int]) -> dict[str, Any]:
    action = chance.choice(["add", "add", "remove", "update"])
    position = {} if action == "remove" or chance.random() < 0.4 else {"order_id": chance.randrange(len(ids) + 3)}
    return {"action": action, "work_id": chance.choice(ids), **position}


def modelled(order: list[int], edits: list[dict[str, Any]]) -> list[int] | None:
    """What the documentation says; None where it is refused."""
    works_ = list(order)
    for one in edits:
        work, position = one["work_id"], one.get("order_id")
        if one["action"] == "update" and work not in works_:
            return None
        if one["action"] == "remove":
            works_ = [each for each in works_ if each != work]
        elif one["action"] == "add" and work not in works_:
            works_.insert(len(works_) if position is None else position, work)
        elif one["action"] == "update" and position is not None:
            works_.remove(work)
            works_.insert(position, work)
    return works_


async def test_random_edits_end_as_the_model_does(world: World) -> None:
    chance = random.Random(seed := secrets.randbits(32))
    reader = await world.public_reader()
    ids = await works(world, 10)
    path = (await make(reader))["id"]
    order: list[int] = []
    for _ in range(60):
        edits = [random_edit(chance, ids) for _ in range(chance.randrange(1, 6))]
        answer = await edit(reader, path, *edits)
        after = modelled(order, edits)
        assert answer.status_code == (422 if after is None else 200), f"seed {seed}: {answer.text}"
        order = order if after is None else after
        assert await on_list(reader, path) == order, f"seed {seed}"


async def insistent(client: Client, path: str, edits: list[dict[str, Any]]) -> Any:
    """Send edits, again when told to come again."""
    for _ in range(50):
        answer = await edit(client, path, *edits)
        if answer.status_code not in (409, 503):
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError(f"no answer: {answer.text}")


def effect_of(order: list[int], answered: list[list[dict[str, Any]]], where: str) -> list[int]:
    """The list after one version: one of those who were answered with it made it, the others changed nothing then."""
    possible = [after for edits in answered if (after := modelled(order, edits)) not in (None, order)]
    for after in possible:
        others = [edits for edits in answered if modelled(order, edits) != after]
        if after is not None and all(modelled(after, edits) == after for edits in others):
            return after
    raise AssertionError(f"{where}: {answered} makes nothing that fits of {order}")


async def test_eight_editors_at_once_are_as_one_after_the_other(world: World) -> None:
    """Each answer carries the list's version: the edits in that order have to lead to the list that is there."""
    seed = secrets.randbits(32)
    school = await world.school()
    editors = [await world.educator(school) for _ in range(8)]
    ids = await works(world, 12)
    path = (await make(editors[0], "School", *ids[:6]))["id"]
    done: dict[int, list[list[dict[str, Any]]]] = {}

    async def work(editor: Client, chance: random.Random) -> None:
        for _ in range(12):
            edits = [random_edit(chance, ids) for _ in range(chance.randrange(1, 4))]
            answer = await insistent(editor, path, edits)
            assert answer.status_code in (200, 422), answer.text
            if answer.status_code == 200:
                version = int(answer.headers["etag"].strip('"').rpartition("-")[2])
                done.setdefault(version, []).append(edits)

    await asyncio.gather(*(work(editor, random.Random(seed + n)) for n, editor in enumerate(editors)))
    order = ids[:6]
    for version, answered in sorted(done.items()):
        if version > 1:
            order = effect_of(order, answered, f"seed {seed}, version {version}")
    assert sorted(done.keys() | {1}) == list(range(1, max(done) + 1)), f"seed {seed}: an edit was lost"
    assert await on_list(editors[0], path) == order, f"seed {seed}"
    async with world.session() as session:
        places = await session.scalars(
            text("SELECT order_id FROM book_list_works WHERE booklist_id = :id ORDER BY order_id"), {"id": path}
        )
        assert list(places) == list(range(len(order)))


async def test_works_are_deleted_while_others_edit(world: World) -> None:
    school = await world.school()
    editors = [await world.educator(school) for _ in range(3)]
    ids = await works(world, 24)
    kept, doomed = ids[:12], ids[12:]
    path = (await make(editors[0], "School", *ids))["id"]

    async def work(editor: Client, chance: random.Random) -> None:
        for _ in range(15):
            answer = await insistent(editor, path, [move(chance.choice(kept), chance.randrange(10))])
            assert answer.status_code == 200, answer.text

    async def destroy() -> None:
        for work_id in doomed:
            await delete_work(world, work_id)

    await asyncio.gather(destroy(), *(work(editor, random.Random(n)) for n, editor in enumerate(editors)))
    assert sorted(await on_list(editors[0], path)) == sorted(kept)


async def test_the_id_of_a_work_that_was_merged_leads_to_the_other_one(world: World) -> None:
    reader, admin = await world.public_reader(), await world.admin()
    first, second, survivor, other = await works(world, 4)
    for duplicate, into in ((first, second), (second, survivor)):
        sent(await admin.post(f"/work/{into}/merge", json={"duplicate_id": duplicate}))
    path = (await make(reader, "Personal", other, first))["id"]
    assert await on_list(reader, path) == [other, survivor]
    sent(await edit(reader, path, add(second, order_id=0), move(first, 0)))
    assert await on_list(reader, path) == [survivor, other]
    sent(await edit(reader, path, drop(second)))
    assert await on_list(reader, path) == [other]
    unknown = await edit(reader, path, add(first), add(2**31 - 1))
    assert unknown.status_code == 422
    assert [each["pointer"] for each in unknown.json()["errors"]] == ["/items/1/work_id"]
    assert await on_list(reader, path) == [other]
