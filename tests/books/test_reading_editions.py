from typing import Any

import pytest

from app.books.schemas import EditionBrief, EditionDetail
from tests.books.catalogue import author, book, new_isbn, one, statements, unique
from tests.world import Client, World


async def listed(client: Client, **query: Any) -> list[str]:
    answer = await client.get("/editions", params=query)
    assert answer.status_code == 200, answer.text
    return [EditionBrief.model_validate(edition).isbn for edition in answer.json()]


@pytest.mark.parametrize("kind", ["backend", "lms", "school", "kiosk"])
async def test_every_account_reads_the_catalogue(world: World, kind: str) -> None:
    data = book(title=unique("Matilda"))
    await (await world.lms()).post("/edition", json=data)
    reader = await world.service(kind, await world.school())
    assert (await reader.get(f"/edition/{data['isbn']}")).status_code == 200
    assert await listed(reader, query=data["title"]) == [data["isbn"]]


async def test_nobody_reads_without_a_token(world: World) -> None:
    for path in ("/v1/editions", f"/v1/edition/{new_isbn()}"):
        assert (await world.http.get(path)).status_code == 401


async def test_an_unknown_edition_does_not_exist(world: World) -> None:
    missing = await (await world.lms()).get(f"/edition/{new_isbn()}")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("isbn", "code"),
    [("9780439023482", "isbn_check_digit"), ("1234567890128", "isbn_not_a_book"), ("x", "isbn_malformed")],
)
async def test_what_is_no_isbn_is_refused_with_the_reason(world: World, isbn: str, code: str) -> None:
    refused = await (await world.lms()).get(f"/edition/{isbn}")
    assert refused.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in refused.json()["errors"]] == [("/path/isbn", code)]


async def test_one_edition_takes_one_statement_besides_the_caller(world: World) -> None:
    lms = await world.lms()
    data = book(title="Matilda", authors=[author("A"), author("B")], illustrators=[author("C"), author("D")])
    await lms.post("/edition", json=data)
    await lms.get(f"/edition/{data['isbn']}")
    with statements() as sent:
        shown = await lms.get(f"/edition/{data['isbn']}")
    assert EditionDetail.model_validate(shown.json()).isbn == data["isbn"]
    assert len([statement for statement in sent if "editions" in statement]) == 1
    assert len(sent) <= 3


async def test_an_edition_without_a_title_shows_its_own_works_title_and_no_others(world: World) -> None:
    lms, untitled, alone = await world.lms(), new_isbn(), book()
    await lms.post("/edition", json=book(title="Zebra"))
    titled = book(leading_article="The", title="Twits", subtitle="A Story", other_isbns=[untitled])
    await lms.post("/edition", json=titled)
    await lms.post("/edition", json=book(title="Aardvark"))
    await lms.post("/edition", json=alone)
    shown = (await lms.get(f"/edition/{untitled}")).json()
    assert (shown["leading_article"], shown["title"], shown["subtitle"]) == ("The", "Twits", "A Story")
    assert (await lms.get(f"/edition/{alone['isbn']}")).json()["title"] is None


async def test_an_article_is_not_shown_before_another_title(world: World) -> None:
    lms, data = await world.lms(), book(leading_article="The", title="Twits")
    await lms.post("/edition", json=data)
    other = book(title="Die Zwicks", other_isbns=[data["isbn"]])
    shown = (await lms.post("/edition", json=other)).json()
    assert (shown["leading_article"], shown["title"]) == (None, "Die Zwicks")


async def test_stored_info_of_an_older_shape_is_still_shown(world: World) -> None:
    lms, data = await world.lms(), book(title="Matilda", info={"pages": "240"})
    await lms.post("/edition", json=data)
    older = """UPDATE editions SET info = info || '{"unheard_of": 1}' WHERE isbn = :isbn RETURNING 1"""
    await one(world, older, isbn=int(data["isbn"]))
    shown = await lms.get(f"/edition/{data['isbn']}")
    assert (shown.status_code, shown.json()["info"]["pages"]) == (200, "240")
    assert "unheard_of" not in shown.json()["info"]


async def test_editions_of_a_work_are_listed_in_the_order_of_their_titles(world: World) -> None:
    lms, first = await world.lms(), book(title="The Zebra")
    work_id = (await lms.post("/edition", json=first)).json()["work_id"]
    second, third = book(title="An Aardvark", other_isbns=[first["isbn"]]), book(other_isbns=[first["isbn"]])
    await lms.post("/editions", json=[second, third])
    isbns = sorted((first["isbn"], third["isbn"]))
    assert await listed(lms, work_id=work_id) == [second["isbn"], *isbns]
    assert await listed(lms, work_id=2**31 - 1) == []


async def test_a_query_names_the_beginnings_of_words(world: World) -> None:
    lms, mark = await world.lms(), new_isbn()
    data = book(leading_article="The", title=f"Über-{mark} O'Brien's 100% Café_Bär")
    await lms.post("/edition", json=data)
    for query in (f"{mark} café", f"the uber {mark}", f"CAFE ub {mark}", f"o'brien {mark}", f"{mark} 100%"):
        assert await listed(lms, query=query) == [data["isbn"]], query
    for query in (f"{mark} ber", f"{mark} %", f"{mark} _", "%", "???", "'", f"{mark} :* | !x", f"{mark} zebra"):
        found = await listed(lms, query=query)
        assert (found == [data["isbn"]]) is query.endswith((" %", " _")), query


async def test_a_blank_query_filters_nothing(world: World) -> None:
    lms = await world.lms()
    assert await listed(lms, query="", limit=3) == await listed(lms, limit=3)


@pytest.mark.parametrize("query", [{"work_id": "x"}, {"work_id": 0}, {"work_id": 2**31}, {"limit": 0}, {"limit": 1001}])
async def test_what_is_out_of_range_is_refused(world: World, query: dict[str, Any]) -> None:
    assert (await (await world.lms()).get("/editions", params=query)).status_code == 422


async def test_pages_follow_each_other_without_gaps_and_repetitions(world: World) -> None:
    lms, mark = await world.lms(), new_isbn()
    rows = [book(title=f"{word} {mark}") for word in ("Same", "Same", "Älter", "zebra", "The Apple")]
    await lms.post("/editions", json=rows)
    whole = await listed(lms, query=mark)
    assert len(whole) == 5
    page = await lms.get("/editions", params={"query": mark, "limit": 2})
    found = page.json()
    while "link" in page.headers and len(found) <= len(whole):
        page = await lms.get(page.headers["link"].partition(">")[0].removeprefix("</v1"))
        found += page.json()
    assert [edition["isbn"] for edition in found] == whole
    assert await listed(lms, query=mark, skip=3) == whole[3:]


async def test_all_editions_are_paged_in_the_order_of_their_isbns(world: World) -> None:
    lms = await world.lms()
    await lms.post("/editions", json=[book(), book(title="Zebra"), book(title="Aardvark")])
    first = await lms.get("/editions", params={"limit": 2})
    second = await lms.get(first.headers["link"].partition(">")[0].removeprefix("</v1"))
    isbns = [edition["isbn"] for edition in (*first.json(), *second.json())]
    assert isbns == sorted(set(isbns))
    statement = "SELECT array_agg(isbn) FROM (SELECT isbn FROM editions ORDER BY isbn LIMIT :number) AS first"
    assert await one(world, statement, number=len(isbns)) == [int(isbn) for isbn in isbns]
