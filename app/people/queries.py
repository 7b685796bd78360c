"""Selects of people. Collections and sign-in sessions stand on higher floors, so they are joined by name."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    ScalarSelect,
    Select,
    String,
    Update,
    Uuid,
    and_,
    case,
    cast,
    column,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    table,
    true,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.sql.selectable import FromClause

from app.accounts.models import (
    Educator,
    Parent,
    PublicReader,
    Reader,
    Student,
    Supporter,
    SupporterReader,
    User,
    UserAccountType,
    WrivetedAdmin,
)
from app.classes.models import ClassGroup
from app.core.acl_sql import allowed
from app.people.bodies import UserFilter
from app.people.kinds import table_of
from app.people.reading import lists_of
from app.schools.models import School

COLLECTIONS = table(
    "collections",
    column("id", Uuid),
    column("name", String),
    column("item_count", Integer),
    column("user_id", Uuid),
    column("updated_at", DateTime(timezone=True)),
)
SESSIONS = table("sign_in_sessions", column("user_id", Uuid), column("ended_at", DateTime(timezone=True)))

users, readers, students, educators = map(table_of, (User, Reader, Student, Educator))
schools = School.__table__
links = SupporterReader.__table__
child, child_name, parent_name, cheered, cheered_name = (
    readers.alias("child"),
    users.alias("child_name"),
    users.alias("parent_name"),
    readers.alias("cheered"),
    users.alias("cheered_name"),
)
INACTIVE = not_(users.c.is_active)
ORDER = INACTIVE, users.c.name, users.c.id
"""Active people first, by name: what `ix_users_active_first` is for."""
ASKED: tuple[type[User], ...] = (WrivetedAdmin, Student, PublicReader, Educator, Parent, Supporter)
"""Kinds with rules of their own; a school admin is asked as an educator."""

SortKey = tuple[bool, str, str]


def people() -> Select[*tuple[Any, ...]]:
    """Rows of `Person`, of everybody."""
    return select(
        users.c.id,
        users.c.type,
        users.c.name,
        users.c.email,
        users.c.is_active,
        users.c.last_login_at,
        users.c.info,
        users.c.newsletter,
        users.c.created_at,
        users.c.updated_at,
        readers.c.first_name,
        readers.c.last_name_initial,
        readers.c.huey_attributes,
        readers.c.parent_id,
        students.c.username,
        students.c.class_group_id,
        schools.c.wriveted_identifier.label("school_id"),
        _object(schools, "wriveted_identifier", "name", "official_identifier", "country_code").label("school"),
        _object(parent_name, "id", "type", "name").label("parent"),
        case((users.c.type == UserAccountType.PARENT, _children())).label("children"),
        case((users.c.type == UserAccountType.SUPPORTER, _cheered())).label("readers"),
        _collection().label("collection"),
    ).select_from(
        users.outerjoin(readers, readers.c.id == users.c.id)
        .outerjoin(students, students.c.id == users.c.id)
        .outerjoin(educators, educators.c.id == users.c.id)
        .outerjoin(schools, schools.c.wriveted_identifier == func.coalesce(students.c.school_id, educators.c.school_id))
        .outerjoin(parent_name, parent_name.c.id == readers.c.parent_id)
    )


def person_with(person_id: UUID) -> Select[*tuple[Any, ...]]:
    return people().add_columns(lists_of(person_id).label("lists")).where(users.c.id == person_id)


def lock_of(person_id: UUID) -> Select[UUID]:
    """To be run before somebody who is to be changed is read, so that the last change is seen in every table."""
    return select(users.c.id).where(users.c.id == person_id).with_for_update(key_share=True)


def people_matching(
    wanted: UserFilter, principals: Collection[str], *, after: Sequence[Any] | None, skip: int, limit: int
) -> Select[*tuple[Any, ...]]:
    """One page of the people whom a caller may read, from the one after `after` (a `SortKey`)."""
    found = _found(wanted, principals)
    order = found.c.inactive, found.c.name, found.c.id
    page = select(found.c.id).order_by(*order).offset(skip).limit(limit)
    if after is not None:
        inactive, name, identifier = after
        page = page.where(tuple_(*order) > tuple_(cast(inactive, Boolean), name, UUID(identifier)))
    return people().where(users.c.id.in_(page)).order_by(*ORDER)


def number_matching(wanted: UserFilter, principals: Collection[str]) -> Select[int]:
    return select(func.count()).select_from(_found(wanted, principals))


def granted(permission: str, principals: Collection[str]) -> ColumnElement[bool]:
    """On whom a caller holds a permission. Each kind is asked in its own table, so that the people of a school are
    found from the school, and not among everybody."""
    found = []
    for kind in ASKED:
        clause = allowed(kind, permission, principals)
        if clause.compare(true()):
            return true()
        if not clause.compare(false()):
            found.append(select(table_of(kind).c.id).where(clause))
    return users.c.id.in_(union_all(*found)) if found else false()


def usernames_taken(schools: Collection[UUID], usernames: Collection[str]) -> Select[UUID, str]:
    """Which of these user names, in lower case, pupils of these schools have; with the school."""
    lower = func.lower(students.c.username)
    return select(students.c.school_id, lower).where(students.c.school_id.in_(schools), lower.in_(usernames))


def schools_known(identifiers: Collection[UUID | int]) -> Select[int, UUID]:
    """The schools of these UUIDs or small numbers: both of each."""
    numbers = [each for each in identifiers if isinstance(each, int)]
    uuids = [each for each in identifiers if isinstance(each, UUID)]
    return select(schools.c.id, schools.c.wriveted_identifier).where(
        or_(schools.c.id.in_(numbers), schools.c.wriveted_identifier.in_(uuids))
    )


def relations_known(classes: Collection[UUID], parents: Collection[UUID]) -> Select[UUID, UUID | None]:
    """Of these classes those that exist, each with its school, and of these parents those that do, with NULL."""
    groups = ClassGroup.__table__.c
    found = union_all(
        select(groups.id, groups.school_id).where(groups.id.in_(classes)),
        select(table_of(Parent).c.id, literal_column("NULL::uuid")).where(table_of(Parent).c.id.in_(parents)),
    ).subquery()
    return select(found)


def supporters_of(reader_id: UUID) -> Select[*tuple[Any, ...]]:
    """The links of a reader, as rows of `SupporterLink`, by the nickname."""
    return (
        select(
            _object(users, "id", "type", "name").label("supporter"),
            links.c.supporter_nickname,
            links.c.allow_email,
            links.c.allow_phone,
            links.c.is_active,
        )
        .join_from(links, users, users.c.id == links.c.supporter_id)
        .where(links.c.reader_id == reader_id)
        .order_by(links.c.supporter_nickname, links.c.supporter_id)
    )


def end_sessions_of(person_id: UUID) -> Update:
    return (
        update(SESSIONS)
        .where(SESSIONS.c.user_id == person_id, SESSIONS.c.ended_at.is_(None))
        .values(ended_at=func.now())
    )


def _found(wanted: UserFilter, principals: Collection[str]) -> FromClause:
    """Whom a list is about. Where they are a few out of many, they are found first and put in order afterwards: the
    planner would look for them by walking through everybody in order."""
    among = [granted("read", principals), *_of_school(wanted)]
    source = users if wanted.q is None else users.outerjoin(students, students.c.id == users.c.id)
    found = (
        select(users.c.id, INACTIVE.label("inactive"), users.c.name)
        .select_from(source)
        .where(*among, *_conditions(wanted, principals))
    )
    if all(clause.compare(true()) for clause in among):
        return found.subquery("found")
    return found.cte("found").prefix_with("MATERIALIZED")


def _of_school(wanted: UserFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.school_id is not None:
        pupils = select(students.c.id).where(students.c.school_id == wanted.school_id)
        staff = select(educators.c.id).where(educators.c.school_id == wanted.school_id)
        yield users.c.id.in_(union_all(pupils, staff))
    if wanted.class_group_id is not None:
        yield users.c.id.in_(select(students.c.id).where(students.c.class_group_id == wanted.class_group_id))


def _conditions(wanted: UserFilter, principals: Collection[str]) -> Iterator[ColumnElement[bool]]:
    if wanted.active_subscription_type is not None:
        yield false()
    if wanted.type is not None:
        yield users.c.type == wanted.type
    if wanted.is_active is not None:
        yield users.c.is_active if wanted.is_active else INACTIVE
    if wanted.q is not None:
        by_email = and_(users.c.email.icontains(wanted.q, autoescape=True), granted("read-contact", principals))
        names = (each.icontains(wanted.q, autoescape=True) for each in (users.c.name, students.c.username))
        yield or_(*names, by_email)


def _object(source: FromClause, *names: str) -> ColumnElement[Any]:
    """The joined row as an object of some of its columns, or NULL where nothing was joined."""
    key = next(iter(source.primary_key))
    return case((key.is_not(None), _built(**{name: source.c[name] for name in names})))


def _built(**members: ColumnElement[Any]) -> ColumnElement[Any]:
    pairs = [part for name, value in members.items() for part in (literal_column(f"'{name}'"), value)]
    return func.jsonb_build_object(*pairs, type_=JSONB)


def _listed(item: ColumnElement[Any], *order: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.jsonb_agg(aggregate_order_by(item, *order)), literal_column("'[]'::jsonb"), type_=JSONB)


def _children() -> ScalarSelect[Any]:
    one = _built(
        id=child.c.id,
        type=child_name.c.type,
        name=child_name.c.name,
        first_name=child.c.first_name,
        last_name_initial=child.c.last_name_initial,
    )
    return (
        select(_listed(one, child_name.c.name, child.c.id))
        .join_from(child, child_name, child_name.c.id == child.c.id)
        .where(child.c.parent_id == users.c.id)
        .correlate(users)
        .scalar_subquery()
    )


def _cheered() -> ScalarSelect[Any]:
    one = _built(
        id=cheered.c.id,
        type=cheered_name.c.type,
        first_name=cheered.c.first_name,
        supporter_nickname=links.c.supporter_nickname,
    )
    return (
        select(_listed(one, cheered.c.first_name, cheered.c.id))
        .join_from(links, cheered, cheered.c.id == links.c.reader_id)
        .join(cheered_name, cheered_name.c.id == cheered.c.id)
        .where(links.c.supporter_id == users.c.id, links.c.is_active)
        .correlate(users)
        .scalar_subquery()
    )


def _collection() -> ScalarSelect[Any]:
    mine = COLLECTIONS.c
    one = _built(
        id=mine.id, name=mine.name, book_count=mine.item_count, user_id=mine.user_id, updated_at=mine.updated_at
    )
    return select(one).where(mine.user_id == users.c.id).correlate(users).scalar_subquery()
