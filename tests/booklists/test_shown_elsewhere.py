"""Lists as a reader's detail and a school's detail show them: never more than who asks may read."""

import pytest

from app.schools.booklists import MOST_SHOWN
from tests.booklists.lists import make, sent, works
from tests.booklists.test_doors import family
from tests.world import World

NAMES = ("Books To Read Now", "Books To Read Next", "Books I've Read", "My Favourite Books", "Suggested Books")


async def test_a_reader_has_the_newest_list_of_each_special_name(world: World) -> None:
    reader, other = await world.public_reader(), await world.public_reader()
    await make(other, name=NAMES[0])
    older = await make(reader, name=NAMES[0])
    special = {name: await make(reader, "Personal", *await works(world, 1), name=name) for name in NAMES}
    plain = [await make(reader, name=f"Plain {number}") for number in range(5)]
    shown = sent(await reader.get(f"/user/{reader.id}"))
    newcomer = await world.public_reader()
    nothing = sent(await newcomer.get(f"/user/{newcomer.id}"))
    assert [each["name"] for each in shown["booklists"]] == [each["name"] for each in plain[::-1]]
    brief = {"id", "name", "type", "book_count"}
    path, lists = shown["reading_path"], shown["special_lists"]
    found = {**path, **lists}
    assert {key: (each["id"], each["book_count"], each.keys() == brief) for key, each in found.items()} == {
        key: (special[name]["id"], 1, True)
        for key, name in zip(
            ("read_now", "read_next", "read_books", "favorite_books", "suggested_books"), NAMES, strict=True
        )
    }
    assert older["id"] != special[NAMES[0]]["id"]
    assert nothing["booklists"] == []
    assert set(nothing["special_lists"].values()) == set(nothing["reading_path"].values()) == {None}


async def test_a_school_shows_its_lists_to_those_who_may_read_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = await family(world)
    lists = [
        await make(people["teacher"], "School", name=sharing, sharing=sharing) for sharing in ("private", "public")
    ]
    school = lists[0]["school"]["wriveted_identifier"]
    readers = [who for who, client in people.items() if (await client.get(f"/school/{school}")).status_code == 200]
    assert {"teacher", "pupil", "library", "kiosk", "lms", "admin"} <= set(readers)
    for who in readers:
        shown = {each["id"] for each in sent(await people[who].get(f"/school/{school}"))["booklists"]}
        readable = {each["id"] for each in lists if (await people[who].get(f"/list/{each['id']}")).status_code == 200}
        assert shown == readable, who
    monkeypatch.setattr("app.schools.booklists.MOST_SHOWN", 1)
    assert MOST_SHOWN > 1
    first = sent(await people["teacher"].get(f"/school/{school}"))["booklists"]
    assert first == [{"id": lists[0]["id"], "name": "private"}]
