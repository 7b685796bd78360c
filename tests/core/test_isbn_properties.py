"""What must hold for every value that may be an ISBN, whichever it is."""

import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.core.isbn import CODES, MAX_LENGTH, NotAnIsbn, Understood, display, parse, understand


def thirteen(nine: int, prefix: int = 978) -> str:
    """An independent reckoning of the ISBN-13: plain, from the standard."""
    body = f"{prefix}{nine:09d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return f"{body}{-total % 10}"


def ten(nine: int) -> str:
    body = f"{nine:09d}"
    check = -sum(int(digit) * weight for digit, weight in zip(body, range(10, 1, -1), strict=True)) % 11
    return f"{body}{'X' if check == 10 else check}"


nines = st.integers(1, 999_999_999)
dresses = st.sampled_from(
    [
        "{}",
        " {} ",
        '="{}"',
        "'{}",
        "{} (pbk.)",
        "{} (v. 1)",
        "{} (set) (v. 12 : alk. paper) :",
        "{} : $14.99",
        "{} 1st ed.",
        "ISBN {}",
        "ISBN: {}",
        "ISBN-13: {}",
        "$a{}$c12.95",
        "978 | {}",
        "{} | n/a",
    ]
)
separators = st.sampled_from(["", "-", " ", "\u2011", "\u2013", "\u00a0"])


@st.composite
def groupings(draw: st.DrawFn, number: str) -> str:
    """The number in its four or five parts, as printed in books."""
    separator = draw(separators)
    tail = number[-10:]
    first = draw(st.integers(1, 5))
    second = draw(st.integers(first + 1, 8))
    parts = [*([number[:3]] if len(number) == 13 else []), tail[:first], tail[first:second], tail[second:9], tail[9]]
    assume(len(tail[first:second]) <= 7 and 1 <= len(tail[second:9]) <= 6)
    return separator.join(parts)


@st.composite
def wide(draw: st.DrawFn, text: str) -> str:
    """The text, perhaps with full-width digits, lower case and invisible characters."""
    if draw(st.booleans()):
        text = text.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    place = draw(st.integers(0, len(text)))
    return draw(st.sampled_from([text, text.lower(), f"{text[:place]}\u200b{text[place:]}"]))


@given(st.data(), nines, st.sampled_from([978, 979]), dresses)
def test_a_valid_isbn_in_any_dress_is_the_same_number(data: st.DataObject, nine: int, prefix: int, dress: str) -> None:
    number = thirteen(nine, prefix)
    given_as = data.draw(st.sampled_from([number, ten(nine)])) if prefix == 978 else number
    value = data.draw(wide(dress.format(data.draw(groupings(given_as)))))
    assert understand(value).isbn == int(number)
    assert understand(value).others == ()


@given(nines)
def test_a_number_without_its_zeros_is_the_same_number(nine: int) -> None:
    short = ten(nine).lstrip("0")
    assume(len(short) >= 7)
    forms: list[str | float] = [short, f"{short}.0"] if short.isdecimal() else [short]
    forms += [int(short)] if short.isdecimal() else []
    assert {understand(form).isbn for form in forms if not str(form).endswith("00.0")} == {int(thirteen(nine))}


@given(st.data(), nines, dresses)
def test_no_single_wrong_digit_is_taken_for_the_number(data: st.DataObject, nine: int, dress: str) -> None:
    number = data.draw(st.sampled_from([thirteen(nine), ten(nine)]))
    place = data.draw(st.integers(0, len(number) - 1))
    digit = data.draw(st.sampled_from("0123456789X"))
    assume(digit != number[place])
    wrong = data.draw(groupings(number[:place] + digit + number[place + 1 :]))
    assert understand(dress.format(wrong)).isbn != int(thirteen(nine))


@given(nines, st.integers(0, 8), dresses)
@example(80442957, 8, "{}")
def test_no_swap_of_neighbours_in_an_isbn_10_is_taken_for_the_number(nine: int, place: int, dress: str) -> None:
    number = ten(nine)
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assume(swapped != number)
    assert understand(dress.format(swapped)).isbn != int(thirteen(nine))


anything = st.one_of(
    st.text(),
    st.text(alphabet="0123456789xX-–. |,;:()=\"'$‡aznISBNE+\u00a0\u200b０９٣²", max_size=60),
    st.integers(),
    st.integers(0, 10**14),
    st.floats(),
    st.floats(0, 1e14).map(round).map(float),
    st.none(),
    st.booleans(),
    st.binary(),
    st.lists(st.integers()),
)


@given(anything)
def test_understanding_never_raises_and_is_consistent(value: object) -> None:
    isbn, code, hint, others = understand(value)
    assert (code is None) == (hint is None)
    assert code is None or CODES[code].hint == hint
    if isbn is None:
        assert code is not None
        assert others == ()
        with pytest.raises(NotAnIsbn) as refused:
            parse(value)
        assert (refused.value.code, refused.value.hint) == (code, hint)
    else:
        assert code is None or CODES[code].severity == "warning"
        assert (code == "isbn_multiple") == bool(others)
        assert display(isbn) == thirteen(isbn // 10 % 10**9, isbn // 10**10)
        assert understand(parse(value)) == Understood(isbn, None, None, ())
        assert understand(isbn) == Understood(isbn, None, None, ())


@pytest.mark.parametrize(
    "unit",
    [
        "0",
        "9 ",
        "0-",
        "(",
        "978 ",
        "ISBN",
        "$z",
        "\ufdfa",
        "1.0",
        "a",
        "B0",
        " ",
        "-",
        "0439023483 ",
        "1234567890-",
        "12345 1234567 123456 1 ",
        "9780439023481|",
        "\u0301",
        "\u200b",
        "e-",
        "9E",
        "\ud800",
    ],
)
def test_the_worst_cell_takes_no_longer_than_its_length(unit: str) -> None:
    cell = (unit * MAX_LENGTH)[:MAX_LENGTH]
    huge = unit * (100_000 // len(unit) + 1)
    start = time.process_time()
    understand(cell)
    assert understand(huge) == understand("9" * (MAX_LENGTH + 1))
    assert time.process_time() - start < 0.05
    assert understand(huge)[:2] == (None, "isbn_malformed")
