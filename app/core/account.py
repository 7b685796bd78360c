"""Who is asking, as services see it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

from app.core.security import Claims

AccountKind: TypeAlias = Literal["user", "service_account"]


@dataclass(frozen=True, slots=True)
class Account:
    """The one who asks, as the database knows it at this request."""

    kind: AccountKind
    id: UUID
    type: str
    name: str
    principals: frozenset[str]
    claims: Claims
    """The token; of an API key what a token would say: from when until when it speaks for which account."""
    scopes: frozenset[str] | None = None
    """What an API key or a narrow token narrows the account to; None: the credential narrows nothing."""
    is_gone: bool = False
    """Whether it was deleted after it had caused the task that runs on its behalf."""

    @property
    def is_admin(self) -> bool:
        return "role:admin" in self.principals

    @property
    def subject(self) -> str:
        """How logs, limits and stored keys name this account: its kind and id, never its name."""
        return f"{self.kind}:{self.id}"

    @property
    def impersonator(self) -> str | None:
        """Who stands behind the account, with a token minted for it."""
        actor = self.claims.actor
        return None if actor is None else f"{'user' if actor.kind == 'user-account' else 'service_account'}:{actor.id}"
