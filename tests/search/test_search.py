"""GET /v1/search: what is found, in which order, by whom."""

from uuid import uuid4

import pytest

from app.search.words import SHORTEST_CORRECTED
from tests.books.catalogue import hyphenated, isbn_10, new_isbn
from tests.search.books import add_book, hold, ids, search, word
from tests.world import World


async def test_new_book_is_found_at_once_by_whatever_names_it(world: World) -> None:
    admin = await world.admin()
    title, subtitle, series, first, last = (word() for _ in range(5))
    book = await add_book(
        admin, f"The {title} Machine", f"{first} {last}", subtitle=f"A {subtitle} story", series_name=f"The {series}"
    )
    whole = (title, subtitle, series, first, last, f"{last} {title}", f"the {title}", f"{title.upper()} machine")
    for query in (*whole, title[:5], f"{first} {last[:3]}", book["isbn"], hyphenated(book["isbn"])):
        assert await ids(admin, query) == [book["work_id"]], query
    assert await ids(admin, isbn_10(book["isbn"])) == [book["work_id"]]
    assert book["work_id"] in await ids(admin, book["isbn"][:11])


async def test_book_without_author_or_holder_is_found(world: World) -> None:
    admin, title = await world.admin(), word()
    book = await add_book(admin, title)
    assert await ids(admin, title) == [book["work_id"]]


async def test_accents_case_and_punctuation_do_not_matter(world: World) -> None:
    admin, stem = await world.admin(), word()
    book = await add_book(admin, f"Où est {stem}-Éclair?", "Zoë O'Neill")
    for query in (f"ou est {stem}", f"{stem} ECLAIR", f"{stem} o'neill", f"{stem} ZOE", f"  {stem}!  "):
        assert await ids(admin, query) == [book["work_id"]], query


@pytest.mark.parametrize("title", ["मटिल्डा", "Дикие места", "はらぺこあおむし", "الفيل"])
async def test_titles_of_any_script_are_found(world: World, title: str) -> None:
    admin, last = await world.admin(), word()
    book = await add_book(admin, title, last)
    assert await ids(admin, f"{title} {last}") == [book["work_id"]]


async def test_misspelt_words_find_the_book(world: World) -> None:
    admin = await world.admin()
    one, other, last = word(), word(), word()
    book = await add_book(admin, f"{one} {other}", last)
    slips = (
        one[:3] + one[4:],
        one[:3] + "zz" + one[5:],
        one[:4] + one[5] + one[4] + one[6:],
        "z" + one,
        f"{one[:6]} {one[6:]} {other}",
        one + other,
        f"{last[:5]}{last[6:]} {other}",
        f"{one} {word()}",
    )
    for query in slips:
        assert await ids(admin, query) == [book["work_id"]], query
    assert len(min(slips, key=len)) > SHORTEST_CORRECTED


async def test_nonsense_finds_nothing(world: World) -> None:
    admin = await world.admin()
    for query in (word(), "?!?", "%", "_", "'", "\\", f"{word()}:*", f"!{word()}", "' | '", "zz <-> zz"):
        assert await ids(admin, query + word()) == [], query


async def test_wildcards_and_operators_mean_themselves(world: World) -> None:
    admin, stem = await world.admin(), word()
    book = await add_book(admin, f"100% {stem}")
    other = await add_book(admin, f"100 hundred {stem}")
    assert set(await ids(admin, f"100% {stem}")) == {book["work_id"], other["work_id"]}
    assert await ids(admin, f"%{stem[7:]}") == []
    assert await ids(admin, f"{stem} | {word()}") != []


async def test_exact_title_comes_first_and_then_what_more_libraries_hold(world: World) -> None:
    admin, stem = await world.admin(), word()
    little = await add_book(admin, f"{stem} one")
    much = await add_book(admin, f"{stem} two")
    exact = await add_book(admin, stem)
    about = await add_book(admin, word(), f"Ann {stem}")
    for _ in range(3):
        await hold(world, await world.school(), much["isbn"], about["isbn"])
    await hold(world, await world.school(), little["isbn"])
    assert await ids(admin, stem) == [each["work_id"] for each in (exact, much, little, about)]


