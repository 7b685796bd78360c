"""The table "ISBNs" of the conventions, line by line."""

from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.core.isbn import CODES, Isbn, NotAnIsbn, Understood, parse, understand

MOCKINGJAY = 9780439023511
HUNGER_GAMES = 9780439023481
ELEMENTS = 9780306406157
WITH_X = 9780804429573


def code_of(value: object) -> str | None:
    understood = understand(value)
    assert understood.isbn is None
    return understood.code


@pytest.mark.parametrize(
    ("value", "isbn"),
    [
        ("9780439023481", HUNGER_GAMES),
        ("9791032305690", 9791032305690),
        ("0439023483", HUNGER_GAMES),
        ("978-0-439-02348-1", HUNGER_GAMES),
        ("978 0 439 02348 1", HUNGER_GAMES),
        ("978-0439023481", HUNGER_GAMES),
        ("9 780439 023481", HUNGER_GAMES),
        ("0-439-02348-3", HUNGER_GAMES),
        ("0 439  02348 3", HUNGER_GAMES),
        (" 0439023483\r\n", HUNGER_GAMES),
        ("0-306-40615-2", ELEMENTS),
        ("978-0-306-40615-7 ", ELEMENTS),
        ("080442957X", WITH_X),
        ("080442957x", WITH_X),
        ("0-8044-2957-x", WITH_X),
        ("９７８０４３９０２３４８１", HUNGER_GAMES),
        ("０８０４４２９５７Ｘ", WITH_X),
        ("٩٧٨٠٤٣٩٠٢٣٤٨١", HUNGER_GAMES),
        ("978\u20110\u2011439\u201102348\u20111", HUNGER_GAMES),
        ("0\u2013439\u201402348\u22123", HUNGER_GAMES),
        ("978\u00a00\u202f439\u200902348\u30001", HUNGER_GAMES),
        ("\ufeff9780439\u200b023481\u200e", HUNGER_GAMES),
        (9780439023481, HUNGER_GAMES),
        (1250144051, 9781250144058),
    ],
)
def test_a_plain_isbn_is_normalised_without_a_word(value: str | int, isbn: int) -> None:
    assert understand(value) == Understood(isbn, None, None, ())


@pytest.mark.parametrize(
    "value",
    [
        '="0439023483"',
        "=0439023483",
        "'0439023483",
        '"0439023483"',
        "0439023483 (pbk.)",
        "0439023483 (v. 1)",
        "0439023483 (hbk. : alk. paper) :",
        "9780439023481 (paperback (large print))",
        "0439023483 pbk.",
        "v. 1 0-439-02348-3",
        "0-439-02348-3 : $14.99",
        "0439023483 : £1234567.00",
        "0439023483 : NZ$14,99",
        "0439023483 250",
        "ISBN 0439023483",
        "ISBN0439023483",
        "isbn-10: 0-439-02348-3",
        "ISBN-13: 9780439023481",
        "ISBN-13 978-0-439-02348-1",
        "ISBN (13): 978 0439023481",
        "ISBN: 9 780439 023481",
        "ISBN\uff1a９７８－０－４３９－０２３４８－１",
        "eISBN 9780439023481",
        "urn:isbn:9780439023481",
        "https://openlibrary.org/isbn/9780439023481",
        "$a0439023483$c14.99",
        "9780439023481.",
        "9780439023481.0",
        "0439023483;",
        "<9780439023481>",
        9780439023481.0,
    ],
)
def test_an_isbn_is_taken_out_of_its_dress(value: str | float) -> None:
    assert understand(value) == Understood(HUNGER_GAMES, "isbn_extracted", CODES["isbn_extracted"].hint, ())


@pytest.mark.parametrize(
    "value",
    [
        "0439023483 | 9780439023481",
        "9780439023481 (pbk.) | 0439023483 (pbk.)",
        "9780439023481 (0439023483)",
        "0439023483 0439023483",
        "0439023484 | 0439023483",
        "9780439023482; 9780439023481",
    ],
)
def test_both_numbers_of_one_book_and_wrong_ones_beside_it_are_one_isbn(value: str) -> None:
    assert understand(value) == Understood(HUNGER_GAMES, "isbn_extracted", CODES["isbn_extracted"].hint, ())


