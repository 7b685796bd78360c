"""ISBNs by number: the catalogue's, those that it does not know, and the dresses that library systems send them in."""

KNOWN = 978_010_000_000
UNKNOWN = 978_500_000_000
STRIDE = 7
BLOCK = 100_000


def known(number: int) -> int:
    """The ISBN of the catalogue's edition of this number."""
    return _with_check_digit(KNOWN + STRIDE * number)


def unknown(block: int, number: int) -> int:
    """An ISBN that no edition has; every ``block`` holds 100,000 others."""
    return _with_check_digit(UNKNOWN + BLOCK * block + number)


def all_unknown() -> tuple[int, int]:
    """The lowest and the highest ISBN that `unknown` may give."""
    return UNKNOWN * 10, (UNKNOWN + 499_999_999) * 10 + 9


def hyphenated(isbn: int) -> str:
    text = str(isbn)
    return f"{text[:3]}-{text[3]}-{text[4:8]}-{text[8:12]}-{text[12]}"


def of_ten(isbn: int) -> str:
    """The ISBN-10 of an ISBN-13 that begins with 978."""
    digits = str(isbn)[3:12]
    check = -sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), digits, strict=True)) % 11
    return f"{digits}{'X' if check == 10 else check}"


def _with_check_digit(twelve: int) -> int:
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(str(twelve)))
    return 10 * twelve + -weighted % 10