async def test_two_editions_in_one_library_count_once_and_withdrawn_ones_not(world: World) -> None:
    admin, stem = await world.admin(), word()
    twice = await add_book(admin, f"{stem} one", other_isbns=[second := new_isbn()])
    once = await add_book(admin, f"{stem} two")
    school, other = await world.school(), await world.school()
    await hold(world, school, twice["isbn"], second)
    await hold(world, other, once["isbn"])
    await hold(world, school, once["isbn"])
    assert (await ids(admin, stem))[0] == once["work_id"]
    lms = await world.lms(other, school)
    for each in (other, school):
        path = f"/school/{each.wriveted_identifier}/collection"
        answer = await lms.patch(path, json=[{"isbn": once["isbn"], "action": "remove"}])
        assert answer.status_code == 200
    assert (await ids(admin, stem))[0] == twice["work_id"]


async def test_changed_and_merged_works_are_found_as_they_are_now(world: World) -> None:
    admin, before, after, name = await world.admin(), word(), word(), word()
    book = await add_book(admin, before, f"Jo {name}")
    duplicate = await add_book(admin, f"{before} again", f"Jo {name}")
    answer = await admin.patch(f"/work/{book['work_id']}", json={"title": after, "subtitle": f"of {name}ian"})
    assert answer.status_code == 200, answer.text
    assert await ids(admin, before) == [duplicate["work_id"], book["work_id"]]
    assert await ids(admin, after) == await ids(admin, f"{name}ian") == [book["work_id"]]
    merge = {"duplicate_id": int(duplicate["work_id"])}
    assert (await admin.post(f"/work/{book['work_id']}/merge", json=merge)).status_code == 200
    assert await ids(admin, f"{before} again") == await ids(admin, duplicate["isbn"]) == [book["work_id"]]


async def test_only_works_of_an_author(world: World) -> None:
    admin, stem, name = await world.admin(), word(), word()
    mine = await add_book(admin, f"{stem} one", f"Ann {name}")
    await add_book(admin, f"{stem} two", f"Bob {word()}")
    (found,) = await search(admin, f"{stem} one")
    author_id = int(found["authors"][0]["id"])
    assert await ids(admin, stem, author_id=author_id) == [mine["work_id"]]
    assert await ids(admin, author_id=author_id) == [mine["work_id"]]
    assert await ids(admin, stem, author_id=2**31 - 1) == []


async def test_shape_is_todays_and_echoes_the_question(world: World) -> None:
    admin, stem = await world.admin(), word()
    book = await add_book(admin, f"The {stem}", "Roald Dahl", leading_article="The", subtitle="a tale")
    answer = (await admin.get("/search", params={"query": stem})).json()
    assert answer["input"] == {"query": stem, "author_id": None}
    (found,) = answer["books"]
    highlights, availability = found.pop("highlights"), found.pop("availability")
    (person,) = found.pop("authors")
    assert person == {"id": person["id"], "first_name": "Roald", "last_name": "Dahl"}
    heading = {"leading_article": "The", "title": f"The {stem}", "subtitle": "a tale"}
    assert found == {"id": book["work_id"], "type": "book", **heading}
    assert highlights == {"title": f"The <b>{stem}</b>", "subtitle": "a tale", "authors": ["Roald Dahl"]}
    assert availability is None


async def test_highlights_are_escaped_and_the_data_is_plain(world: World) -> None:
    admin, stem = await world.admin(), word()
    title = f"<script>alert('{stem}')</script> & co"
    await add_book(admin, title, "Ann <i>Onym</i>")
    (found,) = await search(admin, stem)
    assert found["title"] == title
    assert found["highlights"]["title"] == (f"&lt;script&gt;alert(&#x27;<b>{stem}</b>&#x27;)&lt;/script&gt; &amp; co")
    assert found["highlights"]["authors"] == ["Ann &lt;i&gt;Onym&lt;/i&gt;"]


