"""Cursors: every row once, whatever is written meanwhile; and of no use to anybody, or for anything, else."""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from app.core import paging
from app.core.config import Settings
from app.core.db import Database
from app.core.outbox import TaskRow
from app.events.models import Event, EventLevel
from app.labelling.review import keep_reviews
from app.main import create_public_app
from app.messages.models import Suppression, SuppressionReason
from app.sign_in.models import SignInSession
from app.webhooks.models import DeliveryState, Webhook, WebhookDelivery, WebhookEvent
from tests.api.operations import OPERATIONS, send
from tests.api.targets import targets
from tests.books.catalogue import new_isbn
from tests.conftest import settings_for
from tests.world import HOUR, Client, World

ROWS = 23
CHANCE = random.Random(20261120)
COMPARISON = "/collection/{collection}/compare-with-booklist/{booklist}"
TITLES = cycle(("Matilda", "The Twits", None, "Matilda", "Zoo"))
"""Of books without an ISBN; and of one in five that has only that."""
SIZES = (1, 2, 7, 100, 1000)
DAY = 24 * 3600


@dataclass
class Library:
    """A world of its own, so that its lists are short."""

    world: World
    app: FastAPI
    admin: Client
    other_admin: Client
    school: str
    collection: str
    program: Client
    booklist: str
    slug: str
    work: str
    webhook: str


@dataclass(frozen=True)
class Listing:
    """A list: where it is, what tells its rows apart, and what adds one."""

    name: str
    path: str
    key: Callable[[Any], Any]
    add: Callable[["Library"], Awaitable[Any]]

    def __str__(self) -> str:
        return self.name

    def at(self, library: Library) -> str:
        return self.path.format(
            collection=library.collection,
            school=library.school,
            program=library.program.id,
            booklist=library.booklist,
            slug=library.slug,
            work=library.work,
            webhook=library.webhook,
        )


async def add_school(library: Library) -> None:
    await library.world.school("Annandale North Public School")


async def add_event(library: Library) -> None:
    title = f"Huey: Book reviewed {CHANCE.random()}"
    answer = await library.admin.post("/events", json={"title": title, "level": "normal", "description": "d"})
    assert answer.status_code == 200


async def add_service_account(library: Library) -> None:
    await library.world.service("kiosk")


async def add_key(library: Library) -> None:
    await library.world.key(library.program)


async def add_class(library: Library) -> None:
    name = f"{CHANCE.choice(['Readers', 'readers', 'Écoliers', 'ZZ'])} {CHANCE.random()}"
    answer = await library.admin.post(f"/school/{library.school}/class", json={"name": name})
    assert answer.status_code == 200


async def add_edition(library: Library) -> None:
    title = CHANCE.choice(["Matilda", "The Matilda Effect", "Matilda and Me", "Ein Matilda-Buch"])
    answer = await library.admin.post("/edition", json={"isbn": new_isbn(), "title": title})
    assert answer.status_code == 200


async def add_item(library: Library) -> None:
    title = next(TITLES)
    rows: list[dict[str, Any]] = [{"info": {"title": title}} if title else {"isbn": new_isbn()}]
    answer = await library.admin.patch(f"/collection/{library.collection}", json={"items": rows})
    assert answer.status_code == 200


async def add_work(library: Library) -> None:
    title = CHANCE.choice(["Matilda", "The Matilda Effect", "Matilda and Me", "Ein Matilda-Buch"])
    body = {"title": title, "authors": [{"last_name": f"Dahl{CHANCE.randrange(40)}"}], "editions": [new_isbn()]}
    assert (await library.admin.post("/work", json=body)).status_code == 200


async def add_author(library: Library) -> None:
    answer = await library.admin.post("/authors", json={"last_name": CHANCE.choice(["Dahl", "Dahlia", "Roald Dahl"])})
    assert answer.status_code == 200


async def add_illustrator(library: Library) -> None:
    body = {"isbn": new_isbn(), "illustrators": [{"last_name": f"Blake {CHANCE.random()}"}]}
    assert (await library.admin.post("/edition", json=body)).status_code == 200


