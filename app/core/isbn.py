"""The one place that understands an ISBN, wherever it comes in.

Library systems send ISBNs in every dress: Excel formulas, MARC qualifiers, lost leading zeros, several in a cell.
`understand` says which book is meant, or why it cannot be known; what it repaired it names with a warning code.
Check digits are those of ISO 2108 (ISBN-10 modulo 11, ISBN-13 as EAN-13 modulo 10).
"""

import re
import unicodedata
from itertools import product
from math import isnan
from typing import Annotated, Literal, NamedTuple

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_LENGTH = 1_000
"""Characters of a cell that are looked at; a longer one is refused unread."""


class Code(NamedTuple):
    severity: Literal["warning", "error"]
    hint: str


CODES: dict[str, Code] = {
    "isbn_multiple": Code("warning", "Several ISBNs were found; the first valid one was used."),
    "isbn_zero_padded": Code("warning", "Lost leading zeros were put back. Send the ISBN as text."),
    "isbn_extracted": Code("warning", "The ISBN was taken out of other text. Send only the ISBN."),
    "isbn_missing": Code("warning", "There is no ISBN."),
    "isbn_scientific_notation": Code("error", "A spreadsheet rounded this ISBN. Format the column as text."),
    "isbn_not_a_book": Code("error", "This number is not a book's: an ISBN-13 starts with 978 or 979."),
    "isbn_check_digit": Code("error", "The check digit does not fit: a character is wrong or swapped."),
    "isbn_malformed": Code("error", "This is not an ISBN: 13 digits, or 10 of which the last may be an X."),
}
"""What can be said about an ISBN. Where two warnings apply, the one that stands first here is given."""


class Understood(NamedTuple):
    """Which book is meant: `isbn` as stored (13 digits as an integer), or None.

    `code` and `hint` are None where the value was a plain ISBN-10 or ISBN-13. With an `isbn`, `code` is a warning;
    without one, it is the reason. `others` are further valid ISBNs of the same cell, in their order.
    """

    isbn: int | None
    code: str | None = None
    hint: str | None = None
    others: tuple[int, ...] = ()


