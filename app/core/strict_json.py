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
INT64 = range(-(2**63), 2**63)
INT64_DIGITS = 20

Path: TypeAlias = tuple[str | int, ...]


def parse_json(body: bytes | bytearray) -> Any:
    """One JSON document: `MalformedJson` for bad syntax, `Invalid` with pointers beyond the limits above."""
    try:
        document = _decoder.decode(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise MalformedJson(f"The body is not UTF-8 at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg}, at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise Invalid(errors=[_too_deep(())]) from None
    if faults := list(islice(_faults(document), MAX_FAULTS)):
        raise Invalid(errors=faults)
    return document


def _faults(document: Any) -> Iterator[FieldError]:
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield from _text_faults(path, value)
        elif isinstance(value, dict | list):
            if fault := _size_fault(path, value):
                yield fault
            elif isinstance(value, dict):
                for key in value:
                    yield from _text_faults(path, key)
                waiting += [((*path, key), value[key]) for key in reversed(value)]
            else:
                waiting += [((*path, index), value[index]) for index in range(len(value) - 1, -1, -1)]
        elif isinstance(value, float) and not math.isfinite(value):
            yield FieldError(pointer(*path), "number_out_of_range", "The number is too large.")
        elif isinstance(value, int) and value not in INT64:
            yield FieldError(pointer(*path), "number_out_of_range", "An integer has at most 64 bits.")


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


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= INT64_DIGITS else INT64.stop  # long ones cost time, and are refused anyway


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)