async def add_merge(library: Library) -> None:
    people = [(await library.admin.post("/authors", json={"last_name": "Doe"})).json()["id"] for _ in range(2)]
    answer = await library.admin.post(f"/authors/{people[0]}/merge", json={"duplicate_id": int(people[1])})
    assert answer.status_code == 200


async def add_label_change(library: Library) -> None:
    body = {"labelset": {"info": {"seen": CHANCE.random()}}}
    assert (await library.admin.patch(f"/work/{library.work}", json=body)).status_code == 200


async def add_refusal(library: Library) -> None:
    reader = await library.world.public_reader()
    assert (await reader.get(f"/school/{library.school}")).status_code == 403


async def add_unlabelled(library: Library) -> None:
    """A book that the school holds and nobody has labelled."""
    isbn = new_isbn()
    assert (await library.admin.post("/edition", json={"isbn": isbn, "title": f"Work {isbn}"})).status_code == 200
    body = {"items": [{"isbn": isbn}]}
    assert (await library.admin.patch(f"/collection/{library.collection}", json=body)).status_code == 200
    await keep_reviews(library.world.database)


async def add_task(library: Library) -> None:
    async with library.world.session() as session:
        session.add(TaskRow(kind="of-a-list", payload={}))


async def add_person(library: Library) -> None:
    await library.world.public_reader(is_active=CHANCE.random() < 0.7)


async def add_session(library: Library) -> None:
    """A sign-in of each: everybody lists their own."""
    now = datetime.now(UTC)
    values = {"method": "firebase", "authenticated_at": now, "expires_at": now + HOUR}
    async with library.world.session() as session:
        session.add_all(SignInSession(user_id=each.id, **values) for each in (library.admin, library.other_admin))


async def add_list(library: Library) -> None:
    """One that anybody may read, and one of the school."""
    slug = f"list-{CHANCE.randrange(10**12)}"
    huey = {"name": "Huey's", "type": "Huey", "sharing": "public", "slug": slug}
    school = {"name": "School's", "type": "School", "school_id": library.school}
    for body in (huey, school):
        assert (await library.admin.post("/list", json=body)).status_code == 200


async def add_listed_work(library: Library) -> None:
    """At the end of the list."""
    isbn = new_isbn()
    edition = (await library.admin.post("/edition", json={"isbn": isbn, "title": f"Work {isbn}"})).json()
    body = {"items": [{"action": "add", "work_id": int(edition["work_id"])}]}
    assert (await library.admin.patch(f"/list/{library.booklist}", json=body)).status_code == 200


async def add_webhook(library: Library) -> None:
    columns = {"url": "https://a.example.com/", "events": ["school.updated"], "secret_sealed": b""}
    async with library.world.session() as session:
        session.add(Webhook(school_id=UUID(library.school), **columns))


async def add_delivery(library: Library) -> None:
    event, state = WebhookEvent.SCHOOL_UPDATED, DeliveryState.FAILED
    async with library.world.session() as session:
        session.add(WebhookDelivery(webhook_id=UUID(library.webhook), event=event, state=state, data={}))


async def add_suppression(library: Library) -> None:
    async with library.world.session() as session:
        session.add(Suppression(mark=uuid4().bytes, reason=SuppressionReason.STAFF))