class NotAnIsbn(ValueError):
    """No book can be made out. `code` is one of `CODES`, `hint` its text; the value itself is never repeated."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(hint)
        self.code = code
        self.hint = hint


def understand(value: object) -> Understood:
    """Which book a value of an ISBN column or field means. Never raises, whatever the value.

    Only give it what is said to be an ISBN: numbers of 7 to 9 digits are padded, and one in eleven of any passes.
    """
    if isinstance(value, str):
        if len(value) == 13 and value.isdecimal():  # as _of_thirteen; spelled out, for nearly all values end here
            number = int(value)
            if _FILLER < number < _END and _sum(number) % 10 == 0:
                return Understood(number)
        if len(value) > MAX_LENGTH:
            return _REASONS["isbn_malformed"]
        if value.isdecimal() and value.isascii():
            return _of_digits(value)
        bare = value.replace("-", "").replace(" ", "")
        isbn = _of_ten(bare) if len(bare) == 10 else _of_thirteen(bare) if len(bare) == 13 else None
        return Understood(isbn) if isbn else _of_text(value)
    if value is None or (isinstance(value, float) and isnan(value)):  # how tables write an empty cell
        return _REASONS["isbn_missing"]
    if isinstance(value, int) and not isinstance(value, bool):
        return _of_digits(str(value)) if 0 <= value < 10**13 else _REASONS["isbn_malformed"]
    if isinstance(value, float) and 0 <= value < 10**13 and value.is_integer():
        return _of_decimal(str(int(value)))
    return _REASONS["isbn_malformed"]


def parse(value: object) -> str:
    """The 13 digits of what `understand` accepts, warnings included; raises NotAnIsbn for anything else."""
    isbn, code, hint, _ = understand(value)
    if isbn is None:
        raise NotAnIsbn(code or "", hint or "")
    return display(isbn)


def display(isbn: int) -> str:
    """The 13 digits of a stored ISBN."""
    return f"{isbn:013d}"


_WARNINGS = {code: hint for code, (severity, hint) in CODES.items() if severity == "warning"}
_REASONS = {code: Understood(None, code, hint) for code, (_, hint) in CODES.items()}

_PREFIXES = ("978", "979")
_FILLER = 9_780_000_000_002
_END = 9_800_000_000_000
"""Books lie between; the lower bound is the ISBN-10 0000000000, with which blanks are filled."""

_SUMS = bytes((3 * a + b + 3 * c + d) % 10 for a, b, c, d in product(range(10), repeat=4))
"""The EAN-13 sum, modulo 10, of every four digits."""

_CHECKS_OF_TEN = "0X987654321"
"""The last character of an ISBN-10 by the weighted sum of the others, modulo 11."""


def _sum(number: int) -> int:
    """The EAN-13 sum of 13 digits: divisible by ten where the check digit fits."""
    sums = _SUMS[number % 10_000] + _SUMS[number // 10_000 % 10_000] + _SUMS[number // 100_000_000 % 10_000]
    return number // 1_000_000_000_000 + sums


def _of_thirteen(bare: str) -> int | None:
    number = int(bare) if bare.isdecimal() else 0
    return number if _FILLER < number < _END and _sum(number) % 10 == 0 else None


def _of_ten(bare: str) -> int | None:
    """The ISBN-13 of a valid ISBN-10. `bare` has ten characters of any kind."""
    head = bare[:9]
    if not (bare.isascii() and head.isdecimal()):
        return None
    a, b, c, d, e, f, g, h, i = head.encode()
    weighted = 10 * a + 9 * b + 8 * c + 7 * d + 6 * e + 5 * f + 4 * g + 3 * h + 2 * i - 54 * ord("0")
    if bare[9] != _CHECKS_OF_TEN[weighted % 11]:
        return None
    number = 9_780_000_000_000 + 10 * int(head)
    number += -_sum(number) % 10
    return number if number > _FILLER else None


def _is_another_product(bare: str) -> bool:
    """A right EAN-13, or UPC (an EAN-13 without its leading zero), of something else than a book."""
    return bare.isdecimal() and not bare.startswith(_PREFIXES) and _sum(int(bare)) % 10 == 0


def _of_digits(bare: str) -> Understood:
    """Decides about digits and X alone, whatever stood between them."""
    if not bare.strip("0") or bare == str(_FILLER):
        return _REASONS["isbn_not_a_book"]
    if len(bare) == 13 and (isbn := _of_thirteen(bare)):
        return Understood(isbn)
    if len(bare) == 10 and (isbn := _of_ten(bare)):
        return Understood(isbn)
    if 7 <= len(bare) <= 9 and (isbn := _of_ten(bare.zfill(10))):
        return _warned("isbn_zero_padded", isbn)
    if len(bare) in (12, 13) and _is_another_product(bare):
        return _REASONS["isbn_not_a_book"]
    return _REASONS["isbn_check_digit" if len(bare) in (7, 8, 9, 10, 13) else "isbn_malformed"]


def _of_decimal(digits: str) -> Understood:
    """Decides about a number that has been through floating point.

    Two zeros at its end are taken for digits that were rounded away: then one in ten would fit by chance. A single
    rounded digit never fits by chance.
    """
    if digits.strip("0") and digits.endswith("00"):
        return _REASONS["isbn_scientific_notation"]
    found = _of_digits(digits)
    return _warned("isbn_extracted", found.isbn) if found.isbn and found.code is None else found


def _warned(code: str, isbn: int, others: tuple[int, ...] = ()) -> Understood:
    return Understood(isbn, code, _WARNINGS[code], others)


_SIGNS = {
    **dict.fromkeys([0x2010, *range(0x2012, 0x2016), 0x2043, 0x2212], "-"),
    **dict.fromkeys([0xAD, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)]),
    **dict.fromkeys(range(0x2060, 0x2065)),
}
"""Hyphens of typography, and characters that cannot be seen."""

_WRAPPING = " \t\r\n=\"'`()[]{}<>.,;:|-"
_PLACEHOLDERS = {"", "N/A", "#N/A", "NA", "NAN", "NIL", "NONE", "NULL", "NO ISBN", "UNKNOWN"}
_ONLY_ISBN = re.compile(r"[0-9X][0-9X -]*")
_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?E[+-]?[0-9]+")
_DECIMAL = re.compile(r"([0-9]+)\.0+")
_ASIN = re.compile(r"\bB0[0-9A-Z]{8}\b")
_LABEL = re.compile(r"ISBN(?:[ -]?1[03](?![0-9]))?|[$‡]A|[$‡]Z[^$‡]*")
"""The word itself, and MARC's subfield codes; a cancelled ISBN ($z) goes as a whole, for it is never matched."""
_BOUNDARY = re.compile(r"[^\w .-]+")
_SHAPE = re.compile(
    r"""(?<!\w)(?<![0-9][.-])
    (?: [0-9X]{3}[ -]?[0-9]{9}[0-9X]
      | [0-9]{9}[0-9X]
      | (?:[0-9X]{3}[ -])? [0-9]{1,5}-[0-9]{1,7}-[0-9]{1,6}-[0-9X]
      | (?<![0-9][ ]) (?:[0-9X]{3}[ -])? [0-9]{1,5}[ ][0-9]{1,7}[ ][0-9]{1,6}[ ][0-9X]
    )
    (?!\w)(?![.-][0-9])""",
    re.VERBOSE,
)
"""What looks like an ISBN within text: undivided, or in its four or five parts. One with a wrong digit is matched
as well, so that no piece of it is taken for another ISBN."""


