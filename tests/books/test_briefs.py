import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from app.books.briefs import Facts, Heading, brief_of, refresh_briefs, shown_heading, unhydrated_brief
from app.books.schemas import AuthorBrief, EditionBrief, WorkBrief
from app.core.db import Database
from app.core.text import UNTITLED
from tests.books.catalogue import author, book, new_isbn, statements, stored, unique, works_of
from tests.world import World

NOTHING = Heading(None, None, None)


def documented(brief: str) -> dict[str, Any]:
    """The members of a fragment, which are what the documented shapes make of them, in their order."""
    members = msgspec.json.decode(f"{{{brief}}}")
    work = members["work"] and WorkBrief.model_validate(members["work"], extra="forbid").model_dump(mode="json")
    edition = EditionBrief.model_validate(members["edition"], extra="forbid").model_dump(mode="json")
    assert members == {"work": work, "edition": edition}
    assert [list(part) for part in members.values() if part] == [list(part) for part in (work, edition) if part]
    return dict(members)


@pytest.mark.parametrize("own", [Heading("Die", "Zwicks", None), Heading(None, None, "Own"), NOTHING])
@pytest.mark.parametrize("works", [Heading("The", 'Twi"ts \\ \n \u2028 🐛', "A Story"), Heading(None, "Twits", None)])
@pytest.mark.parametrize("authors", [(), ((1, None, "Dahl"), (12, "Квентін", "Blake"))])
def test_a_fragment_is_what_the_schemas_document(own: Heading, works: Heading, authors: Any) -> None:
    facts = Facts(9780439023481, own, "https://covers.example.com/x.jpg", 7, "book", works, authors)
    shown = shown_heading(own, works)
    assert documented(brief_of(facts)) == {
        "work": WorkBrief(
            id="7",
            type="book",
            **works._asdict(),
            authors=[AuthorBrief(id=str(id_), first_name=first, last_name=last) for id_, first, last in authors],
        ).model_dump(mode="json"),
        "edition": EditionBrief(
            isbn="9780439023481", work_id="7", cover_url="https://covers.example.com/x.jpg", **shown._asdict()
        ).model_dump(mode="json"),
    }


def test_the_fragment_of_a_number_alone_has_the_same_shape() -> None:
    brief = unhydrated_brief(9780439023481)
    assert brief == brief_of(Facts(9780439023481, NOTHING, None, None, None, NOTHING, ()))
    assert documented(brief)["edition"]["isbn"] == "9780439023481"


@pytest.mark.parametrize(
    ("own", "works", "shown"),
    [
        (Heading("The", "Twits", None), Heading("Die", "Zwicks", "Ein Roman"), Heading("The", "Twits", None)),
        (Heading("The", None, "Own"), Heading(None, "Twits", "A Story"), Heading(None, "Twits", "Own")),
        (NOTHING, Heading("The", "Twits", "A Story"), Heading("The", "Twits", "A Story")),
        (NOTHING, NOTHING, NOTHING),
    ],
)
def test_a_heading_is_the_editions_own_or_its_works(own: Heading, works: Heading, shown: Heading) -> None:
    assert shown_heading(own, works) == shown


async def test_what_is_stored_is_what_the_doors_show(world: World) -> None:
    lms, relative = await world.lms(), new_isbn()
    data = book(
        leading_article="The",
        title="Twits",
        subtitle="A Story",
        authors=[author(unique("Dahl"), "Roald"), author(unique("Blake"))],
        cover_url="https://covers.example.com/t.jpg",
        other_isbns=[relative],
    )
    await lms.post("/edition", json=data)
    for isbn in (data["isbn"], relative):
        row, shown = await stored(world, isbn), (await lms.get(f"/edition/{isbn}")).json()
        members = documented(row["brief"])
        assert members["edition"] == {name: shown[name] for name in members["edition"]}
        assert members["work"]["authors"] == shown["authors"]
        assert (row["title"], row["sort_title"]) == ("Twits", "twits")


