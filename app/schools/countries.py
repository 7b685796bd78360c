"""The countries of ISO 3166-1, from `countries.csv`: the first migration seeds their table with them."""

import csv
from pathlib import Path
from typing import Annotated, TypedDict

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError


class CountryRow(TypedDict):
    """A row of the table ``countries``: alpha-3 code, international dialling code, English name."""

    id: str
    phonecode: int
    name: str


def country_rows() -> list[CountryRow]:
    """All 249, in the order of their codes."""
    with Path(__file__).with_name("countries.csv").open(encoding="utf-8", newline="") as file:
        return [
            CountryRow(id=row["id"], phonecode=int(row["phonecode"]), name=row["name"]) for row in csv.DictReader(file)
        ]


CODES = frozenset(row["id"] for row in country_rows())


def _known_country(code: str) -> str:
    if code not in CODES:
        raise PydanticCustomError("unknown_country", "This is not a country code of ISO 3166-1 alpha-3.")
    return code


CountryCode = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_upper=True, min_length=3, max_length=3),
    AfterValidator(_known_country),
]
