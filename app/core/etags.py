"""Strong validators (RFC 9110, 8.8.3) of single resources: the ETag is a digest of what is shown."""

import hashlib
from typing import Annotated, Any

from fastapi import Header, Response
from pydantic import BaseModel

from app.core.errors import PreconditionFailed

IfMatch = Annotated[
    str | None, Header(max_length=1_000, description="The ETag as last read; 412 if it has changed since.")
]
IfNoneMatch = Annotated[
    str | None, Header(max_length=1_000, description="The ETag as last read; 304 if nothing has changed since.")
]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "It is still as `If-None-Match` says."}}


def etag_of(shown: BaseModel) -> str:
    """What tells this state of a resource from every other. What the caller may do with it is no part of it."""
    content = shown.model_dump_json(exclude={"permissions"})
    return f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'


def require_match(etag: str, if_match: str | None) -> None:
    """412 unless the caller has seen the present state, or does not say what it has seen."""
    if if_match is None or if_match.strip() == "*":
        return
    if etag not in (tag.strip() for tag in if_match.split(",")):
        raise PreconditionFailed(headers={"ETag": etag})


def tagged(shown: BaseModel, response: Response, if_none_match: str | None = None) -> Any:
    """What is shown, its ETag put on the response; a 304 for who has seen it already."""
    etag = response.headers["ETag"] = etag_of(shown)
    if if_none_match is not None and etag in (tag.strip() for tag in if_none_match.split(",")):
        return Response(status_code=304, headers={"ETag": etag})
    return shown