@pytest.mark.parametrize(
    ("value", "isbn"),
    [
        ("439023483", HUNGER_GAMES),
        ("306406152", ELEMENTS),
        ("80442957X", WITH_X),
        ("80442957x", WITH_X),
        ("439023483.0", HUNGER_GAMES),
        ('="439023483"', HUNGER_GAMES),
        ("439023483 (pbk.)", HUNGER_GAMES),
        ("ISBN 439023483", HUNGER_GAMES),
        (439023483, HUNGER_GAMES),
        (439023483.0, HUNGER_GAMES),
        (60531045, 9780060531041),
        ("2247399", 9780002247399),
    ],
)
def test_lost_leading_zeros_are_put_back(value: str | float, isbn: int) -> None:
    assert understand(value) == Understood(isbn, "isbn_zero_padded", CODES["isbn_zero_padded"].hint, ())


@pytest.mark.parametrize("value", ["3001", 3001, "000078", "19", "123457"])
def test_fewer_than_seven_digits_are_never_padded(value: str | int) -> None:
    assert code_of(value) == "isbn_malformed"


@pytest.mark.parametrize(
    "value",
    ["439-02348-3", "439 023 483", "Barcode: 439023483", "copy 439023483", "439023483 | 439023513", "v. 439 0234 8 3"],
)
def test_only_a_number_that_stands_alone_and_undivided_is_padded(value: str) -> None:
    assert code_of(value) == "isbn_malformed"


@pytest.mark.parametrize(
    "value",
    [
        "9.78044E+12",
        "9.78043902348e+12",
        "9,78044E+12",
        "9.78E12",
        '="9.78044E+12"',
        "4.39E+08",
        "9780440000000.0",
        9.78044e12,
        439023500.0,
    ],
)
def test_a_rounded_number_is_refused(value: str | float) -> None:
    assert code_of(value) == "isbn_scientific_notation"


@pytest.mark.parametrize(
    "value",
    [
        "4006381333931",
        "4-006381-333931",
        4006381333931,
        "1234567890128",
        "9771234567003",
        "025192251825",
        "25192 2518 25 : 4006381333931",
        "B00ZV9RDKK",
        "b00zv9rdkk",
        "ASIN: B01N5IB20Q",
        "0000000000",
        "0-000-00000-0",
        "000-0-00-000000-0",
        "0000000000000",
        "9780000000002",
        "0",
        "0.0",
        0,
        0.0,
    ],
)
def test_a_number_of_something_else_is_not_a_book(value: str | float) -> None:
    assert code_of(value) == "isbn_not_a_book"


@pytest.mark.parametrize(
    "value",
    [
        "9780439023482",
        "978-0-439-02348-3",
        "978 0 439 02348 3 (pbk.)",
        "0439023484",
        "0439023484 (pbk.)",
        "812971060",
        "X804429570",
        "08044X9570",
        "978030640615X",
        "ISBN 978030640615X",
        "97X 0 00 000001 9",
        "97X-0-00-000001-9 pbk.",
        "9880439023481",
        9780439023482,
        812971060,
        9780439023482.0,
    ],
)
def test_a_wrong_check_digit_is_refused(value: str | float) -> None:
    assert code_of(value) == "isbn_check_digit"


@pytest.mark.parametrize(
    ("value", "isbn", "others"),
    [
        ("0131103709 | 0131103628 (pbk.)", 9780131103702, (9780131103627,)),
        ("0439023484 | 0439023483 | 0439023513", HUNGER_GAMES, (MOCKINGJAY,)),
        ("9780439023481 9780439023511", HUNGER_GAMES, (MOCKINGJAY,)),
        ("9780439023481\n0439023513\n0439023483", HUNGER_GAMES, (MOCKINGJAY,)),
        ("9780439023481 (set : 0-439-02351-3)", HUNGER_GAMES, (MOCKINGJAY,)),
        ("080442957x,0306406152/9780439023481", WITH_X, (ELEMENTS, HUNGER_GAMES)),
    ],
)
def test_the_first_valid_of_several_is_used_and_the_others_are_kept(
    value: str, isbn: int, others: tuple[int, ...]
) -> None:
    assert understand(value) == Understood(isbn, "isbn_multiple", CODES["isbn_multiple"].hint, others)


@pytest.mark.parametrize("value", ["$z0439023483", "$z 0439023483 (pbk.)", "‡z9780439023481"])
def test_a_cancelled_isbn_is_never_matched(value: str) -> None:
    assert code_of(value) == "isbn_missing"
    assert understand(f"$a 0439023513 {value}").isbn == MOCKINGJAY
    assert understand(f"$a 0439023513 {value}").others == ()


@pytest.mark.parametrize("value", [None, "", "  ", "\u00a0", "-", "n/a", "NULL", "nan", "ISBN:", float("nan"), '=""'])
def test_an_empty_cell_is_missing_its_isbn(value: object) -> None:
    assert code_of(value) == "isbn_missing"


