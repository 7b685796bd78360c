"""Every table, so that the metadata is whole."""

from app.accounts import models as accounts
from app.books import models as books
from app.collections import models as collections
from app.core import idempotency, ratelimit
from app.core.db import Base
from app.events import models as events
from app.labels import models as labels
from app.schools import models as schools

__all__ = [
    "Base",
    "accounts",
    "books",
    "collections",
    "events",
    "idempotency",
    "labels",
    "metadata",
    "ratelimit",
    "schools",
]

metadata = Base.metadata