async def test_misspelt_words_are_highlighted_as_they_are_written(world: World) -> None:
    admin, stem = await world.admin(), word()
    await add_book(admin, f"Big {stem}")
    (found,) = await search(admin, stem[:4] + stem[5:])
    assert found["highlights"]["title"] == f"Big <b>{stem}</b>"


async def test_without_a_query_the_most_held_come_first(world: World) -> None:
    admin = await world.admin()
    books = [await add_book(admin, word()) for _ in range(3)]
    for number in (6, 7, 8):
        school = await world.school()
        await hold(world, school, *[each["isbn"] for each in books[: 1 + number % 3]])
    everything = await ids(admin, limit=1000)
    places = [everything.index(each["work_id"]) for each in books]
    assert places == sorted(places)
    assert await ids(admin, "", limit=1000) == everything


async def test_school_shelves_alone_with_what_can_be_borrowed(world: World) -> None:
    admin, school, stem = await world.admin(), await world.school(), word()
    held = await add_book(admin, f"{stem} one", other_isbns=[second := new_isbn()])
    await add_book(admin, f"{stem} two")
    await hold(world, school, held["isbn"], available=0)
    await hold(world, school, second, available=1)
    student = await world.student(await world.class_group(school))
    (found,) = await search(student, stem, school_id=school.wriveted_identifier)
    assert found["id"] == held["work_id"]
    isbns = sorted([held["isbn"], second])
    assert found["availability"] == {"copies_total": 4, "copies_available": 1, "isbns": isbns}
    assert await ids(student, stem[:5] + stem[6:], school_id=school.wriveted_identifier) == [held["work_id"]]
    assert await ids(student, held["isbn"], school_id=school.wriveted_identifier) == [held["work_id"]]
    assert await ids(student, school_id=school.wriveted_identifier) == [held["work_id"]]


async def test_school_without_a_collection_has_nothing(world: World) -> None:
    school, stem = await world.school(), word()
    admin = await world.admin()
    await add_book(admin, stem)
    assert await ids(admin, stem, school_id=school.wriveted_identifier) == []


@pytest.mark.parametrize("who", ["student", "educator", "school_admin", "lms", "library", "kiosk", "vendor"])
async def test_those_of_the_school_search_its_shelves(world: World, who: str) -> None:
    school = await world.school()
    client = {
        "student": lambda: _student(world, school),
        "educator": lambda: world.educator(school),
        "school_admin": lambda: world.school_admin(school),
        "lms": lambda: world.lms(school),
        "library": lambda: world.service("school", school),
        "kiosk": lambda: world.service("kiosk", school),
        "vendor": lambda: world.service("lms", vendor=True),
    }[who]()
    answer = await (await client).get("/search", params={"school_id": str(school.wriveted_identifier)})
    assert answer.status_code == 200, answer.text


async def _student(world: World, school: object) -> object:
    return await world.student(await world.class_group(school))  # type: ignore[arg-type]


async def test_strangers_do_not_search_a_schools_shelves(world: World) -> None:
    school, other = await world.school(), await world.school()
    await hold(world, school, new_isbn())
    for client in (
        await world.public_reader(),
        await world.parent(),
        await world.educator(other),
        await world.lms(other),
        await world.student(await world.class_group(other)),
    ):
        answer = await client.get("/search", params={"school_id": str(school.wriveted_identifier)})
        assert answer.status_code == 403
        assert answer.json()["permission"] == "read"
    assert (await (await world.public_reader()).get("/search")).status_code == 200
    assert (await world.http.get("/v1/search")).status_code == 401


async def test_unknown_school_is_404(world: World) -> None:
    answer = await (await world.admin()).get("/search", params={"school_id": str(uuid4())})
    assert answer.status_code == 404


async def test_number_of_statements_does_not_grow_with_what_is_found(world: World) -> None:
    admin, some, many = await world.admin(), word(), word()
    for known, volumes in ((some, 3), (many, 25)):
        for number in range(volumes):
            await add_book(admin, f"{known} volume {number}", f"Ann {word()}")
    await admin.get("/search", params={"query": some})
    few = await world.count_statements(admin.get("/search", params={"query": some}))
    lots = await world.count_statements(admin.get("/search", params={"query": many}))
    assert lots == few <= 10
