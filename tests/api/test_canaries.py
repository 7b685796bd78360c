"""Two schools: whatever an account of one sends, nothing that only the other may know comes back, and nothing of it
changes. Requests are valid ones and mutated ones, with the other school's ids wherever an id can stand; seeded."""

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.accounts.models import (
    Parent,
    SchoolAdmin,
    ServiceAccount,
    ServiceAccountSchool,
    ServiceAccountType,
    Student,
    Supporter,
    SupporterReader,
)
from app.booklists.models import BookList
from app.classes.models import ClassGroup
from app.collections.models import Collection, CollectionItem
from app.events.models import Event, EventLevel
from app.webhooks.models import Webhook
from tests.api.expectations import EXPECTED
from tests.api.operations import GUARDED, Operation, parameters_of
from tests.api.people import ACTIVE_PEOPLE, PersonArchetype
from tests.api.targets import ACTIVE, LINKED, Archetype, Target, targets
from tests.world import HOUR, Client, World

CANARY = "canary"
REQUESTS = 500
"""For each archetype."""
STRANGERS = [archetype for archetype in ACTIVE if archetype.kind not in ("admin", "backend") and not archetype.vendor]
KEEPING = [operation for operation in GUARDED if operation.name != "sign_in_log_out_everywhere"]
"""After the one that is not here, its token would be good for nothing."""
STRANGE = ("", "null", "0", "-1", "%", "' OR 1=1 --", "*", "\u0131", "../..", "a" * 300, "[]", "true", "2020-01-01")
ROWS = {
    "schools": "SELECT * FROM schools WHERE wriveted_identifier = :school",
    "collections": "SELECT * FROM collections WHERE school_id = :school",
    "collection_items": "SELECT * FROM collection_items WHERE collection_id = :collection",
    "class_groups": "SELECT * FROM class_groups WHERE school_id = :school",
    "service_accounts": "SELECT * FROM service_accounts WHERE id = :account",
    "book_lists": "SELECT * FROM book_lists WHERE school_id = :school",
    "links": "SELECT * FROM service_account_schools WHERE school_id = :school",
    "events": "SELECT * FROM events WHERE school_id = :school",
    "students": "SELECT * FROM users JOIN readers USING (id) JOIN students USING (id) WHERE school_id = :school",
    "educators": "SELECT * FROM users JOIN educators USING (id) WHERE school_id = :school",
    "parents": "SELECT * FROM users JOIN parents USING (id) WHERE id = :parent",
    "supporters": "SELECT * FROM users JOIN supporters USING (id) WHERE id = :supporter",
    "supported": "SELECT * FROM supporter_reader_association WHERE reader_id = :student",
    "sessions": "SELECT * FROM sign_in_sessions WHERE user_id IN (:student, :educator, :parent)",
    "webhooks": "SELECT * FROM webhooks WHERE school_id = :school",
    "deliveries": "SELECT d.* FROM webhook_deliveries d JOIN webhooks w ON w.id = webhook_id WHERE school_id = :school",
    "feedback": "SELECT * FROM supporter_feedback WHERE reader_id = :student",
    "keys": "SELECT id, name, scopes, revoked_at, replaced_at FROM api_keys WHERE service_account_id = :kiosk",
}
"""All rows of a school, and of those who belong to it."""
TOLD = {
    "audit": "SELECT count(*) FROM audit_log AS t WHERE actor = :actor AND t::text LIKE '%canary%'",
    "events": "SELECT count(*) FROM events AS t "
    "WHERE :caller IN (user_id, service_account_id) AND t::text LIKE '%canary%'",
}
"""What a caller leaves behind."""
REQUESTS_OF_PEOPLE = 250
"""For each."""
MEMBERS = [each for each in ACTIVE_PEOPLE if not each.elsewhere and (not each.itself or each.kind == "supporter")]


@dataclass(frozen=True)
class Victim:
    """The other school, each of whose private texts holds a canary; and a cursor that its library system was given."""

    target: Target
    lms: UUID
    cursor: str
    educator: UUID
    parent: UUID

    @property
    def ids(self) -> list[str]:
        found = (self.target.school, self.target.bare_school, self.target.collection, self.target.item, self.lms)
        found += (self.target.student, self.target.supporter, self.educator, self.parent, self.target.class_group)
        found += (self.target.event, self.target.webhook, self.target.delivery)
        found += (self.target.session, self.target.service_account, self.target.api_key, self.target.booklist)
        return [str(each) for each in found]


