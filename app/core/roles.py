"""The rights of the application's database role: every row, but never the tables themselves."""

from collections.abc import Iterable

import psycopg
from psycopg import sql

READ_ONLY = ("alembic_version",)

FACTS = """
SELECT r.rolsuper,
       EXISTS (SELECT FROM pg_class AS c
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                 AND pg_has_role(r.oid, c.relowner, 'MEMBER')),
       has_database_privilege(r.oid, current_database(), 'CONNECT')
       AND has_database_privilege(r.oid, current_database(), 'TEMPORARY')
FROM pg_roles AS r WHERE r.rolname = %s
"""
RIGHTS = """
REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role};
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role};
"""
APPENDED = """
REVOKE ALL ON {table} FROM PUBLIC, {role};
GRANT SELECT, INSERT ON {table} TO {role};
"""
READ = """
REVOKE ALL ON {table} FROM PUBLIC, {role};
GRANT SELECT ON {table} TO {role};
"""


class RoleError(Exception):
    """A role that these rights would not bind, or that cannot work with them."""


def grant(url: str, role: str, append_only: Iterable[str]) -> None:
    """Give a role what the application needs in the database of a URL, whose own role owns the tables.

    It may read and change every row, and of the ``append_only`` tables read and add them. Tables of later migrations
    come with the same rights; append-only ones among them are bound when this runs again. One transaction; raises
    ``RoleError``.
    """
    bound = [(APPENDED, table) for table in append_only] + [(READ, table) for table in READ_ONLY]
    name = sql.Identifier(role)
    with psycopg.connect(url.replace("+psycopg://", "://", 1), connect_timeout=5) as connection:
        _refuse_unsuitable(connection, role)
        try:
            connection.execute(sql.SQL(RIGHTS).format(role=name))
            for template, table in bound:
                connection.execute(sql.SQL(template).format(role=name, table=sql.Identifier("public", table)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise RoleError("only the owner of the database and its tables can give these rights") from error


def _refuse_unsuitable(connection: psycopg.Connection[tuple[object, ...]], role: str) -> None:
    facts = connection.execute(FACTS, [role]).fetchone()
    if facts is None:
        raise RoleError(f"there is no role {role}: CREATE ROLE first, with LOGIN and a password")
    superuser, owner, may_enter = facts
    if superuser or owner:
        raise RoleError(f"{role} is a superuser or owns tables: rights do not bind it, choose another role")
    if not may_enter:
        raise RoleError(f"{role} needs GRANT CONNECT, TEMPORARY ON the database: bulk changes use temporary tables")
