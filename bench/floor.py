"""The floor under bulk changes: psql copies rows that are clean already, then runs statements as written by hand."""

import subprocess
import tempfile
import time
from pathlib import Path
from uuid import UUID

from app.core.config import Settings
from bench.bodies import Mixture
from bench.pgbench import client_environment, program

SCRIPT = r"""
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL work_mem = '64MB';
SELECT 1 FROM collections WHERE id = '{collection}' FOR UPDATE;
CREATE TEMP TABLE changes (isbn bigint, action "char", total int, available int, info jsonb) ON COMMIT DROP;
\copy changes FROM '{file}'
ANALYZE changes;
INSERT INTO editions (isbn)
SELECT isbn FROM changes c WHERE action = 'a' AND NOT EXISTS (SELECT FROM editions e WHERE e.isbn = c.isbn)
 ORDER BY isbn ON CONFLICT DO NOTHING;
INSERT INTO collection_items (collection_id, edition_isbn, sort_title, copies_total, copies_available, info)
SELECT '{collection}', c.isbn, e.sort_title, coalesce(c.total, 1), coalesce(c.available, c.total, 1), c.info
  FROM changes c JOIN editions e USING (isbn) WHERE c.action = 'a' ORDER BY c.isbn
    ON CONFLICT (collection_id, edition_isbn) DO UPDATE
   SET copies_total = excluded.copies_total, copies_available = excluded.copies_available, info = excluded.info,
       withdrawn_at = NULL, updated_at = now();
UPDATE collection_items i
   SET copies_total = c.total, copies_available = c.available, info = coalesce(c.info, i.info), updated_at = now()
  FROM changes c
 WHERE i.collection_id = '{collection}' AND i.edition_isbn = c.isbn AND c.action = 'u' AND i.withdrawn_at IS NULL;
UPDATE collection_items i SET withdrawn_at = now(), updated_at = now()
  FROM changes c
 WHERE i.collection_id = '{collection}' AND i.edition_isbn = c.isbn AND c.action = 'r' AND i.withdrawn_at IS NULL;
UPDATE collections SET version = version + 1, updated_at = now(),
       item_count = (SELECT count(*) FROM collection_items i
                      WHERE i.collection_id = '{collection}' AND i.withdrawn_at IS NULL)
 WHERE id = '{collection}';
COMMIT;
"""


def seconds_of(settings: Settings, collection: UUID, mixture: Mixture) -> float:
    """How long psql takes for this change of this collection, its own start included."""
    with tempfile.TemporaryDirectory(prefix="wriveted-bench-") as folder:
        rows, script = Path(folder, "rows"), Path(folder, "script.sql")
        rows.write_text(mixture.clean())
        script.write_text(SCRIPT.format(collection=collection, file=rows))
        command = [program("psql"), "--no-psqlrc", "--quiet", "--output", "/dev/null", "--file", str(script)]
        started = time.perf_counter()
        done = subprocess.run(
            [*command, settings.dsn], env=client_environment(), capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"psql failed: {done.stderr}")
    return seconds
