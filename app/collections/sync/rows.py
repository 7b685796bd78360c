"""The rows of a bulk change, as library systems send them: decoded fast when clean, row by row when not."""

import enum
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.core.errors import FieldError, Invalid, MalformedJson, TooLarge, UnknownField, pointer, unknown_field

Copies: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)] | UnsetType | None
Text: TypeAlias = Annotated[str, Meta(max_length=10_000)] | None
NUL = b"\\u0000"


class Action(enum.StrEnum):
    ADD = "add"
    UPDATE = "update"
    REMOVE = "remove"


class Feedback(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    emojis: list[Annotated[str, Meta(max_length=100)]] | None = None
    descriptor: Text = None


class ItemInfo(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What a library says of a holding itself: for a book without an ISBN all that is known of it."""

    cover_image: Annotated[str, Meta(max_length=2_000, pattern='^https?://[^\\s<>"]+$')] | None = None
    title: Text = None
    author: Text = None
    feedback: Feedback | None = None
    other: dict[str, Any] | None = None


class Row(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One row. An absent field keeps what is stored, null clears it. ``isbn`` is the older name of ``edition_isbn``."""

    edition_isbn: str | int | float | None = None
    isbn: str | int | float | None = None
    copies_total: Copies = UNSET
    copies_available: Copies = UNSET
    info: ItemInfo | UnsetType | None = UNSET
    action: Action = Action.ADD
    id: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None

    @property
    def sent_isbn(self) -> str | int | float | None:
        return self.isbn if self.edition_isbn is None else self.edition_isbn


@dataclass(slots=True)
class Flaw:
    """What is wrong with a row: ``fatal`` rejects it, otherwise it is a warning beside its outcome."""

    code: str
    hint: str
    fatal: bool


@dataclass(slots=True)
class Rows:
    """The rows of a request in their order; where a row is None, its flaw tells why."""

    rows: list[Row | None]
    flaws: dict[int, Flaw] = field(default_factory=dict)
    sent: dict[int, Any] = field(default_factory=dict)
    """The ISBN of rejected rows, as it was sent."""


class Delta(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a collection's PATCH."""

    name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType | None = UNSET
    info: dict[str, Any] | UnsetType | None = UNSET
    items: list[Row] | UnsetType | None = UNSET


class Whole(msgspec.Struct, forbid_unknown_fields=True):
    """The body that describes a whole collection: to create one, or to replace one."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    school_id: UUID | None = None
    user_id: UUID | None = None
    info: dict[str, Any] | None = None
    items: list[Row] | None = None


Body = TypeVar("Body", Delta, Whole)

_ROWS = msgspec.json.Decoder(list[Row])


def decode_rows(body: bytes, limit: int) -> Rows:
    """The rows of a bare JSON array."""
    if NUL not in body:
        try:
            rows = _ROWS.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        else:
            _check_number(len(rows), limit)
            return Rows(list(rows))
    return read_rows(decode_json(body), limit, at="")


def decode_body(shape: type[Body], body: bytes, limit: int) -> tuple[Body, Rows]:
    """The fields of a JSON object of that shape, and the rows in its ``items``."""
    if NUL not in body:
        try:
            clean = msgspec.json.decode(body, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        else:
            rows = clean.items or []
            clean.items = None  # the rows are let go once they are planned
            _check_number(len(rows), limit)
            return clean, Rows(list(rows))
    fields = decode_json(body)
    if not isinstance(fields, dict):
        raise Invalid("The body is a JSON object.", errors=[FieldError("", "invalid_type", "Send a JSON object.")])
    items = fields.pop("items", None)
    if NUL in msgspec.json.encode(fields):
        raise Invalid("A text holds a NUL character.", errors=[FieldError("", "nul", "Remove the NUL character.")])
    return _convert(fields, shape), read_rows([] if items is None else items, limit, at="/items")


def decode_json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(f"The body is not JSON: {error}.") from None


def _convert(fields: dict[str, Any], shape: type[Body]) -> Body:
    """A JSON object as ``shape``, or a 422 that names the field."""
    known = [each.name for each in msgspec.structs.fields(shape)]
    unknown = [name for name in fields if name not in known]
    if unknown:
        raise UnknownField(
            "The body has fields that are not known here; nothing was written.",
            errors=[unknown_field(known, name) for name in unknown],
        )
    try:
        return msgspec.convert(fields, shape)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        at = pointer(*(part for part in re.split(r"[.\[\]`]+", path) if part))
        raise Invalid("The body is not valid.", errors=[FieldError(at, "invalid", f"{reason}.")]) from None


def read_rows(items: Any, limit: int, at: str) -> Rows:
    """Rows that are not all clean: each is judged by itself, so that one bad row costs only itself."""
    if not isinstance(items, list):
        raise Invalid("The rows are a JSON array.", errors=[FieldError(at, "invalid_type", "Send an array.")])
    _check_number(len(items), limit)
    read = Rows([])
    for index, item in enumerate(items):
        read.rows.append(_read_row(item, index, read))
    return read


def _read_row(item: Any, index: int, read: Rows) -> Row | None:
    if not isinstance(item, dict):
        read.flaws[index] = Flaw("invalid_row", "A row is a JSON object.", fatal=True)
        return None
    read.sent[index] = item.get("edition_isbn", item.get("isbn"))
    unknown = item.keys() - _ROW_FIELDS
    if unknown:
        name = min(unknown)
        hint = f"`{name[:60]}` was ignored: {unknown_field(_ROW_FIELDS, name).detail}"
        read.flaws[index] = Flaw("unknown_field_ignored", hint, fatal=False)
        item = {name: value for name, value in item.items() if name in _ROW_FIELDS}
    try:
        if NUL in msgspec.json.encode(item):
            raise msgspec.ValidationError("A text holds a NUL character, which cannot be stored")
        return msgspec.convert(item, Row, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        read.flaws[index] = Flaw("invalid_row", f"{error}.", fatal=True)
        return None


def _check_number(number: int, limit: int) -> None:
    if number > limit:
        raise TooLarge(f"{number:,} rows are more than the {limit:,} that one request may carry; send them in parts.")


_ROW_FIELDS = frozenset(each.name for each in msgspec.structs.fields(Row))
