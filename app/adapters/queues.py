"""Which queue tells the internal API of tasks."""

from app.adapters.cloud_tasks import CloudTasks
from app.adapters.local_queue import LocalQueue
from app.core.config import Settings
from app.core.db import Database


def queue_of(settings: Settings, database: Database) -> CloudTasks | LocalQueue:
    """Cloud Tasks, or where none is configured the local deliverer, which waits at this database."""
    return LocalQueue(database) if settings.cloud_tasks_location is None else CloudTasks(settings)
