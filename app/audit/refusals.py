"""Refusals on record: a row for each, written by itself after the request was undone."""

import re
from uuid import UUID

from app.audit.actions import DENIED
from app.audit.models import Outcome
from app.audit.service import note
from app.core.db import Database
from app.core.errors import QuotaExceeded, Refusal
from app.core.refusals import Refused
from app.core.resources import subject_of

MOST_FIELDS = 20
IDS = ("id", "identifier", "isbn")
"""How parts of a path are called that name something, and are no secret."""

_identifier = re.compile(r"[0-9A-Za-z-]{1,64}")


async def record_refusal(database: Database, refused: Refused) -> None:
    """Write the one row that a refusal leaves, if it is of a kind that leaves one.

    It is one if its problem says so (``on_record``), or if a known account was refused what it may not do. How many
    there can be is bounded by the rate limits, which every account and every address has: what those refuse is not
    put on record.
    """
    problem = refused.problem
    known = problem.refusal
    if known is None and problem.status == 403 and refused.account and not isinstance(problem, QuotaExceeded):
        known = Refusal(DENIED, None, {})
    if known is None:
        return
    subject = None if refused.resource is None else subject_of(refused.resource)
    details = {"code": problem.code, **_circumstances(refused), **known.details}
    school_id = details.pop("school_id", None)
    async with database.transaction(reading=True) as transaction:
        note(
            transaction.session,
            known.action,
            account=refused.account,
            subject=known.subject or subject,
            school_id=_school_of(refused.resource) if school_id is None else UUID(str(school_id)),
            outcome=Outcome.REFUSED,
            **details,
        )


def _circumstances(refused: Refused) -> dict[str, object]:
    """What was asked, in names and ids; what stands in the path and is no id is left out."""
    said = {name: refused.problem.extra.get(name) for name in ("permission", "resource", "scope")}
    fields = [fault.pointer for fault in refused.problem.errors[:MOST_FIELDS]]
    path = {name: value for name, value in refused.path.items() if name.endswith(IDS) and _identifier.fullmatch(value)}
    found = {"operation": refused.operation, "fields": fields, "path": path, **said}
    return {name: value for name, value in found.items() if value}


def _school_of(resource: object | None) -> UUID | None:
    """The school that an object belongs to, or is."""
    for name in ("school_id", "wriveted_identifier"):
        found = getattr(resource, name, None)
        if isinstance(found, UUID):
            return found
    return None