async def make_victim(world: World) -> Victim:
    def canary() -> str:
        return f"{CANARY}-{uuid4()}"

    info = {"location": {"state": "NSW", "postcode": "2038"}, "sector": canary(), "URL": canary(), "type": canary()}
    domains = {"student_domain": f"https://{canary()}", "teacher_domain": f"https://{canary()}"}
    (target,) = await targets(
        world, 1, together=True, info=info | {"experiments": {canary(): True}}, lms_type=canary(), **domains
    )
    lms = ServiceAccount(name=canary(), type=ServiceAccountType.LMS, info={"note": canary()})
    lms.links = [ServiceAccountSchool(school_id=target.school)]
    async with world.session() as session:
        session.add(lms)
        collection = await session.get_one(Collection, target.collection)
        collection.name, collection.info = canary(), {"note": canary()}
        item = await session.get_one(CollectionItem, target.item)
        student = await session.get_one(Student, target.student)
        student.name, student.first_name, student.username = canary(), canary(), canary()
        student.email, student.info = f"{canary()}@example.com", {"phone_number": canary(), "picture": canary()}
        student.huey_attributes, student.student_info = {"goals": [canary()]}, {"note": canary()}
        supporter = await session.get_one(Supporter, target.supporter)
        educator = SchoolAdmin(school_id=target.school, name=canary(), educator_info={"note": canary()})
        parent = Parent(name=canary(), parent_info={"note": canary()})
        session.add_all([educator, parent])
        for person in (supporter, educator, parent):
            person.name, person.email, person.info = canary(), f"{canary()}@example.com", {"phone_number": canary()}
        await session.flush()
        student.parent_id = parent.id
        webhook = await session.get_one(Webhook, target.webhook)
        webhook.url, webhook.description = f"https://{canary()}.example.com/", canary()
        link = await session.get_one(SupporterReader, (target.supporter, target.student))
        link.supporter_nickname = canary()
        booklist = await session.get_one(BookList, target.booklist)
        booklist.name, booklist.info = canary(), {"description": canary()}
        group = await session.get_one(ClassGroup, target.class_group)
        group.name, group.note = canary(), canary()
        item.info = {"title": canary(), "author": canary(), "other": {"shelf": canary()}}
        await session.flush()
        for level in EventLevel:
            session.add(
                Event(
                    title=canary(),
                    description=canary(),
                    info={"note": canary()},
                    level=level,
                    school_id=target.school,
                    service_account_id=lms.id,
                )
            )
    token = world.tokens.issue("service-account", lms.id, HOUR, extra={"ver": 1})
    client = Client(world.http, lms.id, token)
    page = await client.get(f"/collection/{target.collection}/items", params={"limit": 1})
    assert CANARY in page.text, "its own account reads it: there is something to leak"
    return Victim(target, lms.id, page.links["next"]["url"].partition("cursor=")[2], educator.id, parent.id)


async def fingerprint(world: World, victim: Victim) -> dict[str, str]:
    values = {"school": victim.target.school, "collection": victim.target.collection, "account": victim.lms}
    values |= {"student": victim.target.student, "supporter": victim.target.supporter, "parent": victim.parent}
    values |= {"educator": victim.educator, "kiosk": victim.target.service_account}
    found = {}
    async with world.session() as session:
        for table, statement in ROWS.items():
            names = [name for name in values if re.search(f":{name}\\b", statement)]
            rows = await session.execute(text(statement), {name: values[name] for name in names})
            found[table] = hashlib.sha256("\n".join(sorted(str(row) for row in rows)).encode()).hexdigest()
    return found


