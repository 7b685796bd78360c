"""The verbs of the audit. Other services call ``note`` in the line that did the deed."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditRow, Outcome
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

    ``subject`` is whom or what it concerns, by kind and id, and by default the account itself. ``details`` are ids and
    the names of fields and permissions, never a person's data or a secret.
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
