import asyncio
from typing import Any

import httpx
import pytest

from app.books.models import CATALOGUE
from app.core.acl import may
from tests.books.catalogue import (
    author,
    book,
    hyphenated,
    isbn_10,
    new_isbn,
    one,
    statements,
    stored,
    unique,
    works_of,
)
from tests.world import World


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]


@pytest.mark.parametrize("kind", ["backend", "lms", "school"])
async def test_programs_that_know_books_add_them(world: World, kind: str) -> None:
    client = await world.service(kind, await world.school())
    added = await client.post("/edition", json=book(title="Matilda"))
    assert added.status_code == 200
    assert added.json()["title"] == "Matilda"


async def test_a_kiosk_may_not_add_books(world: World) -> None:
    kiosk, data = await world.service("kiosk", await world.school()), book(title="Matilda")
    for path, body in (("/edition", data), ("/editions", [data])):
        refused = await kiosk.post(path, json=body)
        assert (refused.status_code, refused.json()["permission"]) == (403, "add")
    assert await one(world, "SELECT count(*) FROM editions WHERE isbn = :isbn", isbn=int(data["isbn"])) == 0


@pytest.mark.parametrize(
    ("role", "adds"),
    [
        ("role:admin", True),
        ("role:lms", True),
        ("role:library", True),
        ("role:schooladmin", True),
        ("role:educator", True),
        ("role:lms_vendor", False),
        ("role:kiosk", False),
        ("role:reader", False),
        ("role:student", False),
        ("role:parent", False),
        ("role:supporter", False),
    ],
)
def test_who_may_do_what_with_the_catalogue(role: str, adds: bool) -> None:
    principals = {"system:everyone", "system:authenticated", role}
    assert may(list(CATALOGUE), "read", principals)
    assert may(list(CATALOGUE), "add", principals) is adds
    for permission in ("create", "update", "delete", "batch"):
        assert may(list(CATALOGUE), permission, principals) is (role == "role:admin")


async def test_nobody_adds_without_a_token(world: World) -> None:
    assert (await world.http.post("/v1/edition", json=book())).status_code == 401


async def test_an_lms_adds_an_unknown_edition_with_all_that_is_known(world: World) -> None:
    lms = await world.lms()
    first, last, artist = unique("Roald"), unique("Dahl"), unique("Blake")
    data = book(
        leading_article="The",
        title="Twits",
        subtitle="A Story",
        series_name="Puffin Originals",
        series_number=0,
        authors=[author(last, first)],
        illustrators=[{"first_name": "Quentin", "last_name": artist, "info": {"born": 1932}}],
        cover_url="https://covers.example.com/twits.jpg",
        date_published=19800101,
        info={"pages": 96, "genres": [{"name": "Humour", "source": "bisac"}], "image_flag": False},
        hydrated=True,
    )
    added = await lms.post("/edition", json=data)
    assert added.status_code == 200, added.text
    shown = added.json()
    assert {name: shown[name] for name in ("leading_article", "title", "subtitle", "series_name", "series_number")} == {
        "leading_article": "The",
        "title": "Twits",
        "subtitle": "A Story",
        "series_name": "Puffin Originals",
        "series_number": 0,
    }
    assert shown["cover_url"] == data["cover_url"]
    assert shown["date_published"] == 19800101
    assert [(one["first_name"], one["last_name"]) for one in shown["authors"]] == [(first, last)]
    assert isinstance(shown["authors"][0]["id"], str)
    assert [(one["last_name"], one["info"]) for one in shown["illustrators"]] == [(artist, {"born": 1932})]
    assert isinstance(shown["illustrators"][0]["id"], int)
    assert shown["info"]["pages"] == "96"
    assert shown["info"]["image_flag"] is False
    assert shown["info"]["genres"] == [{"name": "Humour", "source": "BISAC", "code": None}]
    assert (await lms.get(f"/edition/{data['isbn']}")).json() == shown
    row = await stored(world, data["isbn"])
    assert row["hydrated"] is True
    assert row["sort_title"] == "twits"
    work = "SELECT (leading_article, title, subtitle, match_title)::text FROM works WHERE id = :id"
    assert await one(world, work, id=int(shown["work_id"])) == '(The,Twits,"A Story",twits)'


