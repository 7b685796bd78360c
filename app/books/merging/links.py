"""What refers to a work or an author, and so has to move when two are made one."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg.sql import SQL, Composed, Identifier

from app.books.models import MergeKind

MOVE = SQL(
    "UPDATE {table} t SET {column} = %(into)s WHERE t.{column} = %(from)s RETURNING jsonb_build_object({name}, t.{id})"
)
MOVE_UNLESS_THERE = SQL(
    "UPDATE {table} t SET {column} = %(into)s WHERE t.{column} = %(from)s"
    " AND NOT EXISTS (SELECT FROM {table} o WHERE o.{column} = %(into)s AND o.{id} = t.{id})"
    " RETURNING jsonb_build_object({name}, t.{id})"
)


@dataclass(frozen=True, slots=True)
class Link:
    """A table whose ``column`` refers to the work or author; its rows are told apart by ``identity``.

    Where ``is_unique``, the survivor may have a row of the same identity already: then the duplicate's is taken away.
    ``needs`` are the references of a row that was taken away, by column, which have to exist for it to come back.
    """

    table: str
    column: str
    identity: str
    is_unique: bool = True
    needs: Mapping[str, tuple[str, str]] | None = None

    @property
    def move(self) -> Composed:
        """Give the survivor what only the duplicate has; the identities of what was moved."""
        query = MOVE_UNLESS_THERE if self.is_unique else MOVE
        return self._filled(query)

    @property
    def take(self) -> Composed:
        """Take away what is left with the duplicate; the rows."""
        return self._filled(SQL("DELETE FROM {table} t WHERE t.{column} = %(from)s RETURNING to_jsonb(t)"))

    @property
    def move_back(self) -> Composed:
        query = SQL(
            "UPDATE {table} t SET {column} = %(from)s FROM jsonb_populate_recordset(NULL::{table}, %(moved)s) n"
            " WHERE t.{column} = %(into)s AND t.{id} = n.{id}"
        )
        return self._filled(query)

    @property
    def put_back(self) -> Composed:
        checks = [
            SQL(" AND EXISTS (SELECT FROM {table} r WHERE r.{key} = n.{column})").format(
                table=Identifier(table), key=Identifier(key), column=Identifier(column)
            )
            for column, (table, key) in (self.needs or {}).items()
        ]
        query = SQL(
            "INSERT INTO {table} SELECT n.* FROM jsonb_populate_recordset(NULL::{table}, %(taken)s) n WHERE true"
        )
        # By the key: a constraint of the table may be checked later only, and cannot judge a conflict.
        conflict = SQL(" ON CONFLICT ({column}, {id}) DO NOTHING" if self.is_unique else " ON CONFLICT DO NOTHING")
        return self._filled(query) + SQL("").join(checks) + self._filled(conflict)

    def _filled(self, query: SQL) -> Composed:
        return query.format(
            table=Identifier(self.table),
            column=Identifier(self.column),
            id=Identifier(self.identity),
            name=self.identity,
        )


TABLES: Mapping[MergeKind, str] = {MergeKind.WORK: "works", MergeKind.AUTHOR: "authors"}
LINKS: Mapping[MergeKind, tuple[Link, ...]] = {
    MergeKind.WORK: (
        Link("editions", "work_id", "isbn", is_unique=False),
        Link("author_works", "work_id", "author_id", needs={"author_id": ("authors", "id")}),
        Link("series_works_association", "work_id", "series_id", needs={"series_id": ("series", "id")}),
        Link("book_list_works", "work_id", "booklist_id", needs={"booklist_id": ("book_lists", "id")}),
        Link("labelsets", "work_id", "id", is_unique=False),
    ),
    MergeKind.AUTHOR: (Link("author_works", "author_id", "work_id", needs={"work_id": ("works", "id")}),),
}
"""Every foreign key to works and authors, also from tables of higher floors; a test compares it with the tables."""
