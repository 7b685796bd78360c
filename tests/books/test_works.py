import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from tests.books.catalogue import author, book, new_isbn, one, statements, stored, unique
from tests.books.shelves import edition_shown, events_about, held, new_work, work_shown
from tests.world import Client, World


async def test_a_work_is_created_with_its_editions_and_shown_whole(world: World) -> None:
    admin, name, isbns = await world.admin(), unique("Dahl"), [new_isbn(), new_isbn()]
    shown = await new_work(
        admin,
        *isbns,
        leading_article="The",
        title="Twits",
        subtitle="A Story",
        authors=[author(name, "Roald")],
        info={"genres": [{"name": "Humour", "source": "BISAC"}]},
    )
    assert shown == await work_shown(admin, shown["id"])
    assert (shown["type"], shown["leading_article"], shown["title"], shown["subtitle"]) == (
        "book",
        "The",
        "Twits",
        "A Story",
    )
    assert [each["last_name"] for each in shown["authors"]] == [name]
    assert sorted(each["isbn"] for each in shown["editions"]) == sorted(isbns)
    assert {each["title"] for each in shown["editions"]} == {"Twits"}
    assert shown["info"] == {"genres": [{"name": "Humour", "source": "BISAC", "code": None}], "other": {}}
    assert (shown["labelset"], shown["cover_url"]) == (None, None)
    (event,) = await events_about(world, "Work created", "work_id", shown["id"])
    assert sorted(event["editions"]) == sorted(isbns)


async def test_an_editions_title_falls_back_to_its_own_works_and_follows_it(world: World) -> None:
    """Another work's title never appears, whatever other works there are."""
    admin, isbn = await world.admin(), new_isbn()
    mine = await new_work(admin, isbn, title="Matilda")
    other = await new_work(admin, new_isbn(), title="Danny")
    assert (await edition_shown(admin, isbn))["title"] == "Matilda"
    await admin.patch(f"/work/{other['id']}", json={"title": "The Witches"})
    assert (await stored(world, isbn))["title"] == "Matilda"
    await admin.patch(f"/work/{mine['id']}", json={"title": "Matilda Again", "leading_article": "The"})
    row = await stored(world, isbn)
    assert (row["title"], row["sort_title"]) == ("Matilda Again", "matilda again")
    assert '"title":"Matilda Again"' in row["brief"]
    await admin.patch(f"/edition/{isbn}", json={"edition_title": "Own"})
    await admin.patch(f"/work/{mine['id']}", json={"title": "Third"})
    assert (await edition_shown(admin, isbn))["title"] == "Own"


async def test_an_admin_moves_editions_of_another_work(world: World) -> None:
    admin, isbn = await world.admin(), new_isbn()
    first = await new_work(admin, isbn)
    second = await new_work(admin, isbn, title="Danny")
    assert (await work_shown(admin, first["id"]))["editions"] == []
    assert [each["isbn"] for each in (await work_shown(admin, second["id"]))["editions"]] == [isbn]
    assert (await stored(world, isbn))["title"] == "Danny"
    (event,) = await events_about(world, "Work created", "work_id", second["id"])
    assert event["moved_from"] == {isbn: int(first["id"])}


@pytest.mark.parametrize("role", ["lms", "library", "educator", "school_admin"])
async def test_who_knows_books_adds_works_that_are_unknown_and_moves_nothing(world: World, role: str) -> None:
    school, admin, isbn = await world.school(), await world.admin(), new_isbn()
    clients: dict[str, Any] = {
        "lms": world.lms,
        "library": lambda of: world.service("school", of),
        "educator": world.educator,
        "school_admin": world.school_admin,
    }
    client: Client = await clients[role](school)
    known = await new_work(admin, isbn)
    name = known["authors"][0]["last_name"]
    moving = {"title": unique("Mine"), "authors": [], "editions": [new_isbn(), isbn]}
    answer = await client.post("/work", json=moving)
    assert (answer.status_code, answer.json()["code"]) == (403, "field_forbidden")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/editions/1"]
    again = {"title": known["title"], "authors": [author(name)], "editions": []}
    assert (await client.post("/work", json=again)).status_code == 409
    unknown = await new_work(client, new_isbn())
    assert (await edition_shown(admin, isbn))["work_id"] == known["id"]
    for method in ("PATCH", "DELETE"):
        body = {"title": "Mine"} if method == "PATCH" else None
        refused = await client.request(method, f"/work/{unknown['id']}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")
    assert (await client.patch(f"/edition/{isbn}", json={"work_id": None})).status_code == 403


async def test_who_only_reads_adds_nothing(world: World) -> None:
    group = await world.class_group(await world.school())
    for client in (await world.student(group), await world.public_reader(), await world.service("kiosk")):
        answer = await client.post("/work", json={"title": "Mine", "authors": [], "editions": []})
        assert (answer.status_code, answer.json()["permission"]) == (403, "add")