async def test_the_event_tells_who_added_what(world: World) -> None:
    lms, data = await world.lms(), book(title="Matilda")
    await lms.post("/edition", json=data)
    await lms.post("/edition", json={**data, "cover_url": "https://covers.example.com/m.jpg"})
    events = (
        "SELECT array_agg(title || ' ' || (info ->> 'isbn') ORDER BY title) FROM events WHERE service_account_id = :id"
    )
    assert await one(world, events, id=lms.id) == [f"Edition {what} {data['isbn']}" for what in ("created", "updated")]
    added = "SELECT info -> 'added' FROM events WHERE service_account_id = :id AND title = 'Edition updated'"
    assert await one(world, added, id=lms.id) == ["cover_url"]


async def test_an_addition_takes_a_bounded_number_of_statements(world: World) -> None:
    lms = await world.lms()
    full = book(
        title="Matilda", authors=[author(unique("Dahl"))], illustrators=[author("Blake")], other_isbns=[new_isbn()]
    )
    assert (await lms.get("/auth/me")).status_code == 200, "its first use is noted, which later ones do not pay for"
    with statements() as sent:
        assert (await lms.post("/edition", json=full)).status_code == 200
    assert len(sent) <= 20, sent


@pytest.mark.parametrize("dress", [isbn_10, hyphenated, lambda isbn: f" {isbn} "])
async def test_an_isbn_is_understood_in_any_dress(world: World, dress: Any) -> None:
    lms, isbn = await world.lms(), new_isbn()
    added = await lms.post("/edition", json={"isbn": dress(isbn), "title": "Matilda"})
    assert added.json()["isbn"] == isbn
    assert (await lms.get(f"/edition/{dress(isbn).strip()}")).json()["isbn"] == isbn


@pytest.mark.parametrize(
    ("isbn", "code"),
    [
        ("9780439023482", "isbn_check_digit"),
        ("1234567890128", "isbn_not_a_book"),
        ("9.78044E+12", "isbn_scientific_notation"),
        ("not a number", "isbn_malformed"),
        ("", "isbn_missing"),
        (None, "isbn_missing"),
    ],
)
async def test_what_is_no_isbn_is_refused_with_the_reason(world: World, isbn: Any, code: str) -> None:
    refused = await (await world.lms()).post("/edition", json={"isbn": isbn, "title": "Matilda"})
    assert (refused.status_code, faults(refused)) == (422, [("/isbn", code)])


@pytest.mark.parametrize(
    ("member", "pointer", "code"),
    [
        ({"cover_url": "data:image/png;base64,iVBORw0KGgo="}, "/cover_url", "image_not_accepted"),
        ({"cover_url": "javascript:alert(1)"}, "/cover_url", "string_pattern_mismatch"),
        ({"title": "x" * 513}, "/title", "string_too_long"),
        ({"authors": [{"last_name": " "}]}, "/authors/0/last_name", "string_too_short"),
        ({"date_published": "soon"}, "/date_published", "int_parsing"),
        ({"date_published": 2**31}, "/date_published", "less_than_equal"),
        ({"series_number": -1}, "/series_number", "greater_than_equal"),
        ({"info": {"page": 3}}, "/info/page", "unknown_field"),
        ({"tite": "Matilda"}, "/tite", "unknown_field"),
        ({"other_isbns": ["9780439023482"]}, "/other_isbns/0", "isbn_check_digit"),
    ],
)
async def test_what_cannot_be_stored_is_refused(world: World, member: Any, pointer: str, code: str) -> None:
    data = book(**member)
    refused = await (await world.lms()).post("/edition", json=data)
    assert (refused.status_code, faults(refused)) == (422, [(pointer, code)])
    assert await one(world, "SELECT count(*) FROM editions WHERE isbn = :isbn", isbn=int(data["isbn"])) == 0


