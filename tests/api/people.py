"""People who send requests: somebody in each relation to a target, made in bulk, and as the oracle takes them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import text

from app.accounts.models import (
    Educator,
    Parent,
    PublicReader,
    SchoolAdmin,
    Student,
    Supporter,
    SupporterReader,
    User,
)
from app.schools.models import SchoolState
from tests.api.targets import Row, Target, targets
from tests.world import HOUR, Client, World

Home = Literal["school", "bare_school"]


@dataclass(frozen=True)
class Sender:
    """Who sends a request, and the account as the oracle takes it."""

    client: Client
    account: Row


@dataclass(frozen=True)
class PersonArchetype:
    """A kind of person in one relation to a target: at its school unless ``elsewhere``; of its student, if anything."""

    name: str
    kind: str
    itself: bool = False
    elsewhere: bool = False
    active: bool = True
    linked: bool = True
    school_state: SchoolState = SchoolState.ACTIVE

    def __str__(self) -> str:
        return self.name

    async def targets(self, world: World, number: int) -> list[Target]:
        """Targets whose student is at the school that has the class and the collection."""
        return await targets(world, number, together=True, state=self.school_state)

    async def senders(self, world: World, own: Sequence[Target], homes: Sequence[Home] = ()) -> list[Sender]:
        """One for each target, of its school or of the bare one as `homes` says."""
        at = [getattr(target, home) for target, home in zip(own, homes or ["school"] * len(own), strict=True)]
        if self.elsewhere:
            away = await targets(world, 1, together=True, state=self.school_state)
            own_class, at = away[0].class_group, [away[0].school] * len(own)
            own = [replace(target, class_group=own_class) for target in own]
        people = [self._person(target, school) for target, school in zip(own, at, strict=True)]
        async with world.session() as session:
            if self.itself:
                ids = [target.student if self.kind == "student" else target.supporter for target in own]
            else:
                session.add_all(people)
                await session.flush()
                ids = [person.id for person in people]
                await self._relate(session, ids, own)
        pairs = zip(ids, own, at, strict=True)
        return [
            Sender(
                Client(world.http, id_, world.tokens.issue("user-account", id_, HOUR)), self.values(id_, target, school)
            )
            for id_, target, school in pairs
        ]

    def values(self, account_id: UUID, target: Target, school: UUID) -> Row:
        """The account as the oracle takes it."""
        values: dict[str, Any] = {"kind": self.kind, "id": account_id, "active": self.active}
        if self.kind in ("student", "educator", "school_admin"):
            values |= {"school": school, "school_state": self.school_state.value}
        if self.kind == "student":
            values["class"] = target.class_group if school == target.school or self.elsewhere else None
        if self.kind == "parent":
            values["children"] = [target.student]
        if self.kind == "supporter":
            values["readers"] = [target.student] if self.linked else []
        return values

    def _person(self, target: Target, school: UUID) -> User:
        common: dict[str, Any] = {"name": "Pia Person", "email": f"{uuid4().hex}@example.com"}
        common["is_active"] = self.active
        if self.kind in ("student", "public_reader"):
            common |= {"first_name": "Pia", "last_name_initial": "P"}
        if self.kind == "student":
            group = target.class_group if school == target.school or self.elsewhere else None
            return Student(username=uuid4().hex, school_id=school, class_group_id=group, **common)
        if self.kind in ("educator", "school_admin"):
            model = Educator if self.kind == "educator" else SchoolAdmin
            return model(school_id=school, **common)
        return {"public_reader": PublicReader, "parent": Parent, "supporter": Supporter}[self.kind](**common)

    async def _relate(self, session: Any, ids: Sequence[UUID], own: Sequence[Target]) -> None:
        if self.kind == "supporter":
            session.add_all(
                SupporterReader(
                    supporter_id=id_, reader_id=target.student, supporter_nickname="Opa", is_active=self.linked
                )
                for id_, target in zip(ids, own, strict=True)
            )
        if self.kind == "parent":
            rows = [{"reader": target.student, "parent": id_} for id_, target in zip(ids, own, strict=True)]
            await session.execute(text("UPDATE readers SET parent_id = :parent WHERE id = :reader"), rows)


PEOPLE = [
    PersonArchetype("the student", "student", itself=True),
    PersonArchetype("classmate", "student"),
    PersonArchetype("student of another school", "student", elsewhere=True),
    PersonArchetype("public reader", "public_reader"),
    PersonArchetype("educator", "educator"),
    PersonArchetype("educator of another school", "educator", elsewhere=True),
    PersonArchetype("school admin", "school_admin"),
    PersonArchetype("parent", "parent"),
    PersonArchetype("supporter", "supporter", itself=True),
    PersonArchetype("supporter no more", "supporter", linked=False),
    PersonArchetype("deactivated educator", "educator", active=False),
    PersonArchetype("student of an inactive school", "student", school_state=SchoolState.INACTIVE),
]
ACTIVE_PEOPLE = [each for each in PEOPLE if each.active and each.school_state is SchoolState.ACTIVE]