@pytest.mark.parametrize(
    "value",
    [
        "12345678901",
        "978043902348",
        "97804390234811",
        "0439023483-0439023513",
        "x0439023483",
        "9 88 0 00 000001 9 pbk.",
        "04390234839 pbk.",
        "no. 0439023483.5",
        pytest.param("0439023483 " + "\ufdfa" * 900, id="grows when normalised"),
        "1.0439023483",
        "not an isbn",
        "(pbk.)",
        "²²²²²²²²²²\u00b2",
        -439023483,
        pytest.param(10**5000, id="enormous"),
        97804390234811,
        9780439023481.5,
        1e300,
        float("inf"),
        float("-inf"),
        True,
        False,
        b"9780439023481",
        ["9780439023481"],
        {},
    ],
)
def test_anything_else_is_malformed(value: object) -> None:
    assert code_of(value) == "isbn_malformed"


def test_every_code_is_documented_and_no_hint_is_a_template() -> None:
    assert {severity for severity, _ in CODES.values()} == {"warning", "error"}
    assert [code for code, (severity, _) in CODES.items() if severity == "warning"] == [
        "isbn_multiple",
        "isbn_zero_padded",
        "isbn_extracted",
        "isbn_missing",
    ]
    assert all("{" not in hint for _, hint in CODES.values())


EXPORT = [
    ("B-1", "9780439023481", HUNGER_GAMES, None),
    ("B-2", "439023483", HUNGER_GAMES, "isbn_zero_padded"),
    ("B-3", "0439023483 (pbk.) : $12.99", HUNGER_GAMES, "isbn_extracted"),
    ("B-4", '="0439023513"', MOCKINGJAY, "isbn_extracted"),
    ("B-5", "0439023513 | 0439023483 (hbk.)", MOCKINGJAY, "isbn_multiple"),
    ("B-6", "9.78044E+12", None, "isbn_scientific_notation"),
    ("B-7", "9780439023482", None, "isbn_check_digit"),
    ("B-8", "9325336130346", None, "isbn_not_a_book"),
    ("B-9", "", None, "isbn_missing"),
    ("B-10", "39999000010", None, "isbn_malformed"),
]


@pytest.mark.parametrize(("barcode", "cell", "isbn", "code"), EXPORT)
def test_a_school_export_with_every_defect_is_understood(
    barcode: str, cell: str, isbn: int | None, code: str | None
) -> None:
    assert (barcode, *understand(cell)[:2]) == (barcode, isbn, code)


def test_parse_answers_thirteen_digits_or_says_why_not() -> None:
    assert parse("0-439-02348-3") == "9780439023481"
    assert parse("439023483") == "9780439023481"
    with pytest.raises(NotAnIsbn) as refused:
        parse("9780439023482")
    assert refused.value.code == "isbn_check_digit"
    assert "9780439023482" not in str(refused.value)


class Copy(BaseModel):
    edition_isbn: Isbn | None = None


def test_a_field_normalises_and_refuses_with_the_code_of_the_policy() -> None:
    assert Copy(edition_isbn="0439023483").edition_isbn == "9780439023481"
    assert Copy.model_validate_json('{"edition_isbn": 439023483}').edition_isbn == "9780439023481"
    assert Copy(edition_isbn=None).model_dump() == {"edition_isbn": None}
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(list[Isbn]).validate_python(["0439023483", "9.78E+12"])
    assert [(error["loc"], error["type"], error["msg"]) for error in refused.value.errors()] == [
        ((1,), "isbn_scientific_notation", CODES["isbn_scientific_notation"].hint)
    ]


async def test_an_integrator_sees_the_isbn_described_and_refused_in_path_and_query() -> None:
    app = FastAPI()

    @app.get("/edition/{isbn}")
    def read(isbn: Isbn, other: Annotated[list[Isbn], Query(default_factory=list)]) -> list[str]:
        return [isbn, *other]

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        answer = await client.get("/edition/0-439-02348-3?other=0439023513")
        refused = (await client.get("/edition/4006381333931")).json()["detail"][0]
    assert answer.json() == ["9780439023481", "9780439023511"]
    assert (refused["type"], refused["loc"]) == ("isbn_not_a_book", ["path", "isbn"])
    schema = app.openapi()["paths"]["/edition/{isbn}"]["get"]["parameters"][0]["schema"]
    assert (schema["type"], schema["format"]) == ("string", "isbn")
    assert [parse(sample) for sample in schema["examples"]] == ["9780439023481"] * 2