async def test_blank_texts_count_as_absent(world: World) -> None:
    data = book(title="  ", subtitle="", cover_url="", authors=[])
    added = await (await world.lms()).post("/edition", json=data)
    assert added.status_code == 200
    assert {added.json()[name] for name in ("title", "subtitle", "cover_url", "work_id")} == {None}


async def test_nobody_labels_through_an_edition(world: World) -> None:
    data = book(title="Matilda", labelset={"recommend_status": "GOOD", "recommend_status_origin": "HUMAN"})
    for client in (await world.admin(), await world.lms()):
        refused = await client.post("/edition", json=data)
        assert (refused.status_code, refused.json()["code"], faults(refused)) == (
            403,
            "field_forbidden",
            [("/labelset", "field_forbidden")],
        )
    assert await one(world, "SELECT count(*) FROM editions WHERE isbn = :isbn", isbn=int(data["isbn"])) == 0


async def test_only_an_admin_names_the_work(world: World) -> None:
    admin, lms = await world.admin(), await world.lms()
    work_id = int(works_of(await lms.post("/edition", json=book(title="Matilda"))) or 0)
    refused = await lms.post("/edition", json=book(work_id=work_id))
    assert (refused.status_code, faults(refused)) == (403, [("/work_id", "field_forbidden")])
    assert works_of(await admin.post("/edition", json=book(work_id=work_id))) == str(work_id)
    missing = await admin.post("/edition", json=book(work_id=2**31 - 1))
    assert (missing.status_code, faults(missing)) == (404, [("/work_id", "not_found")])


async def test_even_an_admin_does_not_move_an_edition_through_this_door(world: World) -> None:
    admin, data = await world.admin(), book(title=unique("Matilda"))
    work_id = works_of(await admin.post("/edition", json=data))
    other = works_of(await admin.post("/edition", json=book(title=unique("Twits"))))
    again = await admin.post("/edition", json={"isbn": data["isbn"], "work_id": int(other or 0)})
    assert works_of(again) == work_id


async def test_what_is_known_is_never_overwritten(world: World) -> None:
    admin, lms = await world.admin(), await world.lms()
    known = book(
        title="Matilda",
        subtitle="A Novel",
        authors=[author(unique("Dahl"))],
        illustrators=[author(unique("Blake"))],
        cover_url="https://covers.example.com/1.jpg",
        date_published=0,
        series_name="Puffin",
        series_number=0,
        info={"pages": "240", "keywords": "school"},
    )
    before = (await lms.post("/edition", json=known)).json()
    other = {
        "isbn": known["isbn"],
        "title": "Matilda and more",
        "subtitle": "Another",
        "authors": [author("Somebody Else")],
        "illustrators": [author("Somebody Else")],
        "cover_url": "https://covers.example.com/2.jpg",
        "date_published": 2001,
        "series_name": "Penguin",
        "series_number": 7,
        "info": {"pages": "1", "keywords": "none"},
    }
    for client in (lms, admin):
        assert (await client.post("/edition", json=other)).json() == before


async def test_a_hydrated_edition_that_lacks_nothing_is_a_conflict(world: World) -> None:
    lms, data = await world.lms(), book(title="Matilda", hydrated=True)
    assert (await lms.post("/edition", json=data)).status_code == 200
    again = await lms.post("/edition", json=data)
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")


async def test_what_a_known_edition_lacks_is_filled_in(world: World) -> None:
    lms, school = await world.lms(), await world.service("school", await world.school())
    data = book(title="Matilda", info={"pages": "240"}, hydrated=True)
    work_id = works_of(await lms.post("/edition", json=data))
    more = {
        "isbn": data["isbn"],
        "subtitle": "A Novel",
        "authors": [author(unique("Dahl"))],
        "date_published": 1988,
        "info": {"pages": "1", "country": "UK"},
    }
    filled = await school.post("/edition", json=more)
    assert works_of(filled) == work_id
    assert filled.json()["subtitle"] == "A Novel"
    assert filled.json()["date_published"] == 1988
    assert len(filled.json()["authors"]) == 1
    assert (filled.json()["info"]["pages"], filled.json()["info"]["country"]) == ("240", "UK")