DELIVERIES = "/webhook/{webhook}/deliveries"
LISTS = [
    Listing("schools", "/schools", lambda row: row["wriveted_identifier"], add_school),
    Listing("schools found", "/schools?q=annandale&state=NSW", lambda row: row["wriveted_identifier"], add_school),
    Listing("events", "/events", lambda row: row["id"], add_event),
    Listing("events found", "/events?query=Huey&level=normal", lambda row: row["id"], add_event),
    Listing("event types", "/event-types", lambda row: row, add_event),
    Listing("service accounts", "/service-accounts", lambda row: row["id"], add_service_account),
    Listing("keys", "/service-account/{program}/keys", lambda row: row["id"], add_key),
    Listing("users", "/users", lambda row: row["id"], add_person),
    Listing("users found", "/users?q=rob&type=public", lambda row: row["id"], add_person),
    Listing("classes", "/classes", lambda row: row["id"], add_class),
    Listing("classes found", "/classes?query=readers", lambda row: row["id"], add_class),
    Listing("editions", "/editions", lambda row: row["isbn"], add_edition),
    Listing("editions found", "/editions?query=matilda", lambda row: row["isbn"], add_edition),
    Listing("works", "/works", lambda row: row["id"], add_work),
    Listing("works found", "/works?query=matilda", lambda row: row["id"], add_work),
    Listing("authors", "/authors", lambda row: row["id"], add_author),
    Listing("authors found", "/authors?query=dahl", lambda row: row["id"], add_author),
    Listing("illustrators", "/illustrators", lambda row: row["id"], add_illustrator),
    Listing("review", "/labelsets/review", lambda row: row["work_id"], add_unlabelled),
    Listing("merges", "/merges", lambda row: row["id"], add_merge),
    Listing("works by holders", "/search", lambda row: row["id"], add_edition),
    Listing("works searched for", "/search?query=matilda", lambda row: row["id"], add_edition),
    Listing("items", "/collection/{collection}/items", lambda row: row["id"], add_item),
    Listing("items found", "/collection/{collection}/items?query=matilda", lambda row: row["id"], add_item),
    Listing("label changes", "/work/{work}/label-changes", lambda row: row["id"], add_label_change),
    Listing("audit", "/audit", lambda row: row["id"], add_refusal),
    Listing("audit found", "/audit?action=access.denied&outcome=refused", lambda row: row["id"], add_refusal),
    Listing("tasks", "/tasks", lambda row: row["id"], add_task),
    Listing("tasks found", "/tasks?state=pending&kind=of-a-list", lambda row: row["id"], add_task),
    Listing("sessions", "/auth/sessions", lambda row: row["id"], add_session),
    Listing("booklists", "/lists", lambda row: row["id"], add_list),
    Listing("booklists found", "/lists?list_type=School&sharing_type=private", lambda row: row["id"], add_list),
    Listing("works of a list", "/list/{booklist}", lambda row: row["work_id"], add_listed_work),
    Listing("works with editions", "/list/{booklist}?enriched=true", lambda row: row["work_id"], add_listed_work),
    Listing("comparison", COMPARISON, lambda row: row["work_id"], add_listed_work),
    Listing("webhooks", "/webhooks", lambda row: row["id"], add_webhook),
    Listing("webhooks of a school", "/webhooks?school_id={school}", lambda row: row["id"], add_webhook),
    Listing("deliveries", DELIVERIES, lambda row: row["id"], add_delivery),
    Listing("deliveries found", f"{DELIVERIES}?state=failed", lambda row: row["id"], add_delivery),
    Listing("suppressions", "/email/suppressions", lambda row: row["id"], add_suppression),
    Listing("items of a school", "/school/{school}/collection", lambda row: row["id"], add_item),
]
FOR_ANYBODY = [
    Listing("public lists", "/public-lists", lambda row: row["id"], add_list),
    Listing("public list", "/public-list/{slug}", lambda row: row["work_id"], add_listed_work),
]
"""Their callers are not asked who they are, so their cursors are anybody's."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def library(make_database: Callable[[], str]) -> AsyncIterator[Library]:
    settings: Settings = settings_for(make_database())
    database = Database(settings)
    app = create_public_app(settings, database=database)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        world = World(database, http)
        school = await world.school()
        collection = await world.collection(school)
        admin, other, program = await world.admin(), await world.admin(), await world.service("kiosk")
        body = {"name": "Huey's", "type": "Huey", "sharing": "public", "slug": "the-list"}
        booklist = (await admin.post("/list", json=body)).json()
        ids = str(school.wriveted_identifier), str(collection.id)
        work = (await admin.post("/work", json={"title": "Labelled", "authors": [], "editions": []})).json()["id"]
        hook = {"school_id": ids[0], "url": "https://a.example.com/", "events": ["school.updated"]}
        webhook = (await admin.post("/webhook", json=hook)).json()["id"]
        made = Library(world, app, admin, other, *ids, program, booklist["id"], booklist["slug"], work, webhook)
        for add in dict.fromkeys(listing.add for listing in LISTS):
            for _ in range(ROWS):
                await add(made)
        await add_ties(made)
        yield made
    await database.dispose()


async def add_ties(library: Library) -> None:
    """Rows that only their ids tell apart: of one moment, or of one name."""
    (target, *_) = await targets(library.world, 3)
    async with library.world.session() as session:
        session.add_all(
            Event(title="Huey: Book reviewed", level=EventLevel.NORMAL, school_id=target.school) for _ in range(5)
        )


async def page(client: Client, path: str) -> tuple[list[Any], str | None]:
    """The rows of a page, and the path of the next."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    following = answer.links.get("next", {}).get("url")
    rows = body if isinstance(body, list) else body.get("data", body.get("books"))
    return rows, following and following.removeprefix("/v1")


