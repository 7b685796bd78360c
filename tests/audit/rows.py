"""What tests read of the audit, in the database itself."""

from typing import Any

from sqlalchemy import select

from app.audit.models import AuditRow
from tests.world import Client, World


def actor_of(client: Client, kind: str = "user") -> str:
    return f"{kind}:{client.id}"


async def rows(world: World, **columns: Any) -> list[AuditRow]:
    """The rows with these values, the oldest first."""
    async with world.session() as session:
        found = await session.scalars(select(AuditRow).filter_by(**columns).order_by(AuditRow.id))
        return list(found)
