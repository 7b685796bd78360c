"""What pydantic found wrong with the input, in our words: pointers, stable codes, the nearest known name."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema

from app.core.errors import FieldError, Invalid, Problem, UnknownField, pointer, unknown_field

MAX_FAULTS = 100

Schema = Mapping[str, Any]
Path = Sequence[str | int]


def problem_of_validation(route: Any, error: RequestValidationError) -> Problem:
    """`UnknownField` if nothing else is wrong, `Invalid` otherwise; at most 100 faults are listed.

    Where a door's guard reads the body as well, each fault is found twice, and told once.
    """
    found = list({(one["loc"], one["type"]): one for one in error.errors()}.values())
    faults = [_fault(one, error.body, route) for one in found[:MAX_FAULTS]]
    kind = UnknownField if all(fault.code == "unknown_field" for fault in faults) else Invalid
    more = f" {len(found) - MAX_FAULTS} more faults are not listed." if len(found) > MAX_FAULTS else ""
    return kind(f"{kind.title}.{more}", errors=faults)


def _fault(found: Mapping[str, Any], body: Any, route: Any) -> FieldError:
    place, *rest = found["loc"]
    if place != "body":
        return FieldError(pointer(place, *rest), found["type"], found["msg"])
    path = _real_path(rest, body, missing=found["type"] == "missing")
    if found["type"] == "extra_forbidden":
        return unknown_field(_known_names(route, path[:-1]), *path)
    message = found["msg"].removeprefix("Value error, ")
    return FieldError(pointer(*path), found["type"], message)


def _real_path(location: Path, body: Any, *, missing: bool) -> list[str | int]:
    """A pydantic location without the steps that no document has, such as the name of a union's member."""
    path: list[str | int] = []
    for step, part in enumerate(location):
        if isinstance(body, dict) and (part in body or (missing and step == len(location) - 1)):
            body = body.get(part)
        elif isinstance(body, list) and isinstance(part, int) and part < len(body):
            body = body[part]
        else:
            continue
        path.append(part)
    return path


def _known_names(route: Any, path: Path) -> set[str]:
    """The fields that an object at `path` of the body may have, according to the door's own schema."""
    if not isinstance(route, APIRoute) or route.body_field is None:
        return set()
    root = _schema(cast(Hashable, route.body_field.field_info.annotation))
    places = [root]
    for part in path:
        places = [child for place in _options(places, root) for child in _children(place, part)]
    return {name for place in _options(places, root) for name in place.get("properties", ())}


@lru_cache(maxsize=256)
def _schema(annotation: Hashable) -> Schema:
    try:
        return TypeAdapter(cast(Any, annotation)).json_schema()
    except PydanticInvalidForJsonSchema:
        return {}


def _options(places: Sequence[Schema], root: Schema) -> Iterator[Schema]:
    """The schemas themselves, with references followed and unions taken apart."""
    for place in places:
        if "$ref" in place:
            yield from _options([root["$defs"][place["$ref"].rpartition("/")[2]]], root)
        members = [*place.get("anyOf", ()), *place.get("oneOf", ()), *place.get("allOf", ())]
        yield from _options(members, root)
        yield place


def _children(place: Schema, part: str | int) -> Iterator[Schema]:
    if isinstance(part, int):
        child = place.get("items")
    else:
        child = place.get("properties", {}).get(part, place.get("additionalProperties"))
    if isinstance(child, Mapping):
        yield child
