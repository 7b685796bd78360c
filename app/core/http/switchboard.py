"""Finding the route of a request without trying all of them one after the other."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from fastapi import APIRouter
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

Key: TypeAlias = tuple[int, str, str]


class Switchboard(APIRouter):
    """All routes of an app, in groups of those that one path could mean: same length, same first segments.

    Matching a hundred patterns, twice per included router, costs up to three times what FastAPI takes for the
    rest of a request. What no group knows is left to the ordinary search.
    """

    def __init__(self, routes: Sequence[BaseRoute], **options: Any) -> None:
        super().__init__(routes=list(routes), redirect_slashes=False, **options)
        keys = [_key_of_route(route) for route in routes]
        self._groups = {
            key: APIRouter(
                routes=[route for route, own in zip(routes, keys, strict=True) if own in (key, None)],
                redirect_slashes=False,
            )
            for key in keys
            if key is not None
        }

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope.get("root_path"):
            group = self._groups.get(_key(scope["path"]))
            if group is not None:
                await group.app(scope, receive, send)
                return
        await super().app(scope, receive, send)


class Page(Route):
    """A route outside the schema, such as a probe or a page for people; the log knows it by its path."""

    def __init__(self, path: str, endpoint: Callable[..., Any]) -> None:
        super().__init__(path, endpoint, include_in_schema=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        return match, {**child_scope, "route": self}


def _key(path: str) -> Key:
    segments = path.split("/")
    return (len(segments), segments[1], segments[2]) if len(segments) > 2 else (len(segments), path, "")


def _key_of_route(route: BaseRoute) -> Key | None:
    """The group of a route; None where it may match in any: a mount, or a parameter early in the path."""
    path: str | None = getattr(route, "path", None)
    if path is None or not hasattr(route, "path_format") or ":path}" in path:
        return None
    key = _key(path)
    return None if "{" in key[1] or "{" in key[2] else key
