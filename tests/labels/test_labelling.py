"""What is said of a work's labels over HTTP, by whom, and what is remembered of it."""

from typing import Any

import pytest
from sqlalchemy import text

from tests.books.catalogue import Json, new_isbn, one
from tests.books.shelves import events_about, new_work, work_shown
from tests.world import Client, World

HUES = {
    "hue01_dark_suspense": "Dark/Suspense",
    "hue02_beautiful_whimsical": "Beautiful/Whimsical",
    "hue03_dark_beautiful": "Dark/Beautiful",
    "hue04_joyful_charming": "Joyful/Charming",
    "hue05_funny_comic": "Funny/Comic",
    "hue06_dark_gritty": "Dark/Gritty",
    "hue07_silly_charming": "Silly/Charming",
    "hue08_charming_courageous": "Charming/Inspiring",
    "hue09_charming_playful": "Charming/Playful",
    "hue10_inspiring": "Inspiring",
    "hue11_realistic_hope": "Realistic/Hope",
    "hue12_funny_quirky": "Funny/Quirky",
    "hue13_informative": "Straightforward",
}
ABILITIES = {
    "SPOT": "Where's Spot",
    "CAT_HAT": "The Cat in the Hat",
    "TREEHOUSE": "The 13-Storey Treehouse",
    "CHARLIE_CHOCOLATE": "Charlie and the Chocolate Factory",
    "HARRY_POTTER": "Harry Potter and the Philosopher's Stone",
}
FULL: Json = {
    "hue_primary_key": "hue05_funny_comic",
    "hue_secondary_key": "hue12_funny_quirky",
    "min_age": 0,
    "max_age": 11,
    "reading_ability_keys": ["TREEHOUSE", "spot"],
    "huey_summary": "A nasty couple get what they deserve.",
    "recommend_status": "BAD_BORING",
    "info": {"genres": ["FUNNY"], "notes": "x"},
    "checked": True,
}
ORIGINS = ("hue_origin", "age_origin", "reading_ability_origin", "summary_origin", "recommend_status_origin")


async def relabelled(client: Client, work: Json, **labels: Any) -> Json:
    answer = await client.patch(f"/work/{work['id']}", json={"labelset": labels})
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()["labelset"]
    return shown


async def history(world: World, work: Json) -> list[tuple[Any, ...]]:
    async with world.session() as session:
        found = await session.execute(
            text(
                "SELECT label_group, actor, origin, before, after FROM labelset_changes WHERE work_id = :id ORDER BY id"
            ),
            {"id": int(work["id"])},
        )
        return [tuple(row) for row in found]


async def test_hues_and_reading_abilities_are_those_of_the_contract(world: World) -> None:
    async with world.session() as session:
        hues = (await session.execute(text("SELECT key, name FROM hues"))).all()
        abilities = (await session.execute(text("SELECT key, name FROM reading_abilities ORDER BY id"))).all()
    assert {row.key: row.name for row in hues} == HUES
    assert [tuple(row) for row in abilities] == list(ABILITIES.items())


async def test_what_a_person_says_is_human_and_shown_with_the_labeller(world: World) -> None:
    admin = await world.admin()
    work = await new_work(admin, new_isbn())
    labels = await relabelled(admin, work, **FULL)
    assert [(hue["key"], hue["name"]) for hue in labels["hues"]] == [
        ("hue05_funny_comic", "Funny/Comic"),
        ("hue12_funny_quirky", "Funny/Quirky"),
    ]
    assert [each["key"] for each in labels["reading_abilities"]] == ["SPOT", "TREEHOUSE"]
    assert {labels[name] for name in ORIGINS} == {"HUMAN"}
    assert (labels["min_age"], labels["max_age"]) == (0, 11)
    assert (labels["recommend_status"], labels["checked"], labels["info"]) == ("BAD_BORING", True, FULL["info"])
    assert (labels["labelled_by_user_id"], labels["labelled_by_sa_id"]) == (str(admin.id), None)
    assert labels == (await work_shown(admin, work["id"]))["labelset"]
    assert await one(world, "SELECT checked_at IS NOT NULL FROM labelsets WHERE work_id = :id", id=int(work["id"]))


