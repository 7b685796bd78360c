"""Cloud Tasks on loopback: takes tasks over gRPC as Google does, and calls their HTTP targets with Google's tokens.

It keeps the contract and nothing beyond it: at least once, in no order, each name once. It can refuse to be told,
answer after the task was taken as if it had not been, deliver twice, and shuffle.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
from google.cloud.tasks_v2 import CreateTaskRequest, OidcToken, Task
from grpc import aio

from tests.sign_in.fake_google import HOUR, Google


@dataclass
class Twin:
    """What it does to tasks, each a share of them; and what it was told and has done."""

    google: Google
    refuses: float = 0.0
    loses_answers: float = 0.0
    duplicates: float = 0.0
    shuffles: bool = False
    backoff: float = 0.05
    longest: float = 2.0
    delivers: bool = True
    at_once: int = 16
    seed: int = 0
    address: str = ""
    told: dict[str, Task] = field(default_factory=dict)
    calls: int = 0
    answers: list[int] = field(default_factory=list)
    _tokens: dict[tuple[str, str, int], str] = field(default_factory=dict)
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.places = asyncio.Semaphore(self.at_once)
        self.http = httpx.AsyncClient(timeout=10, trust_env=False)

    async def create_task(self, request: CreateTaskRequest, context: aio.ServicerContext[Any, Any]) -> Task:
        self.calls += 1
        task: Task = request.task
        if not task.name.startswith(f"{request.parent}/tasks/"):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a name of another queue")
        if self.random.random() < self.refuses:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "try again")
        if task.name in self.told:
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, "each name once")
        self.told[task.name] = task
        if self.delivers:
            for _ in range(2 if self.random.random() < self.duplicates else 1):
                self._start(task)
        if self.random.random() < self.loses_answers:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")
        return task

    def _start(self, task: Task) -> None:
        running = asyncio.create_task(self._deliver(task))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _deliver(self, task: Task) -> None:
        """Call until the answer is a 2xx."""
        if task.schedule_time is not None:
            await asyncio.sleep(max(0.0, task.schedule_time.timestamp() - time.time()))
        if self.shuffles:
            await asyncio.sleep(self.random.uniform(0, 0.5))
        pause = self.backoff
        while True:
            async with self.places:
                status, after = await self._call(task)
            self.answers.append(status)
            if 200 <= status < 300:
                return
            await asyncio.sleep(min(max(pause, after), self.longest) * self.random.uniform(0.5, 1))
            pause = min(pause * 2, self.longest)

    async def _call(self, task: Task) -> tuple[int, float]:
        target = task.http_request
        headers = {**target.headers, "Authorization": f"Bearer {self.token(task)}", "X-CloudTasks-TaskRetryCount": "0"}
        try:
            answer = await self.http.post(target.url, content=target.body, headers=headers)
        except httpx.HTTPError:
            return 0, 0.0
        return answer.status_code, float(answer.headers.get("retry-after", 0))

    def token(self, task: Task) -> str:
        """The OIDC token that Google makes for the target, and uses again for a while."""
        wanted, now = task.http_request.oidc_token, int(time.time())
        key = (wanted.audience, wanted.service_account_email, now // 300)
        if key not in self._tokens:
            self._tokens[key] = self._signed(wanted, now)
        return self._tokens[key]

    def _signed(self, wanted: OidcToken, now: int) -> str:
        return self.google.signed(
            {
                "iss": "https://accounts.google.com",
                "aud": wanted.audience,
                "sub": "104029292853099978293",
                "email": wanted.service_account_email,
                "email_verified": True,
                "iat": now,
                "exp": now + HOUR,
            }
        )

    async def close(self) -> None:
        for each in self._running:
            each.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self.http.aclose()


@asynccontextmanager
async def cloud_tasks(google: Google, **does: Any) -> AsyncIterator[Twin]:
    """The twin, until the block is left."""
    twin, server = Twin(google, **does), aio.server()
    method = grpc.unary_unary_rpc_method_handler(
        twin.create_task,
        request_deserializer=CreateTaskRequest.deserialize,
        response_serializer=Task.serialize,
    )
    service = grpc.method_handlers_generic_handler("google.cloud.tasks.v2.CloudTasks", {"CreateTask": method})
    server.add_generic_rpc_handlers((service,))
    twin.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield twin
    finally:
        await twin.close()
        await server.stop(0)