async def test_an_edition_known_by_its_number_is_filled_in_once(world: World) -> None:
    lms, data = await world.lms(), book(title="Matilda", hydrated=True)
    bare = {"isbn": data["isbn"]}
    assert (await lms.post("/edition", json=bare)).json()["title"] is None
    assert (await lms.post("/edition", json=bare)).status_code == 200
    assert (await lms.post("/edition", json=data)).json()["title"] == "Matilda"
    assert (await lms.post("/edition", json=bare)).status_code == 409


async def test_a_row_about_another_book_changes_nothing(world: World) -> None:
    lms, data = await world.lms(), book(title="Matilda")
    await lms.post("/edition", json=data)
    before = await stored(world, data["isbn"])
    refused = await lms.post("/edition", json={**data, "title": "Snails of Europe", "authors": [author("Smith")]})
    assert refused.status_code == 409
    assert await stored(world, data["isbn"]) == before


async def test_an_edition_without_a_title_does_not_count_as_hydrated(world: World) -> None:
    data = book(hydrated=True)
    await (await world.lms()).post("/edition", json=data)
    assert (await stored(world, data["isbn"]))["hydrated"] is False


async def test_a_book_without_authors_is_added(world: World) -> None:
    for data in (book(title="Beowulf"), book(title="Beowulf", authors=None), book(title="Beowulf", authors=[])):
        added = await (await world.lms()).post("/edition", json=data)
        assert (added.status_code, added.json()["authors"]) == (200, [])


async def test_titles_of_every_script_are_kept_as_written(world: World) -> None:
    lms = await world.lms()
    for title in (
        'Гаррі Поттер і "філософський камінь"',
        "星の王子さま",
        "किताब",
        "a\\b\t\u2028c",
        "🐛🍎",
        "Ångström's",
    ):
        added = await lms.post("/edition", json=book(title=title, authors=[author(title)]))
        assert added.status_code == 200, added.text
        assert added.json()["title"] == title.strip()
        assert added.json()["authors"][0]["last_name"] == title.strip()


async def test_the_same_person_named_twice_is_credited_once(world: World) -> None:
    name = unique("Dahl")
    added = await (await world.lms()).post("/edition", json=book(title="Matilda", authors=[author(name), author(name)]))
    assert len(added.json()["authors"]) == 1


async def test_a_known_name_is_the_same_person_in_another_book(world: World) -> None:
    lms, name = await world.lms(), unique("Dahl")
    first = await lms.post("/edition", json=book(title="Matilda", authors=[author(name, "Roald")]))
    second = await lms.post("/edition", json=book(title="The Twits", authors=[author(name.upper(), "roald")]))
    assert works_of(first) != works_of(second)
    assert first.json()["authors"] == second.json()["authors"]


async def test_of_several_people_of_one_name_one_is_taken_without_failing(world: World) -> None:
    lms, name = await world.lms(), unique("Smith")
    first = await lms.post("/edition", json=book(title="One", authors=[author(name)]))
    people = (
        "INSERT INTO authors (last_name, name_key) SELECT last_name, name_key FROM authors WHERE id = :id RETURNING id"
    )
    await one(world, people, id=int(first.json()["authors"][0]["id"]))
    second = await lms.post("/edition", json=book(title="Two", authors=[author(name)]))
    assert second.json()["authors"] == first.json()["authors"]


async def test_editions_meet_in_one_work_by_title_and_author(world: World) -> None:
    lms, title, name = await world.lms(), unique("Matilda"), unique("Dahl")
    first = works_of(await lms.post("/edition", json=book(title=title, authors=[author(name)])))
    with_article = book(title=title.upper(), leading_article="The", authors=[author(name), author("Quentin Blake")])
    assert works_of(await lms.post("/edition", json=with_article)) == first


