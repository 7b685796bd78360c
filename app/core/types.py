"""Column types that more than one domain uses."""

import enum

from sqlalchemy import BigInteger, Dialect, Enum
from sqlalchemy.types import TypeDecorator

from app.core.isbn import NotAnIsbn, display, understand


def text_enum(words: type[enum.StrEnum], column: str | None = None) -> Enum:
    """A string enum kept as text with a CHECK over its values: a new value is a one-line migration.

    ``column`` tells the checks apart where a table has several columns of one enum.
    """
    return Enum(
        words,
        native_enum=False,
        create_constraint=True,
        length=max(len(word) for word in words) + 10,
        name=column or words.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


class IsbnColumn(TypeDecorator[str]):
    """13 digits in Python, bigint in the database. Binds any clean ISBN; one that needs a repair is a NotAnIsbn."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        isbn, code, hint, _ = understand(value)
        if isbn is None or code is not None:
            raise NotAnIsbn(code or "", hint or "")
        return isbn

    def process_result_value(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else display(value)