async def cursor_of(library: Library, listing: Listing, client: Client | None = None) -> str:
    """The path of the second page, with its cursor."""
    path = listing.at(library)
    _, following = await page(client or library.admin, f"{path}{'&' if '?' in path else '?'}limit=2")
    assert following is not None
    return following


def test_every_list_with_a_cursor_is_tested() -> None:
    listed = {listing.path.partition("?")[0] for listing in (*LISTS, *FOR_ANYBODY)}
    paths = {
        operation.path.removeprefix("/v1")
        for operation in OPERATIONS
        if any(parameter["name"] == "cursor" for parameter in operation.described.get("parameters", ()))
    }
    names = {
        "collection_id": "collection",
        "wriveted_identifier": "school",
        "service_account_id": "program",
        "booklist_identifier": "booklist",
        "booklist_slug": "slug",
        "work_id": "work",
        "webhook_id": "webhook",
    }
    assert {path.format(**{name: f"{{{short}}}" for name, short in names.items()}) for path in paths} == listed


@pytest.mark.parametrize("listing", [*LISTS, *FOR_ANYBODY], ids=str)
@pytest.mark.parametrize("size", SIZES)
async def test_paging_yields_each_row_once_while_rows_are_added(library: Library, listing: Listing, size: int) -> None:
    path = listing.at(library)
    first = f"{path}{'&' if '?' in path else '?'}limit="
    before = [listing.key(row) for row in (await page(library.admin, f"{first}1000"))[0]]
    assert len(before) >= 3
    seen: list[Any] = []
    following: str | None = f"{first}{size}"
    pages = 0
    while following is not None:
        rows, following = await page(library.admin, following)
        assert len(rows) <= size
        seen += [listing.key(row) for row in rows]
        if pages < 3:
            await listing.add(library)
        pages += 1
    assert len(seen) == len(set(seen)), "a row came twice"
    assert [key for key in seen if key in set(before)] == before, "a row was left out, or out of order"


@pytest.mark.parametrize("listing", LISTS, ids=str)
async def test_cursor_serves_no_other_caller_path_or_filter(library: Library, listing: Listing) -> None:
    following = await cursor_of(library, listing)
    _, cursor = following.split("cursor=")
    others = [other.at(library) for other in LISTS if other.path.partition("?")[0] != listing.path.partition("?")[0]]
    elsewhere = [f"{path}{'&' if '?' in path else '?'}cursor={cursor}" for path in others]
    here = listing.at(library).partition("?")[0]
    filters = ("q=x", "query=x", "level=error", "include_inactive=true", "work_id=1", "unknown=1", "query=", "q=")
    refiltered = [f"{here}?{filter_}&cursor={cursor}" for filter_ in filters]
    assert (await library.admin.get(following)).status_code == 200
    assert (await library.admin.get(f"{following}&skip=1")).status_code == 200
    for path in (*elsewhere, *refiltered, *([f"{here}?cursor={cursor}"] if "?" in listing.path else [])):
        await refuses(library.admin, path)
    await refuses(library.other_admin, following)


