"""A parent links a supporter, a child reads, the supporter is told by e-mail, and answers with a few kind words."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.accounts.models import SupporterReader
from app.core.outbox import TaskState
from app.feedback.service import MOST_A_DAY
from app.schools.models import School
from tests.books.catalogue import new_isbn
from tests.messages.mail_server import MailServer, body_of
from tests.tasks.doing import Tasks
from tests.world import HOUR, Client, World

GIF = "https://media3.giphy.com/media/g9582DNuQppxC/giphy.gif?cid=1&rid=giphy.gif"
LINK = re.compile(r"http://testserver/reader-feedback/\?event_id=([0-9a-f-]{36})#([\w-]{22})")
LOGGED = "Reader timeline event: Reading logged"


@dataclass
class Family:
    """A pupil with a parent and a school that holds Matilda, and a supporter at an address."""

    school: School
    kim: Client
    parent: Client
    nana: Client
    address: str
    item: int


async def family(world: World) -> Family:
    school = await world.school()
    kim = await world.student(await world.class_group(school), first_name="Kimberley")
    parent, address = await world.parent(kim), f"nana-{uuid4().hex}@family.example"
    collection, staff, isbn = await world.collection(school), await world.admin(), new_isbn()
    await staff.post("/work", json={"title": "Matilda", "authors": [], "editions": [isbn]})
    added = await staff.post(f"/collection/{collection.id}/item", json={"edition_isbn": isbn})
    body = {"email": address, "supporter_nickname": "Nana"}
    answer = await parent.post(f"/user/{kim.id}/supporters", json=body)
    assert answer.status_code == 200, answer.text
    id_ = UUID(answer.json()["supporter"]["id"])
    nana = Client(world.http, id_, world.tokens.issue("user-account", id_, HOUR))
    return Family(school, kim, parent, nana, address, added.json()["id"])


async def reads(child: Client, item: int, **info: Any) -> str:
    """Log reading; the event's id."""
    said = {"collection_item_id": item, "emoji": "🦊", "descriptor": "Funny", **info}
    body = {"title": LOGGED, "level": "normal", "user_id": str(child.id), "info": said}
    answer = await child.post("/events", json=body)
    assert answer.status_code == 200, answer.text
    event: str = answer.json()["id"]
    return event


def words(event: str, **changes: Any) -> dict[str, Any]:
    return {"event_id": event, "comment": "Well done, Kim!", "gif_url": GIF, **changes}


async def told(tasks: Tasks) -> None:
    """Everybody is written to who is to be."""
    assert set(await tasks.do("tell-supporters")) <= {204}
    assert set(await tasks.do("send-email")) <= {204}


async def test_reading_is_told_by_a_link_that_opens_once_and_the_answer_reaches_the_reader(
    world: World, mail: MailServer, tasks: Tasks
) -> None:
    one = await family(world)
    event = await reads(one.kim, one.item, finished=True)
    await told(tasks)
    invitation, notice = mail.to(one.address)
    assert invitation["Subject"] == "You are invited to cheer a reader on"
    found = LINK.search(body_of(notice))
    assert found is not None
    assert found[1] == event
    opened = await world.http.post("/v1/auth/feedback-link", json={"code": found[2]})
    assert (opened.status_code, opened.json()["event_id"]) == (200, event)
    assert opened.json()["expires_in"] == 900
    again = await world.http.post("/v1/auth/feedback-link", json={"code": found[2]})
    assert again.status_code == 401
    narrow = Client(world.http, one.nana.id, opened.json()["access_token"])
    shown = (await narrow.get(f"/feedback/{event}")).json()
    assert shown | {"timestamp": None} == {
        "reader_name": "Kimberley",
        "supporter_nickname": "Nana",
        "book_title": "Matilda",
        "cover_url": None,
        "emoji": "🦊",
        "descriptor": "Funny",
        "timestamp": None,
        "finished": True,
        "stopped": False,
    }
    answer = await narrow.post(f"/feedback/{event}", json=words(event))
    assert answer.status_code == 200, answer.text
    assert answer.json()["title"] == "Supporter encouragement: Reading feedback sent"
    assert answer.json()["user"]["id"] == str(one.nana.id)
    second = await one.nana.post(f"/feedback/{event}", json=words(event, comment="And once more!"))
    assert (second.status_code, second.json()["code"]) == (409, "already_exists")
    query = {"query": "Notification: Supporter left feedback", "user_id": str(one.kim.id)}
    for reader in (one.kim, one.parent, await world.educator(one.school)):
        params = query if reader is not None else {}
        events = (await reader.get("/events", params=params)).json()["data"]
        assert [each["description"] for each in events] == ["Well done, Kim!"]
    assert events[0]["info"]["supporter_nickname"] == "Nana"
    assert events[0]["info"]["gif_url"] == GIF


