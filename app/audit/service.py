"""The verbs of the audit. Other services call ``note`` in the line that did the deed, ``note_view`` in a reading."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.actions import VIEWED
from app.audit.models import AuditRow, Outcome
from app.audit.queries import rows_matching
from app.audit.schemas import AuditEntry, AuditFilter
from app.core.account import Account
from app.core.log import request_id


def note(
    session: AsyncSession,
    action: str,
    *,
    account: Account | None,
    subject: str | None = None,
    school_id: UUID | None = None,
    outcome: Outcome = Outcome.DONE,
    **details: Any,
) -> None:
    """Put a deed on record, in the caller's transaction. ``account`` is None where nobody had signed in.

    ``action`` is a word of ``actions``. ``subject`` is whom or what it concerns, by kind and id, and by default the
    account itself. ``details`` are ids and the names of fields and permissions, never a person's data or a secret.
    """
    actor = None if account is None else account.subject
    session.add(
        AuditRow(
            action=action,
            outcome=outcome,
            actor=actor,
            impersonator=None if account is None else account.impersonator,
            subject=subject or actor,
            school_id=school_id,
            request_id=request_id.get(),
            details=details,
        )
    )


def note_view(session: AsyncSession, account: Account, subject: str, *, school_id: UUID | None = None) -> None:
    """Put on record that an account was shown the record of one child, so that "who saw what" can be answered.

    To be called by whatever answers one student or reader, in the reading itself: without the row there is no answer.
    ``subject`` is ``user:<id>``. The child's own looks and those of a parent leave no row, unless somebody else stands
    behind them with a minted token.
    """
    child = subject.partition(":")[2]
    own = account.subject == subject or f"parent:{child}" in account.principals
    if account.impersonator is not None or not own:
        note(session, VIEWED, account=account, subject=subject, school_id=school_id)


async def list_rows(
    session: AsyncSession, wanted: AuditFilter, *, after: tuple[datetime, int] | None, skip: int, limit: int
) -> list[AuditEntry]:
    """One page of the audit, the newest first."""
    rows = await session.scalars(rows_matching(wanted, after=after, skip=skip, limit=limit))
    return [AuditEntry.model_validate(row) for row in rows]
