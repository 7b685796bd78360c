"""Access: declared once, beside the columns it names, and asked two ways.

    class BookList(Base):
        __acl__ = Acl(
            (Deny, "role:student", "delete"),
            (Allow, "role:admin", All),
            (Allow, "user:{user_id}", ("read", "update")),
            (Allow, "educator:{owner.school_id}", "read"),
            (Allow, Everyone, "read", "is_public"),
        )

A rule is an action, a principal, the permissions, and at will a condition. The first rule that names the permission
and a principal that the caller holds decides; where none does, the answer is no. Braces name a column or hybrid of the
class, or one at the end of relationships; NULL matches nobody. A condition names a boolean column or hybrid, or is a
function that takes the object as well as the class; NULL is no. ``Inherit("parent")`` stands for all rules of the
object that a to-one relationship leads to.

One object is asked with ``may``: on an instance ``__acl__`` is the plain list that ``fastapi_permissions`` decides.
A table is asked with ``allowed`` and ``visible`` of core/acl_sql: the same rules as SQL.
"""

import re
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeAlias, overload

from fastapi_permissions import All as All
from fastapi_permissions import Allow as Allow
from fastapi_permissions import Authenticated as Authenticated
from fastapi_permissions import Deny as Deny
from fastapi_permissions import Everyone as Everyone
from fastapi_permissions import has_permission
from sqlalchemy.exc import InvalidRequestError

Permissions: TypeAlias = str | Container[str]
Condition: TypeAlias = str | Callable[[Any], Any]
Rule: TypeAlias = tuple[str, str, Permissions] | tuple[str, str, Permissions, Condition]
Ace: TypeAlias = tuple[str, str, Permissions]
Held: TypeAlias = Mapping[str, Collection[str]]

ORDINARY = frozenset({"create", "read", "update", "delete"})
"""The permissions that `All` covers of every resource, whether or not a rule names them."""
PRINCIPAL = re.compile(r"(?P<kind>[^:{}]+):(?:\{(?P<path>\w+(?:\.\w+)*)\}|(?P<id>[^{}]+))")


@dataclass(frozen=True, slots=True)
class Inherit:
    """In this place, all rules of the object that the to-one relationship of this name leads to."""

    relationship: str


@dataclass(frozen=True, slots=True)
class _Grant:
    """A rule, taken apart: its principal is ``kind:id``, or without an ``id`` what the question's path leads to."""

    ace: Ace
    kind: str
    id: str | None
    question: tuple[str, tuple[str, ...], Condition | None]
    """Action, path and condition: what is asked of a row, whatever the kind of principal."""

    @classmethod
    def read(cls, rule: Rule) -> Self:
        action, principal, permissions, condition = rule if len(rule) == 4 else (*rule, None)
        pattern = PRINCIPAL.fullmatch(principal)
        if action not in (Allow, Deny) or pattern is None:
            raise ValueError(f"{rule!r} is no rule: (Allow | Deny, 'kind:id' or 'kind:{{column}}', permissions)")
        path = tuple(pattern["path"].split(".")) if pattern["path"] else ()
        return cls((action, principal, permissions), pattern["kind"], pattern["id"], (action, path, condition))

    def concerns(self, permission: str, held: Held) -> bool:
        """Whether the rule names the permission, and the caller holds its principal or some of its kind."""
        ids = held.get(self.kind, ())
        return _names(self.ace[2], permission) and (bool(ids) if self.id is None else self.id in ids)


