"""Statements on answers, providers and the backlog."""

ANSWERS = """
SELECT isbn, status, raw FROM provider_answers
 WHERE provider = %s AND isbn = ANY(%s::bigint[]) AND expires_at > now()
"""
NOTE_ANSWERS = """
WITH noted AS (
    INSERT INTO provider_answers (isbn, provider, status, raw, answered_at, expires_at)
    SELECT n.isbn, %(provider)s, n.status, n.raw, now(), now() + n.days * interval '1 day'
      FROM jsonb_to_recordset(%(answers)s::jsonb) AS n(isbn bigint, status text, raw jsonb, days int)
    ON CONFLICT (isbn, provider) DO UPDATE
       SET status = excluded.status, raw = excluded.raw, answered_at = excluded.answered_at,
           expires_at = excluded.expires_at
)
UPDATE provider_states SET failures = 0, open_until = NULL
 WHERE provider = %(provider)s AND %(well)s AND (failures > 0 OR open_until IS NOT NULL)
"""
"""What was answered is kept; and a provider that answers well is not given a rest any more."""
_LEFT = """least(%(burst)s::float8, s.tokens
    + greatest(extract(epoch FROM clock_timestamp() - s.counted_at)::float8, 0) * %(rate)s::float8)"""
ADMIT = f"""
INSERT INTO provider_states AS s (provider, tokens, counted_at)
VALUES (%(provider)s, %(burst)s::float8 - 1, clock_timestamp())
ON CONFLICT (provider) DO UPDATE
   SET tokens = {_LEFT} - 1, counted_at = clock_timestamp(),
       open_until = CASE WHEN s.open_until IS NOT NULL THEN clock_timestamp() + %(probe)s END
 WHERE (s.open_until IS NULL OR s.open_until <= clock_timestamp()) AND {_LEFT} >= 1
RETURNING tokens
"""  # noqa: S608  nobody's input
"""Take one request out of a provider's budget. Of those who wait for one that had a rest, one is let through to try."""
WAIT = f"""
SELECT s.open_until > clock_timestamp(),
       greatest(extract(epoch FROM s.open_until - clock_timestamp()), (1 - {_LEFT}) / %(rate)s::float8, 1)::float8,
       s.failures
  FROM provider_states s WHERE s.provider = %(provider)s
"""  # noqa: S608  nobody's input
"""Why there is none: whether the provider has a rest, for how many seconds there is nothing, and its failures."""
NOTE_FAILURE = """
UPDATE provider_states
   SET failures = failures + 1,
       open_until = CASE WHEN failures + 1 >= %(most)s
                         THEN clock_timestamp() + least(%(rest)s * 2 ^ least(failures + 1 - %(most)s, 10), %(longest)s)
                              * interval '1 second' END
 WHERE provider = %(provider)s
RETURNING failures, open_until IS NOT NULL
"""
NOTE_BUSY = """
UPDATE provider_states SET open_until = clock_timestamp() + %(seconds)s * interval '1 second'
 WHERE provider = %(provider)s
"""
BACKLOG = """
SELECT e.isbn
  FROM editions e
  LEFT JOIN (SELECT i.edition_isbn, count(*) AS libraries
               FROM collection_items i JOIN collections c ON c.id = i.collection_id
              WHERE i.withdrawn_at IS NULL AND i.edition_isbn IS NOT NULL AND c.school_id IS NOT NULL
              GROUP BY i.edition_isbn) held ON held.edition_isbn = e.isbn
 WHERE e.hydrated_at IS NULL
   AND NOT EXISTS (SELECT FROM provider_answers a
                    WHERE a.isbn = e.isbn AND a.status <> 'found' AND a.expires_at > now())
 ORDER BY coalesce(held.libraries, 0) DESC, e.isbn
 LIMIT %s
"""
"""The editions that nobody has looked up, or not lately in vain: first those that the most schools' libraries hold."""
UNLABELLED = """
SELECT w.id FROM works w LEFT JOIN labelsets l ON l.work_id = w.id
 WHERE w.id = ANY(%s::int[])
   AND (l.id IS NULL OR l.hue_origin IS NULL OR l.age_origin IS NULL OR l.reading_ability_origin IS NULL
        OR l.summary_origin IS NULL)
 ORDER BY w.id
"""
"""Works of which some group of labels is still missing."""
HYDRATED_AT = "SELECT hydrated_at FROM editions WHERE isbn = %s"
