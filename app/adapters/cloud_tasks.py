"""Google Cloud Tasks, through Google's own client: it calls the internal API for each task, later.

Each kind of task has a queue of its own, ``<prefix><kind>``, so that what slows one kind slows no other. A task is
named by its id in the outbox and the number of the offer: Cloud Tasks takes each name once.
https://docs.cloud.google.com/tasks/docs/creating-http-target-tasks
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from app.core.config import Settings
from app.core.outbox import KINDS, Offer, Task
from app.core.work import MARGIN

CALL_SECONDS = 3.0
ALL_SECONDS = 5.0
AT_ONCE = 32
SHORTEST_DEADLINE, LONGEST_DEADLINE = timedelta(seconds=15), timedelta(minutes=30)
"""What Cloud Tasks allows an HTTP target."""


class CloudTasks:
    """Offers tasks to the queues of one project and place."""

    def __init__(self, settings: Settings) -> None:
        if settings.cloud_tasks_location is None:
            raise ValueError("Cloud Tasks has no place in these settings")
        self._settings = settings
        self._queues = f"{settings.cloud_tasks_location}/queues/{settings.cloud_tasks_prefix}"
        self._places = asyncio.Semaphore(AT_ONCE)
        self._client: Any = None

    async def offer(self, offers: Sequence[Offer]) -> None:
        """Tell of all of them, also when telling of one fails; then the first failure is raised."""
        client = self._connected()
        told = await asyncio.gather(*(self._offer(client, each) for each in offers), return_exceptions=True)
        for failure in told:
            if isinstance(failure, BaseException):
                raise failure

    async def close(self) -> None:
        if self._client is not None:
            await self._client.transport.close()

    async def _offer(self, client: Any, offer: Offer) -> None:
        from google.api_core import exceptions, retry_async

        retry = retry_async.AsyncRetry(
            predicate=retry_async.if_exception_type(exceptions.ServiceUnavailable, exceptions.DeadlineExceeded),
            initial=0.1,
            maximum=2.0,
            timeout=ALL_SECONDS,
        )
        async with self._places:
            try:
                await client.create_task(request=self._request(offer), retry=retry, timeout=CALL_SECONDS)
            except exceptions.AlreadyExists:
                return  # an earlier call was heard, though its answer was not

    def _request(self, offer: Offer) -> Any:
        from google.cloud import tasks_v2
        from google.protobuf.duration_pb2 import Duration

        settings, queue = self._settings, f"{self._queues}{offer.kind}"
        deadline, dispatch = KINDS.get(offer.kind, Task).deadline + 2 * MARGIN, Duration()
        dispatch.FromTimedelta(min(max(deadline, SHORTEST_DEADLINE), LONGEST_DEADLINE))
        task = tasks_v2.Task(
            name=f"{queue}/tasks/{offer.id.hex}-{offer.number}",
            schedule_time=offer.due_at,
            dispatch_deadline=dispatch,
            http_request=tasks_v2.HttpRequest(
                http_method=tasks_v2.HttpMethod.POST,
                url=f"{settings.internal_url}/v1/tasks/{offer.kind}",
                headers={"Content-Type": "application/json"},
                body=msgspec.json.encode({"id": str(offer.id)}),
                oidc_token=tasks_v2.OidcToken(
                    service_account_email=settings.internal_service_account, audience=settings.internal_audience
                ),
            ),
        )
        return tasks_v2.CreateTaskRequest(parent=queue, task=task)

    def _connected(self) -> Any:
        """Google's client, made when it is first needed: its library takes a moment to load."""
        if self._client is None:
            from google.cloud.tasks_v2 import CloudTasksAsyncClient

            self._client = CloudTasksAsyncClient(transport=_transport(self._settings.cloud_tasks_address))
        return self._client


def _transport(address: str | None) -> Any:
    """To Google with the credentials of the environment; to another address, a twin's, without any."""
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport as Transport
    from grpc import aio

    return Transport() if address is None else Transport(channel=aio.insecure_channel(address))
