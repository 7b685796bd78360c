"""The operations of the public application, as its routes say, and a plain way to call them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from fastapi import FastAPI

from app.core.db import Database
from app.core.guards import is_guarded
from app.core.requests import Door
from app.core.sealing import Vault
from app.main import create_public_app
from app.messages.addresses import token_of
from app.messages.models import Category
from tests.conftest import settings_for
from tests.core.apps import NOWHERE

PATH_EXAMPLES = {
    "isbn": "9780439023481",
    "collection_item_id": "1",
    "work_id": "1",
    "author_id": "1",
    "illustrator_id": "1",
    "merge_id": "1",
    "booklist_slug": "a-slug",
    "token": token_of(Vault.of(settings_for(NOWHERE)), "nobody@example.com", Category.NEWS),
}
"""What stands in a path where it is not a UUID."""


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    name: str
    guarded: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, **values: object) -> str:
        """The path with its parameters filled in: by what is given, by something well-formed otherwise."""
        path = self.path
        for name in parameters_of(self.path):
            value = values.get(name, PATH_EXAMPLES.get(name, uuid4()))
            path = path.replace("{" + name + "}", str(value))
        return path

    @property
    def described(self) -> dict[str, Any]:
        """The operation's part of the OpenAPI document."""
        operation: dict[str, Any] = document()["paths"][self.path][self.method.lower()]
        return operation

    @property
    def example(self) -> Any:
        """A body that the documentation shows; None where there is none to send."""
        content = self.described.get("requestBody", {}).get("content", {}).get("application/json", {})
        schema = resolved(content.get("schema", {}))
        schema = resolved(schema.get("anyOf", [schema])[0])
        examples = schema.get("examples") or [schema.get("example")]
        return content.get("example", examples[0])


@dataclass(frozen=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def parameters_of(path: str) -> list[str]:
    return [part.split("}")[0] for part in path.split("{")[1:]]


@cache
def described_app() -> FastAPI:
    """The application for its routes and its document alone: its database is not there."""
    settings = settings_for(NOWHERE)
    return create_public_app(settings, database=Database(settings))


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document, as it is served."""
    served: dict[str, Any] = json.loads(json.dumps(described_app().openapi()))
    return served


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, or what it refers to."""
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def operations() -> Iterator[Operation]:
    for route in described_app().routes:
        if isinstance(route, Door):
            for method in sorted(route.methods or ()):
                yield Operation(method, route.path_format, route.unique_id, is_guarded(route.dependant))


OPERATIONS = list(operations())
GUARDED = [operation for operation in OPERATIONS if operation.guarded]
WRITING = [operation for operation in GUARDED if operation.method != "GET"]


async def send(
    app: FastAPI, method: str, target: str, headers: Mapping[str, str] | None = None, body: Any = None
) -> Answer:
    """Call the application as a server would, without a client that tidies what is sent. A body is sent as JSON."""
    path, _, query = target.partition("?")
    content = b"" if body is None else json.dumps(body).encode()
    sent = {"host": "testserver", **{name.lower(): value for name, value in (headers or {}).items()}}
    if body is not None:
        sent |= {"content-type": "application/json", "content-length": str(len(content))}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("testserver", 80),
    }
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def keep(message: Any) -> None:
        answers.append(message)

    await app(scope, receive, keep)
    start, *rest = answers
    names = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], names, b"".join(part.get("body", b"") for part in rest))