@pytest.mark.parametrize("name", ["leading_article", "subtitle"])
async def test_a_change_leaves_out_what_it_does_not_name_and_null_clears(world: World, name: str) -> None:
    admin = await world.admin()
    before = await new_work(admin, new_isbn(), leading_article="The", title="Twits", subtitle="A Story")
    same = (await admin.patch(f"/work/{before['id']}", json={})).json()
    assert same == before
    after = (await admin.patch(f"/work/{before['id']}", json={name: None})).json()
    assert {key: value for key, value in after.items() if key != "editions"} == {
        key: value for key, value in (before | {name: None}).items() if key != "editions"
    }
    (event,) = await events_about(world, "Work updated", "work_id", before["id"])
    assert event["changes"] == {name: {"from": before[name], "to": None}}
    assert event["labels"] == {}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"title": None}, "/title"),
        ({"title": "  "}, "/title"),
        ({"titel": "x"}, "/titel"),
        ({"authors": [2**31 - 1]}, "/authors/0"),
        ({"authors": [{"name": "x"}]}, "/authors/0/last_name"),
        ({"labelset": {"hue_primary_key": "hue08_charming_inspiring"}}, "/labelset/hue_primary_key"),
        ({"labelset": {"reading_ability_keys": ["SPOTS"]}}, "/labelset/reading_ability_keys/0"),
        ({"labelset": {"min_age": 9, "max_age": 7}}, "/labelset/min_age"),
    ],
)
async def test_a_faulty_change_is_refused_with_a_pointer_and_nothing_is_written(
    world: World, body: dict[str, Any], pointer: str
) -> None:
    admin = await world.admin()
    before = await new_work(admin, new_isbn())
    answer = await admin.patch(f"/work/{before['id']}", json={"subtitle": "New", **body})
    assert answer.status_code == 422, answer.text
    assert pointer in {fault["pointer"] for fault in answer.json()["errors"]}
    assert await work_shown(admin, before["id"]) == before


async def test_two_people_of_one_name_can_be_two_authors(world: World) -> None:
    admin, name = await world.admin(), unique("Smith")
    first = await new_work(admin, authors=[author(name, "John")])
    john = first["authors"][0]
    other = (await admin.post("/authors", json=author(name, "John"))).json()
    assert other["id"] != john["id"]
    assert (other["book_count"], other["info"]) == (0, None)
    second = await new_work(admin, authors=[int(other["id"])])
    ambiguous = {"title": unique("Third"), "authors": [author(name, "JOHN")], "editions": []}
    answer = await admin.post("/work", json=ambiguous)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "ambiguous")
    assert john["id"] in answer.json()["errors"][0]["detail"]
    kept = await admin.patch(f"/work/{second['id']}", json={"authors": [author(name, "John"), author(unique("New"))]})
    assert next(each["id"] for each in kept.json()["authors"]) == other["id"]
    assert len(kept.json()["authors"]) == 2
    assert (await work_shown(admin, first["id"]))["authors"] == [john]


async def test_deleting_a_work_keeps_holdings_and_history(world: World) -> None:
    admin = await world.admin()
    isbn, item = await held(world, admin)
    work = await new_work(admin, isbn, title="Matilda")
    await admin.patch(f"/work/{work['id']}", json={"labelset": {"min_age": 7}})
    shown = await work_shown(admin, work["id"])
    answer = await admin.delete(f"/work/{work['id']}")
    assert (answer.status_code, answer.json()) == (200, shown)
    assert (await admin.get(f"/work/{work['id']}")).status_code == 404
    assert (await admin.delete(f"/work/{work['id']}")).status_code == 404
    edition = await edition_shown(admin, isbn)
    assert (edition["work_id"], edition["title"], edition["authors"]) == (None, None, [])
    assert (await stored(world, isbn))["brief"] is None
    holding = (await admin.get(f"/collection-item/{item}")).json()
    assert (holding["edition"]["isbn"], holding["work"]) == (isbn, None)
    assert await one(world, "SELECT count(*) FROM labelset_changes WHERE work_id = :id", id=int(work["id"])) == 1
    (event,) = await events_about(world, "Work deleted", "work_id", work["id"])
    assert event["work"] == shown


