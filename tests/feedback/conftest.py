from tests.messages.conftest import mail, tasks
from tests.tasks.conftest import internal, queue

__all__ = ["internal", "mail", "queue", "tasks"]