@pytest.mark.parametrize(
    "other",
    [
        {"authors": []},
        {"authors": [author("Somebody Else")]},
        {"authors": [author("{name}"), author("Somebody Else")]},
        {"authors": [author("{name}")], "subtitle": "Another One"},
        {"authors": [author("{name}")], "series_number": 2},
    ],
)
async def test_distinct_books_with_the_same_title_stay_distinct(world: World, other: dict[str, Any]) -> None:
    lms, title, name = await world.lms(), unique("Collected Stories"), unique("Dahl")
    known = book(title=title, subtitle="One", series_number=1, authors=[author(name), author("Quentin Blake")])
    first = works_of(await lms.post("/edition", json=known))
    people = [author(person["last_name"].format(name=name)) for person in other["authors"]]
    assert works_of(await lms.post("/edition", json=book(title=title, **{**other, "authors": people}))) != first


async def test_an_edition_finds_its_work_through_a_relative(world: World) -> None:
    lms, known = await world.lms(), book(title="Harry Potter and the Philosopher's Stone", authors=[author("Rowling")])
    work_id = works_of(await lms.post("/edition", json=known))
    us = book(title="Harry Potter and the Sorcerer's Stone", other_isbns=[hyphenated(known["isbn"])])
    added = await lms.post("/edition", json=us)
    assert works_of(added) == work_id
    assert added.json()["title"] == "Harry Potter and the Sorcerer's Stone"


async def test_a_relative_by_other_authors_is_none(world: World) -> None:
    lms, known = await world.lms(), book(title="Cats", authors=[author(unique("Eliot"))])
    work_id = works_of(await lms.post("/edition", json=known))
    other = book(title="Dogs", authors=[author(unique("Smith"))], other_isbns=[known["isbn"]])
    assert works_of(await lms.post("/edition", json=other)) != work_id
    assert (await stored(world, known["isbn"]))["work_id"] == int(work_id or 0)


async def test_relatives_without_a_work_get_one_and_others_keep_theirs(world: World) -> None:
    lms, known, bare, unknown = await world.lms(), book(title=unique("Twits")), book(), new_isbn()
    kept = works_of(await lms.post("/edition", json=known))
    await lms.post("/edition", json=bare)
    data = book(title="Matilda", authors=[author("Dahl")], other_isbns=[bare["isbn"], unknown, new_isbn()])
    work_id = works_of(await lms.post("/edition", json=data))
    for relative in (bare["isbn"], unknown):
        shown = (await lms.get(f"/edition/{relative}")).json()
        assert (shown["work_id"], shown["title"]) == (work_id, "Matilda")
    again = {"isbn": data["isbn"], "other_isbns": [known["isbn"]]}
    await lms.post("/edition", json=again)
    assert (await stored(world, known["isbn"]))["work_id"] == int(kept or 0)


async def test_clients_that_add_the_same_book_at_once_make_one(world: World) -> None:
    clients, title, name = [await world.lms(), await world.lms()], unique("Matilda"), unique("Dahl")
    same, sibling = book(title=title, authors=[author(name)], hydrated=True), book(title=title, authors=[author(name)])
    answers = await asyncio.gather(
        *(client.post("/edition", json=data) for client in clients for data in (same, sibling) for _ in range(2))
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    shown = [(await clients[0].get(f"/edition/{data['isbn']}")).json() for data in (same, sibling)]
    assert shown[0]["work_id"] == shown[1]["work_id"]
    assert await one(world, "SELECT count(*) FROM works WHERE title = :title", title=title) == 1
    assert await one(world, "SELECT count(*) FROM authors WHERE last_name = :name", name=name) == 1


async def test_a_repeated_request_with_its_key_is_answered_as_the_first(world: World) -> None:
    lms, data, key = await world.lms(), book(title="Matilda", hydrated=True), {"Idempotency-Key": new_isbn()}
    first = await lms.post("/edition", json=data, headers=key)
    again = await lms.post("/edition", json=data, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