@pytest.mark.parametrize("name", FULL)
async def test_what_is_not_named_is_kept(world: World, name: str) -> None:
    """`checked` above all, and info without genres, which once were an error."""
    admin = await world.admin()
    work = await new_work(admin, new_isbn())
    before = await relabelled(admin, work, **FULL)
    change: Any = {
        "hue_primary_key": {"hue_primary_key": "hue05_funny_comic", "hue_secondary_key": "hue13_informative"},
        "hue_secondary_key": {"hue_primary_key": "hue05_funny_comic", "hue_secondary_key": "hue13_informative"},
        "min_age": {"min_age": 3},
        "max_age": {"max_age": 12},
        "reading_ability_keys": {"reading_ability_keys": []},
        "huey_summary": {"huey_summary": "Another."},
        "recommend_status": {"recommend_status": "GOOD"},
        "info": {"info": {"styles": ["DARK"]}},
        "checked": {"checked": False},
    }[name]
    shown_as = {
        "hue_primary_key": "hues",
        "hue_secondary_key": "hues",
        "reading_ability_keys": "reading_abilities",
    }.get(name, name)
    after = await relabelled(admin, work, **change)
    assert {key for key in after if after[key] != before[key]} == {shown_as, "updated_at"}
    if name == "info":
        assert after["info"] == {**FULL["info"], "styles": ["DARK"]}


async def test_null_clears_a_group_that_is_named_and_a_null_origin_says_nothing(world: World) -> None:
    admin = await world.admin()
    work = await new_work(admin, new_isbn())
    before = await relabelled(admin, work, **FULL)
    silent = dict.fromkeys([name for name in FULL if name not in ("info", "checked")]) | dict.fromkeys(ORIGINS)
    assert await relabelled(admin, work, **silent) == before
    cleared = await relabelled(admin, work, min_age=None, max_age=None, huey_summary=None, checked=None, info=None)
    assert [cleared[name] for name in ("min_age", "max_age", "huey_summary", "checked", "info")] == [None] * 5
    assert (cleared["age_origin"], cleared["summary_origin"]) == ("HUMAN", "HUMAN")
    half = await relabelled(admin, work, max_age=9, age_origin="HUMAN")
    assert (half["min_age"], half["max_age"]) == (None, 9)


async def test_a_change_that_changes_nothing_leaves_no_trace(world: World) -> None:
    admin = await world.admin()
    work = await new_work(admin, new_isbn())
    first = await relabelled(admin, work, **FULL)
    known = await history(world, work)
    assert await relabelled(admin, work, **FULL) == first
    assert await history(world, work) == known
    assert len(await events_about(world, "Work updated", "work_id", work["id"])) == 1


async def test_the_history_tells_who_when_and_from_what(world: World) -> None:
    admin, robot = await world.admin(), await world.service("backend")
    work = await new_work(admin, new_isbn())
    await relabelled(robot, work, min_age=5, age_origin="VERTEXAI")
    await relabelled(admin, work, min_age=7, checked=True)
    assert await history(world, work) == [
        (
            "age",
            f"service_account:{robot.id}",
            "VERTEXAI",
            {"value": {"min_age": None, "max_age": None}, "origin": None},
            {"value": {"min_age": 5, "max_age": None}, "origin": "VERTEXAI"},
        ),
        (
            "age",
            f"user:{admin.id}",
            "HUMAN",
            {"value": {"min_age": 5, "max_age": None}, "origin": "VERTEXAI"},
            {"value": {"min_age": 7, "max_age": None}, "origin": "HUMAN"},
        ),
        ("checked", f"user:{admin.id}", None, {"value": None, "origin": None}, {"value": True, "origin": None}),
    ]
    _, event = await events_about(world, "Work updated", "work_id", work["id"])
    assert event["labels"]["min_age"] == {"from": 5, "to": 7}
    assert event["labels"]["age_origin"] == {"from": "VERTEXAI", "to": "HUMAN"}


async def test_a_program_never_overwrites_what_a_person_said(world: World) -> None:
    admin, robot = await world.admin(), await world.service("backend")
    work = await new_work(admin, new_isbn())
    before = await relabelled(admin, work, min_age=7, huey_summary="By hand.")
    program = {"min_age": 1, "age_origin": "VERTEXAI", "huey_summary": "By GPT.", "summary_origin": "GPT4"}
    after = await relabelled(robot, work, **program, recommend_status="BAD_REFERENCE", recommend_status_origin="OTHER")
    changed = {"recommend_status", "recommend_status_origin", "labelled_by_user_id", "labelled_by_sa_id", "updated_at"}
    assert {name for name in after if after[name] != before[name]} == changed
    assert (after["labelled_by_user_id"], after["labelled_by_sa_id"]) == (None, str(robot.id))


