"""What a school sees of its own collection, against a plain count of the same books."""

import random
from typing import Any

from sqlalchemy import select, text

from app.books.models import Edition, Work
from app.collections.models import Collection, CollectionItem
from app.labels.models import (
    Hue,
    HueOrdinal,
    LabelSet,
    LabelSetHue,
    LabelSetReadingAbility,
    ReadingAbility,
    RecommendStatus,
)
from tests.books.catalogue import new_isbn, statements
from tests.world import World

CHANCE = random.Random(20261126)
ORDINALS = list(HueOrdinal)


async def test_every_count_is_that_of_the_books_themselves(world: World) -> None:
    school = await world.school()
    collection = await world.collection(school)
    async with world.session() as session:
        hues = list(await session.scalars(select(Hue)))
        abilities = list(await session.scalars(select(ReadingAbility)))
        facts = [await _holding(session, collection, hues, abilities) for _ in range(120)]
        stored = await session.get_one(Collection, collection.id)
        stored.item_count = sum(not fact["withdrawn"] for fact in facts)
    reader = await world.educator(school)
    path = f"/collection/{collection.id}/info"
    info = (await reader.get(path)).json()
    held = [fact for fact in facts if not fact["withdrawn"]]
    labelled = [fact for fact in held if fact["labelled"]]
    ready = [fact for fact in labelled if fact["hydrated"]]
    works = [fact["work"] for fact in held if fact["work"] is not None]
    assert info["total_editions"] == len(held)
    assert info["hydrated"] == sum(fact["hydrated"] for fact in held)
    assert info["hydrated_and_labeled"] == len(ready)
    assert info["recommendable"] == sum(fact["good"] for fact in ready)
    assert info["unlabelled"] == len(held) - len(labelled)
    assert info["without_isbn"] == sum(fact["without_isbn"] for fact in held)
    assert info["duplicates"] == len({work for work in works if works.count(work) > 1})
    total, available = (sum(fact[name] for fact in held) for name in ("total", "available"))
    assert info["availability"] == {"on_shelf": available, "borrowed": total - available}
    for name, all_of_them in (("hues", hues), ("abilities", abilities)):
        counted = {each["key"]: each["count"] for each in info["by_hue" if name == "hues" else "by_reading_ability"]}
        assert counted == {one.key: sum(one.id in fact[name] for fact in held) for one in all_of_them}
    by_age = {each["age"]: each["count"] for each in info["by_age"]}
    expected = {
        age: sum(fact["ages"] is not None and fact["ages"][0] <= age <= fact["ages"][1] for fact in held)
        for age in range(19)
    }
    assert by_age == {age: count for age, count in expected.items() if count}
    assert min(info["duplicates"], info["without_isbn"], info["recommendable"], len(labelled) - len(ready)) > 0


async def _holding(session: Any, collection: Collection, hues: list[Hue], abilities: list[ReadingAbility]) -> Any:
    """A holding of some kind, and what is true of it."""
    fact: dict[str, Any] = {
        "withdrawn": CHANCE.random() < 0.15,
        "without_isbn": CHANCE.random() < 0.15,
        "total": CHANCE.randrange(4),
        "hydrated": False,
        "labelled": False,
        "good": False,
        "work": None,
        "hues": set(),
        "abilities": set(),
        "ages": None,
    }
    fact["available"] = CHANCE.randint(0, fact["total"])
    isbn = None if fact["without_isbn"] else new_isbn()
    if isbn is not None:
        await _edition(session, isbn, fact, hues, abilities)
    session.add(
        CollectionItem(
            collection_id=collection.id,
            edition_isbn=isbn,
            sort_title="a",
            copies_total=fact["total"],
            copies_available=fact["available"],
            withdrawn_at=None if not fact["withdrawn"] else (await session.scalar(text("SELECT now()"))),
        )
    )
    await session.flush()
    return fact


KNOWN: list[dict[str, Any]] = []
"""Works of earlier holdings, so that some are held twice."""


async def _edition(
    session: Any, isbn: str, fact: dict[str, Any], hues: list[Hue], abilities: list[ReadingAbility]
) -> None:
    if CHANCE.random() < 0.15:
        session.add(Edition(isbn=isbn))
        return
    fact["hydrated"] = CHANCE.random() < 0.8
    if KNOWN and CHANCE.random() < 0.2:
        fact |= CHANCE.choice(KNOWN)
    else:
        work = Work(title="W", match_title="w")
        session.add(work)
        await session.flush()
        fact["work"] = work.id
        await _labels(session, fact, hues, abilities)
        KNOWN.append({name: fact[name] for name in ("work", "labelled", "good", "hues", "abilities", "ages")})
    cover = "https://covers.example.com/a.jpg" if fact["hydrated"] else None
    session.add(Edition(isbn=isbn, work_id=fact["work"], title="W", cover_url=cover))
    await session.flush()


async def _labels(session: Any, fact: dict[str, Any], hues: list[Hue], abilities: list[ReadingAbility]) -> None:
    if CHANCE.random() < 0.2:
        return
    ages = CHANCE.choice([None, (3, 7), (0, 0), (7, 12), (13, 99)])
    summary, status = CHANCE.choice([None, "A book", "A book", "A book"]), CHANCE.choice(list(RecommendStatus))
    labels = LabelSet(
        work_id=fact["work"],
        min_age=ages and ages[0],
        max_age=ages and ages[1],
        huey_summary=summary,
        recommend_status=status if CHANCE.random() < 0.5 else RecommendStatus.GOOD,
    )
    session.add(labels)
    await session.flush()
    chosen = CHANCE.sample(hues, CHANCE.randrange(4))
    able = CHANCE.sample(abilities, CHANCE.randrange(3))
    session.add_all(
        LabelSetHue(labelset_id=labels.id, hue_id=hue.id, ordinal=ordinal)
        for hue, ordinal in zip(chosen, ORDINALS, strict=False)
    )
    session.add_all(LabelSetReadingAbility(labelset_id=labels.id, reading_ability_id=one.id) for one in able)
    fact |= {"hues": {hue.id for hue in chosen}, "abilities": {one.id for one in able}, "ages": ages}
    fact["labelled"] = bool(chosen and able and summary and ages and ages[1] > 0)
    fact["good"] = labels.recommend_status == RecommendStatus.GOOD


async def test_an_empty_collection_has_nothing_of_anything(world: World) -> None:
    school = await world.school()
    collection = await world.collection(school)
    reader = await world.educator(school)
    with statements() as asked:
        info = (await reader.get(f"/collection/{collection.id}/info")).json()
    assert info["availability"] == {"on_shelf": 0, "borrowed": 0}
    assert {each["count"] for each in info["by_hue"] + info["by_reading_ability"]} == {0}
    assert (info["total_editions"], info["by_age"]) == (0, [])
    assert sum("collection_items" in statement for statement in asked) == 1