async def refuses(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 400, f"{path}: {answer.status_code} {answer.text}"
    assert answer.json()["code"] == "invalid_cursor"


async def test_cursor_of_one_collection_serves_no_other(library: Library) -> None:
    items = next(listing for listing in LISTS if listing.name == "items")
    following = await cursor_of(library, items)
    other = await library.world.collection(await library.world.school())
    await refuses(library.admin, following.replace(library.collection, str(other.id)))


@pytest.mark.parametrize("listing", LISTS, ids=str)
async def test_cursor_expires_after_a_day(library: Library, listing: Listing, monkeypatch: pytest.MonkeyPatch) -> None:
    following = await cursor_of(library, listing)
    now = time.time()
    monkeypatch.setattr(paging, "time", SimpleNamespace(time=lambda: now + DAY - 60))
    assert (await library.admin.get(following)).status_code == 200
    monkeypatch.setattr(paging, "time", SimpleNamespace(time=lambda: now + DAY + 1))
    await refuses(library.admin, following)


@pytest.mark.parametrize("listing", LISTS, ids=str)
async def test_changed_cursor_is_refused_and_never_an_error(library: Library, listing: Listing) -> None:
    """Every bit of every character flipped; characters exchanged, cut off, added; halves of two callers' cursors."""
    following = await cursor_of(library, listing)
    theirs = (await cursor_of(library, listing, library.other_admin)).split("cursor=")[1]
    base, cursor = following.split("cursor=")
    chance = random.Random(listing.name)
    flipped = [
        cursor[:at] + chr(ord(cursor[at]) ^ 1 << bit) + cursor[at + 1 :]
        for at in range(len(cursor))
        for bit in range(7)
    ]
    cut = [cursor[:at] for at in range(len(cursor))] + [cursor[at:] for at in range(1, len(cursor))]
    swapped = [cursor[:at] + theirs[at:] for at in range(1, min(len(cursor), len(theirs)))]
    shuffled = ["".join(chance.sample(cursor, len(cursor))) for _ in range(20)]
    added = [cursor + tail for tail in ("=", "==", "A", "AA", "\n", " ", "%00", "\u00e9", cursor)]
    strange = ["null", "[]", "0", "-1", "A" * 1000, "\u0661\u0662", "eyJhIjoxfQ", theirs]
    headers = {"Authorization": f"Bearer {library.admin.token}"}
    answers = {}
    for changed in {*flipped, *cut, *swapped, *shuffled, *added, *strange} - {cursor}:
        target = f"/v1{base}cursor={quote(changed, safe='')}"
        answers[changed] = (await send(library.app, "GET", target, headers)).status
    assert {changed: status for changed, status in answers.items() if status not in (400, 422)} == {}
    assert len(answers) > 400
    assert {changed for changed, status in answers.items() if status == 422} <= {
        changed for changed in answers if "\0" in changed or len(changed) > 1000
    }, "only what no parameter may be is refused otherwise"


async def test_cursor_of_another_environment_is_refused(library: Library) -> None:
    """It is signed with another key, for the same account, path and filter."""
    settings = settings_for(
        library.world.database.settings.database_url.get_secret_value(),
        WRIVETED_TOKEN_KEYS="an-other-environment-signs-with-this-key," + _key(library),
    )
    app = create_public_app(settings, database=library.world.database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as http:
        elsewhere = Client(http, library.admin.id, library.admin.token)
        for listing in LISTS:
            following = await cursor_of(library, listing, elsewhere)
            await refuses(library.admin, following)


def _key(library: Library) -> str:
    return library.world.database.settings.token_keys[0].get_secret_value()


@pytest.mark.parametrize("listing", LISTS, ids=str)
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "skip=-1", "skip=100001", "limit=1&limit=2", "cursor=%00"]
)
async def test_page_out_of_bounds_is_refused(library: Library, listing: Listing, query: str) -> None:
    path = listing.at(library)
    answer = await library.admin.get(f"{path}{'&' if '?' in path else '?'}{query}")
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("listing", LISTS, ids=str)
async def test_skip_and_limit_reach_every_row_as_they_always_did(library: Library, listing: Listing) -> None:
    path = listing.at(library)
    start = f"{path}{'&' if '?' in path else '?'}"
    expected = [listing.key(row) for row in (await page(library.admin, f"{start}limit=1000"))[0]]
    found: list[Any] = []
    for skip in range(0, len(expected), 7):
        found += [listing.key(row) for row in (await page(library.admin, f"{start}limit=7&skip={skip}"))[0]]
    assert found == expected
