"""Who reads and writes which lists, and what lists answer."""

from typing import Any
from uuid import uuid4

import pytest

from app.booklists.schemas import (
    BookListBrief,
    BookListDetail,
    BookListDetailEnriched,
    BookListsResponse,
    CollectionBookListIntersection,
)
from tests.booklists.lists import Json, add, edit, make, number_of_statements, on_list, sent, works
from tests.books.catalogue import new_isbn, one, stored
from tests.collections.test_doors import LABEL
from tests.world import Client, World


async def statuses(client: Client, path: str) -> tuple[int, int, int]:
    """What reading, changing and, if it comes to that, deleting a list answers."""
    read = (await client.get(path)).status_code
    changed = (await client.patch(path, json={"info": {"subheading": "s"}})).status_code
    return read, changed, (await client.delete(path)).status_code


async def family(world: World) -> dict[str, Client]:
    """Everybody around one pupil, and strangers of each kind."""
    school, elsewhere = await world.school(), await world.school("Elsewhere")
    group = await world.class_group(school)
    pupil = await world.student(group)
    return {
        "pupil": pupil,
        "classmate": await world.student(group),
        "parent": await world.parent(pupil),
        "other parent": await world.parent(),
        "supporter": await world.supporter(pupil),
        "teacher": await world.educator(school),
        "school admin": await world.school_admin(school),
        "teacher elsewhere": await world.educator(elsewhere),
        "pupil elsewhere": await world.student(await world.class_group(elsewhere)),
        "library": await world.service("school", school),
        "kiosk": await world.service("kiosk", school),
        "lms": await world.lms(school),
        "admin": await world.admin(),
    }


FULL, READ, NOTHING = (200, 200, 200), (200, 403, 403), (403, 403, 403)
PERSONAL = {"pupil": FULL, "parent": (200, 200, 403), "admin": FULL}
STAFF = {"teacher": FULL, "school admin": FULL, "admin": FULL}
SHARED = STAFF | dict.fromkeys(("pupil", "classmate", "library", "kiosk"), READ)


@pytest.mark.parametrize(
    ("kind", "sharing", "expected"),
    [
        ("Personal", "private", PERSONAL),
        ("Personal", "restricted", PERSONAL),
        ("Personal", "public", PERSONAL),
        ("School", "private", STAFF),
        ("School", "restricted", SHARED),
        ("School", "public", SHARED),
    ],
)
async def test_sharing_is_enforced(world: World, kind: str, sharing: str, expected: dict[str, Any]) -> None:
    people = await family(world)
    owner = people["pupil" if kind == "Personal" else "teacher"]
    for who, client in people.items():
        made = await make(owner, kind, sharing=sharing)
        readable = expected.get(who, NOTHING)[0] == 200
        listed = [each["id"] for each in sent(await client.get("/lists?limit=1000"))["data"]]
        assert (made["id"] in listed) is readable, who
        assert await statuses(client, f"/list/{made['id']}") == expected.get(who, NOTHING), who
        assert (await world.http.get(f"/v1/list/{made['id']}")).status_code == 401


@pytest.mark.parametrize("kind", ["Huey", "Regional", "Other"])
async def test_editorial_lists_are_written_by_admins_and_read_by_who_signed_in(world: World, kind: str) -> None:
    people = await family(world)
    for who, client in people.items():
        made = await make(people["admin"], kind)
        assert made["user"] is None
        assert made["school"] is None
        assert await statuses(client, f"/list/{made['id']}") == (FULL if who == "admin" else READ), who
        created = await client.post("/list", json={"name": "Mine", "type": kind})
        assert created.status_code == (200 if who == "admin" else 403), who


