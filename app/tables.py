"""Every table, so that the metadata is whole."""

from app.accounts import models as accounts
from app.audit import models as audit
from app.booklists import models as booklists
from app.books import models as books
from app.classes import models as classes
from app.collections import models as collections
from app.core import idempotency, outbox, ratelimit
from app.core.db import Base
from app.events import models as events
from app.feedback import models as feedback
from app.hydration import models as hydration
from app.labelling import models as labelling
from app.labels import models as labels
from app.messages import models as messages
from app.schools import models as schools
from app.search import models as search
from app.service_accounts import models as service_accounts
from app.sign_in import models as sign_in
from app.tasks import models as tasks
from app.webhooks import models as webhooks

__all__ = [
    "Base",
    "accounts",
    "audit",
    "booklists",
    "books",
    "classes",
    "collections",
    "events",
    "feedback",
    "hydration",
    "idempotency",
    "labelling",
    "labels",
    "messages",
    "metadata",
    "outbox",
    "ratelimit",
    "schools",
    "search",
    "service_accounts",
    "sign_in",
    "tasks",
    "webhooks",
]

metadata = Base.metadata