class Acl:
    """The rules of a class, in order. On the class, and iterated, the rules; on an instance, its list."""

    def __init__(self, *rules: Rule | Inherit) -> None:
        self.rules = rules
        self.entries = tuple(rule if isinstance(rule, Inherit) else _Grant.read(rule) for rule in rules)

    def __iter__(self) -> Iterator[Rule | Inherit]:
        return iter(self.rules)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> list[Ace]: ...
    def __get__(self, instance: object | None, owner: type) -> Self | list[Ace]:
        if instance is None:
            return self
        try:
            return self._list(instance)
        except AttributeError as error:  # would be taken for an object without any rules
            raise TypeError(f"the ACL of {owner.__name__} names what it does not have: {error}") from error

    def _list(self, instance: object) -> list[Ace]:
        return [ace for _, aces in self.applied_to(instance) for ace in aces]

    def applied_to(self, instance: object) -> Iterator[tuple[Ace, Sequence[Ace]]]:
        """Each rule as declared, an inherited one in its place, and what it comes to for an object.

        That is nothing where the condition does not hold or the named value is NULL.
        """
        for entry in self.entries:
            if isinstance(entry, Inherit):
                parent: Any = _loaded(instance, entry.relationship)
                if parent is not None:
                    yield from type(parent).__acl__.applied_to(parent)
                continue
            action, path, condition = entry.question
            if condition is not None and not holds(condition, instance):
                yield entry.ace, ()
            elif path:
                yield entry.ace, [(action, f"{entry.kind}:{value}", entry.ace[2]) for value in _values(instance, path)]
            else:
                yield entry.ace, (entry.ace,)


class Explanation(NamedTuple):
    """The answer; the rule that gave it, as declared and for this object; the rules asked before it, as declared."""

    allowed: bool
    rule: Ace | None
    decided_by: Ace | None
    passed_over: tuple[Ace, ...]


def may(resource: object, permission: str, principals: Collection[str]) -> bool:
    """Whether a caller holds a permission on an object (or on a plain list of entries)."""
    return bool(has_permission(principals, permission, resource))


def permissions_of(resource: Any, principals: Collection[str], *, model: type[Any] | None = None) -> frozenset[str]:
    """All permissions that a caller holds on an object, of the ordinary ones and those that its rules name: the rules
    of ``model``, where the object is a row that stands for one of that class."""
    acl = resource.__acl__
    asked = ORDINARY | named_permissions(model or type(resource))
    return frozenset(name for name in asked if may(acl, name, principals))


def named_permissions(model: type[Any]) -> frozenset[str]:
    """All permissions that the rules of a class name."""
    names: set[str] = set()
    for entry in model.__acl__.entries:
        if isinstance(entry, Inherit):
            names |= named_permissions(target_of(getattr(model, entry.relationship)))
        elif entry.ace[2] is not All:
            names |= {entry.ace[2]} if isinstance(entry.ace[2], str) else set(entry.ace[2])
    return frozenset(names)


def explain(resource: Any, permission: str, principals: Collection[str]) -> Explanation:
    """Why a caller may, or may not."""
    passed_over: list[Ace] = []
    for rule, aces in type(resource).__acl__.applied_to(resource):
        if not _names(rule[2], permission):
            continue
        for ace in aces:
            if ace[1] in principals:
                return Explanation(ace[0] == Allow, rule, ace, tuple(passed_over))
        passed_over.append(rule)
    return Explanation(False, None, None, tuple(passed_over))


def _values(instance: object, path: tuple[str, ...]) -> Collection[Any]:
    """The values, none of them None, at the end of a path of loaded relationships."""
    if len(path) == 1:
        value = getattr(instance, path[0])
        return () if value is None else (value,)
    related = _loaded(instance, path[0])
    owners = related if isinstance(related, Collection) else () if related is None else (related,)
    return [value for owner in owners for value in _values(owner, path[1:])]


def _loaded(instance: object, relationship: str) -> Any:
    """What a relationship leads to. It has to be loaded or set: access is never decided by a hidden query."""
    try:
        return vars(instance)[relationship]
    except KeyError:
        name = f"{type(instance).__name__}.{relationship}"
        raise InvalidRequestError(f"{name} is not loaded, and access to this object depends on it") from None


def target_of(relationship: Any) -> type[Any]:
    """The class that a relationship leads to."""
    target: type[Any] = relationship.property.mapper.class_
    return target


def holds(condition: Condition, subject: Any) -> Any:
    """Whether a condition holds: of an object its truth, of a class the SQL of it."""
    return condition(subject) if callable(condition) else getattr(subject, condition)


def _names(permissions: Permissions, permission: str) -> bool:
    return permission == permissions if isinstance(permissions, str) else permission in permissions