async def test_public_huey_lists_are_for_everyone_and_name_no_author(world: World) -> None:
    admin = await world.admin()
    slug = f"summer-{uuid4().hex}"
    made = await make(admin, "Huey", *await works(world, 3), sharing="public", slug=slug)
    listed = await world.http.get("/v1/public-lists", params={"limit": 1000})
    assert {"Huey"} == {each.type for each in BookListsResponse.model_validate(listed.json()).data}
    assert made["id"] in [each["id"] for each in listed.json()["data"]]
    shown = await world.http.get(f"/v1/public-list/{slug}", params={"limit": 2, "enriched": True})
    assert [item["order_id"] for item in sent(shown)["data"]] == [0, 1]
    assert (shown.json()["user"], shown.json()["school"]) == (None, None)
    assert "next" in shown.links
    await admin.patch(f"/list/{made['id']}", json={"sharing": "restricted"})
    assert (await world.http.get(f"/v1/public-list/{slug}")).status_code == 404
    assert made["id"] not in (await world.http.get("/v1/public-lists", params={"limit": 1000})).text
    assert (await world.http.get("/v1/public-lists", params={"limit": 1001})).status_code == 422
    assert (await world.http.get("/v1/public-list/no%20slug")).status_code == 422


@pytest.mark.parametrize("who", ["pupil", "parent", "teacher", "school admin"])
@pytest.mark.parametrize(
    "change",
    [
        {"type": "Huey", "sharing": "public", "slug": "mine"},
        {"type": "Huey"},
        {"type": "Regional"},
        {"type": "Other"},
    ],
)
async def test_nobody_but_an_admin_makes_a_list_editorial(world: World, who: str, change: Json) -> None:
    """S7: the list was asked what it is, not what it was going to be."""
    people = await family(world)
    kind = "Personal" if who in ("pupil", "parent") else "School"
    made = await make(people["pupil" if kind == "Personal" else who], kind)
    answer = await people[who].patch(f"/list/{made['id']}", json=change)
    assert (answer.status_code, answer.json()["permission"]) == (403, "update")
    assert sent(await people["admin"].get(f"/list/{made['id']}"))["type"] == kind
    assert (await world.http.get("/v1/public-list/mine")).status_code == 404


async def test_a_teacher_hands_a_list_to_the_school_and_a_pupil_does_not(world: World) -> None:
    people = await family(world)
    own = await make(people["teacher"], "Personal")
    moved = sent(await people["teacher"].patch(f"/list/{own['id']}", json={"type": "School"}))
    assert (moved["user"], moved["school"]["name"]) == (None, "Annandale North Public School")
    pupils = await make(people["pupil"])
    assert (await people["pupil"].patch(f"/list/{pupils['id']}", json={"type": "School"})).status_code == 403
    gift = {"user_id": str(people["classmate"].id)}
    assert (await people["pupil"].patch(f"/list/{pupils['id']}", json=gift)).status_code == 403
    assert sent(await people["admin"].patch(f"/list/{pupils['id']}", json=gift))["user"]["id"] == gift["user_id"]
    assert (await people["pupil"].get(f"/list/{pupils['id']}")).status_code == 403
    assert (await people["classmate"].get(f"/list/{pupils['id']}")).status_code == 200


async def test_every_list_has_the_owner_of_its_type(world: World) -> None:
    people = await family(world)
    teacher, admin, lms = people["teacher"], people["admin"], people["lms"]

    async def refusal(client: Client, **body: Any) -> tuple[int, str]:
        answer = await client.post("/list", json={"name": "L", **body})
        return answer.status_code, answer.json()["errors"][0]["pointer"] if answer.status_code == 422 else ""

    nobody = str(uuid4())
    assert await refusal(admin, type="School") == (422, "/school_id")
    assert await refusal(await world.service("backend"), type="Personal") == (422, "/user_id")
    assert await refusal(teacher, type="Personal", school_id=nobody) == (422, "/school_id")
    assert await refusal(teacher, type="School", user_id=nobody) == (422, "/user_id")
    assert await refusal(admin, type="Huey", user_id=str(admin.id)) == (422, "/user_id")
    assert await refusal(admin, type="Personal", user_id=nobody) == (422, "/user_id")
    assert await refusal(admin, type="School", school_id=nobody) == (422, "/school_id")
    assert await refusal(teacher, type="School", school_id=nobody) == (403, "")
    assert await refusal(people["pupil"], type="School") == (403, "")
    assert await refusal(people["parent"], type="Personal", user_id=str(people["pupil"].id)) == (403, "")
    assert await refusal(lms, type="School") == (403, "")
    assert (await make(teacher, "School"))["school"]["name"] == "Annandale North Public School"
    assert (await make(teacher))["user"] == {"id": str(teacher.id), "type": "educator", "name": "Edith Educator"}


