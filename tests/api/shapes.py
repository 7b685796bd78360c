"""A JSON schema seen as its fields: `/data/*/name`, each required or not, nullable or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.api.operations import document, resolved

Schema = dict[str, Any]


@dataclass(frozen=True)
class Field:
    required: bool
    nullable: bool

    @classmethod
    def parse(cls, words: str) -> "Field":
        """From the words of contract.json."""
        return cls(words.startswith("required"), words.endswith("null"))


def options(schema: Schema) -> Iterator[Schema]:
    """What a value may be: references followed, unions taken apart."""
    schema = resolved(schema)
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    for each in inner:
        yield from options(each)
    if not inner:
        yield schema


def is_nullable(schema: Schema) -> bool:
    return any("null" in (one.get("type", "null"), *_listed(one.get("type"))) for one in options(schema))


def _listed(given: Any) -> list[str]:
    return given if isinstance(given, list) else []


def fields(schema: Schema, path: str = "", above: tuple[str, ...] = ()) -> dict[str, Field]:
    """Every field, however deep. Of a union all: one is required if each object of the union requires it."""
    found: dict[str, Field] = {}
    for one in options(schema):
        if str(one) in above:
            continue
        for name, inner in _children(one):
            place = f"{path}/{name}"
            mine = Field(name in one.get("required", ()), is_nullable(inner))
            known = found.get(place, mine)
            if name != "*":
                found[place] = Field(mine.required and known.required, mine.nullable or known.nullable)
            found |= fields(inner, place, (*above, str(one)))
    return found


def _children(schema: Schema) -> Iterator[tuple[str, Schema]]:
    yield from schema.get("properties", {}).items()
    if "items" in schema:
        yield "*", schema["items"]


def untyped(schema: Schema, path: str = "", above: tuple[str, ...] = ()) -> Iterator[str]:
    """Places that say nothing of what stands there."""
    for one in options(schema):
        if not one.keys() & {"type", "const", "enum"}:
            yield path or "/"
        if str(one) not in above:
            for name, inner in _children(one):
                yield from untyped(inner, f"{path}/{name}", (*above, str(one)))


def answer_schema(operation: Schema, status: str = "200") -> Schema:
    (content,) = operation["responses"][status]["content"].values()
    schema: Schema = content["schema"]
    return schema


def body_schema(operation: Schema) -> Schema:
    schema: Schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return schema


def problem_statuses(operation: Schema) -> dict[int, str]:
    """The refusals that an operation lists, and their media types."""
    found = {}
    for status, response in operation["responses"].items():
        if "$ref" in response:
            response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
        if int(status) >= 400:
            (found[int(status)],) = response["content"]
    return found
