"""What becomes of labels that rules give: over HTTP, as staff ask and as the queue delivers."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from app.core.config import Settings
from app.core.outbox import TaskRow, TaskState
from app.labelling import commands
from app.labelling.review import keep_reviews
from tests.books.catalogue import one
from tests.books.shelves import events_about, work_shown
from tests.labelling.labelling import Deliver, a_work, runs_of
from tests.world import Client, World

ABSENT = 2**31 - 2


async def tasks_about(world: World, work_id: Any) -> list[TaskRow]:
    async with world.session() as session:
        rows = await session.scalars(select(TaskRow).where(TaskRow.kind == "generate-labels"))
        return [row for row in rows if int(work_id) in row.payload["work_ids"]]


async def hold(world: World, isbn: str, *, libraries: int) -> None:
    """Have so many libraries hold an edition."""
    for _ in range(libraries):
        school = await world.school()
        collection, admin = await world.collection(school), await world.admin()
        answer = await admin.patch(f"/collection/{collection.id}", json={"items": [{"edition_isbn": isbn}]})
        assert answer.status_code == 200, answer.text


async def queue_of(admin: Client, *work_ids: Any, **query: Any) -> list[Any]:
    """What the review queue says of these works, in its order."""
    found, query = [], {"limit": 1000, **query}
    answer = await admin.get("/labelsets/review", params=query)
    while True:
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        if "next" not in answer.links:
            return [each for each in found if each["work_id"] in {str(id_) for id_ in work_ids}]
        answer = await admin.http.get(answer.links["next"]["url"], headers={"Authorization": f"Bearer {admin.token}"})


async def test_a_work_is_labelled_by_rules_as_their_own_word(world: World, deliver: Deliver) -> None:
    admin = await world.admin()
    work = await a_work(
        admin, genres=[{"name": "Ghost stories", "source": "OTHER"}], summary_short="A ghost.", pages="150"
    )
    assert (await deliver(work["id"])).state is TaskState.DONE
    labels = (await work_shown(admin, work["id"]))["labelset"]
    assert labels["hues"][0]["key"] == "hue01_dark_suspense"
    assert (labels["hue_origin"], labels["age_origin"], labels["reading_ability_origin"]) == ("RULES",) * 3
    assert labels["min_age"] <= 9 <= labels["max_age"]
    assert labels["reading_abilities"]
    assert (labels["huey_summary"], labels["summary_origin"]) == ("A ghost.", "RULES")
    assert labels["checked"] is None
    assert (labels["labelled_by_user_id"], labels["labelled_by_sa_id"]) == (None, None)
    assert labels["info"]["genres"] == ["HORROR_SPOOKY"]
    assert labels["info"]["origins"]["genres"] == "RULES"
    (run,) = await runs_of(world, work["id"])
    assert (run.labeller, run.outcome, run.cost, run.input_tokens) == ("local", "labelled", 0, 0)
    assert run.certainty is not None and 0 < run.certainty["hues"] <= 1
    actors = "SELECT array_agg(DISTINCT actor) FROM labelset_changes WHERE work_id = :id"
    assert await one(world, actors, id=int(work["id"])) == ["labeller:local"]


async def test_what_a_person_said_is_kept_with_who_said_it(world: World, deliver: Deliver) -> None:
    admin = await world.admin()
    work = await a_work(admin, keywords="ghosts; detectives", pages="150")
    said = {"min_age": 3, "max_age": 4, "info": {"genres": ["FUNNY"], "notes": "Ours."}}
    answer = await admin.patch(f"/work/{work['id']}", json={"labelset": said})
    assert answer.status_code == 200, answer.text
    await deliver(work["id"])
    labels = (await work_shown(admin, work["id"]))["labelset"]
    assert (labels["min_age"], labels["max_age"], labels["age_origin"]) == (3, 4, "HUMAN")
    assert (labels["info"]["genres"], labels["info"]["notes"]) == (["FUNNY"], "Ours.")
    assert labels["hue_origin"] == "RULES"
    assert labels["labelled_by_user_id"] == str(admin.id)


async def test_what_a_person_says_in_info_later_is_the_persons(world: World, deliver: Deliver) -> None:
    admin = await world.admin()
    work = await a_work(admin, keywords="ghosts")
    await deliver(work["id"])
    await admin.patch(f"/work/{work['id']}", json={"labelset": {"info": {"genres": ["WAR"]}}})
    await deliver(work["id"], again=True)
    info = (await work_shown(admin, work["id"]))["labelset"]["info"]
    assert info["genres"] == ["WAR"]
    assert "genres" not in info["origins"]
    assert "styles" in info["origins"]


async def test_checked_labels_are_left_alone_and_nothing_is_asked(world: World, deliver: Deliver) -> None:
    admin = await world.admin()
    work = await a_work(admin, keywords="ghosts")
    await admin.patch(f"/work/{work['id']}", json={"labelset": {"checked": True}})
    before = await work_shown(admin, work["id"])
    await deliver(work["id"], again=True)
    assert await work_shown(admin, work["id"]) == before
    assert await runs_of(world, work["id"]) == []


async def test_a_work_is_looked_at_once_unless_it_is_asked_for_again(world: World, deliver: Deliver) -> None:
    admin = await world.admin()
    work = await a_work(admin, keywords="ghosts", pages="150")
    await deliver(work["id"])
    await deliver(work["id"])
    assert len(await runs_of(world, work["id"])) == 1
    shown = await work_shown(admin, work["id"])
    await deliver(work["id"], again=True)
    assert len(await runs_of(world, work["id"])) == 2
    assert await work_shown(admin, work["id"]) == shown


async def test_many_works_take_as_many_statements_as_one(world: World, deliver: Deliver) -> None:
    admin = await world.admin()
    works = [(await a_work(admin, keywords="ghosts"))["id"] for _ in range(9)]
    first = await world.count_statements(deliver(works[0]))
    assert await world.count_statements(deliver(*works[1:])) == first
    assert len(await events_about(world, "Labels generated", "cost", "0")) >= 2


async def test_a_work_that_is_gone_is_nothing_to_do(world: World, deliver: Deliver) -> None:
    assert (await deliver(ABSENT)).state is TaskState.DONE
    assert await runs_of(world, ABSENT) == []


async def test_staff_have_a_work_labelled(world: World) -> None:
    admin = await world.admin()
    work = await a_work(admin)
    answer = await admin.post(f"/work/{work['id']}/generate-labels")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "works": 1, "unknown": []})
    (task,) = await tasks_about(world, work["id"])
    assert (task.payload["again"], task.account) == (True, f"user:{admin.id}")
    assert (await admin.post(f"/work/{ABSENT}/generate-labels")).status_code == 404


async def test_staff_have_many_works_labelled(world: World) -> None:
    admin = await world.admin()
    works = [int((await a_work(admin))["id"]) for _ in range(2)]
    answer = await admin.post("/works/generate-labels", json={"work_ids": [*works, works[0], ABSENT]})
    assert answer.json() == {"status": "ok", "works": 2, "unknown": [str(ABSENT)]}
    (task,) = await tasks_about(world, works[0])
    assert task.payload["work_ids"] == sorted(works)


@pytest.mark.parametrize(
    "body", [{"work_ids": []}, {"work_ids": [0]}, {"work_ids": list(range(1, 5002))}, {}, {"ids": [1]}]
)
async def test_a_list_of_works_that_cannot_be_is_refused(world: World, body: Any) -> None:
    answer = await (await world.admin()).post("/works/generate-labels", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"]


async def test_the_same_key_queues_once(world: World) -> None:
    admin = await world.admin()
    work = await a_work(admin)
    headers = {"Idempotency-Key": uuid4().hex}
    for _ in range(2):
        assert (await admin.post(f"/work/{work['id']}/generate-labels", headers=headers)).status_code == 200
    assert len(await tasks_about(world, work["id"])) == 1


async def test_only_admins_have_works_labelled_and_see_the_queue(world: World) -> None:
    school = await world.school()
    work = await a_work(await world.admin())
    for client in (await world.educator(school), await world.school_admin(school), await world.lms(school)):
        for answer in (
            await client.post(f"/work/{work['id']}/generate-labels"),
            await client.post("/works/generate-labels", json={"work_ids": [int(work["id"])]}),
            await client.get("/labelsets/review"),
        ):
            assert answer.status_code == 403
    assert (await world.http.get("/v1/labelsets/review")).status_code == 401
    assert (await (await world.service("backend")).get("/labelsets/review")).status_code == 200


async def test_the_queue_is_ordered_by_libraries_times_doubt(world: World, deliver: Deliver) -> None:
    admin = await world.admin()
    bare, unsure, said, wrong, right, alone = [
        await a_work(admin, keywords="ghosts; detective", pages="150", summary_short="A ghost.") for _ in range(6)
    ]
    for work, libraries in ((bare, 2), (unsure, 2), (said, 3), (wrong, 3), (right, 3)):
        await hold(world, work["isbn"], libraries=libraries)
    await keep_reviews(world.database)
    await deliver(unsure["id"], wrong["id"], right["id"], alone["id"])
    human = {
        "hue_primary_key": "hue05_funny_comic",
        "min_age": 7,
        "max_age": 9,
        "reading_ability_keys": ["TREEHOUSE"],
        "huey_summary": "Fun.",
    }
    await admin.patch(f"/work/{said['id']}", json={"labelset": human})
    await admin.patch(f"/work/{wrong['id']}", json={"labelset": {"checked": False}})
    await admin.patch(f"/work/{right['id']}", json={"labelset": {"checked": True}})
    ids = [work["id"] for work in (bare, unsure, said, wrong, right, alone)]
    found = await queue_of(admin, *ids)
    assert [each["work_id"] for each in found] == [wrong["id"], bare["id"], unsure["id"]]
    first, second, third = found
    assert (first["libraries"], first["doubt"], first["weight"], first["checked"]) == (3, 100, 300, False)
    assert second["missing"] == ["hues", "age", "reading_ability", "summary"]
    assert (second["unsure"], second["doubt"], second["weight"], second["checked"]) == ([], 100, 200, None)
    assert third["missing"] == []
    assert third["unsure"] == ["hues", "age", "reading_ability", "summary"]
    assert 0 < third["doubt"] < 100
    assert third["weight"] == 2 * third["doubt"]
    assert await queue_of(admin, *ids, limit=1) == found


async def test_the_queue_takes_one_number_of_statements(world: World) -> None:
    admin = await world.admin()
    counts = [await world.count_statements(admin.get("/labelsets/review", params={"limit": n})) for n in (1, 1, 500)]
    assert counts[1] == counts[2]


async def test_staff_at_a_terminal(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, deliver: Deliver
) -> None:
    monkeypatch.setattr(commands, "settings", lambda: settings)

    async def run(*arguments: object) -> str:
        result = await asyncio.to_thread(lambda: CliRunner().invoke(commands.app, [str(each) for each in arguments]))
        assert result.exit_code == 0, result.output
        return result.stdout.strip()

    admin = await world.admin()
    held, other = await a_work(admin, keywords="ghosts"), await a_work(admin, keywords="ghosts")
    await hold(world, held["isbn"], libraries=1)
    assert await run("works", other["id"], ABSENT) == "1"
    assert [task.payload["again"] for task in await tasks_about(world, other["id"])] == [True]
    assert int(await run("missing", "--most", 100_000)) >= 1
    (task,) = await tasks_about(world, held["id"])
    assert (task.payload["again"], task.account) == (False, None)
    assert len(await tasks_about(world, other["id"])) == 1
    await deliver(held["id"])
    lines = [line.split("\t") for line in (await run("spent", "--days", 1)).splitlines()]
    assert [line[1:3] for line in lines if line[1] == "local"] == [["local", "rules-1"]]


async def test_runs_stay_when_the_work_is_deleted(world: World, deliver: Deliver) -> None:
    admin = await world.admin()
    work = await a_work(admin, keywords="ghosts")
    await deliver(work["id"])
    assert (await admin.delete(f"/work/{work['id']}")).status_code == 200
    assert len(await runs_of(world, work["id"])) == 1


async def test_rules_do_not_cost_and_money_is_not_given_back(world: World) -> None:
    with pytest.raises(Exception, match="nothing_is_given_back"):
        async with world.session() as session:
            await session.execute(
                text(
                    """INSERT INTO labelling_runs (work_id, task_id, labeller, model, outcome, input_tokens,
                                                   output_tokens, cost)
                       VALUES (1, gen_random_uuid(), 'x', 'y', 'labelled', 0, 0, -1)"""
                )
            )
