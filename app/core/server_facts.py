"""What production asks of its database server before it serves."""

import math
import time
from collections.abc import Mapping
from typing import Any

CLOCK_SKEW_SECONDS = 5.0

# The facts that `server_objections` judges: of the role that connects, and of all that it may become by SET ROLE.
SERVER_FACTS = """
SELECT bool_or(r.rolsuper) AS superuser,
       bool_or(r.rolbypassrls) AS bypasses_rls,
       EXISTS (SELECT FROM pg_class AS c
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                 AND pg_has_role(session_user, c.relowner, 'MEMBER')) AS owns_tables,
       bool_or(has_any_column_privilege(r.oid, to_regclass('audit_log'), 'UPDATE')
               OR has_table_privilege(r.oid, to_regclass('audit_log'), 'DELETE, TRUNCATE')) AS changes_audit,
       current_setting('fsync') = 'on' AS fsync,
       current_setting('synchronous_commit') <> 'off' AS synchronous_commit,
       current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0) AS max_connections,
       extract(epoch FROM clock_timestamp())::float8 AS clock
FROM pg_roles AS r
WHERE pg_has_role(session_user, r.oid, 'MEMBER')
"""


def server_objections(row: Mapping[str, Any], *, now: float | None = None) -> list[str]:
    """Why production may not be served from this database server; a fact that is missing counts against it.

    `row` holds the columns of `SERVER_FACTS`. The caller may add what the server cannot know: `connections`,
    the most that all processes together may open; `migration` and `expected_migration`. `now`: epoch seconds.
    """
    skew = abs((time.time() if now is None else now) - row.get("clock", -math.inf))
    wanted, available = row.get("connections", 1), row.get("max_connections", 0)
    objections = {
        "the role is a superuser": row.get("superuser") is not False,
        "the role bypasses row-level security": row.get("bypasses_rls") is not False,
        "the role owns tables": row.get("owns_tables") is not False,
        "the role may change the audit: run `wriveted db grant`": row.get("changes_audit") is not False,
        "fsync is off": row.get("fsync") is not True,
        "synchronous_commit is off": row.get("synchronous_commit") is not True,
        "the pools are larger than max_connections": wanted > available,
        "the clocks are more than 5 s apart": not skew <= CLOCK_SKEW_SECONDS,
        "the migrations are not at head": row.get("migration") != row.get("expected_migration"),
    }
    return [objection for objection, holds in objections.items() if holds]
