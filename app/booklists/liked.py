"""Lists that fill themselves: found by owner and name, made where they are missing, added to at their end."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.booklists.schemas import LONGEST_LIST
from app.core.account import Account
from app.core.aside import array_of, json_of
from app.core.db import driver_of
from app.events import service as events
from app.people.schemas import ListType

LOCK = b"""
SELECT pg_advisory_xact_lock(hashtextextended(name, 5))
  FROM (SELECT DISTINCT name COLLATE "C" FROM unnest(%s::text[]) AS name ORDER BY 1) AS names"""
MAKE = b"""
INSERT INTO book_lists (id, name, type, user_id, school_id)
SELECT gen_random_uuid(), n.name, n.type, n.user_id, n.school_id
  FROM jsonb_to_recordset(%s::jsonb) AS n(name text, type text, user_id uuid, school_id uuid)
 WHERE NOT EXISTS (SELECT FROM book_lists AS l WHERE l.name = n.name AND l.type = n.type
                      AND l.user_id IS NOT DISTINCT FROM n.user_id AND l.school_id IS NOT DISTINCT FROM n.school_id)"""
FIND = b"""
SELECT id, school_id, user_id FROM book_lists
 WHERE id IN (SELECT DISTINCT ON (l.type, l.name) l.id
                FROM jsonb_to_recordset(%s::jsonb) AS n(name text, type text, user_id uuid, school_id uuid)
                JOIN book_lists AS l ON l.name = n.name AND l.type = n.type
                     AND l.user_id IS NOT DISTINCT FROM n.user_id AND l.school_id IS NOT DISTINCT FROM n.school_id
               ORDER BY l.type, l.name, l.created_at, l.id)
 ORDER BY id FOR NO KEY UPDATE"""
PUT_AT_THE_END = b"""
INSERT INTO book_list_works (booklist_id, work_id, order_id)
SELECT l.id, w.id, l.book_count - 1 + row_number() OVER (PARTITION BY l.id ORDER BY w.place)
  FROM book_lists AS l
 CROSS JOIN (SELECT works.id, given.place FROM unnest(%s::int[]) WITH ORDINALITY AS given(id, place)
               JOIN works ON works.id = given.id) AS w
 WHERE l.id = ANY(%s::uuid[]) AND l.book_count < %s
   AND NOT EXISTS (SELECT FROM book_list_works AS b WHERE b.booklist_id = l.id AND b.work_id = w.id)
RETURNING booklist_id"""


class NamedList(NamedTuple):
    """A list by what it is called and whose it is: a person's or a school's."""

    name: str
    type: ListType
    user_id: UUID | None = None
    school_id: UUID | None = None


async def put_on(session: AsyncSession, account: Account, lists: Collection[NamedList], works: Sequence[int]) -> None:
    """Put works on these lists, in this order at the end; what stands there already stays where it is.

    Lists that are full stay as they are. Two who need the same new list at once get one.
    """
    driver, wanted = driver_of(session), json_of([each._asdict() for each in lists])
    await driver.execute(LOCK, [[f"{each.type}:{each.user_id or each.school_id}:{each.name}" for each in lists]])
    await driver.execute(MAKE, [wanted])
    found = await (await driver.execute(FIND, [wanted])).fetchall()
    values = [array_of(works), [id_ for id_, _, _ in found], LONGEST_LIST]
    put = {row[0] for row in await (await driver.execute(PUT_AT_THE_END, values)).fetchall()}
    for id_, school_id, user_id in found:
        if id_ in put:
            events.record(
                session,
                "Booklist updated",
                account=account,
                school_id=school_id,
                user_id=user_id,
                info={"booklist_id": str(id_), "changed": ["items"]},
            )