class Sender:
    """Makes up requests of an account that belongs to one school, aimed at another."""

    def __init__(self, seed: str, own: Target, victim: Victim) -> None:
        self.random = random.Random(seed)
        self.own = own
        self.victim = victim

    def request(self) -> tuple[Operation, str, dict[str, str], Any]:
        """An operation, its target, headers and body."""
        operation = self.random.choice(KEEPING)
        path = operation.path
        for name in parameters_of(path):
            aimed = self.random.random() < 0.85
            value = self.victim.target.in_path.get(name) if aimed else self.any_value()
            path = path.replace("{" + name + "}", quote(str(value or self.any_value()), safe=""))
        query = urlencode(dict(self.query(operation)))
        headers = {"X-Request-ID": self.any_value(), "If-Match": '"1"', "X-School": self.victim.ids[0]}
        sent = {name: value for name, value in headers.items() if value.isascii() and self.random.random() < 0.3}
        return operation, f"{path}?{query}" if query else path, sent, self.body(operation)

    def any_value(self) -> str:
        return self.random.choice(
            [*self.victim.ids, str(self.own.school), str(self.own.collection), str(self.own.class_group), *STRANGE]
        )

    def query(self, operation: Operation) -> Iterator[tuple[str, str]]:
        known = [each["name"] for each in operation.described.get("parameters", ()) if each["in"] == "query"]
        for name in known:
            if self.random.random() < 0.3:
                value = {"cursor": self.victim.cursor, "limit": "1000", "info_jsonpath_match": "$.note"}.get(name)
                yield name, value or self.any_value()
        if self.random.random() < 0.1:
            yield "school_id", self.victim.ids[0]

    def body(self, operation: Operation) -> Any:
        asked = EXPECTED[operation.name]
        body = asked.body(self.victim.target if self.random.random() < 0.7 else self.own) if asked else None
        return body if self.random.random() < 0.5 else self.mutated(body)

    def mutated(self, value: Any) -> Any:
        """The value with the other school's ids in places, and with names that are no field here."""
        if isinstance(value, dict):
            changed = {
                name: self.any_value() if self.random.random() < 0.25 else self.mutated(each)
                for name, each in value.items()
            }
            if self.random.random() < 0.3:
                name = self.random.choice(["id", "school_id", "collection_id", "user_id", "wriveted_identifier"])
                changed[name] = self.random.choice(self.victim.ids)
            return changed
        return [self.mutated(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("archetype", LINKED, ids=str)
async def test_other_school_is_neither_seen_nor_changed(
    world: World, archetype: Archetype, capfd: pytest.CaptureFixture[str]
) -> None:
    victim = await make_victim(world)
    (own,) = await targets(world, 1)
    client = await archetype.client(world, [own.school, own.bare_school])
    await bombard(world, client, Sender(f"canaries of {archetype}", own, victim), REQUESTS, capfd)


@pytest.mark.parametrize("archetype", MEMBERS, ids=str)
async def test_other_school_is_neither_seen_nor_changed_by_people(
    world: World, archetype: PersonArchetype, capfd: pytest.CaptureFixture[str]
) -> None:
    victim = await make_victim(world)
    own = await archetype.targets(world, 1)
    (sender,) = await archetype.senders(world, own)
    await bombard(world, sender.client, Sender(f"canaries of {archetype}", own[0], victim), REQUESTS_OF_PEOPLE, capfd)


async def bombard(
    world: World, client: Client, sender: Sender, requests: int, capfd: pytest.CaptureFixture[str]
) -> None:
    victim = sender.victim
    before = await fingerprint(world, victim)
    leaks, statuses = [], set()
    for _ in range(requests):
        operation, path, headers, body = sender.request()
        options = {} if body is None else {"json": body}
        answer = await client.request(operation.method, path.removeprefix("/v1"), headers=headers, **options)
        statuses.add(answer.status_code)
        if CANARY in answer.text or CANARY in str(answer.headers) or answer.status_code >= 500:
            leaks.append(f"{operation.method} {path} {body}: {answer.status_code} {answer.text[:300]}")
    assert leaks == []
    assert await fingerprint(world, victim) == before
    assert {200, 403, 404, 422} <= statuses, "the requests reach beyond the first check"
    logged = capfd.readouterr()
    assert CANARY not in logged.out + logged.err
    assert '"event":"request"' in logged.out + logged.err
    values = {"actor": f"user:{client.id}", "caller": client.id}
    async with world.session() as session:
        for told, statement in TOLD.items():
            names = [name for name in values if f":{name}" in statement]
            assert await session.scalar(text(statement), {name: values[name] for name in names}) == 0, told


@pytest.mark.parametrize("archetype", STRANGERS, ids=str)
async def test_other_school_is_not_seen_by_plain_reading(world: World, archetype: Archetype) -> None:
    victim = await make_victim(world)
    (own,) = await targets(world, 1)
    client = await archetype.client(world, [own.school])
    for operation in GUARDED:
        if operation.method == "GET":
            path = operation.at(**victim.target.in_path).removeprefix("/v1")
            query = {"limit": 1000} if "cursor" in str(operation.described.get("parameters")) else {}
            answer = await client.get(path, params=query)
            assert CANARY not in answer.text + str(answer.headers), operation


@pytest.mark.parametrize("archetype", MEMBERS, ids=str)
async def test_other_school_is_not_seen_by_plain_reading_of_people(world: World, archetype: PersonArchetype) -> None:
    victim = await make_victim(world)
    (sender,) = await archetype.senders(world, await archetype.targets(world, 1))
    for operation in GUARDED:
        if operation.method == "GET":
            query = {"limit": 1000} if "cursor" in str(operation.described.get("parameters")) else {}
            path = operation.at(**victim.target.in_path).removeprefix("/v1")
            answer = await sender.client.get(path, params=query)
            assert CANARY not in answer.text + str(answer.headers), operation
