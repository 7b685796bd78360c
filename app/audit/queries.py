"""Selects of the audit."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select, tuple_

from app.audit.models import AuditRow
from app.audit.schemas import AuditFilter


def rows_matching(
    wanted: AuditFilter, *, after: tuple[datetime, int] | None, skip: int, limit: int
) -> Select[AuditRow]:
    """One page of the audit, the newest first, from the row after ``after``: its moment and id."""
    page = select(AuditRow).where(*_conditions(wanted))
    if after is not None:
        page = page.where(tuple_(AuditRow.at, AuditRow.id) < after)
    return page.order_by(AuditRow.at.desc(), AuditRow.id.desc()).offset(skip).limit(limit)


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    equal: list[tuple[Any, Any]] = [
        (AuditRow.actor, wanted.actor),
        (AuditRow.subject, wanted.subject),
        (AuditRow.action, wanted.action),
        (AuditRow.outcome, wanted.outcome),
        (AuditRow.school_id, wanted.school_id),
    ]
    conditions: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
    if wanted.since is not None:
        conditions.append(AuditRow.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(AuditRow.at < wanted.until)
    return conditions
