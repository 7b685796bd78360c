"""What is derived from the catalogue, the labels and the shelves so that looking for books is a walk of an index.

Triggers keep all of it, once per statement and in the same transaction (alembic/versions/20261128_search.py):
nothing else writes here. `rebuild_projections()` derives everything anew. The plain definitions, to which a test
holds the tables after random writes, stand at each.
"""

from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base

MASKS = ("work_id", "hues", "main_hues", "abilities", "min_age", "max_age", "good")


class WorkSearch(Base):
    """A work's words: of its title (weight A), its series (B), its subtitle and the titles of its editions (C) and
    its authors' names (D), each with the best weight it has. They are the words of `core.text.fold`, at most 50
    characters of each.
    """

    __tablename__ = "work_search"
    __table_args__ = (
        Index("ix_work_search_document", "document", postgresql_using="gin"),
        Index("ix_work_search_document_hot", "document", postgresql_using="gin", postgresql_where=sql("hot")),
    )

    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), primary_key=True)
    document: Mapped[str] = mapped_column(TSVECTOR)
    hot: Mapped[bool] = mapped_column(server_default=sql("false"))
    """Whether so many libraries hold it (`is_hot`) that it is looked at first where very many works match."""


class WorkHolders(Base):
    """How many collections hold an edition of a work: with what `HolderChange` still has of it, exactly.

    ``tier`` is what works are listed by: the number up to seven, beyond that its order of magnitude in steps of two
    fifths. It changes so seldom that a sync, which counts every book, hardly touches the index.
    """

    __tablename__ = "work_holders"
    __table_args__ = (Index("ix_work_holders_tier_work_id", "tier", "work_id"),)

    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), primary_key=True)
    holders: Mapped[int] = mapped_column(server_default="0")
    tier: Mapped[int] = mapped_column(SmallInteger, Computed("holder_tier(holders)", persisted=True))


class HolderChange(Base):
    """Holders gained or lost that are not counted yet, because somebody else was counting: counting never makes one
    sync wait for another. The next change of any collection counts them."""

    __tablename__ = "holder_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    works: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    delta: Mapped[int] = mapped_column(SmallInteger)


class WorkLabels(Base):
    """A labelled work: its hues and reading abilities as bits at their ids, the hue that is its primary one, ages,
    whether it is marked good, and whether an edition has a cover. `place` is a shuffled order (`shuffled(work_id)`).
    """

    __tablename__ = "work_labels"
    __table_args__ = (Index("ix_work_labels_place", "place", unique=True, postgresql_include=[*MASKS, "has_cover"]),)

    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int]
    hues: Mapped[int]
    main_hues: Mapped[int]
    abilities: Mapped[int]
    min_age: Mapped[int | None]
    max_age: Mapped[int | None]
    good: Mapped[bool]
    has_cover: Mapped[bool]


class CollectionWork(Base):
    """A work of which a collection holds an edition that is not withdrawn, with the work's labels. `hues` is 0 where
    no held edition has a cover: nothing of it can be recommended there.

    The key is the whole row, so that a recommendation reads nothing else. It has no foreign keys: the holdings it is
    derived from have them.
    """

    __tablename__ = "collection_works"
    __table_args__ = (PrimaryKeyConstraint("collection_id", "place", postgresql_include=MASKS),)

    collection_id: Mapped[UUID]
    place: Mapped[int]
    work_id: Mapped[int]
    hues: Mapped[int]
    main_hues: Mapped[int]
    abilities: Mapped[int]
    min_age: Mapped[int | None]
    max_age: Mapped[int | None]
    good: Mapped[bool]


class Word(Base):
    """A word of some document. Words that no document has any more stay: a correction to one finds nothing."""

    __tablename__ = "vocabulary"

    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)


class WordDeletes(Base):
    """What is left of a word's first seven letters without one letter or two (`deletes_of`): two words that differ by
    so many edits share such a fragment."""

    __tablename__ = "vocabulary_deletes"

    fragment: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
