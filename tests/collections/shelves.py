"""What tests about collections share: books, a library system with its school, and a look at the shelf."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.schools.models import School
from tests.world import Client, World

HUNGER_GAMES = "9780439023481"
PHILOSOPHERS_STONE = "9780439554930"
TWILIGHT = "9780316015844"


def isbn(number: int) -> str:
    """The ISBN-13 of book number so-and-so."""
    digits = f"978{100_000_000 + number}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


@dataclass
class Library:
    """A school, the account of its library system, and the paths of its collection."""

    school: School
    lms: Client

    @property
    def path(self) -> str:
        return f"/school/{self.school.wriveted_identifier}/collection"

    async def replace(self, rows: list[Any], **query: Any) -> dict[str, Any]:
        return await self._sent(await self.lms.post(self.path, json=rows, params=query))

    async def change(self, rows: list[Any], **query: Any) -> dict[str, Any]:
        return await self._sent(await self.lms.patch(self.path, json=rows, params=query))

    @staticmethod
    async def _sent(answer: Any) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        report: dict[str, Any] = answer.json()
        return report

    async def shelf(self) -> dict[str, dict[str, Any]]:
        """Holdings by ISBN, or by title where there is none."""
        answer = await self.lms.get(self.path, params={"limit": 1000})
        assert answer.status_code == 200, answer.text
        return {item["edition"]["isbn"] if item["edition"] else item["info"]["title"]: item for item in answer.json()}

    async def id(self) -> UUID:
        """The collection's id, as a library system finds it."""
        answer = await self.lms.get(f"/school/{self.school.wriveted_identifier}")
        return UUID(answer.json()["collection"]["id"])


async def library(world: World) -> Library:
    school = await world.school()
    return Library(school, await world.lms(school))


def copies(shelf: dict[str, dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Total and available copies by ISBN or title."""
    return {name: (item["copies_total"], item["copies_available"]) for name, item in shelf.items()}


def outcomes(report: dict[str, Any]) -> dict[str, int]:
    """The counts of a report that are not zero, without how many rows there were."""
    counts = report["summary"]
    return {name: count for name, count in counts.items() if count and name not in ("received", "dry_run")}