async def test_slugs_belong_to_huey_lists_and_to_one_of_them(world: World) -> None:
    admin, reader = await world.admin(), await world.public_reader()
    slug = f"slug-{uuid4().hex}"
    assert (await reader.post("/list", json={"name": "L", "type": "Personal", "slug": slug})).status_code == 422
    body = {"name": "L", "type": "Huey", "sharing": "public"}
    assert (await admin.post("/list", json=body)).status_code == 422
    made = sent(await admin.post("/list", json={**body, "slug": slug}))
    again = await admin.post("/list", json={**body, "slug": slug})
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (409, "/slug")
    path = f"/list/{made['id']}"
    for change in ({"slug": None}, {"type": "Other"}, {"slug": "Not A Slug"}, {"slug": "-a"}, {"slug": ""}):
        assert (await admin.patch(path, json=change)).status_code == 422, change
    kept = await make(admin, "Huey")
    assert (await admin.patch(f"/list/{kept['id']}", json={"sharing": "public"})).status_code == 422
    assert (await admin.patch(f"/list/{kept['id']}", json={"slug": slug})).status_code == 409
    sent(await admin.patch(f"/list/{kept['id']}", json={"sharing": "public", "slug": f"{slug}-2"}))
    assert sent(await admin.patch(path, json={"slug": None, "type": "Other"}))["slug"] is None


async def test_absent_keeps_and_null_clears(world: World) -> None:
    reader = await world.public_reader()
    info = {"description": "d", "colour": "#123456"}
    path = f"/list/{(await make(reader, info=info, sharing='restricted'))['id']}"
    assert sent(await reader.patch(path, json={"name": "New"}))["info"]["description"] == "d"
    changed = sent(await reader.patch(path, json={"info": {"description": None, "subheading": "s"}, "sharing": None}))
    assert (changed["name"], changed["sharing"]) == ("New", "private")
    assert changed["info"] == {"description": None, "image_url": None, "subheading": "s", "colour": "#123456"}
    assert sent(await reader.patch(path, json={"info": None}))["info"] is None
    for refused in ({"name": None}, {"type": None}, {"name": " "}, {"info": {"image_url": "javascript:alert(1)"}}):
        assert (await reader.patch(path, json=refused)).status_code == 422, refused
    unknown = await reader.patch(path, json={"book_count": 7})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_field")


async def test_who_has_not_seen_the_present_state_changes_nothing(world: World) -> None:
    reader = await world.public_reader()
    path = f"/list/{(await make(reader))['id']}"
    seen = (await reader.get(path)).headers["etag"]
    first = await reader.patch(path, json={"name": "First"}, headers={"If-Match": seen})
    second = await reader.patch(path, json={"name": "Second"}, headers={"If-Match": seen})
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.headers["etag"] == first.headers["etag"] == (await reader.get(path)).headers["etag"]
    same = await reader.patch(path, json={"name": "First"}, headers={"If-Match": first.headers["etag"]})
    assert same.headers["etag"] == first.headers["etag"], "nothing changed"
    assert sent(await reader.get(path))["name"] == "First"


