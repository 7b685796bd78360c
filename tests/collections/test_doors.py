"""The doors of collections: who may enter them, what they answer, and what they refuse."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from app.collections.models import Collection
from app.collections.schemas import CollectionBrief, CollectionItemDetail, CollectionItemsResponse
from tests.collections.shelves import HUNGER_GAMES, PHILOSOPHERS_STONE, TWILIGHT, copies, isbn, library
from tests.world import World

BODY = [{"isbn": HUNGER_GAMES}]
LABEL = text("""
    WITH labelled AS (
        INSERT INTO labelsets (work_id, min_age, max_age, huey_summary, recommend_status)
        SELECT work_id, 7, 9, 'A book', 'GOOD' FROM editions WHERE isbn = :isbn RETURNING id
    ), hued AS (
        INSERT INTO labelset_hues (labelset_id, hue_id, ordinal) SELECT id, 1, 'primary' FROM labelled
    )
    INSERT INTO labelset_reading_abilities (labelset_id, reading_ability_id) SELECT id, 3 FROM labelled
""")


@pytest.mark.parametrize(
    ("kind", "linked", "read", "change", "delete"),
    [
        ("backend", False, 200, 200, 200),
        ("lms", True, 200, 200, 403),
        ("lms", False, 403, 403, 403),
        ("school", True, 200, 200, 403),
        ("school", False, 403, 403, 403),
        ("kiosk", True, 200, 403, 403),
        ("kiosk", False, 403, 403, 403),
    ],
)
async def test_an_account_reaches_only_its_own_schools(
    world: World, kind: str, linked: bool, read: int, change: int, delete: int
) -> None:
    school = await world.school()
    collection = await world.collection(school)
    account = await world.service(kind, *([school] if linked else [await world.school("Elsewhere")]))
    path = f"/collection/{collection.id}"
    for each in (path, f"{path}/items", f"{path}/info", f"/school/{school.wriveted_identifier}/collection"):
        assert (await account.get(each)).status_code == read
    assert (await account.put(f"{path}/items", json=BODY)).status_code == change
    assert (await account.patch(path, json={"items": BODY})).status_code == change
    assert (await account.delete(path)).status_code == delete


async def test_a_refusal_names_the_permission_that_is_missing(world: World) -> None:
    school = await library(world)
    await school.replace(BODY)
    answer = await school.lms.delete(f"/collection/{await school.id()}")
    assert answer.status_code == 403
    assert answer.json()["permission"] == "delete"


async def test_a_vendors_account_serves_schools_but_no_users_collection(world: World) -> None:
    school = await world.school()
    vendor = await world.service("lms", vendor=True)
    admin = await world.admin()
    own = await admin.post("/collection", json={"name": "Mine", "user_id": str(admin.id)})
    assert own.status_code == 200
    assert (await vendor.post(f"/school/{school.wriveted_identifier}/collection", json=BODY)).status_code == 200
    assert (await vendor.get(f"/collection/{own.json()['id']}")).status_code == 403


async def test_only_who_may_create_makes_the_first_sync(world: World) -> None:
    school = await world.school()
    librarian = await world.service("school", school)
    answer = await librarian.post(f"/school/{school.wriveted_identifier}/collection", json=BODY)
    assert (answer.status_code, answer.json()["permission"]) == (403, "create")


async def test_a_collection_is_created_once_for_an_owner(world: World) -> None:
    school = await world.school()
    lms = await world.lms(school)
    body = {"name": "Library", "school_id": str(school.wriveted_identifier), "items": BODY, "info": {"a": {"b": 1}}}
    answers = await asyncio.gather(*(lms.post("/collection", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    made = next(answer.json() for answer in answers if answer.status_code == 200)
    assert (made["name"], made["book_count"], made["school_id"]) == ("Library", 1, body["school_id"])
    refusal = next(answer.json() for answer in answers if answer.status_code == 409)
    assert (refusal["code"], refusal["errors"][0]["pointer"]) == ("already_exists", "/school_id")


@pytest.mark.parametrize("owners", [{}, {"school_id": str(uuid4()), "user_id": str(uuid4())}])
async def test_a_collection_has_exactly_one_owner(world: World, owners: dict[str, str]) -> None:
    admin = await world.admin()
    answer = await admin.post("/collection", json={"name": "Library", **owners})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "one_owner")


async def test_an_owner_that_does_not_exist_is_named(world: World) -> None:
    admin = await world.admin()
    for owner in ("school_id", "user_id"):
        answer = await admin.post("/collection", json={"name": "Library", owner: str(uuid4())})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{owner}")


async def test_replacing_keeps_the_id_and_cannot_change_the_owner(world: World) -> None:
    school, other = await library(world), await world.school("Elsewhere")
    await school.replace([{"isbn": TWILIGHT}])
    path = f"/collection/{await school.id()}"
    moved = await school.lms.put(path, json={"name": "New", "school_id": str(other.wriveted_identifier), "items": BODY})
    assert (moved.status_code, moved.json()["code"]) == (403, "field_forbidden")
    replaced = await school.lms.put(path, json={"name": "New", "items": BODY})
    assert replaced.json()["name"] == "New"
    assert replaced.json()["id"] == str(await school.id())
    assert list(await school.shelf()) == [HUNGER_GAMES]


async def test_a_patch_renames_and_merges_info(world: World) -> None:
    school = await library(world)
    await school.replace(BODY)
    admin, path = await world.admin(), f"/collection/{await school.id()}"
    await admin.patch(path, json={"info": {"a": {"b": 1}, "c": 2}})
    await admin.patch(path, json={"name": "Renamed", "info": {"a": {"d": 3}}}, params={"merge_dicts": True})
    async with world.session() as session:
        stored = await session.get_one(Collection, await school.id())
        assert (stored.name, stored.info) == ("Renamed", {"a": {"b": 1, "d": 3}, "c": 2})
    assert (await admin.patch(path, json={"name": None})).status_code == 422
    assert (await admin.patch(path, json={"nmae": "x"})).json()["code"] == "unknown_field"


async def test_who_edits_what_has_changed_is_told(world: World) -> None:
    school = await library(world)
    await school.replace(BODY)
    path = f"/collection/{await school.id()}"
    seen = (await school.lms.get(path)).headers["etag"]
    changed = await school.lms.patch(path, json={"items": [{"isbn": TWILIGHT}]}, headers={"If-Match": seen})
    assert changed.status_code == 200
    late = await school.lms.patch(path, json={"items": [{"isbn": isbn(1)}]}, headers={"If-Match": seen})
    assert (late.status_code, late.headers["etag"]) == (412, changed.headers["etag"])
    documented = CollectionBrief.model_json_schema(mode="serialization")["properties"]
    assert (await school.lms.get(path)).json().keys() == documented.keys() - {"permissions"}
    assert (await school.lms.get(path, params={"include": "permissions"})).json().keys() == documented.keys()
    unchanged = await school.lms.get(path, headers={"If-None-Match": changed.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert len(await school.shelf()) == 2


async def test_conflicts_are_refused_where_that_is_asked(world: World) -> None:
    school = await library(world)
    await school.replace(BODY)
    path = f"/collection/{await school.id()}"
    items = {"items": [{"isbn": TWILIGHT}, {"isbn": HUNGER_GAMES, "copies_total": 4}]}
    answer = await school.lms.patch(path, json=items, params={"ignore_conflicts": False})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (409, "/1")
    assert copies(await school.shelf()) == {HUNGER_GAMES: (1, 1)}


async def test_one_book_is_added_and_found(world: World) -> None:
    school = await library(world)
    await school.replace(BODY)
    path = f"/collection/{await school.id()}"
    added = await school.lms.post(f"{path}/item", json={"edition_isbn": "0-439-55493-4", "copies_total": 0})
    CollectionItemDetail.model_validate(added.json())
    assert added.json()["edition"]["isbn"] == PHILOSOPHERS_STONE
    by_isbn = await school.lms.get(f"{path}/0439554934")
    by_id = await school.lms.get(f"/collection-item/{added.json()['id']}")
    assert added.json() == by_isbn.json() == by_id.json()
    again = await school.lms.post(f"{path}/item", json={"edition_isbn": PHILOSOPHERS_STONE})
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (409, "/edition_isbn")
    named = await school.lms.post(f"{path}/item", json={"info": {"title": "Ours"}})
    assert named.json()["info"] == {"title": "Ours"}
    assert (await school.lms.post(f"{path}/item", json={})).status_code == 422


@pytest.mark.parametrize("bad", ["9780439023482", "x", "1234567890128"])
async def test_a_bad_isbn_in_the_path_is_no_failure_of_ours(world: World, bad: str) -> None:
    school = await library(world)
    await school.replace(BODY)
    answer = await school.lms.get(f"/collection/{await school.id()}/{bad}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"].startswith("isbn_")


async def test_missing_things_are_missing(world: World) -> None:
    admin, nowhere = await world.admin(), uuid4()
    for path in (f"/collection/{nowhere}", f"/collection/{nowhere}/items", f"/school/{nowhere}/collection"):
        assert (await admin.get(path)).status_code == 404
    assert (await admin.get("/collection-item/2147483647")).status_code == 404
    assert (await admin.get("/collection-item/99999999999999")).status_code in (404, 422)
    assert (await admin.post(f"/school/{nowhere}/collection", json=BODY)).status_code == 404


async def test_a_shelf_is_in_order_and_paged_both_ways(world: World) -> None:
    school = await library(world)
    titles = ["Zebra", "The Apple", "éclair", "100% Me", "a_b", "Apple Pie"]
    await school.replace([{"info": {"title": title}} for title in titles] + [{"isbn": isbn(5)}])
    path = f"/collection/{await school.id()}/items"
    whole = (await school.lms.get(path)).json()
    CollectionItemsResponse.model_validate(whole)
    assert whole["pagination"] == {"skip": 0, "limit": 100, "total": 7, "page": 1}
    shown = [item["info"]["title"] if item["info"] else "" for item in whole["data"]]
    assert shown == ["100% Me", "a_b", "The Apple", "Apple Pie", "éclair", "Zebra", ""]
    by_offset = [(await school.lms.get(path, params={"skip": n, "limit": 1})).json()["data"][0] for n in range(7)]
    assert by_offset == whole["data"]
    walked, following = [], f"{path}?limit=2"
    while following:
        page = await school.lms.get(following)
        walked += page.json()["data"]
        following = page.links.get("next", {}).get("url", "").removeprefix("/v1")
    assert walked == whole["data"]


@pytest.mark.parametrize(
    ("query", "found"),
    [("apple", 2), ("pie app", 1), ("APP", 2), ("ple", 0), ("100%", 1), ("%", 7), ("_", 7), ("zebra apple", 0)],
)
async def test_a_shelf_is_searched_by_the_beginnings_of_words(world: World, query: str, found: int) -> None:
    school = await library(world)
    titles = ["Zebra", "The Apple", "éclair", "100% Me", "a_b", "Apple Pie"]
    await school.replace([{"info": {"title": title}} for title in titles] + [{"isbn": isbn(5)}])
    answer = (await school.lms.get(f"/collection/{await school.id()}/items", params={"query": query})).json()
    assert len(answer["data"]) == answer["pagination"]["total"] == found


async def test_a_change_leaves_one_event_that_tells_who_and_what(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": HUNGER_GAMES}, {"isbn": "x"}])
    admin = await world.admin()
    events = await admin.get("/events", params={"school_id": str(school.school.wriveted_identifier)})
    (event,) = events.json()["data"]
    assert (event["title"], event["service_account"]["id"]) == ("Collection Update", str(school.lms.id))
    assert (event["info"]["added"], event["info"]["rejected"]) == (1, 1)


async def test_an_edition_that_gets_a_title_moves_on_the_shelf(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": isbn(700)}, {"info": {"title": "Middle"}}])
    admin = await world.admin()
    book = {"isbn": isbn(700), "title": "Aardvark", "authors": [{"last_name": "Smith"}]}
    assert (await admin.post("/edition", json=book)).status_code == 200
    shelf = (await school.lms.get(school.path)).json()
    assert [item["work"]["title"] if item["work"] else "Middle" for item in shelf] == ["Aardvark", "Middle"]
    assert shelf[0]["work"]["authors"][0]["last_name"] == "Smith"


async def test_readiness_counts_are_parts_of_one_another(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": isbn(800)}, {"isbn": isbn(801)}, {"info": {"title": "Ours"}}])
    admin = await world.admin()
    book = {"isbn": isbn(800), "title": "Known", "cover_url": "https://covers.example/1.jpg", "hydrated": True}
    assert (await admin.post("/edition", json=book)).status_code == 200

    async def counts() -> list[int]:
        info = (await school.lms.get(f"/collection/{await school.id()}/info")).json()
        return [info[name] for name in ("total_editions", "hydrated", "hydrated_and_labeled", "recommendable")]

    assert await counts() == [3, 1, 0, 0]
    async with world.session() as session:
        await session.execute(LABEL, {"isbn": int(isbn(800))})
    assert await counts() == [3, 1, 1, 1]


async def test_changes_that_wait_leave_the_database_to_everybody_else(world: World) -> None:
    school = await library(world)
    await school.replace(BODY)
    path = f"/collection/{await school.id()}"
    async with world.session() as session:
        await session.execute(select(Collection.id).where(Collection.id == await school.id()).with_for_update())
        waiting = [asyncio.create_task(school.lms.patch(path, json={"items": [{"isbn": isbn(n)}]})) for n in range(12)]
        await asyncio.sleep(0.3)
        assert (await school.lms.get(path)).status_code == 200
        assert not any(task.done() for task in waiting)
    assert [(await task).status_code for task in waiting] == [200] * 12
    assert len(await school.shelf()) == 13


async def test_a_stranger_neither_waits_for_a_collection_nor_learns_its_version(world: World) -> None:
    school, stranger = await library(world), await world.lms(await world.school("Elsewhere"))
    await school.replace(BODY)
    path = f"/collection/{await school.id()}"
    async with world.session() as session:
        await session.execute(select(Collection.id).where(Collection.id == await school.id()).with_for_update())
        answer = await stranger.patch(path, json={"items": BODY}, headers={"If-Match": '"x"'})
    assert answer.status_code == 403
    assert "etag" not in answer.headers