def _of_text(value: str) -> Understood:
    text = value if value.isascii() else unicodedata.normalize("NFKC", value)
    if len(text) > MAX_LENGTH:  # one character may become eighteen
        return _REASONS["isbn_malformed"]
    text = " ".join((text if text.isascii() else _ascii(text)).upper().split())
    core = text.strip(_WRAPPING)
    if core in _PLACEHOLDERS:
        return _REASONS["isbn_missing"]
    if _SCIENTIFIC.fullmatch(core):
        return _REASONS["isbn_scientific_notation"]
    if decimal := _DECIMAL.fullmatch(core):
        return _of_decimal(decimal[1])
    return _of_number(text) or _of_parts(text)


def _ascii(text: str) -> str:
    """Digits of every script and typographic hyphens as ASCII, without the invisible. Other letters stay."""
    return "".join([str(unicodedata.decimal(char, char)) for char in text.translate(_SIGNS)])


def _of_number(part: str) -> Understood | None:
    """Decides about digits, X, hyphens and spaces; None where there are others, or may be several numbers.

    A short number is padded only if it is undivided: no spreadsheet takes zeros from text with hyphens.
    """
    bare = part.replace("-", "").replace(" ", "")
    if not _ONLY_ISBN.fullmatch(part):
        return None
    if " " in part and len(bare) != 10 and not (len(bare) == 13 and bare.startswith(_PREFIXES)):
        return None
    return _of_digits(bare) if bare == part or len(bare) >= 10 else _REASONS["isbn_malformed"]


def _of_parts(text: str) -> Understood:
    """Decides about ISBNs among other text. A short number is padded only if it comes first and is the only one."""
    parts = [part.strip(" .-") for part in _BOUNDARY.split(_LABEL.sub("|", text))]
    parts = [part for part in parts if part]
    verdicts: list[Understood] = []
    for position, part in enumerate(parts):
        if len(part) < 7:
            continue
        if verdict := _of_number(part):
            verdicts.append(verdict if position == 0 or len(part) > 9 else _REASONS["isbn_malformed"])
        else:
            shapes = [shape.replace("-", "").replace(" ", "") for shape in _SHAPE.findall(part)]
            verdicts += [_of_digits(shape) for shape in shapes if len(shape) in (10, 13)]
    found = [verdict.isbn for verdict in verdicts if verdict.isbn and verdict.code is None]
    if found:
        first, *others = dict.fromkeys(found)
        return _warned("isbn_multiple" if others else "isbn_extracted", first, tuple(others))
    if verdicts:
        return next((verdict for verdict in verdicts if verdict.isbn is None), verdicts[0])
    if _ASIN.search(text):
        return _REASONS["isbn_not_a_book"]
    return _REASONS["isbn_malformed" if parts else "isbn_missing"]


def _validated(value: object) -> str:
    try:
        return parse(value)
    except NotAnIsbn as reason:
        raise PydanticCustomError(reason.code, reason.hint) from None


Isbn = Annotated[
    str,
    PlainValidator(_validated),
    WithJsonSchema(
        {
            "type": "string",
            "format": "isbn",
            "maxLength": MAX_LENGTH,
            "description": "An ISBN-13 or ISBN-10, with or without hyphens; always answered as 13 digits.",
            "examples": ["9780439023481", "0-439-02348-3"],
        }
    ),
]
"""A field, path or query parameter: any form that `understand` accepts in, 13 digits out."""