async def test_of_two_editors_who_saw_the_same_only_the_first_writes(world: World) -> None:
    admin, other = await world.admin(), await world.admin()
    work = await new_work(admin, new_isbn())
    seen = (await admin.get(f"/work/{work['id']}")).headers["etag"]
    unchanged = await admin.get(f"/work/{work['id']}", headers={"If-None-Match": seen})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    changes: list[tuple[Client, dict[str, Any]]] = [
        (admin, {"labelset": {"min_age": 5}}),
        (other, {"subtitle": "Second"}),
    ]
    answers = await asyncio.gather(
        *(who.patch(f"/work/{work['id']}", json=body, headers={"If-Match": seen}) for who, body in changes)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert lost.headers["etag"] == won.headers["etag"] != seen
    retried = await other.patch(
        f"/work/{work['id']}", json={"subtitle": "Third"}, headers={"If-Match": won.headers["etag"]}
    )
    assert retried.status_code == 200
    stale = await other.delete(f"/work/{work['id']}", headers={"If-Match": seen})
    assert stale.status_code == 412


async def test_editors_who_say_nothing_of_what_they_saw_all_write(world: World) -> None:
    admin = await world.admin()
    work = await new_work(admin, new_isbn())
    bodies: list[dict[str, Any]] = [
        {"subtitle": "A Story"},
        {"leading_article": "The"},
        {"labelset": {"min_age": 5}},
        {"labelset": {"max_age": 9}},
        {"labelset": {"huey_summary": "About a girl."}},
    ]
    answers = await asyncio.gather(*(admin.patch(f"/work/{work['id']}", json=body) for body in bodies))
    assert {answer.status_code for answer in answers} == {200}
    shown = await work_shown(admin, work["id"])
    labels = shown["labelset"]
    assert (shown["subtitle"], shown["leading_article"]) == ("A Story", "The")
    assert (labels["min_age"], labels["max_age"], labels["huey_summary"]) == (5, 9, "About a girl.")


async def test_reading_a_work_writes_nothing(world: World) -> None:
    admin = await world.admin()
    work = await new_work(admin, new_isbn())
    row = "SELECT xmin::text FROM works WHERE id = :id"
    before = await one(world, row, id=int(work["id"]))
    assert (await work_shown(admin, work["id"]))["info"] is None
    assert await one(world, row, id=int(work["id"])) == before


async def test_a_work_in_brief_is_what_readers_need(world: World) -> None:
    admin, isbn = await world.admin(), new_isbn()
    work = await new_work(admin, isbn)
    await admin.patch(f"/edition/{isbn}", json={"cover_url": "https://covers.example.com/m.jpg"})
    await admin.patch(f"/work/{work['id']}", json={"labelset": {"hue_primary_key": "hue04_joyful_charming"}})
    brief = (await admin.get(f"/work/{work['id']}", params={"full_detail": False})).json()
    assert brief.keys() == {
        "id",
        "type",
        "leading_article",
        "title",
        "subtitle",
        "authors",
        "labelset",
        "cover_url",
    }
    assert brief["cover_url"] == "https://covers.example.com/m.jpg"
    assert [(hue["key"], hue["name"]) for hue in brief["labelset"]["hues"]] == [
        ("hue04_joyful_charming", "Joyful/Charming")
    ]
    assert "checked" not in brief["labelset"]


async def test_works_are_found_by_words_author_and_edition(world: World) -> None:
    admin, word, isbn = await world.admin(), unique("Zwiebel").replace(" ", ""), new_isbn()
    found = await new_work(admin, isbn, title=f"{word} Matilda")
    other = await new_work(admin, new_isbn(), title=f"The {word} Danny", authors=[int(found["authors"][0]["id"])])
    bare = await new_work(admin, title=f"{word} Bare")
    podcast = await new_work(admin, new_isbn(), title=f"{word} Cast", type="podcast")
    brief = {key: found[key] for key in ("id", "type", "leading_article", "title", "subtitle", "authors")}

    async def ids(**query: Any) -> list[str]:
        answer = await admin.get("/works", params=query)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()]

    assert (await admin.get("/works", params={"query": f"{word[:20]} MATIL"})).json() == [brief]
    assert await ids(query=word) == [other["id"], found["id"]]
    assert bare["id"] not in await ids(query=word)
    assert await ids(query=word, type="podcast") == [podcast["id"]]
    assert await ids(author_id=found["authors"][0]["id"]) == [found["id"], other["id"]]
    assert await ids(isbn="-".join((isbn[:3], isbn[3:]))) == [found["id"]]
    assert await ids(query="%") == []
    assert await ids(query=f"{word}_") == await ids(query=word)


async def test_a_page_of_works_is_two_statements_however_long(world: World) -> None:
    admin, word = await world.admin(), unique("Lang").replace(" ", "")
    await admin.post("/editions", json=[book(title=f"{word} {n}", authors=[author(unique("Dahl"))]) for n in range(50)])
    counts = []
    for limit in (1, 50):
        with statements() as sent:
            answer = await admin.get("/works", params={"query": word, "limit": limit})
        assert len(answer.json()) == limit
        counts.append(len(sent))
    assert counts[0] == counts[1]


async def test_a_work_that_is_not_there_is_not_found(world: World) -> None:
    admin = await world.admin()
    for method, body in (("GET", None), ("PATCH", {"title": "x"}), ("DELETE", None)):
        assert (await admin.request(method, f"/work/{2**31 - 1}", json=body)).status_code == 404
    for method in ("GET", "DELETE"):
        assert (await admin.request(method, "/work/abc")).status_code == 422
        assert (await admin.request(method, f"/work/{2**31}")).status_code == 422


async def test_a_retried_creation_makes_one_work(world: World) -> None:
    admin, title = await world.admin(), unique("Matilda")
    body = {"title": title, "authors": [], "editions": [new_isbn()]}
    answers = [await admin.post("/work", json=body, headers={"Idempotency-Key": title[-32:]}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    async with world.session() as session:
        count = await session.execute(text("SELECT count(*) FROM works WHERE title = :title"), {"title": title})
        assert count.scalar_one() == 1
