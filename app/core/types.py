"""Column types that more than one domain uses."""

import enum

from sqlalchemy import Enum


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
