"""The doors that take an Idempotency-Key, each with a request that it grants."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.books.catalogue import author, new_isbn, unique
from tests.books.shelves import new_work
from tests.collections.shelves import HUNGER_GAMES, TWILIGHT, isbn
from tests.collections.test_activity import TWILIGHT as READ
from tests.collections.test_activity import reading
from tests.world import Client, World

LOCATION = {"location": {"state": "NSW", "postcode": "2038"}}


@dataclass(frozen=True)
class Door:
    """A request that may be sent with a key, and another that the same key may not be used for."""

    caller: Client
    method: str
    path: str
    body: Any
    other: Any
    other_path: str | None = None

    async def ask(self, key: str | None, query: dict[str, str] | None = None, *, other: bool = False) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        body = self.other if other else self.body
        path = self.other_path or self.path if other else self.path
        return await self.caller.request(self.method, path, json=body, headers=headers, params=query)


async def sync(world: World, rows: list[Any] | None = None) -> Door:
    """A library system replaces the holdings of its school."""
    school = await world.school()
    path = f"/school/{school.wriveted_identifier}/collection"
    return Door(await world.lms(school), "POST", path, rows or [{"isbn": HUNGER_GAMES}], [{"isbn": TWILIGHT}])


async def _new_author(world: World) -> Door:
    body = {"first_name": "Roald", "last_name": unique("Dahl")}
    return Door(await world.admin(), "POST", "/authors", body, body | {"last_name": unique("Blake")})


async def _new_work(world: World) -> Door:
    body = {"title": unique("Matilda"), "authors": [author(unique("Dahl"))], "editions": [new_isbn()]}
    return Door(await world.admin(), "POST", "/work", body, body | {"title": unique("Another")})


async def _labels(world: World) -> Door:
    admin, number = await world.admin(), new_isbn()
    await new_work(admin, number)
    rows = [[{"isbn": number, "patch_data": {"min_age": age}}] for age in (5, 6)]
    return Door(admin, "PATCH", "/labelsets", *rows)


async def _merge_of_works(world: World) -> Door:
    admin = await world.admin()
    survivor, *duplicates = [await new_work(admin, new_isbn()) for _ in range(3)]
    bodies = [{"duplicate_id": int(each["id"])} for each in duplicates]
    return Door(admin, "POST", f"/work/{survivor['id']}/merge", *bodies)


async def _merge_of_authors(world: World) -> Door:
    admin = await world.admin()
    survivor, *duplicates = [(await new_work(admin, new_isbn()))["authors"][0]["id"] for _ in range(3)]
    bodies = [{"duplicate_id": int(each)} for each in duplicates]
    return Door(admin, "POST", f"/authors/{survivor}/merge", *bodies)


async def _undoing(world: World) -> Door:
    merges = [await (await _merge_of_works(world)).ask(None) for _ in range(2)]
    path, other_path = (f"/merges/{merge.json()['id']}/undo" for merge in merges)
    return Door(await world.admin(), "POST", path, None, None, other_path)


async def _new_booklist(world: World) -> Door:
    body = {"name": "Holidays", "type": "Personal", "items": []}
    return Door(await world.public_reader(), "POST", "/list", body, body | {"name": "Winter"})


async def _changed_booklist(world: World) -> Door:
    new = await _new_booklist(world)
    path = f"/list/{(await new.ask(None)).json()['id']}"
    return Door(new.caller, "PATCH", path, {"name": "Summer"}, {"name": "Autumn"})


async def _activity(world: World) -> Door:
    around = await reading(world)
    body = {"collection_item_id": around.items[READ], "reader_id": around.id("pupil"), "status": "READING"}
    return Door(around.people["pupil"], "POST", "/collection-item-activity", body, body | {"status": "READ"})


async def _recommendation(world: World) -> Door:
    return Door(await world.admin(), "POST", "/recommend", {"age": 8}, {"age": 9})


async def _new_user(world: World) -> Door:
    school = await world.school()
    body = {
        "type": "educator",
        "name": "Ed",
        "school_id": str(school.wriveted_identifier),
        "email": f"{uuid4()}@a.example",
    }
    return Door(await world.admin(), "POST", "/user", body, body | {"name": "Eve"})


async def _hydration(world: World) -> Door:
    return Door(await world.admin(), "POST", "/hydrate", [new_isbn()], [new_isbn()])


async def _labelling(world: World) -> Door:
    admin = await world.admin()
    path, other_path = [f"/work/{(await new_work(admin, new_isbn()))['id']}/generate-labels" for _ in range(2)]
    return Door(admin, "POST", path, None, None, other_path)


async def _labelling_of_many(world: World) -> Door:
    admin = await world.admin()
    bodies = [{"work_ids": [int((await new_work(admin, new_isbn()))["id"])]} for _ in range(2)]
    return Door(admin, "POST", "/works/generate-labels", *bodies)


async def _webhook(world: World) -> Door:
    school = await world.school()
    body = {"school_id": str(school.wriveted_identifier), "events": ["school.updated"]}
    urls = ("https://library.example.com/", "https://other.example.com/")
    return Door(await world.school_admin(school), "POST", "/webhook", *({**body, "url": url} for url in urls))


async def _email(world: World) -> Door:
    body = {"from_email": "hello@localhost.example", "to_emails": [f"{uuid4().hex}@example.com"], "subject": "Hello"}
    body |= {"template_data": {"text": "Hello."}}
    return Door(await world.admin(), "POST", "/sendgrid/email", body, body | {"subject": "Good bye"})


async def _invitation(world: World) -> Door:
    pupil = await world.student(await world.class_group(await world.school()))
    body = {"email": f"{uuid4().hex}@example.com", "supporter_nickname": "Oma"}
    path = f"/user/{pupil.id}/supporters"
    return Door(await world.parent(pupil), "POST", path, body, body | {"supporter_nickname": "Opa"})


OF_BOOKS_AND_PEOPLE: Mapping[str, Callable[[World], Awaitable[Door]]] = {
    "authors_create": _new_author,
    "works_create": _new_work,
    "labels_update_many": _labels,
    "merges_merge_works": _merge_of_works,
    "merges_merge_authors": _merge_of_authors,
    "merges_undo": _undoing,
    "booklists_create": _new_booklist,
    "booklists_update": _changed_booklist,
    "collections_log_activity": _activity,
    "recommendations_recommend": _recommendation,
    "users_create_user": _new_user,
    "users_invite_supporter": _invitation,
    "hydration_queue": _hydration,
    "labels_generate": _labelling,
    "labels_generate_many": _labelling_of_many,
    "webhooks_create": _webhook,
    "messages_send_email": _email,
}


async def door_of(world: World, operation: str) -> Door:
    """A request to a door, with a school, a collection and callers of its own."""
    if operation in OF_BOOKS_AND_PEOPLE:
        return await OF_BOOKS_AND_PEOPLE[operation](world)
    school = await world.school()
    new_school = {"name": "New school", "country_code": "AUS", "info": LOCATION}
    admin = await world.admin()
    match operation:
        case "schools_create":
            return Door(admin, "POST", "/school", new_school, new_school | {"name": "Another"})
        case "classes_create":
            path, given = f"/school/{school.wriveted_identifier}/class", {"name": "3B"}
            return Door(admin, "POST", path, given, given | {"name": "4A"})
        case "schools_create_many":
            return Door(admin, "POST", "/schools", [new_school], [new_school, new_school])
        case "editions_create":
            book = {"isbn": isbn(uuid4().int % 10**8), "title": "A book"}
            return Door(admin, "POST", "/edition", book, book | {"title": "Another"})
        case "editions_add_many":
            book = {"isbn": isbn(uuid4().int % 10**8), "title": "A book"}
            return Door(admin, "POST", "/editions", [book], [book | {"title": "Another"}])
        case "events_create_event":
            event = {"title": "Test: asked", "level": "normal"}
            return Door(admin, "POST", "/events", event, event | {"title": "Test: asked otherwise"})
    lms = await world.lms(school)
    if operation == "collections_create":
        new = {"name": "Library", "school_id": str(school.wriveted_identifier), "items": [{"isbn": TWILIGHT}]}
        return Door(lms, "POST", "/collection", new, new | {"name": "Another"})
    path = f"/collection/{(await world.collection(school)).id}"
    rows, others = [{"isbn": HUNGER_GAMES}], [{"isbn": TWILIGHT}]
    match operation:
        case "collections_replace":
            whole = {"name": "Library", "items": rows}
            return Door(lms, "PUT", path, whole, whole | {"items": others})
        case "collections_update":
            return Door(lms, "PATCH", path, {"items": rows}, {"items": others})
        case "collections_replace_items":
            return Door(lms, "PUT", f"{path}/items", rows, others)
        case "collections_add_item":
            return Door(lms, "POST", f"{path}/item", {"edition_isbn": HUNGER_GAMES}, {"edition_isbn": TWILIGHT})
    path = f"/school/{school.wriveted_identifier}/collection"
    return Door(lms, "POST" if operation == "collections_sync_school" else "PATCH", path, rows, others)


DOORS = (
    "schools_create",
    "schools_create_many",
    "classes_create",
    "editions_create",
    "editions_add_many",
    "events_create_event",
    "collections_create",
    "collections_replace",
    "collections_update",
    "collections_replace_items",
    "collections_add_item",
    "collections_sync_school",
    "collections_change_school",
    *OF_BOOKS_AND_PEOPLE,
)
