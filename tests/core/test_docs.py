"""The documentation: it works without the internet, under our policy, and says what can go wrong."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Header
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from app.core.errors import REGISTRY
from tests.core.apps import call, doors, make_app

router = doors("school classes")


async def guard(_: Annotated[Any, Depends(HTTPBearer(auto_error=False, scheme_name="HTTPBearer"))]) -> None:
    return None


vars(guard)["permission"] = "manage-classes"


class Class(BaseModel):
    name: str


@router.put("/class/{number}", dependencies=[Depends(guard)])
async def rename(number: int, change: Class, if_match: Annotated[str | None, Header()] = None) -> Class:
    """Give a class another name."""
    return change


@router.get("/classes")
async def find(q: str = "") -> list[Class]:
    return []


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return make_app(router)


@pytest.fixture(scope="module")
async def document(app: FastAPI) -> dict[str, Any]:
    found: dict[str, Any] = (await call(app, "GET", "/openapi.json")).json()
    return found


@pytest.mark.parametrize("path", ["/", "/docs", "/v1/redoc"])
async def test_short_addresses_lead_to_the_documentation(app: FastAPI, path: str) -> None:
    response = await call(app, "GET", path)
    assert (response.status_code, response.headers["location"]) == (307, "/v1/docs")


async def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing_inline(app: FastAPI) -> None:
    page = await call(app, "GET", "/v1/docs")
    assert page.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert not re.findall(r"<script(?![^>]* src=)", page.text)
    assert not re.findall(r"\son\w+=|javascript:|<style", page.text)
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) == 4
    for address in addresses:
        assert address.startswith("/v1/docs/")
        asset = await call(app, "GET", address)
        assert asset.status_code == 200
        assert asset.headers["cache-control"] == "public, max-age=86400"
        assert asset.headers["x-content-type-options"] == "nosniff"


async def test_the_start_script_fetches_our_document_and_calls_no_validator(app: FastAPI) -> None:
    script = (await call(app, "GET", "/v1/docs/docs.js")).text
    assert 'url: "/openapi.json"' in script
    assert "validatorUrl: null" in script


@pytest.mark.parametrize("name", ["__init__.py", "..%2fmain.py", "%2e%2e/main.py", "nothing.js", "..", ""])
async def test_only_the_named_files_are_served(app: FastAPI, name: str) -> None:
    assert (await call(app, "GET", f"/v1/docs/{name}")).status_code == 404


@pytest.mark.parametrize("path", ["/v1/docs", "/openapi.json", "/docs/errors", "/", "/.well-known/security.txt"])
async def test_an_app_without_documentation_shows_none(path: str) -> None:
    assert (await call(make_app(router, docs=False), "GET", path)).status_code == 404


async def test_every_code_has_a_page(app: FastAPI) -> None:
    index = (await call(app, "GET", "/docs/errors")).text
    for code, kind in REGISTRY.items():
        assert f'href="/docs/errors/{code}"' in index
        page = await call(app, "GET", f"/docs/errors/{code}")
        assert page.status_code == 200
        assert str(kind.status) in page.text
    assert (await call(app, "GET", "/docs/errors/<script>")).status_code == 404


@pytest.mark.parametrize("path", ["/.well-known/security.txt", "/v1/.well-known/security.txt"])
async def test_security_txt_is_valid_for_about_a_year(app: FastAPI, path: str) -> None:
    response = await call(app, "GET", path)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in response.text.splitlines())
    assert fields["Contact"].startswith("mailto:")
    assert fields["Canonical"] == "http://testserver/.well-known/security.txt"
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert timedelta(days=300) < left <= timedelta(days=366)


def test_operations_have_short_names_and_a_server(document: dict[str, Any]) -> None:
    assert document["servers"] == [{"url": "http://testserver"}]
    assert document["paths"]["/v1/class/{number}"]["put"]["operationId"] == "school_classes_rename"
    assert document["paths"]["/v1/classes"]["get"]["operationId"] == "school_classes_find"


def test_operations_say_what_they_ask_of_the_caller(document: dict[str, Any]) -> None:
    assert document["paths"]["/v1/class/{number}"]["put"]["x-required-permission"] == "manage-classes"
    assert "x-required-permission" not in document["paths"]["/v1/classes"]["get"]


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/v1/class/{number}", "put", "400 401 403 404 408 409 412 413 414 415 422 429 431 500 503"),
        ("/v1/classes", "get", "414 422 429 431 500 503"),
    ],
)
def test_operations_list_each_refusal(document: dict[str, Any], path: str, method: str, statuses: str) -> None:
    responses = document["paths"][path][method]["responses"]
    assert sorted(responses.keys() - {"200"}) == statuses.split()
    for status in statuses.split():
        assert responses[status] == {"$ref": f"#/components/responses/Problem{status}"}
        described = document["components"]["responses"][f"Problem{status}"]
        assert described["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_no_trace_is_left_of_errors_that_we_do_not_send(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)
    assert {"Problem", "FieldError"} <= document["components"]["schemas"].keys()
