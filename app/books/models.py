"""The shared catalogue: works, their editions, and the people who made them."""

import enum
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Computed, ForeignKey, Identity, Index, String, Text, func, text, true
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.acl import Acl, All, Allow, Authenticated
from app.core.db import Base
from app.core.text import UNTITLED, fold
from app.core.types import IsbnColumn, text_enum

CATALOGUE = Acl(
    (Allow, "role:admin", All),
    (Allow, Authenticated, "read"),
    (Allow, "role:lms", "add"),
    (Allow, "role:library", "add"),
    (Allow, "role:schooladmin", "add"),
    (Allow, "role:educator", "add"),
)
"""Everybody reads the catalogue; those who know books add what is unknown, and nobody but an admin changes it."""


def folded(*columns: str) -> Callable[[DefaultExecutionContext], str]:
    """The default of a column that holds the folded words of others."""

    def words(context: DefaultExecutionContext) -> str:
        row = context.get_current_parameters()  # type: ignore[no-untyped-call]
        return fold(" ".join([row.get(column) or "" for column in columns]))

    return words


class WorkType(enum.StrEnum):
    BOOK = "book"
    PODCAST = "podcast"


class Work(Base):
    """A creative work: what its editions have in common."""

    __tablename__ = "works"
    __table_args__ = (
        Index("ix_works_match_title", "match_title"),
        Index("ix_works_title_words", text("to_tsvector('simple'::regconfig, match_title)"), postgresql_using="gin"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    type: Mapped[WorkType] = mapped_column(text_enum(WorkType), default=WorkType.BOOK)
    leading_article: Mapped[str | None] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(512))
    subtitle: Mapped[str | None] = mapped_column(String(512))
    match_title: Mapped[str] = mapped_column(Text)
    """The folded title without its article: what an edition without a known relative is matched by."""
    match_subtitle: Mapped[str] = mapped_column(Text, default=folded("subtitle"), server_default="")
    """The folded subtitle (core/text.fold), whose words the search looks up; kept by whoever writes the subtitle."""
    info: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    authors: Mapped[list["Author"]] = relationship(
        secondary="author_works", lazy="raise", order_by="Author.id", back_populates="works"
    )
    editions: Mapped[list["Edition"]] = relationship(lazy="raise", passive_deletes=True, back_populates="work")

    __acl__ = Acl(*CATALOGUE)


class Edition(Base):
    """A published form of a work, named by its ISBN. One without ``hydrated_at`` is known by its number only."""

    __tablename__ = "editions"
    __table_args__ = (
        Index("ix_editions_backlog", "isbn", postgresql_where=text("hydrated_at IS NULL")),
        Index(
            "ix_editions_title_words",
            text("to_tsvector('simple'::regconfig, sort_title)"),
            postgresql_using="gin",
            postgresql_where=text("title IS NOT NULL"),
        ),
    )

    isbn: Mapped[str] = mapped_column(IsbnColumn, primary_key=True, autoincrement=False)
    work_id: Mapped[int | None] = mapped_column(ForeignKey("works.id", ondelete="SET NULL"), index=True)
    leading_article: Mapped[str | None] = mapped_column(String(20))
    edition_title: Mapped[str | None] = mapped_column(String(512))
    edition_subtitle: Mapped[str | None] = mapped_column(String(512))
    title: Mapped[str | None] = mapped_column(String(512))
    """What to show: the edition's own title, else its work's."""
    sort_title: Mapped[str] = mapped_column(Text(collation="C"), default=UNTITLED, server_default=UNTITLED)
    date_published: Mapped[int | None]
    """YYYYMMDD or YYYY, as publishers send it."""
    cover_url: Mapped[str | None] = mapped_column(String(2000))
    series_name: Mapped[str | None] = mapped_column(String(512))
    series_number: Mapped[int | None]
    info: Mapped[dict[str, Any] | None]
    hydrated_at: Mapped[datetime | None]
    hydrated: Mapped[bool] = mapped_column(Computed("hydrated_at IS NOT NULL", persisted=True))
    brief: Mapped[str | None] = mapped_column(Text)
    """The JSON members ``"work":…,"edition":…`` of a holding in a list; NULL for one known by its number only."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    work: Mapped[Work | None] = relationship(lazy="raise", back_populates="editions")
    illustrators: Mapped[list["Illustrator"]] = relationship(
        secondary="illustrator_editions", lazy="raise", order_by="Illustrator.id"
    )

    __acl__ = Acl(*CATALOGUE)


class Author(Base):
    """A person who writes. Two people may share a name, so ``name_key`` finds candidates and identifies nobody."""

    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    first_name: Mapped[str | None] = mapped_column(String(200))
    last_name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(400), index=True)
    search_name: Mapped[str] = mapped_column(Text, default=folded("first_name", "last_name"), server_default="")
    """The folded name (core/text.fold), whose words the search looks up; kept by whoever writes the name."""
    info: Mapped[dict[str, Any] | None]

    works: Mapped[list[Work]] = relationship(secondary="author_works", lazy="raise", back_populates="authors")

    __acl__ = Acl(*CATALOGUE)


class Illustrator(Base):
    """A person who draws."""

    __tablename__ = "illustrators"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    first_name: Mapped[str | None] = mapped_column(String(200))
    last_name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(400), index=True)
    info: Mapped[dict[str, Any] | None]

    __acl__ = Acl(*CATALOGUE)


class AuthorWork(Base):
    __tablename__ = "author_works"

    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id", ondelete="CASCADE"), primary_key=True, index=True)


class IllustratorEdition(Base):
    __tablename__ = "illustrator_editions"

    edition_isbn: Mapped[str] = mapped_column(
        IsbnColumn, ForeignKey("editions.isbn", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    illustrator_id: Mapped[int] = mapped_column(
        ForeignKey("illustrators.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Series(Base):
    """Works that belong together, in an order or none."""

    __tablename__ = "series"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    title: Mapped[str] = mapped_column(String(512))
    title_key: Mapped[str] = mapped_column(String(512), unique=True)
    """The folded title without its article and without spaces (`matching.series_key`)."""
    search_title: Mapped[str] = mapped_column(Text, default=folded("title"), server_default="")
    """The folded title (core/text.fold), whose words the search looks up; kept by whoever writes the title."""
    info: Mapped[dict[str, Any] | None]

    __acl__ = Acl(*CATALOGUE)


class SeriesWork(Base):
    """A work's place in a series, where ``primary_works`` are the story itself and others accompany it.

    A work may be in several series: the oldest of which it is a primary work is shown.
    """

    __tablename__ = "series_works_association"

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"), primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), primary_key=True, index=True)
    order_id: Mapped[int | None]
    primary_works: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())


class MergeKind(enum.StrEnum):
    WORK = "work"
    AUTHOR = "author"


class Merge(Base):
    """Two rows that were found to be one. The duplicate is gone; its id leads on to the one that stayed."""

    __tablename__ = "merges"
    __table_args__ = (
        Index("uq_merges_kind_from_id", "kind", "from_id", unique=True, postgresql_where=text("undone_at IS NULL")),
        Index("ix_merges_kind_into_id", "kind", "into_id", postgresql_where=text("undone_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[MergeKind] = mapped_column(text_enum(MergeKind))
    from_id: Mapped[int]
    into_id: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str] = mapped_column(String(60))
    """Who merged them, by kind and id."""
    undo: Mapped[dict[str, Any]]
    """What was moved and what was removed: all that undoing it takes."""
    undone_at: Mapped[datetime | None]

    __acl__ = Acl((Allow, "role:admin", All))
