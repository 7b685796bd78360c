"""The OpenAPI document: FastAPI's, with our errors, the permissions asked, and names that do not collide."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app.core import scopes
from app.core.errors import REGISTRY
from app.core.guards import get_caller, is_guarded
from app.core.http.problems import MEDIA_TYPE

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")
PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "errors", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "A page about this kind of problem."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong with this request, for people."},
        "code": {"type": "string", "description": "Stable, for programs. New ones may be added."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
        "request_id": {
            "type": "string",
            "description": "Also in the header `X-Request-ID`, and in our logs.",
        },
    },
}
SECONDS: dict[str, Any] = {
    "description": "Seconds after which to try again.",
    "required": True,
    "schema": {"type": "integer", "minimum": 0},
}
CHALLENGE: dict[str, Any] = {
    "description": "How to authenticate (RFC 6750).",
    "required": True,
    "schema": {"type": "string"},
}
HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": CHALLENGE},
    429: {"Retry-After": SECONDS},
    503: {"Retry-After": SECONDS},
}
"""The headers that come with every answer of a status."""
API_KEY = "ApiKey"
SCHEMES: dict[str, Any] = {
    API_KEY: {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "A service account's API key, `<environment>_<8 characters>_<32 characters>`. It may be sent as "
        "`Authorization: Bearer <key>` instead; a request with two credentials is refused. `x-required-scope` "
        "names the scope that an operation needs.",
    }
}
LINK: dict[str, Any] = {
    "description": 'The next page, while there may be one: `<…>; rel="next"`.',
    "schema": {"type": "string"},
}
FIELD_ERROR: dict[str, Any] = {
    "title": "FieldError",
    "type": "object",
    "required": ["pointer", "code", "detail"],
    "properties": {
        "pointer": {
            "type": "string",
            "description": "A JSON pointer (RFC 6901) into the body, or `/query/…`, `/path/…`, `/header/…`.",
        },
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document of an app; built once, at the first request for it."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        servers=[{"url": app.state.settings.public_url}],
        webhooks=app.webhooks.routes,
    )
    statuses: set[int] = set()
    for route in doors(app):
        operations = document["paths"].get(route.path_format, {})
        for method in set(route.methods or ()) & {name.upper() for name in operations}:
            statuses |= _complete(operations[method.lower()], route, method)
    components = document.setdefault("components", {})
    components["responses"] = {f"Problem{status}": _response(status) for status in sorted(statuses)}
    if "securitySchemes" in components:
        components["securitySchemes"] |= SCHEMES
    schemas = components.setdefault("schemas", {})
    for name in FASTAPI_ERRORS:
        schemas.pop(name, None)
    schemas |= {"Problem": PROBLEM, "FieldError": FIELD_ERROR}
    return document


def doors(app: FastAPI) -> Iterator[APIRoute]:
    return (route for route in app.routes if isinstance(route, APIRoute) and route.include_in_schema)


def check_names(app: FastAPI) -> None:
    """Refuse to start with two operations of one operationId: generated clients would lose one of them."""
    counts = Counter(route.unique_id for route in app.routes if isinstance(route, APIRoute))
    if twice := sorted(name for name, count in counts.items() if count > 1):
        raise ValueError(f"operations share a name: {', '.join(twice)}")


def permissions(dependant: Dependant) -> Iterator[str]:
    """The permissions that the guards of a door ask for, in the order of its signature."""
    permission = getattr(dependant.call, "permission", None)
    if isinstance(permission, str):
        yield permission
    for inner in dependant.dependencies:
        yield from permissions(inner)


def _complete(operation: dict[str, Any], route: APIRoute, method: str) -> set[int]:
    """Add to an operation what is asked of its caller and how it may refuse; those statuses."""
    asked = list(dict.fromkeys(permissions(route.dependant)))
    if asked:
        operation["x-required-permission"] = ", ".join(asked)
    if is_guarded(route.dependant):
        operation.setdefault("security", [{get_caller.scheme_name: []}])
    scope = scopes.needed(route, method)
    if "security" in operation and scope is not None:
        operation["security"] = [*operation["security"], {API_KEY: []}]
        if scope != scopes.ANY:
            operation["x-required-scope"] = scope
    has_body = "requestBody" in operation
    parameters = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    applies = {
        400: has_body or "cursor" in parameters,
        401: "security" in operation or "401" in operation["responses"] or 401 in route.responses,
        403: any("HTTPBearer" in scheme for scheme in operation.get("security", ())),
        404: "{" in route.path_format or 404 in route.responses,
        408: has_body,
        409: method in UNSAFE,
        412: "if-match" in parameters,
        413: has_body,
        414: True,
        415: has_body,
        422: True,
        429: True,
        431: True,
        500: True,
        503: True,
    }
    statuses = {status for status, may_happen in applies.items() if may_happen}
    responses = operation["responses"]
    if "cursor" in parameters:
        responses["200"].setdefault("headers", {})["Link"] = LINK
    for status in statuses:
        given = responses.get(str(status))
        if given is None or MEDIA_TYPE not in given.get("content", {}):
            responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    return statuses


def _response(status: int) -> dict[str, Any]:
    kinds = [kind for kind in REGISTRY.values() if kind.status == status]
    return {
        "description": " Or: ".join(f"{kind.title} (`{kind.code}`)." for kind in kinds),
        "headers": HEADERS.get(status, {}),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
