"""The codes by which pupils come into their class: made, kept and recognised.

A code is six of 24 characters that nobody confuses, from the operating system's generator: one of 191 million. The
table holds its mark, which is looked up and unique, and the code sealed for its row (core/sealing).
"""

import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from app.classes.models import ClassGroup
from app.core.config import Settings
from app.core.log import get_logger
from app.core.sealing import Unsealable, Vault

ALPHABET = "2346789BCDFGHJKMPQRTVWXY"
LENGTH = 6
PURPOSE = "class_groups.join_code"

_BETWEEN = re.compile(r"[\W_]+")


def normal(typed: str) -> str:
    """A code as it was made, whatever the case, spaces and dashes with which it is typed."""
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", typed)).upper()


@dataclass(frozen=True, slots=True)
class Codes:
    """Makes and recognises the codes of one environment."""

    vault: Vault
    lifetime: timedelta

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(Vault.of(settings), settings.class_code_lifetime)

    def new(self, class_id: UUID) -> tuple[dict[str, Any], Sequence[bytes]]:
        """The columns of a class that hold a new code, and the marks that no class may have yet."""
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        marks = self.marks(code)
        columns = {
            "join_code_hash": marks[0],
            "join_code_sealed": self.vault.seal(code.encode(), _place(class_id)),
            "join_code_expires_at": datetime.now(UTC) + self.lifetime,
        }
        return columns, marks

    def marks(self, typed: str) -> list[bytes]:
        """What a code that somebody typed is looked up by."""
        return self.vault.marks(normal(typed), PURPOSE)

    def shown(self, group: ClassGroup) -> str:
        """The code of a class; empty where its key is gone, until the code is rotated."""
        try:
            return self.vault.open(group.join_code_sealed, _place(group.id)).decode()
        except Unsealable:
            get_logger().warning("class_code.unsealable", class_group_id=str(group.id))
            return ""


def _place(class_id: UUID) -> str:
    return f"class_groups.join_code_sealed:{class_id}"
