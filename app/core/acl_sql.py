"""Access asked of a table: the rules of core/acl as a WHERE clause, to the same answer as for each object."""

import re
from collections.abc import Callable, Collection
from itertools import groupby
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import MANYTOONE, Mapper

from app.core.acl import Allow, Held, Inherit, holds, target_of

T = TypeVar("T")
Clause: TypeAlias = bool | sa.ColumnElement[bool]

COMPARABLE = (sa.Uuid, UUID, sa.Uuid), (sa.Integer, int, sa.BigInteger), (sa.String, str, sa.Text)
UNSENDABLE = re.compile("[\0\ud800-\udfff]")


def visible(model: type[T], principals: Collection[str]) -> sa.Select[T]:
    """The rows that a caller may read: what every list starts from."""
    statement: sa.Select[T] = sa.select(model)
    clause = allowed(model, "read", principals)
    return statement if isinstance(clause, sa.True_) else statement.where(clause)


def allowed(model: Any, permission: str, principals: Collection[str]) -> sa.ColumnElement[bool]:
    """The rows of a class, or of an alias of one, on which a caller holds a permission: a WHERE clause.

    True where ``may`` says yes, else false or NULL. Its text depends on the kinds of principals held, not on which or
    how many; who may everything gets ``true()``, who may nothing ``false()``. A principal that no value of its column
    can equal is passed over.
    """
    held: dict[str, set[str]] = {}
    for principal in principals:
        kind, colon, identifier = principal.partition(":")
        if colon and not UNSENDABLE.search(identifier):
            held.setdefault(kind, set()).add(identifier)
    clause = _decide(model, permission, held, False)
    if isinstance(clause, bool):
        return sa.true() if clause else sa.false()
    return clause


def _decide(model: Any, permission: str, held: Held, otherwise: Clause) -> Clause:
    """What the rules answer for each row, or ``otherwise`` where none applies.

    A row of a subclass that has rules of its own is asked by those.
    """
    mapper: Mapper[Any] = sa.inspect(model).mapper
    decision = _fold(model, permission, held, otherwise)
    others = {
        sub: _fold(sub.class_, permission, held, otherwise)
        for sub in mapper.self_and_descendants
        if sub.class_.__acl__ is not model.__acl__ and sub.polymorphic_identity is not None
    }
    if all(answer is decision for answer in others.values()):
        return decision
    kind = _attribute(model, mapper.polymorphic_on)
    (key,) = mapper.primary_key
    decision = _and(kind.not_in([sub.polymorphic_identity for sub in others]), decision)
    for sub, answer in others.items():
        if not isinstance(answer, bool):
            keys = sa.select(_attribute(sub.class_, key)).where(answer)
            answer = _attribute(model, key).in_(keys.correlate(None))
        decision = _or(decision, _and(kind == sub.polymorphic_identity, answer))
    return decision


def _fold(model: Any, permission: str, held: Held, otherwise: Clause) -> Clause:
    """First match wins, read from the last rule to the first; neighbours with one question ask it once."""
    entries = [e for e in model.__acl__.entries if isinstance(e, Inherit) or e.concerns(permission, held)]
    decision = otherwise
    for question, run in groupby(reversed(entries), key=lambda e: e if isinstance(e, Inherit) else e.question):
        if isinstance(question, Inherit):
            decision = _inherited(getattr(model, question.relationship), permission, held, decision)
            continue
        action, path, condition = question
        match = not path or _matches(model, path, {identifier for grant in run for identifier in held[grant.kind]})
        if condition is not None:
            match = _and(holds(condition, model), match)
        decision = _or(match, decision) if action == Allow else _and(_not(match), decision)
    return decision


def _inherited(relationship: Any, permission: str, held: Held, otherwise: Clause) -> Clause:
    """What the parent's rules answer, and ``otherwise`` where none of them applies or there is no parent."""
    if relationship.property.uselist:
        raise TypeError(f"{relationship} leads to many: only a to-one relationship can be inherited from")
    granted = _exists(relationship, _decide(target_of(relationship), permission, held, False))
    refused = _exists(relationship, _not(_decide(target_of(relationship), permission, held, True)))
    return _or(granted, _and(_not(refused), otherwise))


def _matches(model: Any, path: tuple[str, ...], identifiers: Collection[str]) -> Clause:
    """Whether the value at the end of a path is one of these, written exactly as principals write it."""
    attribute = getattr(model, path[0])
    if len(path) > 1:
        return _exists(attribute, _matches(target_of(attribute), path[1:], identifiers))
    for kind, read, sent_as in COMPARABLE:
        if isinstance(attribute.type, kind) and not isinstance(attribute.type, sa.Enum):
            values = [value for text in identifiers if (value := _parsed(read, text)) is not None]
            return bool(values) and attribute == sa.any_(sa.literal(values, sa.ARRAY(sent_as)))
    raise TypeError(f"{attribute} is {attribute.type!r}: principals are compared with UUIDs, integers or text")


def _parsed(read: Callable[[str], Any], text: str) -> Any:
    """The value that is written exactly so and that a column can hold; None if there is none."""
    try:
        value = read(text)
    except ValueError:
        return None
    return value if str(value) == text and not (isinstance(value, int) and value.bit_length() > 63) else None


def _exists(relationship: Any, clause: Clause) -> Clause:
    """Whether there is a related row of which the clause is true; not asked where a foreign key says so."""
    prop = relationship.property
    if clause is True:
        by_one_key = prop.direction is MANYTOONE and isinstance(prop.primaryjoin, sa.BinaryExpression)
        required = by_one_key and all(each.foreign_keys and not each.nullable for each in prop.local_columns)
        clause = required or sa.true()
    if isinstance(clause, bool):
        return clause
    found: sa.ColumnElement[bool] = (relationship.any if prop.uselist else relationship.has)(clause)
    return found


def _attribute(model: Any, column: Any) -> Any:
    """The attribute of a class, or of an alias of one, that maps a column."""
    return getattr(model, sa.inspect(model).mapper.get_property_by_column(column).key)


def _or(a: Clause, b: Clause) -> Clause:
    if isinstance(a, bool):
        return a or b
    return b or a if isinstance(b, bool) else sa.or_(a, b)


def _and(a: Clause, b: Clause) -> Clause:
    if isinstance(a, bool):
        return a and b
    return b and a if isinstance(b, bool) else sa.and_(a, b)


def _not(a: Clause) -> Clause:
    """Not true: false and NULL alike."""
    return not a if isinstance(a, bool) else a.is_not(sa.true())
