"""What FastAPI cannot know by itself: the body that a bulk door parses, and a refusal that a service makes."""

from typing import Any

from pydantic import TypeAdapter


def json_body(shape: Any, description: str, example: Any) -> dict[str, Any]:
    """``openapi_extra`` for a door that reads its JSON body itself: the body is said to be a ``shape``."""
    schema = TypeAdapter(shape).json_schema()
    definitions = schema.pop("$defs", {})
    content = {"schema": _inlined(schema, definitions), "example": example}
    return {"requestBody": {"required": True, "description": description, "content": {"application/json": content}}}


def problem(description: str) -> dict[str, Any]:
    """A refusal, for ``responses``."""
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with every reference replaced by what it refers to."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(part, definitions) for name, part in schema.items()}
