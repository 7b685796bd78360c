"""Google's own client, against a twin of Cloud Tasks that refuses, loses, repeats and shuffles."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from google.api_core.exceptions import GoogleAPIError
from sqlalchemy import select

from app.adapters.cloud_tasks import CloudTasks
from app.adapters.queues import queue_of
from app.core.config import Settings
from app.core.db import Database
from app.core.outbox import Offer, TaskRow, TaskState, enqueue
from app.events.schemas import ProcessEvent
from app.internal_api import create_internal_app
from tests.conftest import settings_for
from tests.sign_in.fake_google import Google, google
from tests.tasks.serving import served
from tests.tasks.twin import Twin, cloud_tasks
from tests.world import World

LOCATION = "projects/huey-books-test/locations/australia-southeast1"
EMAIL = "tasks@huey-books-test.iam.gserviceaccount.com"
AUDIENCE = "https://internal.hueybooks.com"
KIND = "process-event"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Google]:
    with google() as found:
        yield found


def settings_of(settings: Settings, issuer: Google, twin: Twin, url: str = "https://internal.test") -> Settings:
    return settings_for(
        settings.dsn,
        WRIVETED_CLOUD_TASKS_LOCATION=LOCATION,
        WRIVETED_CLOUD_TASKS_PREFIX="test-",
        WRIVETED_CLOUD_TASKS_ADDRESS=twin.address,
        WRIVETED_INTERNAL_URL=url,
        WRIVETED_INTERNAL_AUDIENCE=AUDIENCE,
        WRIVETED_INTERNAL_SERVICE_ACCOUNT=EMAIL,
        WRIVETED_INTERNAL_CERTIFICATES_URL=f"{issuer.address}/certificates",
        WRIVETED_TASK_FIRST_PAUSE="0.1",
    )


@pytest_asyncio.fixture
async def twin(issuer: Google) -> AsyncIterator[Twin]:
    async with cloud_tasks(issuer, delivers=False) as found:
        yield found


async def test_task_is_described_as_cloud_tasks_wants_it(settings: Settings, issuer: Google, twin: Twin) -> None:
    queue = CloudTasks(settings_of(settings, issuer, twin))
    id_, due_at = uuid4(), datetime.now(UTC) + timedelta(minutes=5)
    await queue.offer([Offer(id_, KIND, None), Offer(id_, KIND, due_at, 2)])
    first, second = (twin.told[name] for name in sorted(twin.told))
    assert first.name == f"{LOCATION}/queues/test-{KIND}/tasks/{id_.hex}-1"
    assert second.name == f"{LOCATION}/queues/test-{KIND}/tasks/{id_.hex}-2"
    assert first.schedule_time is None
    assert second.schedule_time == due_at
    assert first.dispatch_deadline == ProcessEvent.deadline + timedelta(seconds=10)
    target = first.http_request
    assert (target.url, target.http_method.name) == (f"https://internal.test/v1/tasks/{KIND}", "POST")
    assert (target.oidc_token.service_account_email, target.oidc_token.audience) == (EMAIL, AUDIENCE)
    assert target.body == f'{{"id":"{id_}"}}'.encode()
    assert target.headers["Content-Type"] == "application/json"
    await queue.close()


async def test_refusals_are_tried_again_and_a_name_that_is_known_is_no_error(
    settings: Settings, issuer: Google, twin: Twin
) -> None:
    twin.refuses, twin.loses_answers = 0.3, 0.3
    queue = CloudTasks(settings_of(settings, issuer, twin))
    offers = [Offer(uuid4(), KIND, None) for _ in range(100)]
    await queue.offer(offers)
    assert len(twin.told) == 100
    assert twin.calls > 120
    await queue.close()


async def test_one_who_always_refuses_is_given_up_in_time(settings: Settings, issuer: Google, twin: Twin) -> None:
    twin.refuses = 1.0
    queue = CloudTasks(settings_of(settings, issuer, twin))
    async with asyncio.timeout(10):
        with pytest.raises(GoogleAPIError):
            await queue.offer([Offer(uuid4(), KIND, None)])
    await queue.close()


async def test_one_who_is_not_there_costs_the_request_nothing(settings: Settings, issuer: Google, twin: Twin) -> None:
    """The commit stands, and the task waits for the sweep."""
    changed = settings_of(settings, issuer, twin).model_copy(update={"cloud_tasks_address": "127.0.0.1:1"})
    database = Database(changed)
    queue = queue_of(changed, database)
    assert isinstance(queue, CloudTasks)
    database.queue = queue
    async with database.transaction() as transaction:
        (id_,) = await enqueue(transaction.session, ProcessEvent(event_id=uuid4()), account=None)
    async with World(database).session() as session:
        row = await session.get(TaskRow, id_)
        assert row is not None
        assert row.state is TaskState.PENDING
    await queue.close()
    await database.dispose()


async def test_a_thousand_tasks_reach_their_door_through_every_trouble(
    fresh_settings: Settings, issuer: Google
) -> None:
    troubles = {"refuses": 0.05, "loses_answers": 0.05, "duplicates": 0.05, "shuffles": True}
    async with cloud_tasks(issuer, **troubles) as twin:
        first = settings_of(fresh_settings, issuer, twin)
        database = Database(first)
        app = create_internal_app(first, database=database)
        async with served(app) as url:
            database.queue = CloudTasks(settings_of(fresh_settings, issuer, twin, url))
            world = World(database)
            for _ in range(20):
                async with world.session() as session:
                    await enqueue(session, *(ProcessEvent(event_id=uuid4()) for _ in range(50)), account=None)
            async with asyncio.timeout(60):
                while await left(world):  # noqa: ASYNC110  rows of another transaction
                    await asyncio.sleep(0.1)
            await database.queue.close()
        assert set(twin.answers) <= {204, 409}
        assert len(twin.answers) > 1000
        async with world.session() as session:
            attempts = list(await session.scalars(select(TaskRow.attempts)))
        assert attempts == [1] * 1000
        await app.state.queue_callers.close()
        await database.dispose()


async def left(world: World) -> int:
    async with world.session() as session:
        return len(list(await session.scalars(select(TaskRow.id).where(TaskRow.state != TaskState.DONE))))
