import pytest
from sqlalchemy import create_engine, func, literal, select

from app.core.isbn import NotAnIsbn
from app.core.types import IsbnColumn

DIALECT = create_engine("sqlite://").dialect


def test_a_column_keeps_a_number_and_gives_back_thirteen_digits() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        bound = literal("0-439-02348-3", IsbnColumn)
        row = connection.execute(select(func.typeof(bound), bound, literal(None, IsbnColumn))).one()
    assert tuple(row) == ("integer", "9780439023481", None)
    engine.dispose()
    assert IsbnColumn().compile(DIALECT) == "BIGINT"
    assert IsbnColumn().process_bind_param("9780439023481", DIALECT) == 9780439023481


@pytest.mark.parametrize("value", ["439023483", "0439023483 (pbk.)", "9780439023482", ""])
def test_a_column_never_repairs(value: str) -> None:
    with pytest.raises(NotAnIsbn):
        IsbnColumn().process_bind_param(value, DIALECT)
