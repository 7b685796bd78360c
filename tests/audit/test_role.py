"""The application works as a role that owns nothing, and neither that role nor any other changes the audit."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
import pytest_asyncio
from psycopg import sql
from psycopg.rows import dict_row
from typer.testing import CliRunner, Result

from app import cli
from app.core.db import Database
from app.core.server_facts import SERVER_FACTS, server_objections
from app.main import create_public_app
from tests.collections.shelves import HUNGER_GAMES, TWILIGHT
from tests.conftest import settings_for
from tests.schools.test_school_changes import path_of
from tests.world import World

CHANGES = ("UPDATE audit_log SET actor = NULL", "DELETE FROM audit_log", "TRUNCATE audit_log")


@dataclass
class Deployment:
    """A database that its owner has migrated, and the application's own role there."""

    owner: str
    role: str
    url: str

    def grant(self, role: str = "") -> Result:
        """`wriveted db grant`, as the owner."""
        return CliRunner(env={"DATABASE_URL": self.owner}).invoke(cli.app, ["db", "grant", role or self.role])

    async def sqlstate(self, url: str, statement: str) -> str | None:
        """How a statement ends, which is undone if it succeeds."""
        async with await psycopg.AsyncConnection.connect(url) as connection:
            try:
                await connection.execute(statement)
            except psycopg.Error as error:
                return error.sqlstate
            finally:
                await connection.rollback()
        return None


@pytest_asyncio.fixture(loop_scope="session")
async def deployment(make_database: Callable[[], str]) -> AsyncIterator[Deployment]:
    owner, role, password = make_database(), f"app_{secrets.token_hex(4)}", secrets.token_hex(16)
    parts = urlsplit(owner)
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"{role}:{password}@{host}"))
    with psycopg.connect(owner, autocommit=True) as connection:
        name = sql.Identifier(role)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, password))
        yield Deployment(owner, role, url)
        connection.execute(sql.SQL("DROP OWNED BY {}").format(name))
        connection.execute(sql.SQL("DROP ROLE {}").format(name))


async def test_application_works_as_a_role_that_owns_nothing(deployment: Deployment) -> None:
    for _ in range(2):
        result = await asyncio.to_thread(deployment.grant)
        assert result.exit_code == 0, result.output
    settings = settings_for(deployment.url)
    database = Database(settings)
    transport = httpx.ASGITransport(app=create_public_app(settings, database=database))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        world = World(database, http)
        admin = await world.admin()
        new = {"name": "New", "country_code": "NZL", "info": {"location": {"state": "Otago", "postcode": "9010"}}}
        created = await admin.post("/school", json=new, headers={"Idempotency-Key": "once"})
        assert created.status_code == 200, created.text
        school = await world.school()
        lms = await world.lms(school)
        path = f"{path_of(school)}/collection"
        synced = await lms.post(path, json=[{"isbn": HUNGER_GAMES}, {"isbn": TWILIGHT}])
        assert synced.status_code == 200, synced.text
        many = [{"info": {"title": f"Book {number}"}} for number in range(2_500)]
        assert (await lms.post(path, json=many)).json()["summary"]["added"] == 2_500, "by way of a temporary table"
        assert (await lms.delete(path_of(school))).status_code == 403
        assert (await admin.delete(path_of(school))).status_code == 200
        audit = (await admin.get("/audit")).json()["data"]
        assert [row["action"] for row in audit] == ["school.deleted", "access.denied"]
        assert (await http.get("/readyz")).status_code == 200
    await database.dispose()


@pytest.mark.parametrize("statement", CHANGES)
async def test_nobody_changes_the_audit(deployment: Deployment, statement: str) -> None:
    """The owner is stopped by the trigger, the application by its lack of the right too."""
    await asyncio.to_thread(deployment.grant)
    assert await deployment.sqlstate(deployment.url, statement) == "42501"
    assert await deployment.sqlstate(deployment.owner, statement) == "42501"
    trigger = "ALTER TABLE audit_log DISABLE TRIGGER ALL"
    assert await deployment.sqlstate(deployment.owner, f"{trigger}; {statement}") is None
    with psycopg.connect(deployment.owner, autocommit=True) as connection:
        connection.execute(trigger)
    assert await deployment.sqlstate(deployment.url, statement) == "42501"


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "DROP TABLE audit_log",
        "CREATE TABLE another ()",
        "UPDATE alembic_version SET version_num = '0001'",
        "SET session_replication_role = replica",
    ],
)
async def test_application_changes_no_tables(deployment: Deployment, statement: str) -> None:
    await asyncio.to_thread(deployment.grant)
    assert await deployment.sqlstate(deployment.url, statement) == "42501"


async def test_table_of_a_later_migration_comes_with_rights(deployment: Deployment) -> None:
    await asyncio.to_thread(deployment.grant)
    with psycopg.connect(deployment.owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE later (id int GENERATED BY DEFAULT AS IDENTITY)")
    change = "INSERT INTO later DEFAULT VALUES; UPDATE later SET id = 2; DELETE FROM later"
    assert await deployment.sqlstate(deployment.url, change) is None


async def facts(deployment: Deployment) -> list[str]:
    """What production has against the application's role."""
    async with await psycopg.AsyncConnection.connect(deployment.url, row_factory=dict_row) as connection:
        row = await (await connection.execute(SERVER_FACTS)).fetchone()
    assert row is not None
    return [each for each in server_objections(row) if "role" in each]


@pytest.mark.parametrize("right", ["UPDATE", "UPDATE (actor)", "DELETE", "TRUNCATE"])
async def test_production_is_not_served_as_a_role_that_may_change_the_audit(deployment: Deployment, right: str) -> None:
    await asyncio.to_thread(deployment.grant)
    assert await facts(deployment) == []
    with psycopg.connect(deployment.owner, autocommit=True) as connection:
        connection.execute(sql.SQL(f"GRANT {right} ON audit_log TO {{}}").format(sql.Identifier(deployment.role)))
    assert await facts(deployment) == ["the role may change the audit: run `wriveted db grant`"]
    await asyncio.to_thread(deployment.grant)
    assert await facts(deployment) == []


async def test_role_that_rights_do_not_bind_is_refused(deployment: Deployment) -> None:
    with psycopg.connect(deployment.owner) as connection:
        row = connection.execute("SELECT current_user").fetchone()
    assert row is not None
    result = await asyncio.to_thread(deployment.grant, row[0])
    assert (result.exit_code, "choose another role" in str(result.exception)) == (1, True)
    unknown = await asyncio.to_thread(deployment.grant, "nobody_of_this_name")
    assert (unknown.exit_code, "there is no role" in str(unknown.exception)) == (1, True)


async def test_role_without_temporary_tables_is_refused(deployment: Deployment) -> None:
    with psycopg.connect(deployment.owner, autocommit=True) as connection:
        row = connection.execute("SELECT current_database()").fetchone()
        assert row is not None
        connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(row[0])))
    result = await asyncio.to_thread(deployment.grant)
    assert (result.exit_code, "TEMPORARY" in str(result.exception)) == (1, True)


async def test_rights_are_given_by_the_owner_alone(deployment: Deployment) -> None:
    result = await asyncio.to_thread(
        lambda: CliRunner(env={"DATABASE_URL": deployment.url}).invoke(cli.app, ["db", "grant", deployment.role])
    )
    assert (result.exit_code, "only the owner" in str(result.exception)) == (1, True)
