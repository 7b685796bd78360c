"""What the code says of itself, kept under ``docs/``: a change of rights or of the interface is then seen as a diff."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr

from app.accounts.principals import ANY_ACTIVE, HOLDINGS_OF_USER, LINKS_OF_SERVICE, NOBODYS, ROLE_OF_SERVICE
from app.audit.actions import ACTIONS
from app.core.acl import Acl, All, Inherit, Permissions, Rule
from app.core.config import Settings
from app.core.guards import get_caller
from app.core.migrations import ROOT
from app.core.requests import Door
from app.main import create_public_app
from app.tables import Base

HEAD = """# Who may do what

Made from the code by `wriveted reference`; `scripts/check` fails when it is out of date. An account holds principals, a
resource has rules that name them. `GET /v1/access/explain` tells of one object and one permission which rule decides;
`include=permissions` adds to what is answered what the caller may do with it.

# Accounts

Braces are a value of the account. One that is not active, and a student whose school is inactive, holds
`system:everyone` and nothing else. In the rules a school is always its UUID.
"""
RULES = """# Resources

For each resource its rules in order: the first that names the permission and a principal that the caller holds decides,
and where none does the answer is no. Braces are a value of the row: `school:{school_id}` is held by who belongs to the
row's school.
"""
AUDIT = """# The audit

What is put on record, in rows that nobody changes: `GET /v1/audit`. A row names who acted, who stood behind them with a
minted token, whom or what it concerns, and ids and names of fields, never a person's data.
"""
GUARD = get_caller.scheme_name
NOBODY = "nobody"
ANY_SETTINGS = Settings(
    environment="test",
    database_url=SecretStr("postgresql:///none"),
    token_keys=(SecretStr("only-for-the-reference-which-signs-no-token"),),
    data_keys=(SecretStr("only-for-the-reference-which-keeps-no-data-at-all"),),
    token_issuer=NOBODY,
    token_audience=NOBODY,
    public_url="https://api.hueybooks.com",
)
"""The reference does not depend on where it is made."""


def access_page() -> str:
    """``docs/access.md``: what accounts hold, every resource's rules, what every door asks, the audit's words."""
    doors = _doors(create_public_app(ANY_SETTINGS))
    return "\n".join([HEAD, *_accounts(), RULES, *_resources(), "# Doors\n", *doors, "", AUDIT, *_actions(), ""])


def openapi_page() -> str:
    """``docs/openapi.json``: the interface, in a stable order."""
    document = create_public_app(ANY_SETTINGS).openapi()
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


PAGES: dict[Path, Callable[[], str]] = {
    ROOT / "docs" / "access.md": access_page,
    ROOT / "docs" / "openapi.json": openapi_page,
}


def write() -> list[Path]:
    """Bring the pages up to date; those that had changed."""
    changed = outdated()
    for page in changed:
        page.write_text(PAGES[page](), encoding="utf-8")
    return changed


def outdated() -> list[Path]:
    """The pages that no longer say what the code says."""
    return [page for page, make in PAGES.items() if not page.exists() or page.read_text(encoding="utf-8") != make()]


def _accounts() -> Iterator[str]:
    yield "| account | holds |\n|---|---|"
    yield f"| anybody | {_quoted(sorted(NOBODYS))} |"
    yield f"| any active account | {_quoted(sorted(ANY_ACTIVE))} |"
    yield "| every person | `user:{id}` |"
    for kind, held in HOLDINGS_OF_USER.items():
        yield f"| {kind} | {_quoted(held)} |"
    for service, relations in LINKS_OF_SERVICE.items():
        links = [f"{relation}:{{each linked school}}" for relation in relations]
        yield f"| service account `{service}` | {_quoted([ROLE_OF_SERVICE[service], *links])} |"
    yield "| service account `lms` without a linked school, marked as a vendor's | also `role:lms_vendor` |"
    yield ""


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _actions() -> Iterator[str]:
    yield "| action | says that |\n|---|---|"
    for action, meaning in ACTIONS.items():
        yield f"| `{action}` | {meaning} |"


def _resources() -> Iterator[str]:
    models = (mapper.class_ for mapper in Base.registry.mappers)
    for model in sorted(models, key=lambda each: str(each.__name__)):
        acl = model.__dict__.get("__acl__")
        if isinstance(acl, Acl):
            yield f"## {model.__name__}\n"
            yield "| | who | what | if |\n|---|---|---|---|"
            yield from map(_line, acl)
            yield ""


def _line(rule: Rule | Inherit) -> str:
    if isinstance(rule, Inherit):
        return f"| as | its {rule.relationship} | | |"
    action, principal, permissions, *condition = rule
    name = getattr(condition[0], "__name__", condition[0]) if condition else ""
    return f"| {action} | `{principal}` | {_words(permissions)} | {name} |"


def _words(permissions: Permissions) -> str:
    if permissions is All:
        return "everything"
    if isinstance(permissions, str):
        return permissions
    return ", ".join(permissions) if isinstance(permissions, Collection) else "some"


def _doors(app: FastAPI) -> Iterator[str]:
    yield "| door | asks | scope of an API key |\n|---|---|---|"
    described = app.openapi()["paths"]
    for route in sorted((each for each in app.routes if isinstance(each, Door)), key=lambda each: each.path):
        for method in sorted(route.methods or ()):
            operation = described[route.path][method.lower()]
            asked = operation.get("x-required-permission")
            guarded = any(GUARD in each for each in operation.get("security", ()))
            anybody = "any active account" if guarded else "nothing: it is public"
            yield f"| `{method} {route.path}` | {asked or anybody} | {_scope(operation)} |"


def _scope(operation: Mapping[str, Any]) -> str:
    """What a key needs for an operation; empty where none opens it, or none is needed."""
    if not any("ApiKey" in scheme for scheme in operation.get("security", ())):
        return ""
    return str(operation.get("x-required-scope", "any"))