async def test_an_edition_known_by_its_number_only_has_no_fragment(world: World) -> None:
    data = book()
    await (await world.lms()).post("/edition", json=data)
    row = await stored(world, data["isbn"])
    assert (row["title"], row["sort_title"], row["brief"]) == (None, UNTITLED, None)


async def test_authors_that_a_work_gains_appear_in_all_its_editions(world: World) -> None:
    lms, name = await world.lms(), unique("Dahl")
    first = book(title="Matilda", other_isbns=[new_isbn()])
    await lms.post("/edition", json=first)
    await lms.post("/edition", json={"isbn": first["isbn"], "authors": [author(name)]})
    for isbn in (first["isbn"], *first["other_isbns"]):
        work = documented((await stored(world, isbn))["brief"])["work"]
        assert [author["last_name"] for author in work["authors"]] == [name]


async def test_refreshing_takes_three_statements_however_many_editions(world: World) -> None:
    lms = await world.lms()
    for number in (2, 700):
        rows = [book(title=unique("Matilda")) for _ in range(number)]
        await lms.post("/editions", json=rows)
        async with world.session() as session:
            isbns = [int(row["isbn"]) for row in rows]
            new_title = text("UPDATE editions SET edition_title = 'The Twits' WHERE isbn = ANY(:isbns)")
            await session.execute(new_title, {"isbns": isbns})
            with statements() as sent:
                await refresh_briefs(session, isbns)
        assert len(sent) == 3
        row = await stored(world, rows[-1]["isbn"])
        assert (row["title"], row["sort_title"]) == ("The Twits", "twits")
        assert documented(row["brief"])["edition"]["title"] == "The Twits"


async def test_refreshing_follows_the_work(world: World) -> None:
    lms, data = await world.lms(), book(title="Matilda", other_isbns=[new_isbn()])
    work_id = int(works_of(await lms.post("/edition", json=data)) or 0)
    async with world.session() as session:
        await session.execute(text("UPDATE works SET title = 'Danny' WHERE id = :id"), {"id": work_id})
        await refresh_briefs(session, (), [work_id])
    untitled, titled = await stored(world, data["other_isbns"][0]), await stored(world, data["isbn"])
    assert (untitled["title"], titled["title"]) == ("Danny", "Matilda")
    assert {documented(row["brief"])["work"]["title"] for row in (untitled, titled)} == {"Danny"}


async def test_an_unchanged_fragment_is_not_written_again(world: World) -> None:
    data = book(title="Matilda")
    await (await world.lms()).post("/edition", json=data)
    before = await stored(world, data["isbn"])
    async with world.session() as session:
        await refresh_briefs(session, [int(data["isbn"])])
    assert await stored(world, data["isbn"]) == before


async def test_two_who_change_parts_of_one_fragment_both_appear_in_it(world: World, database: Database) -> None:
    data = book(title="Matilda", authors=[author(unique("Dahl"))])
    shown = (await (await world.lms()).post("/edition", json=data)).json()
    isbn, started = int(data["isbn"]), asyncio.Event()

    async def rename_author() -> None:
        async with database.transaction() as transaction:
            session, id_ = transaction.session, int(shown["authors"][0]["id"])
            await session.execute(text("UPDATE authors SET last_name = 'Renamed' WHERE id = :id"), {"id": id_})
            started.set()
            await asyncio.sleep(0.1)
            await refresh_briefs(session, [isbn])

    async def retitle() -> None:
        async with database.transaction() as transaction:
            await started.wait()
            session = transaction.session
            await session.execute(text("UPDATE editions SET edition_title = 'New' WHERE isbn = :isbn"), {"isbn": isbn})
            await refresh_briefs(session, [isbn])
            await asyncio.sleep(0.3)

    await asyncio.gather(rename_author(), retitle())
    members = documented((await stored(world, data["isbn"]))["brief"])
    assert members["edition"]["title"] == "New"
    assert members["work"]["authors"][0]["last_name"] == "Renamed"
