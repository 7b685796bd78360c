"""One strict reading of JSON for every ordinary body: what two parsers could read differently is refused."""

import json
import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, NoReturn, TypeAlias

from app.core.errors import FieldError, Invalid, MalformedJson, pointer

MAX_DEPTH = 32
MAX_KEYS = 1_000
MAX_ITEMS = 1_000
MAX_TEXT = 10_000
MAX_FAULTS = 100
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

Path: TypeAlias = tuple[str | int, ...]


def parse_json(body: bytes | bytearray) -> Any:
    """One JSON document: `MalformedJson` for bad syntax, `Invalid` with pointers beyond the limits above."""
    try:
        document = _decoder.decode(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise MalformedJson(f"The body is not UTF-8 at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg}, at line {error.lineno}, column {error.colno}.") from None
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise Invalid(errors=[_too_big(())]) from None
    except RecursionError:
        raise Invalid(errors=[_too_deep(())]) from None
    if faults := list(islice(_faults(document), MAX_FAULTS)):
        raise Invalid(errors=faults)
    return document


def _faults(document: Any) -> Iterator[FieldError]:
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if not isinstance(value, dict | list):
            yield from _scalar_faults(path, value)
        elif fault := _size_fault(path, value):
            yield fault
        else:
            if isinstance(value, dict):
                yield from (fault for key in value for fault in _text_faults(path, key))
            steps = value.items() if isinstance(value, dict) else enumerate(value)
            deepest = len(path) + 1 == MAX_DEPTH
            doubtful = [((*path, step), inner) for step, inner in steps if not _is_plain(inner, deepest=deepest)]
            waiting += reversed(doubtful)


def _is_plain(value: Any, *, deepest: bool) -> bool:
    """Whether a value is one of the very many in which no fault can be."""
    kind = type(value)
    if kind is str:
        return len(value) <= MAX_TEXT and value.isascii() and "\0" not in value
    if kind is int:
        return bool(INT64_MIN <= value <= INT64_MAX)
    if kind is float:
        return math.isfinite(value)
    return value is None or kind is bool or not (value or deepest)


def _scalar_faults(path: Path, value: Any) -> Iterator[FieldError]:
    if isinstance(value, str):
        yield from _text_faults(path, value)
    elif not _is_plain(value, deepest=True):
        yield _too_big(path)


def _size_fault(path: Path, value: dict[str, Any] | list[Any]) -> FieldError | None:
    if len(path) >= MAX_DEPTH:
        return _too_deep(path)
    if isinstance(value, dict) and len(value) > MAX_KEYS:
        return FieldError(pointer(*path), "too_many_keys", f"An object has at most {MAX_KEYS} keys.")
    if isinstance(value, list) and len(value) > MAX_ITEMS:
        return FieldError(pointer(*path), "too_many_items", f"A list has at most {MAX_ITEMS} items.")
    return None


def _too_deep(path: Path) -> FieldError:
    return FieldError(pointer(*path), "too_deep", f"Objects and lists nest at most {MAX_DEPTH} deep.")


def _too_big(path: Path) -> FieldError:
    return FieldError(
        pointer(*path), "number_out_of_range", "An integer has at most 64 bits, and no number is infinite."
    )


def _text_faults(path: Path, text: str) -> Iterator[FieldError]:
    if len(text) > MAX_TEXT:
        yield FieldError(pointer(*path), "string_too_long", f"Text has at most {MAX_TEXT} characters.")
    elif "\0" in text:
        yield FieldError(pointer(*path), "null_character", "Text holds no NUL character.")
    elif not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield FieldError(pointer(*path), "lone_surrogate", "Half of a surrogate pair is no character.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise MalformedJson("An object has the same key twice.")
    return made


def _no_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is no JSON value.")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)
