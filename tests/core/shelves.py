"""A small world of temporary tables, on which the rules of ``app.core.acl`` are tried."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, foreign, mapped_column, relationship

from app.core.acl import Acl, Allow, Deny, Inherit

A, B = UUID("aaaaaaaa-0000-4000-8000-000000000001"), UUID("bbbbbbbb-0000-4000-8000-000000000002")


class Base(DeclarativeBase):
    metadata = sa.MetaData()
    __table_args__: Mapping[str, Any] = {"prefixes": ["TEMPORARY"]}


class School(Base):
    """The golden example of the specification."""

    __tablename__ = "golden_schools"

    id: Mapped[int] = mapped_column(primary_key=True)

    __acl__ = Acl(
        (Allow, "role:admin", ("create", "read", "update", "delete", "batch")),
        (Allow, "role:lms", ("batch", "update")),
        (Deny, "role:student", ("update", "delete")),
        (Allow, "school:{id}", ("read", "update")),
    )


class Owned:
    """Columns of every type that a principal may name, each nullable."""

    id: Mapped[int] = mapped_column(primary_key=True)
    school_id: Mapped[UUID | None] = mapped_column(index=True)
    owner: Mapped[int | None] = mapped_column(index=True)
    label: Mapped[str | None] = mapped_column(sa.String(3))
    is_open: Mapped[bool | None]

    @hybrid_property
    def is_labelled(self) -> Any:
        return self.label == "x"

    @hybrid_property
    def keeper(self) -> Any:
        return self.owner


class Shelf(Owned, Base):
    __tablename__ = "shelves"

    __acl__ = Acl()


class Book(Owned, Base):
    __tablename__ = "books_on_shelves"

    shelf_id: Mapped[int | None] = mapped_column(sa.ForeignKey("shelves.id"))
    shelf: Mapped[Shelf | None] = relationship(lazy="raise")
    loans: Mapped[list["Loan"]] = relationship(lazy="raise")

    __acl__ = Acl()


class Loan(Base):
    __tablename__ = "loans"

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(sa.ForeignKey("books_on_shelves.id"))
    reader: Mapped[int | None]
    book: Mapped[Book] = relationship(lazy="raise", viewonly=True)
    open_book: Mapped[Book | None] = relationship(
        lazy="raise", viewonly=True, primaryjoin=lambda: sa.and_(Loan.book_id == Book.id, Book.is_open.is_(True))
    )

    __acl__ = Acl()


class Person(Base):
    __tablename__ = "persons"

    id: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    __mapper_args__: Mapping[str, Any] = {"polymorphic_on": "type", "polymorphic_identity": "person"}

    __acl__ = Acl()


class Member(Person):
    """In between: no row is just this."""

    __tablename__ = "members"

    id: Mapped[int] = mapped_column(sa.ForeignKey("persons.id"), primary_key=True)
    school_id: Mapped[UUID | None]
    __mapper_args__: Mapping[str, Any] = {"polymorphic_abstract": True}


class Pupil(Member):
    __tablename__ = "pupils"

    id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"), primary_key=True)
    owner: Mapped[int | None]
    desk: Mapped["Desk | None"] = relationship(lazy="raise", back_populates="pupil")
    __mapper_args__: Mapping[str, Any] = {"polymorphic_identity": "pupil"}

    __acl__ = Acl(*Person.__acl__, (Allow, "staff:{school_id}", "read"))


class Prefect(Pupil):
    __tablename__ = "prefects"

    id: Mapped[int] = mapped_column(sa.ForeignKey("pupils.id"), primary_key=True)
    __mapper_args__: Mapping[str, Any] = {"polymorphic_identity": "prefect"}


class Desk(Base):
    __tablename__ = "desks"

    id: Mapped[int] = mapped_column(primary_key=True)
    pupil_id: Mapped[int] = mapped_column(sa.ForeignKey("pupils.id"))
    shelf_number: Mapped[int]
    colour: Mapped[str] = mapped_column(sa.Enum("red", "blue", native_enum=False))
    pupil: Mapped[Pupil] = relationship(lazy="raise", back_populates="desk")
    shelf: Mapped[Shelf | None] = relationship(lazy="raise", primaryjoin=lambda: foreign(Desk.shelf_number) == Shelf.id)

    __acl__ = Acl()


class Diary(Base):
    __tablename__ = "diaries"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("persons.id"))
    person: Mapped[Person] = relationship(lazy="raise")

    __acl__ = Acl(Inherit("person"))