async def test_token_of_a_link_opens_feedback_and_nothing_else(world: World, mail: MailServer, tasks: Tasks) -> None:
    one = await family(world)
    await reads(one.kim, one.item)
    await told(tasks)
    found = LINK.search(body_of(mail.to(one.address)[-1]))
    assert found is not None
    opened = (await world.http.post("/v1/auth/feedback-link", json={"code": found[2]})).json()
    narrow = Client(world.http, one.nana.id, opened["access_token"])
    for method, path in (
        ("GET", f"/user/{one.kim.id}"),
        ("GET", f"/user/{one.nana.id}"),
        ("PATCH", f"/user/{one.nana.id}"),
        ("GET", "/events"),
        ("GET", "/schools"),
        ("POST", "/auth/logout-everywhere"),
    ):
        answer = await narrow.request(method, path, json={"name": "Other"} if method == "PATCH" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), path
    assert (await one.nana.get(f"/user/{one.nana.id}")).status_code == 200


async def test_email_tells_nothing_about_the_child_and_the_code_is_nowhere_in_the_clear(
    world: World, mail: MailServer, tasks: Tasks, capfd: pytest.CaptureFixture[str]
) -> None:
    one = await family(world)
    event = await reads(one.kim, one.item)
    await told(tasks)
    await world.http.post("/v1/auth/feedback-link", json={"code": "x" * 22})
    logged = capfd.readouterr()
    for message in mail.to(one.address):
        for told_ in (message.as_string(), body_of(message), body_of(message, "html")):
            for word in ("Kim", "Matilda", "Funny", str(one.kim.id), one.school.name):
                assert word not in told_
    found = LINK.search(body_of(mail.to(one.address)[-1]))
    assert found is not None
    async with world.session() as session:
        dumped = [
            str((await session.execute(text(statement))).all())
            for statement in ("SELECT payload FROM tasks", "SELECT info FROM events", "SELECT hash FROM feedback_links")
        ]
    for code_or_address in (found[2], one.address):
        assert code_or_address not in "".join(dumped)
        assert code_or_address not in logged.out + logged.err
    assert event in "".join(dumped)


@pytest.mark.parametrize("how", ["unknown", "expired", "inactive link", "inactive account"])
async def test_link_that_is_no_longer_good_is_refused_alike_and_put_on_record(
    world: World, mail: MailServer, tasks: Tasks, how: str
) -> None:
    one = await family(world)
    await reads(one.kim, one.item)
    await told(tasks)
    found = LINK.search(body_of(mail.to(one.address)[-1]))
    assert found is not None
    changes = {
        "expired": "UPDATE feedback_links SET expires_at = now() - interval '1 second' WHERE supporter_id = :id",
        "inactive link": "UPDATE supporter_reader_association SET is_active = false WHERE supporter_id = :id",
        "inactive account": "UPDATE users SET is_active = false WHERE id = :id",
    }
    if how in changes:
        async with world.session() as session:
            await session.execute(text(changes[how]), {"id": one.nana.id})
    code = "A" * 22 if how == "unknown" else found[2]
    answer = await world.http.post("/v1/auth/feedback-link", json={"code": code})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.json()["detail"] == "This link is no longer good: it opens once, within a week."
    query = {"action": "sign_in.refused", "limit": 50}
    rows = (await (await world.admin()).get("/audit", params=query)).json()["data"]
    assert any(row["details"].get("method") == "feedback_link" for row in rows)


async def test_supporter_is_told_so_often_a_day_and_no_more(world: World, mail: MailServer, tasks: Tasks) -> None:
    one = await family(world)
    for _ in range(MOST_A_DAY + 2):
        await reads(one.kim, one.item)
    await told(tasks)
    assert len(mail.to(one.address)) == 1 + MOST_A_DAY


@pytest.mark.parametrize("column", ["is_active", "allow_email"])
async def test_supporter_who_is_not_to_be_told_is_not(
    world: World, mail: MailServer, tasks: Tasks, column: str
) -> None:
    one = await family(world)
    async with world.session() as session:
        link = await session.get_one(SupporterReader, (one.nana.id, one.kim.id))
        setattr(link, column, False)
    await reads(one.kim, one.item)
    await told(tasks)
    assert len(mail.to(one.address)) == 1, "the invitation alone"


async def test_reader_posts_for_itself_and_nobody_for_it_tells_supporters(world: World, tasks: Tasks) -> None:
    one = await family(world)
    stranger = await world.student(await world.class_group(one.school))
    body = {"title": LOGGED, "level": "normal", "user_id": str(one.kim.id)}
    assert (await stranger.post("/events", json=body)).status_code == 403
    assert await tasks.rows("tell-supporters") == []
    assert (await one.parent.post("/events", json=body)).status_code == 200
    assert len(await tasks.rows("tell-supporters")) == 1


async def test_queue_that_asks_again_sends_no_second_notice(world: World, mail: MailServer, tasks: Tasks) -> None:
    one = await family(world)
    await reads(one.kim, one.item)
    await told(tasks)
    ids = [row.id for row in await tasks.rows("tell-supporters", TaskState.DONE)]
    assert await tasks.knock("tell-supporters", ids) == [204]
    await told(tasks)
    assert len(mail.to(one.address)) == 2


