import pytest

from tests.books.catalogue import author, book, new_isbn, statements, unique
from tests.books.shelves import new_work
from tests.world import World


async def test_authors_are_found_by_a_part_of_the_name(world: World) -> None:
    admin, name = await world.admin(), unique("O'Dahl")
    work = await new_work(admin, authors=[author(name, "Roald")])
    (person,) = work["authors"]
    found = await admin.get("/authors", params={"query": f"roald o-{name[2:]}".upper()})
    assert (found.status_code, found.json()) == (200, [person])
    assert (await admin.get("/authors", params={"query": f"{name[:3]}%"})).json() == (
        await admin.get("/authors", params={"query": name[:3]})
    ).json()
    assert (await admin.get("/authors", params={"query": "?!"})).json() == []


async def test_an_author_is_shown_with_the_number_of_works(world: World) -> None:
    admin = await world.admin()
    work = await new_work(admin)
    (person,) = work["authors"]
    await new_work(admin, authors=[int(person["id"])])
    shown = await admin.get(f"/authors/{person['id']}")
    assert (shown.status_code, shown.json()) == (200, {**person, "info": None, "book_count": 2})


async def test_an_author_is_created_whoever_has_that_name(world: World) -> None:
    admin, name = await world.admin(), unique("Dahl")
    first, second = [
        (await admin.post("/authors", json={**author(name), "info": {"born": 1916}})).json() for _ in range(2)
    ]
    assert first["id"] != second["id"]
    assert first == {**author(name), "id": first["id"], "info": {"born": 1916}, "book_count": 0}
    group = await world.class_group(await world.school())
    for client in (await world.lms(), await world.student(group)):
        refused = await client.post("/authors", json=author(name))
        assert (refused.status_code, refused.json()["permission"]) == (403, "create")


@pytest.mark.parametrize("kind", ["authors", "illustrators"])
async def test_who_is_not_there_is_not_found_and_what_is_no_id_is_refused(world: World, kind: str) -> None:
    client = await world.public_reader()
    assert (await client.get(f"/{kind}/{2**31 - 1}")).status_code == 404
    for id_ in ("abc", "0", str(2**31), "1.5"):
        answer = await client.get(f"/{kind}/{id_}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_illustrators_are_listed_with_what_is_known_of_them(world: World) -> None:
    admin, name = await world.admin(), unique("0000 Blake")
    shown = (await admin.post("/edition", json=book(illustrators=[{**author(name), "info": {"a": 1}}]))).json()
    (person,) = shown["illustrators"]
    assert person["info"] == {"a": 1}
    assert (await admin.get(f"/illustrators/{person['id']}")).json() == person
    assert person in (await admin.get("/illustrators", params={"limit": 1000})).json()


async def test_a_page_is_a_fixed_number_of_statements(world: World) -> None:
    admin, name = await world.admin(), unique("Dahl")
    rows = [book(isbn=new_isbn(), title=unique("T"), authors=[author(f"{name} {n}")]) for n in range(50)]
    await admin.post("/editions", json=rows)
    counts = []
    for limit in (1, 50):
        with statements() as sent:
            answer = await admin.get("/authors", params={"query": name, "limit": limit})
        assert len(answer.json()) == limit
        counts.append(len(sent))
    assert counts[0] == counts[1]