async def test_a_repeated_request_has_its_effect_once(world: World) -> None:
    reader = await world.public_reader()
    (work,) = await works(world, 1)
    headers = {"Idempotency-Key": uuid4().hex}
    body = {"name": "Once", "type": "Personal", "items": [{"work_id": work}]}
    answers = [await reader.post("/list", json=body, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(sent(await reader.get("/lists?list_type=Personal"))["data"]) == 1
    path = f"/list/{answers[0].json()['id']}"
    patched = [
        await reader.patch(path, json={"name": "Twice"}, headers=headers | {"If-Match": answers[0].headers["etag"]})
        for _ in range(2)
    ]
    assert [each.status_code for each in patched] == [200, 200]


async def test_pages_are_full_of_what_the_caller_may_read(world: World) -> None:
    """P11: lists were cut into pages before those of others were taken out."""
    reader, other = await world.public_reader(), await world.public_reader()
    mine = []
    for _ in range(4):
        mine.append((await make(reader))["id"])
        await make(other)
    answer = await reader.get("/lists", params={"list_type": "Personal", "limit": 3})
    rest = await reader.get(answer.links["next"]["url"].removeprefix("/v1"))
    assert [each["id"] for each in answer.json()["data"] + rest.json()["data"]] == mine[::-1]
    assert (answer.json()["pagination"]["total"], rest.json()["pagination"]["total"]) == (4, None)
    assert sent(await reader.get("/lists?list_type=Personal&sharing_type=public"))["pagination"]["total"] == 0


async def test_enriched_items_show_an_edition_at_a_fixed_number_of_statements(world: World) -> None:
    reader, admin = await world.public_reader(), await world.admin()
    bare, plain = (await works(world, 1, editions=False))[0], await works(world, 30)
    isbns = [new_isbn() for _ in range(3)]
    first = sent(await admin.post("/edition", json={"isbn": isbns[0], "title": uuid4().hex, "date_published": 2020}))
    for isbn, year in zip(isbns[1:], (1999, 2001), strict=True):
        body = {"isbn": isbn, "work_id": int(first["work_id"]), "date_published": year}
        sent(await admin.post("/edition", json={**body, "cover_url": "https://covers.example.com/a.jpg"}))
    work = int(first["work_id"])
    async with world.session() as session:
        await session.execute(LABEL, {"isbn": int(isbns[0])})
    path = f"/list/{(await make(reader, 'Personal', bare, work, *plain))['id']}"
    short = f"/list/{(await make(reader, 'Personal', work))['id']}"
    enriched = sent(await reader.get(path, params={"enriched": True}))
    assert BookListDetailEnriched.model_validate(enriched).pagination.total == 31
    item = enriched["data"][0]
    assert (item["order_id"], item["work_id"]) == (1, work), "a work without an edition is left out"
    assert item["edition"]["isbn"] == isbns[2], "with a cover, and newer than the other that has one"
    assert item["work"]["cover_url"] == "https://covers.example.com/a.jpg"
    assert item["work"]["labelset"]["min_age"] == 7
    assert [each["id"] for each in item["work"]["labelset"]["hues"]] == ["1"]
    events = await one(world, "SELECT count(*) FROM events")
    counts = [await number_of_statements(reader.get(each, params={"enriched": True})) for each in (short, path)]
    assert counts[0] == counts[1]
    assert await one(world, "SELECT count(*) FROM events") == events, "reading writes nothing"
    whole = BookListDetail.model_validate(sent(await reader.get(path)))
    assert (whole.data[0].work_id, whole.data[0].work.labelset, whole.pagination.total) == (bare, None, 32)


async def test_an_item_shows_the_edition_that_it_names_if_it_is_one_of_the_works(world: World) -> None:
    reader = await world.public_reader()
    work, other = await works(world, 2)
    isbn = await one(world, "SELECT isbn FROM editions WHERE work_id = :id", id=other)
    path = (await make(reader, "Personal", work))["id"]

    async def shown(edition: str) -> str:
        sent(await edit(reader, path, {"action": "update", "work_id": work, "info": {"edition": edition}}))
        found: str = sent(await reader.get(f"/list/{path}?enriched=true"))["data"][0]["edition"]["isbn"]
        return found

    own = str(await one(world, "SELECT isbn FROM editions WHERE work_id = :id", id=work))
    assert await shown(str(isbn)) == own
    second = new_isbn()
    admin = await world.admin()
    sent(await admin.post("/edition", json={"isbn": second, "work_id": work}))
    assert await shown(second) == second
    assert (await stored(world, second))["work_id"] == work
    bad = {"action": "update", "work_id": work, "info": {"edition": "123"}}
    assert (await edit(reader, path, bad)).status_code == 422


async def test_a_collection_is_compared_with_a_list(world: World) -> None:
    """B9: always a failure. Here: both have to be readable, what is withdrawn is not held, and nothing is written."""
    people = await family(world)
    teacher = people["teacher"]
    held, withdrawn, missing = await works(world, 3)
    isbns = {
        work: str(await one(world, "SELECT isbn FROM editions WHERE work_id = :id", id=work))
        for work in (held, withdrawn)
    }
    school = (await make(teacher, "School"))["school"]["wriveted_identifier"]
    rows = [{"isbn": isbn} for isbn in isbns.values()]
    sent(await people["lms"].post(f"/school/{school}/collection", json=rows))
    drop = [{"isbn": isbns[withdrawn], "action": "remove"}]
    sent(await people["lms"].patch(f"/school/{school}/collection", json=drop))
    collection = sent(await people["lms"].get(f"/school/{school}"))["collection"]["id"]
    booklist = await make(teacher, "School", missing, held, withdrawn, sharing="restricted")
    path = f"/collection/{collection}/compare-with-booklist/{booklist['id']}"
    events = await one(world, "SELECT count(*) FROM events")
    body = CollectionBookListIntersection.model_validate(sent(await teacher.get(path)))
    assert [(row.work_id, row.in_collection, row.editions_in_collection) for row in body.data] == [
        (str(missing), False, []),
        (str(held), True, [isbns[held]]),
        (str(withdrawn), False, []),
    ]
    assert body.pagination.total == 3
    page = await teacher.get(path, params={"limit": 2})
    assert [row["work_id"] for row in sent(await teacher.get(page.links["next"]["url"].removeprefix("/v1")))["data"]]
    assert await one(world, "SELECT count(*) FROM events") == events
    private = await make(people["pupil"])
    expected = {"lms": 403, "pupil": 200, "library": 200, "teacher elsewhere": 403, "parent": 403}
    assert {who: (await people[who].get(path)).status_code for who in expected} == expected
    assert (await teacher.get(path.replace(booklist["id"], private["id"]))).status_code == 403
    assert (await teacher.get(path.replace(booklist["id"], str(uuid4())))).status_code == 404


async def test_deleting_answers_with_what_was(world: World) -> None:
    reader = await world.public_reader()
    (work,) = await works(world, 1)
    made = await make(reader, "Personal", work)
    deleted = sent(await reader.delete(f"/list/{made['id']}"))
    assert BookListBrief.model_validate(deleted) == BookListBrief.model_validate(made)
    assert (await reader.get(f"/list/{made['id']}")).status_code == 404
    titles = [event["title"] for event in sent(await reader.get("/events"))["data"]]
    assert titles == ["Booklist deleted", "Booklist created"]


async def test_lists_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = await world.public_reader()
    ids = await works(world, 3)
    path = (await make(reader, "Personal", *ids[:2]))["id"]
    monkeypatch.setattr("app.booklists.items.LONGEST_LIST", 2)
    answer = await edit(reader, path, add(ids[2]))
    assert (answer.status_code, answer.json()["code"]) == (403, "quota_exceeded")
    many = await edit(reader, path, *(add(ids[0]) for _ in range(1_001)))
    assert many.status_code == 422
    assert await on_list(reader, path) == ids[:2]


async def test_lists_go_with_their_owner_and_stay_when_the_kind_of_account_changes(world: World) -> None:
    admin, school = await world.admin(), await world.school()
    teacher, reader = await world.educator(school), await world.public_reader()
    personal, schools = await make(teacher), await make(teacher, "School")
    readers, editorial = await make(reader), await make(admin, "Huey")
    async with world.session() as session:
        connection = await session.connection()
        for statement in (
            "DELETE FROM public_readers WHERE id = '{0}'",
            "DELETE FROM readers WHERE id = '{0}'",
            "UPDATE users SET type = 'supporter' WHERE id = '{0}'",
            "INSERT INTO supporters (id) VALUES ('{0}')",
        ):
            await connection.exec_driver_sql(statement.format(reader.id))
        await connection.exec_driver_sql(f"DELETE FROM users WHERE id = '{teacher.id}'")
        await connection.exec_driver_sql(f"DELETE FROM users WHERE id = '{admin.id}'")
    other = await world.admin()
    found = {each["id"]: (await other.get(f"/list/{each['id']}")).status_code for each in (personal, schools)}
    assert found == {personal["id"]: 404, schools["id"]: 200}
    assert (await reader.get(f"/list/{readers['id']}")).status_code == 200
    assert (await reader.get(f"/list/{editorial['id']}")).status_code == 200
    assert (await other.delete(f"/school/{school.wriveted_identifier}")).status_code == 200
    assert (await other.get(f"/list/{schools['id']}")).status_code == 404


async def test_a_fault_of_the_body_is_told_once(world: World) -> None:
    reader = await world.public_reader()
    refused = await reader.post("/list", json={"name": "", "type": "Personal", "shareing": "public"})
    assert refused.status_code == 422
    assert sorted(each["pointer"] for each in refused.json()["errors"]) == ["/name", "/shareing"]
