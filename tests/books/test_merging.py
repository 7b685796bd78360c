"""Two works, or two authors, that are one: what moves, where the old id leads, and what undoing brings back."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from app.books.merging.links import LINKS, TABLES
from app.core.db import Base
from tests.books.catalogue import Json, author, book, new_isbn, one, statements, stored, unique
from tests.books.shelves import edition_shown, events_about, held, new_work, work_shown
from tests.world import Client, World


async def merged(client: Client, kind: str, duplicate: Json, survivor: Json, **query: Any) -> Json:
    path = "work" if kind == "work" else "authors"
    body = {"duplicate_id": int(duplicate["id"])}
    answer = await client.post(f"/{path}/{survivor['id']}/merge", json=body, params=query)
    assert answer.status_code == 200, answer.text
    report: Json = answer.json()
    return report


async def undone(client: Client, merge: Json) -> Json:
    answer = await client.post(f"/merges/{merge['id']}/undo")
    assert answer.status_code == 200, answer.text
    report: Json = answer.json()
    return report


DERIVED = {"work_search", "work_holders", "work_labels", "label_reviews"}
"""What triggers keep moves by itself (app/search/models.py, app/labelling/models.py)."""


def test_every_reference_to_works_and_authors_is_moved() -> None:
    """A table that is forgotten would lose its rows with the duplicate."""
    for kind, table in TABLES.items():
        references = {
            (key.parent.table.name, key.parent.name)
            for each in Base.metadata.tables.values()
            for key in each.foreign_keys
            if key.column.table.name == table and key.parent.table.name not in DERIVED
        }
        assert references == {(link.table, link.column) for link in LINKS[kind]}


async def test_a_duplicate_becomes_part_of_a_work_and_comes_back(world: World) -> None:
    admin = await world.admin()
    isbn, item = await held(world, admin)
    shared = author(unique("Dahl"), "Roald")
    survivor = await new_work(admin, new_isbn(), title="Matilda", authors=[shared])
    duplicate = await new_work(admin, isbn, title="Matilda!", authors=[shared, author(unique("Blake"))])
    report = await merged(admin, "work", duplicate, survivor)
    assert (report["kind"], report["from_id"], report["into_id"]) == ("work", duplicate["id"], survivor["id"])
    none = {"series_works_association": 0, "book_list_works": 0, "labelsets": 0}
    assert report["moved"] == {"editions": 1, "author_works": 1} | none
    assert report["taken"] == {"editions": 0, "author_works": 1} | none
    shown = await work_shown(admin, survivor["id"])
    assert isbn in {each["isbn"] for each in shown["editions"]}
    assert [each["id"] for each in shown["authors"]] == [each["id"] for each in duplicate["authors"]]
    assert await work_shown(admin, duplicate["id"]) == shown
    edition = await edition_shown(admin, isbn)
    assert (edition["work_id"], edition["title"]) == (survivor["id"], "Matilda")
    holding = (await admin.get(f"/collection-item/{item}")).json()
    assert (holding["work"]["id"], holding["edition"]["isbn"]) == (survivor["id"], isbn)
    assert f'"id":"{survivor["id"]}"' in (await stored(world, isbn))["brief"]
    (event,) = await events_about(world, "Works merged", "merge_id", report["id"])
    assert event["from_id"] == duplicate["id"]
    back = await undone(admin, report)
    assert back["undone_at"] is not None
    assert await work_shown(admin, duplicate["id"]) == duplicate
    assert await work_shown(admin, survivor["id"]) == survivor
    assert (await stored(world, isbn))["title"] == "Matilda!"
    assert len(await events_about(world, "Merge undone", "merge_id", report["id"])) == 1
    again = await admin.post(f"/merges/{report['id']}/undo")
    assert again.status_code == 409
    assert (await merged(admin, "work", duplicate, survivor))["id"] != report["id"]


async def test_a_rehearsal_tells_what_would_be_and_writes_nothing(world: World) -> None:
    admin = await world.admin()
    survivor, duplicate = await new_work(admin, new_isbn()), await new_work(admin, new_isbn())
    rehearsed = await merged(admin, "work", duplicate, survivor, dry_run=True)
    assert rehearsed["id"] is None
    assert await work_shown(admin, duplicate["id"]) == duplicate
    assert await work_shown(admin, survivor["id"]) == survivor
    real = await merged(admin, "work", duplicate, survivor)
    assert {key: real[key] for key in ("moved", "taken")} == {key: rehearsed[key] for key in ("moved", "taken")}


async def test_old_ids_lead_on_wherever_they_are_used(world: World) -> None:
    admin, isbn = await world.admin(), new_isbn()
    first, second, third = [await new_work(admin, new_isbn()) for _ in range(3)]
    one_merge = await merged(admin, "work", first, second)
    await merged(admin, "work", second, third)
    shown = await work_shown(admin, third["id"])
    assert await work_shown(admin, first["id"]) == shown
    assert await work_shown(admin, second["id"]) == shown
    renamed = await admin.patch(f"/work/{first['id']}", json={"subtitle": "New"})
    assert (renamed.json()["id"], renamed.json()["subtitle"]) == (third["id"], "New")
    listed = await admin.get("/editions", params={"work_id": first["id"]})
    assert {row["work_id"] for row in listed.json()} == {third["id"]}
    await admin.post("/edition", json={"isbn": isbn})
    moved = await admin.patch(f"/edition/{isbn}", json={"work_id": int(first["id"])})
    assert moved.json()["work_id"] == third["id"]
    brief = await admin.get(f"/work/{first['id']}", params={"full_detail": False})
    assert brief.json()["id"] == third["id"]
    added = await admin.post("/edition", json={"isbn": new_isbn(), "work_id": int(first["id"])})
    assert added.json()["work_id"] == third["id"]
    refused = await admin.delete(f"/work/{first['id']}")
    assert (refused.status_code, third["id"] in refused.json()["detail"]) == (404, True)
    stuck = await admin.post(f"/merges/{one_merge['id']}/undo")
    assert stuck.status_code == 409
    assert (await admin.delete(f"/work/{third['id']}")).status_code == 200
    assert (await admin.get(f"/work/{first['id']}")).status_code == 404


async def test_undoing_leaves_what_was_changed_since(world: World) -> None:
    admin, moved_on, isbn = await world.admin(), new_isbn(), new_isbn()
    survivor, duplicate = await new_work(admin, new_isbn()), await new_work(admin, moved_on, isbn)
    merge = await merged(admin, "work", duplicate, survivor)
    elsewhere = await new_work(admin, moved_on)
    await undone(admin, merge)
    assert (await edition_shown(admin, moved_on))["work_id"] == elsewhere["id"]
    assert (await edition_shown(admin, isbn))["work_id"] == duplicate["id"]


async def test_authors_of_one_person_become_one_and_come_back(world: World) -> None:
    admin, name, isbn = await world.admin(), unique("Dahl"), new_isbn()
    survivor = (await admin.post("/authors", json=author(name, "Roald"))).json()
    duplicate = (await admin.post("/authors", json=author(f"{name} Jr.", "R."))).json()
    both = await new_work(admin, isbn, authors=[int(survivor["id"]), int(duplicate["id"])])
    alone = await new_work(admin, new_isbn(), authors=[int(duplicate["id"])])
    report = await merged(admin, "author", duplicate, survivor)
    assert (report["moved"], report["taken"]) == ({"author_works": 1}, {"author_works": 1})
    for path in (survivor["id"], duplicate["id"]):
        shown = (await admin.get(f"/authors/{path}")).json()
        assert (shown["id"], shown["book_count"]) == (survivor["id"], 2)
    for work in (both, alone):
        authors = (await work_shown(admin, work["id"]))["authors"]
        assert [each["id"] for each in authors] == [survivor["id"]]
    assert f"{name} Jr." not in (await stored(world, isbn))["brief"]
    listed = await admin.get("/works", params={"author_id": duplicate["id"]})
    assert [work["id"] for work in listed.json()] == [both["id"], alone["id"]]
    credited = await new_work(admin, authors=[int(duplicate["id"])])
    assert [each["id"] for each in credited["authors"]] == [survivor["id"]]
    await undone(admin, report)
    assert await work_shown(admin, both["id"]) == both
    assert await work_shown(admin, alone["id"]) == alone
    assert f"{name} Jr." in (await stored(world, isbn))["brief"]
    assert (await admin.get(f"/authors/{duplicate['id']}")).json()["book_count"] == 2


async def test_of_both_works_labels_the_stronger_stand_and_all_come_back(world: World) -> None:
    admin, robot = await world.admin(), await world.service("backend")
    survivor, duplicate = await new_work(admin, new_isbn()), await new_work(admin, new_isbn())
    weak = {"min_age": 1, "age_origin": "OTHER", "huey_summary": "Ours.", "summary_origin": "GPT4"}
    await robot.patch(f"/work/{survivor['id']}", json={"labelset": {**weak, "info": {"notes": "ours"}}})
    strong = {
        "min_age": 7,
        "recommend_status": "BAD_CONTROVERSIAL",
        "hue_primary_key": "hue10_inspiring",
        "reading_ability_keys": ["SPOT"],
        "info": {"notes": "theirs", "styles": ["DARK"]},
    }
    await admin.patch(f"/work/{duplicate['id']}", json={"labelset": strong})
    program = {"huey_summary": "Theirs.", "summary_origin": "VERTEXAI"}
    await robot.patch(f"/work/{duplicate['id']}", json={"labelset": program})
    before = [await work_shown(admin, each["id"]) for each in (survivor, duplicate)]
    merge = await merged(admin, "work", duplicate, survivor)
    labels = (await work_shown(admin, survivor["id"]))["labelset"]
    assert (labels["min_age"], labels["age_origin"], labels["huey_summary"]) == (7, "HUMAN", "Ours.")
    assert (labels["recommend_status"], labels["hues"][0]["key"]) == ("BAD_CONTROVERSIAL", "hue10_inspiring")
    assert labels["info"] == {"notes": "ours", "styles": ["DARK"]}
    count = "SELECT count(*) FROM labelsets WHERE work_id = ANY(:ids)"
    ids = [int(survivor["id"]), int(duplicate["id"])]
    assert await one(world, count, ids=ids) == 1
    await admin.patch(f"/work/{survivor['id']}", json={"labelset": {"min_age": 8}})
    await undone(admin, merge)
    parted, back = [await work_shown(admin, each["id"]) for each in (survivor, duplicate)]
    assert back == before[1]
    changed = {name for name in parted["labelset"] if parted["labelset"][name] != before[0]["labelset"][name]}
    assert changed <= {"min_age", "age_origin", "labelled_by_user_id", "labelled_by_sa_id", "updated_at"}
    assert parted["labelset"]["min_age"] == 8


async def test_labels_of_the_duplicate_alone_go_over_and_back(world: World) -> None:
    admin = await world.admin()
    survivor, duplicate = await new_work(admin, new_isbn()), await new_work(admin, new_isbn())
    await admin.patch(f"/work/{duplicate['id']}", json={"labelset": {"hue_primary_key": "hue10_inspiring"}})
    labelled = await work_shown(admin, duplicate["id"])
    merge = await merged(admin, "work", duplicate, survivor)
    labels = (await work_shown(admin, survivor["id"]))["labelset"]
    assert labels == {**labelled["labelset"], "work_id": survivor["id"]}
    await undone(admin, merge)
    assert await work_shown(admin, duplicate["id"]) == labelled
    assert (await work_shown(admin, survivor["id"]))["labelset"] is None


async def test_series_go_over_with_the_work(world: World) -> None:
    admin, series = await world.admin(), unique("Games")
    survivor = await new_work(admin, new_isbn())
    data = book(title=unique("Two"), series_name=series, series_number=2, authors=[author(unique("Collins"))])
    duplicate = {"id": (await admin.post("/edition", json=data)).json()["work_id"]}
    merge = await merged(admin, "work", duplicate, survivor)
    shown = await edition_shown(admin, survivor["editions"][0]["isbn"])
    assert (shown["series_name"], shown["series_number"]) == (series, 2)
    await undone(admin, merge)
    assert (await edition_shown(admin, survivor["editions"][0]["isbn"]))["series_name"] is None


@pytest.mark.parametrize("kind", ["work", "authors"])
async def test_what_cannot_be_merged_is_refused(world: World, kind: str) -> None:
    admin, absent = await world.admin(), 2**31 - 1
    work = await new_work(admin, new_isbn())
    id_ = int(work["id"] if kind == "work" else work["authors"][0]["id"])
    for body in ({"duplicate_id": id_}, {"duplicate_id": absent}, {"duplicate_id": 0}, {}):
        answer = await admin.post(f"/{kind}/{id_}/merge", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/duplicate_id")
    assert (await admin.post(f"/{kind}/{absent}/merge", json={"duplicate_id": id_})).status_code == 404
    assert (await admin.post(f"/merges/{absent}/undo")).status_code == 404
    lms = await world.lms(await world.school())
    refused = await lms.post(f"/{kind}/{id_}/merge", json={"duplicate_id": id_})
    assert (refused.status_code, refused.json()["permission"]) == (403, "update")


async def test_two_who_merge_the_same_at_once_merge_it_once(world: World) -> None:
    admin, other = await world.admin(), await world.admin()
    first, second = await new_work(admin, new_isbn()), await new_work(admin, new_isbn())
    bodies = [(admin, first, second), (other, second, first)]
    answers = await asyncio.gather(
        *(
            client.post(f"/work/{into['id']}/merge", json={"duplicate_id": int(duplicate["id"])})
            for client, duplicate, into in bodies
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422]
    left = await work_shown(admin, first["id"])
    assert await work_shown(admin, second["id"]) == left
    assert len(left["editions"]) == 2


async def test_merging_takes_as_many_statements_for_many_editions_as_for_few(world: World) -> None:
    admin = await world.admin()
    counts = []
    for number in (1, 60):
        survivor, duplicate = await new_work(admin), await new_work(admin, *(new_isbn() for _ in range(number)))
        with statements() as sent:
            report = await merged(admin, "work", duplicate, survivor)
        assert report["moved"]["editions"] == number
        counts.append(len(sent))
    assert counts[0] == counts[1]


async def test_merges_are_listed_the_newest_first_for_admins(world: World) -> None:
    admin = await world.admin()
    works = [await new_work(admin, new_isbn()) for _ in range(3)]
    made = [await merged(admin, "work", works[n], works[2]) for n in range(2)]
    listed = (await admin.get("/merges", params={"kind": "work", "limit": 2})).json()
    assert listed == [made[1], made[0]]
    refused = await (await world.lms()).get("/merges")
    assert (refused.status_code, refused.json()["permission"]) == (403, "read")
    async with world.session() as session:
        kept = await session.execute(text("SELECT undo -> 'row' ->> 'title' FROM merges WHERE id = :id"), made[0])
        assert kept.scalar_one() == works[0]["title"]
