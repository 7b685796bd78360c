from typing import Any
from uuid import uuid4

import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from app.core.db import Database
from app.core.server_facts import SERVER_FACTS
from app.core.server_facts import server_objections as objections

NOW = 1_800_000_000.0
SOUND: dict[str, Any] = {
    "superuser": False,
    "bypasses_rls": False,
    "owns_tables": False,
    "changes_audit": False,
    "fsync": True,
    "synchronous_commit": True,
    "max_connections": 97,
    "clock": NOW,
}


def test_sound_server_meets_no_objection() -> None:
    assert objections(SOUND, now=NOW) == []
    more = {"connections": 97, "migration": "0003", "expected_migration": "0003", "clock": NOW - 5}
    assert objections(SOUND | more, now=NOW) == []


@pytest.mark.parametrize(
    ("fact", "objection"),
    [
        ({"superuser": True}, "superuser"),
        ({"bypasses_rls": True}, "row-level security"),
        ({"owns_tables": True}, "owns tables"),
        ({"changes_audit": True}, "change the audit"),
        ({"fsync": False}, "fsync"),
        ({"synchronous_commit": False}, "synchronous_commit"),
        ({"connections": 98}, "max_connections"),
        ({"clock": NOW + 5.1}, "clocks"),
        ({"clock": NOW - 5.1}, "clocks"),
        ({"clock": float("nan")}, "clocks"),
        ({"migration": None, "expected_migration": "0003"}, "migrations"),
        ({"migration": "0002", "expected_migration": "0003"}, "migrations"),
    ],
)
def test_unsound_server_meets_an_objection(fact: dict[str, Any], objection: str) -> None:
    (found,) = objections(SOUND | fact, now=NOW)
    assert objection in found


@pytest.mark.parametrize("fact", SOUND)
def test_fact_that_is_missing_counts_against_the_server(fact: str) -> None:
    assert len(objections({name: value for name, value in SOUND.items() if name != fact}, now=NOW)) == 1


async def test_facts_of_a_server_are_those_that_are_judged(database: Database) -> None:
    async with database.transaction(reading=True) as transaction:
        cursor = transaction.driver.cursor(row_factory=dict_row)
        row = await (await cursor.execute(SERVER_FACTS)).fetchone()
    assert row is not None
    assert row.keys() == SOUND.keys()
    assert {type(value) for name, value in row.items() if name not in {"clock", "max_connections"}} == {bool}
    assert not [objection for objection in objections(row) if "clocks" in objection or "connections" in objection]


@pytest.mark.parametrize(
    ("role", "facts"),
    [
        ("NOINHERIT", set()),
        ("IN ROLE {owner}", {"owns_tables"}),
        ("NOINHERIT IN ROLE {owner}", {"owns_tables"}),
        ("BYPASSRLS", {"bypasses_rls"}),
        ("SUPERUSER", {"superuser", "bypasses_rls", "owns_tables"}),
    ],
)
async def test_facts_are_of_all_that_a_role_may_become(database: Database, role: str, facts: set[str]) -> None:
    names = {"role": Identifier(f"role_{uuid4().hex}"), "owner": Identifier(f"owner_{uuid4().hex}")}
    setup = (
        "CREATE ROLE {owner}; GRANT CREATE ON SCHEMA public TO {owner};"
        "CREATE TABLE owned_by_another (); ALTER TABLE owned_by_another OWNER TO {owner};"
        f"CREATE ROLE {{role}} {role}; SET SESSION AUTHORIZATION {{role}}"
    )
    async with database.transaction() as transaction:
        transaction.rollback_only = True
        await transaction.driver.execute(SQL(setup).format(**names))
        cursor = transaction.driver.cursor(row_factory=dict_row)
        row = await (await cursor.execute(SERVER_FACTS)).fetchone()
    assert row is not None
    assert {name for name in ("superuser", "bypasses_rls", "owns_tables") if row[name]} == facts
