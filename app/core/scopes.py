"""What an API key may be used for: each door needs one scope, which follows from its router's tag and its method.

A door under an unknown tag opens to no key, and a test fails until the tag is declared here.
"""

import enum
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from fastapi.routing import APIRoute

from app.core.errors import ScopeMissing

READING_METHODS = frozenset({"GET", "HEAD"})
ANY = "any"
"""What a door needs that every key opens."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Scope(enum.StrEnum):
    """What a key can be given. `write` does not include `read`."""

    BOOKLISTS_READ = "booklists:read"
    BOOKLISTS_WRITE = "booklists:write"
    BOOKS_READ = "books:read"
    BOOKS_WRITE = "books:write"
    CLASSES_READ = "classes:read"
    CLASSES_WRITE = "classes:write"
    COLLECTIONS_READ = "collections:read"
    COLLECTIONS_WRITE = "collections:write"
    EVENTS_READ = "events:read"
    EVENTS_WRITE = "events:write"
    SCHOOLS_READ = "schools:read"
    SCHOOLS_WRITE = "schools:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"


AREAS: Mapping[str, str | None] = {
    "access": None,
    "accounts": None,
    "audit": None,
    "authors": "books",
    "booklists": "booklists",
    "classes": "classes",
    "collections": "collections",
    "editions": "books",
    "events": "events",
    "feedback": None,
    "hydration": None,
    "illustrators": "books",
    "labels": "books",
    "merges": "books",
    "messages": None,
    "recommendations": "books",
    "schools": "schools",
    "search": "books",
    "sign-in": None,
    "tasks": None,
    "users": None,
    "webhooks": "webhooks",
    "works": "books",
}
"""The area of a router's tag. None: people, credentials and their record, and what is asked of other hosts, whose doors
open to no key."""


def only_reads(endpoint: Endpoint) -> Endpoint:
    """Mark a door, under the route decorator, that needs `read` although it is not called by GET."""
    vars(endpoint)["reads"] = True
    return endpoint


def opens_to_any_key(endpoint: Endpoint) -> Endpoint:
    """Mark a door, under the route decorator, that every key opens."""
    vars(endpoint)["any_key"] = True
    return endpoint


def needed(route: APIRoute, method: str) -> str | None:
    """The scope that a key needs for a door, `ANY`, or None where no key will do."""
    marks = vars(route.endpoint)
    if marks.get("any_key"):
        return ANY
    area = AREAS.get(str(route.tags[0])) if route.tags else None
    if area is None:
        return None
    deed = "read" if method in READING_METHODS or marks.get("reads") else "write"
    return Scope(f"{area}:{deed}").value


def check(route: APIRoute, method: str, scopes: Collection[str]) -> None:
    """Refuse a key of these scopes at a door that needs another. A narrow token has the tag of its doors for one."""
    if route.tags and route.tags[0] in scopes:
        return
    scope = needed(route, method)
    if scope is None:
        raise ScopeMissing("No API key opens this door: use a token, of a sign-in.", scope=None)
    if scope != ANY and scope not in scopes:
        raise ScopeMissing(f"The API key lacks the scope `{scope}`.", scope=scope)
