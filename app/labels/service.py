"""The verbs of labels."""

from dataclasses import dataclass

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import driver_of
from app.core.errors import FieldError, Invalid, MalformedJson, TooLarge
from app.core.isbn import understand
from app.labels import queries
from app.labels.schemas import KnownAndTaggedEditionCounts

_decoder = msgspec.json.Decoder(list[str | int])


@dataclass(frozen=True, slots=True)
class IsbnList:
    """A list of ISBNs as sent: how many entries it had, and which different books they name."""

    provided: int
    isbns: frozenset[int]


def read_isbns(body: bytes, limit: int) -> IsbnList:
    """What a JSON array of at most ``limit`` ISBNs names. An entry that is no ISBN names nothing."""
    try:
        sent = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Invalid(errors=[FieldError("", "list_of_isbns", f"Send an array of ISBNs: {error}.")]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson(f"The body is not JSON: {error}.") from None
    if len(sent) > limit:
        raise TooLarge(f"{len(sent):,} ISBNs are more than the {limit:,} that one request may carry.")
    understood = (understand(entry).isbn for entry in sent)
    return IsbnList(len(sent), frozenset(isbn for isbn in understood if isbn is not None))


async def compare_editions(session: AsyncSession, asked: IsbnList) -> KnownAndTaggedEditionCounts:
    """How much of a list is known and labelled, in one statement."""
    cursor = await driver_of(session).execute(queries.KNOWN_AND_TAGGED, [list(asked.isbns)])
    known, tagged = await cursor.fetchone() or (0, 0)
    return KnownAndTaggedEditionCounts(
        num_provided=asked.provided, num_valid=len(asked.isbns), num_known=known, num_fully_tagged=tagged
    )