@pytest.mark.parametrize(
    ("labels", "pointer"),
    [
        ({"min_age": 5, "age_origin": "VERTEXAI"}, "/labelset/age_origin"),
        ({"labelled_by_sa_id": "5f0cbf0e-34b1-4c6b-a9f5-b5b3f6f9f0a1"}, "/labelset/labelled_by_sa_id"),
        ({"labelled_by_user_id": "5f0cbf0e-34b1-4c6b-a9f5-b5b3f6f9f0a1"}, "/labelset/labelled_by_user_id"),
    ],
)
async def test_a_person_says_for_nobody_else(world: World, labels: Json, pointer: str) -> None:
    admin = await world.admin()
    work = await new_work(admin, new_isbn())
    answer = await admin.patch(f"/work/{work['id']}", json={"subtitle": "New", "labelset": labels})
    assert (answer.status_code, answer.json()["code"]) == (403, "field_forbidden")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert await work_shown(admin, work["id"]) == work


@pytest.mark.parametrize(
    ("labels", "status", "pointer"),
    [
        ({"min_age": 5, "age_origin": "HUMAN"}, 403, "/labelset/age_origin"),
        ({"checked": True}, 403, "/labelset/checked"),
        ({"checked": False}, 403, "/labelset/checked"),
        ({"min_age": 5}, 422, "/labelset/age_origin"),
        ({"huey_summary": "x", "summary_origin": None}, 422, "/labelset/summary_origin"),
    ],
)
async def test_a_program_is_no_person(world: World, labels: Json, status: int, pointer: str) -> None:
    robot = await world.service("backend")
    work = await new_work(robot, new_isbn())
    answer = await robot.patch(f"/work/{work['id']}", json={"labelset": labels})
    assert answer.status_code == status, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert await work_shown(robot, work["id"]) == work


async def test_what_is_its_own_may_be_repeated(world: World) -> None:
    admin, robot = await world.admin(), await world.service("backend")
    work = await new_work(admin, new_isbn())
    own = {"labelled_by_user_id": str(admin.id), "labelled_by_sa_id": None, "age_origin": "human"}
    assert (await relabelled(admin, work, min_age=5, **own))["labelled_by_user_id"] == str(admin.id)
    others = {"labelled_by_sa_id": str(robot.id), "checked": None, "summary_origin": "vertexai"}
    labels = await relabelled(robot, work, huey_summary="By Gemini.", **others)
    assert (labels["labelled_by_sa_id"], labels["checked"]) == (str(robot.id), None)


@pytest.mark.parametrize(
    ("labels", "pointer", "code"),
    [
        ({"hue_primary_key": "hue13_straightforward"}, "/labelset/hue_primary_key", "unknown_key"),
        (
            {"hue_primary_key": "hue10_inspiring", "hue_tertiary_key": "hue10_inspiring"},
            "/labelset/hue_tertiary_key",
            "duplicate",
        ),
        ({"reading_ability_keys": ["SPOT", "DOG"]}, "/labelset/reading_ability_keys/1", "unknown_key"),
        ({"max_age": 3, "min_age": 5}, "/labelset/min_age", "ages_reversed"),
        ({"min_age": -1}, "/labelset/min_age", "greater_than_equal"),
        ({"recommend_status": "GREAT"}, "/labelset/recommend_status", "enum"),
        ({"checked_at": "2020-01-01T00:00:00Z"}, "/labelset/checked_at", "unknown_field"),
        ({"info": [1]}, "/labelset/info", "dict_type"),
    ],
)
async def test_labels_that_cannot_be_are_refused_with_a_pointer(
    world: World, labels: Json, pointer: str, code: str
) -> None:
    admin = await world.admin()
    work = await new_work(admin, new_isbn())
    answer = await admin.patch(f"/work/{work['id']}", json={"labelset": labels})
    assert answer.status_code == 422, answer.text
    assert (pointer, code) in {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}
    assert (await work_shown(admin, work["id"]))["labelset"] is None


async def test_a_work_has_one_labelset_whoever_is_first(world: World) -> None:
    admin = await world.admin()
    work = await new_work(admin, new_isbn())
    await relabelled(admin, work, min_age=5)
    double = text("INSERT INTO labelsets (work_id) VALUES (:id)")
    with pytest.raises(Exception, match="uq_labelsets_work_id"):
        async with world.session() as session:
            await session.execute(double, {"id": int(work["id"])})


