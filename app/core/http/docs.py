"""The pages for people: the documentation, which works without the internet, error codes, security.txt."""

import importlib.util
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response

from app.core.errors import REGISTRY, NotFound, Problem
from app.core.http.switchboard import Page

CONTACT = "mailto:security@hueybooks.com"
DOCS = "/v1/docs"
ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
OURS = Path(__file__).parent / "assets"

# Swagger UI styles elements inline and has its icons in data: URLs; its scripts are files, and only ours.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self' {public_url}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{head}</head>
<body>
{body}
</body>
</html>
"""
SWAGGER_HEAD = f"""<link rel="icon" href="{DOCS}/favicon-32x32.png">
<link rel="stylesheet" href="{DOCS}/swagger-ui.css">
<script src="{DOCS}/swagger-ui-bundle.js" defer></script>
<script src="{DOCS}/docs.js" defer></script>
"""


def pages(app: FastAPI) -> Iterator[Page]:
    """Every page, as routes that stay out of the schema."""
    public_url = app.state.settings.public_url
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)
    security = _security_txt(public_url, expires)
    shown = PAGE.format(title=escape(app.title), head=SWAGGER_HEAD, body='<div id="swagger-ui"></div>')
    policy = {"Content-Security-Policy": POLICY.format(public_url=public_url)}

    async def docs(_: Request) -> Response:
        return HTMLResponse(shown, headers=policy)

    async def schema(_: Request) -> Response:
        return Response(msgspec.json.encode(app.openapi()), media_type="application/json")

    async def security_txt(_: Request) -> Response:
        return PlainTextResponse(security)

    async def to_docs(_: Request) -> Response:
        return RedirectResponse(DOCS)

    for path, page in (
        (DOCS, docs),
        (f"{DOCS}/{{name}}", _asset),
        ("/openapi.json", schema),
        ("/.well-known/security.txt", security_txt),
        ("/v1/.well-known/security.txt", security_txt),
        ("/docs/errors", _all_errors),
        ("/docs/errors/{code}", _one_error),
        ("/", to_docs),
        ("/docs", to_docs),
        ("/v1/redoc", to_docs),
    ):
        yield Page(path, page)


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    cached = {"Cache-Control": "public, max-age=86400"}
    if name == "docs.js":
        return FileResponse(OURS / name, media_type="text/javascript", headers=cached)
    if name not in ASSETS:
        raise NotFound
    return FileResponse(_swagger_ui() / name, media_type=ASSETS[name], headers=cached)


def _swagger_ui() -> Path:
    """The folder of Swagger UI's files in the package that brings them; its own code is never run."""
    found = importlib.util.find_spec("fastapi_swagger")
    if found is None or not found.submodule_search_locations:
        raise NotFound("Swagger UI is not installed here.")
    return Path(found.submodule_search_locations[0]) / "resources"


def _security_txt(public_url: str, expires: datetime) -> str:
    """RFC 9116."""
    lines = (
        f"Contact: {CONTACT}",
        f"Expires: {expires.isoformat().replace('+00:00', 'Z')}",
        "Preferred-Languages: en",
        f"Canonical: {public_url}/.well-known/security.txt",
    )
    return "".join(f"{line}\n" for line in lines)


async def _all_errors(_: Request) -> Response:
    entries = "\n".join(
        f'<dt><a href="/docs/errors/{code}">{code}</a></dt><dd>{kind.status} {escape(kind.title)}</dd>'
        for code, kind in sorted(REGISTRY.items())
    )
    return _page("Errors", f"<h1>Errors</h1>\n<dl>\n{entries}\n</dl>")


async def _one_error(request: Request) -> Response:
    kind = REGISTRY.get(request.path_params["code"])
    if kind is None:
        raise NotFound("There is no error of this name.")
    return _page(kind.title, _described(kind))


def _described(kind: type[Problem]) -> str:
    members = "".join(f"<li><code>{escape(name)}</code></li>" for name in sorted(kind.members))
    extra = f"\n<h2>Members beside the usual</h2>\n<ul>{members}</ul>" if members else ""
    return (
        f"<h1>{escape(kind.title)}</h1>\n<p>Status {kind.status}, code <code>{kind.code}</code></p>\n"
        f"<h2>What to do</h2>\n<p>{escape(kind.advice)}</p>{extra}\n"
        '<p><a href="/docs/errors">All errors</a></p>'
    )


def _page(title: str, body: str) -> Response:
    return HTMLResponse(PAGE.format(title=escape(title), head="", body=body))
