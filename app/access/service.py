"""Why an account may do something, or may not."""

from collections.abc import Collection
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.resources import find, model_called
from app.access.schemas import AccessExplanation, DecidingRule, RuleShown
from app.accounts.authenticate import principals_of
from app.accounts.models import ServiceAccount, User
from app.accounts.principals import NOBODYS
from app.core.account import Account, AccountKind
from app.core.acl import Ace, All, explain, may
from app.core.db import transaction_of
from app.core.errors import FieldError, FieldForbidden, NotFound


class Question(NamedTuple):
    """What is asked: this permission on this object, of the caller or of the account of this kind and id."""

    permission: str
    resource: str
    id: str
    account: str | None


async def explain_access(session: AsyncSession, account: Account, asked: Question) -> AccessExplanation:
    """The answer with its reasons.

    Who may not read the object is answered as if there were none, and only an admin asks about another account, and
    not with a key: ``NotFound``, ``FieldForbidden``.
    """
    about = asked.account or account.subject
    if about != account.subject and (not account.is_admin or account.scopes is not None):
        why = "Administrators only, and with a token."
        raise FieldForbidden(errors=[FieldError("/query/account", "field_forbidden", why)])
    model = model_called(asked.resource)
    found = await find(session, model, asked.id)
    if found is None or not (account.is_admin or may(found, "read", account.principals)):
        raise NotFound("There is no such object.")
    own = about == account.subject
    held = account.principals if own else await _principals(session, about)
    told = explain(found, asked.permission, held)
    decided_by = None
    if told.rule is not None and told.decided_by is not None:
        decided_by = DecidingRule(**_shown(told.rule).model_dump(), held=told.decided_by[1])
    return AccessExplanation(
        allowed=told.allowed,
        resource=type(found).__name__,
        id=asked.id,
        permission=asked.permission,
        account=about,
        decided_by=decided_by,
        did_not_match=[_shown(rule) for rule in told.passed_over],
        principals=sorted(held),
        scopes=sorted(account.scopes) if own and account.scopes is not None else None,
    )


async def _principals(session: AsyncSession, subject: str) -> frozenset[str]:
    """What another account holds; ``NotFound`` if there is none of this kind and id."""
    kind, _, identifier = subject.partition(":")
    id_ = UUID(identifier)
    held = await principals_of(transaction_of(session), cast(AccountKind, kind), id_)
    if held == NOBODYS:
        model: Any = User if kind == "user" else ServiceAccount
        if not await session.scalar(select(exists().where(model.id == id_))):
            raise NotFound("There is no such account.")
    return held


def _shown(rule: Ace) -> RuleShown:
    action, principal, permissions = rule
    if permissions is All:
        names = ["*"]
    elif isinstance(permissions, str):
        names = [permissions]
    else:
        names = list(cast(Collection[str], permissions))
    return RuleShown(action="allow" if action == "Allow" else "deny", principal=principal, permissions=names)
