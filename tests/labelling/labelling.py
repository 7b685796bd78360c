"""Books with something to say, what is stored of their labels, and a language model of the tests' own."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, Request
from sqlalchemy import select
from starlette.responses import JSONResponse, Response

from app.core.outbox import TaskRow
from app.labelling.labellers import Labellers
from app.labelling.models import LabellingRun
from app.labels.vocabulary import HueKey
from tests.books.catalogue import Json, new_isbn
from tests.world import Client, World


class Deliver(Protocol):
    async def __call__(self, *work_ids: Any, again: bool = False, labellers: Labellers | None = None) -> TaskRow: ...


async def a_work(admin: Client, title: str = "The Haunted House", **info: Any) -> Json:
    """A work with one edition of which these things are told."""
    isbn = new_isbn()
    answer = await admin.post("/edition", json={"isbn": isbn, "title": f"{title} {uuid4().hex}", "info": info})
    assert answer.status_code == 200, answer.text
    shown = await admin.get(f"/work/{answer.json()['work_id']}")
    assert shown.status_code == 200, shown.text
    work: Json = shown.json()
    return {**work, "isbn": isbn}


async def runs_of(world: World, *work_ids: Any) -> Sequence[LabellingRun]:
    async with world.session() as session:
        query = select(LabellingRun).where(LabellingRun.work_id.in_([int(id_) for id_ in work_ids]))
        return (await session.scalars(query.order_by(LabellingRun.id))).all()


def answer(**changes: Any) -> Json:
    """What a model says of a book, as it should."""
    return {
        "hue_map": {key.value: 0.0 for key in HueKey} | {"hue05_funny_comic": 0.9, "hue12_funny_quirky": 0.4},
        "min_age": 7,
        "max_age": 10,
        "reading_abilities": ["TREEHOUSE"],
        "short_summary": "Two brothers build a tree house with thirteen storeys.",
        "long_summary": "Andy and Terry live in a tree house, and their book is late.",
        "recommend_status": "GOOD",
        "genres": ["FUNNY"],
        "styles": ["SILLY", "FUNNY"],
        "characters": ["FAMILIES_AND_FRIENDS"],
        "controversial_themes": [],
        "series": "Treehouse",
        "series_number": 1,
        "gender": None,
        "awards": [],
        "notes": None,
        "certainty": {"hues": 0.9, "age": 0.8, "reading_ability": 0.7},
    } | changes


@dataclass
class Model:
    """An endpoint that speaks OpenAI's interface, on loopback. It says `says`, one after the other, the last for ever:
    an object is an answer, a text one word for word, a number a status, a `Response` itself, None a refusal."""

    says: list[Any] = field(default_factory=lambda: [answer()])
    pause: float = 0.0
    asked: list[Json] = field(default_factory=list)
    headers: list[Json] = field(default_factory=list)
    url: str = ""
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def complete(self, request: Request) -> Response:
        self.asked.append(await request.json())
        self.is_asked.set()
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self.pause)
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, Response):
            return said
        if isinstance(said, int):
            return JSONResponse({"error": {"message": "no"}}, status_code=said, headers={"retry-after": "0"})
        text = said if said is None or isinstance(said, str) else json.dumps(said)
        message = {"role": "assistant", "content": text, "refusal": "I would rather not." if text is None else None}
        return JSONResponse(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "twin",
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
            }
        )


@asynccontextmanager
async def modelling(*says: Any, pause: float = 0.0) -> AsyncIterator[Model]:
    model = Model(list(says) or [answer()], pause)
    app = FastAPI()
    app.add_api_route("/v1/chat/completions", model.complete, methods=["POST"])
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve([listener]))
    model.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    try:
        yield model
    finally:
        server.should_exit = server.force_exit = True
        await serving