@pytest.mark.parametrize("role", ["lms", "library", "school_admin", "educator", "student", "public"])
async def test_nobody_else_labels_a_book(world: World, role: str) -> None:
    """A student once made a controversial book good for the youngest, by adding an edition of it."""
    school, admin, isbn = await world.school(), await world.admin(), new_isbn()
    clients: dict[str, Any] = {
        "lms": lambda: world.lms(school),
        "library": lambda: world.service("school", school),
        "school_admin": lambda: world.school_admin(school),
        "educator": lambda: world.educator(school),
        "public": lambda: world.public_reader(),
    }
    group = await world.class_group(school)
    client: Client = await world.student(group) if role == "student" else await clients[role]()
    work = await new_work(admin, isbn)
    before = await relabelled(admin, work, recommend_status="BAD_CONTROVERSIAL", min_age=16, max_age=18)
    labels = {"recommend_status": "GOOD", "recommend_status_origin": "HUMAN", "min_age": 3, "age_origin": "HUMAN"}
    answers = [
        await client.patch(f"/work/{work['id']}", json={"labelset": labels}),
        await client.patch("/labelsets", json=[{"isbn": isbn, "patch_data": labels}]),
        await client.post("/edition", json={"isbn": isbn, "labelset": labels}),
    ]
    assert {answer.status_code for answer in answers} == {403}
    shown = (await client.get(f"/work/{work['id']}")).json()
    assert shown["labelset"] == before


async def test_an_admin_reads_who_changed_labels_when_and_from_what(world: World) -> None:
    admin, program = await world.admin(), await world.service("backend")
    work = await new_work(admin)
    path = f"/work/{work['id']}/label-changes"
    assert (await admin.get(path)).json()["data"] == []
    await relabelled(program, work, min_age=3, max_age=5, age_origin="GPT4")
    await relabelled(admin, work, min_age=7, max_age=9)
    await relabelled(admin, work, **FULL | {"min_age": 7, "max_age": 9})
    changes = (await admin.get(path)).json()["data"]
    ages = [each for each in changes if each["group"] == "age"]
    assert [(each["actor"], each["before"], each["after"]) for each in ages] == [
        (
            f"user:{admin.id}",
            {"value": {"min_age": 3, "max_age": 5}, "origin": "GPT4"},
            {"value": {"min_age": 7, "max_age": 9}, "origin": "HUMAN"},
        ),
        (
            f"service_account:{program.id}",
            {"value": {"min_age": None, "max_age": None}, "origin": None},
            {"value": {"min_age": 3, "max_age": 5}, "origin": "GPT4"},
        ),
    ]
    said = {each["group"]: each["after"]["value"] for each in changes if each["group"] != "age"}
    assert said == {
        "hues": {"primary": "hue05_funny_comic", "secondary": "hue12_funny_quirky"},
        "reading_ability": ["SPOT", "TREEHOUSE"],
        "summary": FULL["huey_summary"],
        "recommend_status": "BAD_BORING",
        "info": FULL["info"],
        "checked": True,
    }
    assert sorted(changes, key=lambda each: -each["id"]) == changes
    assert all(each["at"] for each in changes)


async def test_the_history_of_labels_outlives_the_work_and_leads_on_from_a_duplicate(world: World) -> None:
    admin = await world.admin()
    work, duplicate = await new_work(admin), await new_work(admin)
    await relabelled(admin, work, min_age=7, max_age=9)
    assert (await admin.post(f"/work/{work['id']}/merge", json={"duplicate_id": int(duplicate["id"])})).is_success
    told = (await admin.get(f"/work/{work['id']}/label-changes")).json()
    assert (await admin.get(f"/work/{duplicate['id']}/label-changes")).json() == told
    assert (await admin.delete(f"/work/{work['id']}")).status_code == 200
    assert (await admin.get(f"/work/{work['id']}/label-changes")).json() == told
    assert told["data"]


async def test_the_history_of_labels_is_for_admins_and_of_works_that_were(world: World) -> None:
    admin, school = await world.admin(), await world.school()
    for other in (await world.educator(school), await world.lms(school)):
        refused = await other.get("/work/1/label-changes")
        assert (refused.status_code, refused.json()["permission"]) == (403, "read")
    assert (await admin.get(f"/work/{2**31 - 1}/label-changes")).status_code == 404


async def test_the_history_of_labels_comes_in_pages(world: World) -> None:
    admin = await world.admin()
    work = await new_work(admin)
    for age in range(5):
        await relabelled(admin, work, min_age=age, max_age=9)
    whole = (await admin.get(f"/work/{work['id']}/label-changes")).json()["data"]
    seen, address = [], f"/work/{work['id']}/label-changes?limit=2"
    while address:
        answer = await admin.get(address)
        seen += answer.json()["data"]
        address = answer.links.get("next", {}).get("url", "").removeprefix("/v1")
    assert seen == whole
    assert len(whole) == 5