async def test_feedback_is_for_active_supporters_of_that_reader(world: World) -> None:
    one = await family(world)
    event = await reads(one.kim, one.item)
    other, former = await world.supporter(), await world.supporter(one.kim, is_active=False)
    for client in (one.kim, one.parent, other, former, await world.admin(), await world.educator(one.school)):
        for answer in (
            await client.get(f"/feedback/{event}"),
            await client.post(f"/feedback/{event}", json=words(event)),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")


async def test_feedback_is_about_events_of_a_timeline(world: World) -> None:
    one = await family(world)
    body = {"title": "Huey: Book reviewed", "level": "normal", "user_id": str(one.kim.id)}
    event = (await one.kim.post("/events", json=body)).json()["id"]
    assert (await one.nana.get(f"/feedback/{event}")).json()["code"] == "malformed"
    assert (await one.nana.get(f"/feedback/{uuid4()}")).status_code == 404
    assert (await one.nana.get("/feedback/1")).status_code == 422


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"event_id": str(uuid4())}, "/event_id"),
        ({"comment": "Hi  "}, "/comment"),
        ({"comment": "x" * 141}, "/comment"),
        ({"comment": "see https://evil.example"}, "/comment"),
        ({"comment": "write to me@evil.example"}, "/comment"),
        ({"comment": "two\nlines of it"}, "/comment"),
        ({"gif_url": "https://evil.example/a.gif"}, "/gif_url"),
        ({"gif_url": "http://media.giphy.com/a.gif"}, "/gif_url"),
        ({"gif_url": "https://media.giphy.com.evil.example/a.gif"}, "/gif_url"),
        ({"gif_url": "https://media.giphy.com@evil.example/a.gif"}, "/gif_url"),
        ({"gif_url": "https://mediaXgiphy.com/a.gif"}, "/gif_url"),
        ({"gif_url": 'https://media.giphy.com/"onerror='}, "/gif_url"),
        ({"reader_id": str(uuid4())}, "/reader_id"),
    ],
)
async def test_words_that_a_child_should_not_get_are_refused(
    world: World, changes: dict[str, Any], pointer: str
) -> None:
    supporter = await world.supporter(kim := await world.public_reader())
    body = {"title": LOGGED, "level": "normal", "user_id": str(kim.id)}
    event = (await kim.post("/events", json=body)).json()["id"]
    answer = await supporter.post(f"/feedback/{event}", json=words(event, **changes))
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await supporter.post(f"/feedback/{event}", json=words(event))).status_code == 200


@pytest.mark.parametrize("item", [None, "1", True, -1, 2**40, {"a": 1}, 1.5])
async def test_reading_log_that_says_nonsense_shows_some_book(world: World, item: Any) -> None:
    supporter = await world.supporter(kim := await world.public_reader())
    event = await reads(kim, item, emoji=7, descriptor=["x"], finished="yes")
    shown = (await supporter.get(f"/feedback/{event}")).json()
    assert (shown["book_title"], shown["emoji"], shown["descriptor"], shown["finished"]) == ("A book", "", "", False)


async def test_book_of_a_shelf_that_the_reader_cannot_see_is_not_shown(world: World) -> None:
    one, other = await family(world), await family(world)
    event = await reads(one.kim, other.item)
    assert (await one.nana.get(f"/feedback/{event}")).json()["book_title"] == "A book"


async def test_parent_invites_a_supporter_there_is_and_nobody_of_another_kind(
    world: World, mail: MailServer, tasks: Tasks
) -> None:
    one = await family(world)
    sibling = await world.public_reader()
    parent = await world.parent(sibling)
    body = {"email": one.address.upper(), "supporter_nickname": "Omi"}
    linked = await parent.post(f"/user/{sibling.id}/supporters", json=body)
    assert linked.json()["supporter"]["id"] == str(one.nana.id)
    again = await parent.post(f"/user/{sibling.id}/supporters", json=body)
    assert again.json() == linked.json()
    await told(tasks)
    assert len(mail.to(one.address)) == 2, "an invitation for each reader, once"
    teacher = await world.educator(one.school)
    address = (await teacher.get("/auth/me")).json()["user"]["email"]
    refused = await parent.post(f"/user/{sibling.id}/supporters", json={**body, "email": address})
    assert refused.status_code == 409
    for client in (one.kim, one.nana, await world.educator(one.school), parent):
        answer = await client.post(f"/user/{one.kim.id}/supporters", json={**body, "email": "x@y.example"})
        assert answer.status_code == 403
    admin = await world.school_admin(one.school)
    answer = await admin.post(f"/user/{one.kim.id}/supporters", json={**body, "email": f"{uuid4().hex}@y.example"})
    assert answer.status_code == 200
