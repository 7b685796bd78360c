"""Books to test with, and looks at what the catalogue holds of them."""

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, cast
from unittest.mock import patch
from uuid import uuid4

import httpx
import psycopg
from sqlalchemy import text

from app.core.leases import PING
from tests.world import World

Json: TypeAlias = dict[str, Any]


NUMBERS = itertools.count(random.randrange(10**8))
"""Of books of a group of ISBNs (978-3) that nothing else here is of; each process has a database of its own."""


def new_isbn() -> str:
    """An ISBN-13 that has an ISBN-10, and that no other test uses."""
    digits = f"9783{next(NUMBERS) % 10**8:08}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


def isbn_10(isbn: str) -> str:
    digits = isbn[3:12]
    check = -sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=True)) % 11
    return digits + ("X" if check == 10 else str(check))


def hyphenated(isbn: str) -> str:
    return "-".join((isbn[:3], isbn[3], isbn[4:7], isbn[7:12], isbn[12]))


def author(last_name: str, first_name: str | None = None) -> Json:
    return {"first_name": first_name, "last_name": last_name}


def unique(word: str) -> str:
    """A title or name that no other test uses."""
    return f"{word} {uuid4().hex}"


def book(**members: Any) -> Json:
    return {"isbn": new_isbn(), **members}


def works_of(answer: httpx.Response) -> str | None:
    """The work of the edition in an answer."""
    assert answer.status_code == 200, answer.text
    return cast("str | None", answer.json()["work_id"])


async def one(world: World, statement: str, **values: Any) -> Any:
    """The first column of the one row that a statement finds."""
    async with world.session() as session:
        return (await session.execute(text(statement), values)).scalar_one()


async def stored(world: World, isbn: str) -> Json:
    """An edition's row."""
    async with world.session() as session:
        found = await session.execute(text("SELECT * FROM editions WHERE isbn = :isbn"), {"isbn": int(isbn)})
        return dict(found.mappings().one())


async def label(world: World, work_id: str, *, checked: bool | None) -> None:
    async with world.session() as session:
        await session.execute(
            text("INSERT INTO labelsets (work_id, checked) VALUES (:work_id, :checked)"),
            {"work_id": int(work_id), "checked": checked},
        )


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that reaches the database meanwhile, whoever sends it; but not whether a connection answers."""
    sent: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def note(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        if query != PING:
            sent.append(str(query))
        return await execute(cursor, query, *arguments, **options)

    with patch.object(psycopg.AsyncCursor, "execute", note):
        yield sent
