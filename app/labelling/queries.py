"""Selects of labelling."""

BOOKS = """
SELECT w.id, concat_ws(' ', w.leading_article, w.title) || coalesce(': ' || w.subtitle, ''), w.info,
       ARRAY(SELECT concat_ws(' ', a.first_name, a.last_name)
               FROM author_works aw JOIN authors a ON a.id = aw.author_id WHERE aw.work_id = w.id ORDER BY a.id),
       coalesce((SELECT s.title FROM series_works_association sw JOIN series s ON s.id = sw.series_id
                  WHERE sw.work_id = w.id ORDER BY sw.primary_works DESC, s.id LIMIT 1),
                (SELECT e.series_name FROM editions e
                  WHERE e.work_id = w.id AND e.series_name IS NOT NULL ORDER BY e.isbn LIMIT 1)),
       ARRAY(SELECT e.info FROM editions e WHERE e.work_id = w.id AND e.info IS NOT NULL
              ORDER BY e.hydrated_at DESC NULLS LAST, e.isbn LIMIT %(most)s)
  FROM works w WHERE w.id = ANY(%(ids)s::int[])
"""
"""What is known of these works: title, info, authors, series, and the infos of their editions."""

RESERVE = "SELECT reserve_labelling(%(task)s, %(most)s, %(budget)s, %(lapse)s)"
SETTLE = "UPDATE labelling_reservations SET amount = %(cost)s WHERE id = %(id)s"
HAND_IN = "DELETE FROM labelling_reservations WHERE task_id = %s"

RUNS = """
INSERT INTO labelling_runs (work_id, task_id, labeller, model, outcome, input_tokens, output_tokens, cost, certainty)
SELECT work_id, %(task)s, labeller, model, outcome, input_tokens, output_tokens, cost, certainty
  FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS n(work_id int, labeller text, model text, outcome text, input_tokens int, output_tokens int, cost numeric,
         certainty jsonb)
"""

KNOWN = "SELECT id FROM works WHERE id = ANY(%s::int[]) ORDER BY id"

UNLABELLED = """
SELECT h.work_id FROM work_holders h LEFT JOIN labelsets l ON l.work_id = h.work_id
 WHERE h.holders > 0 AND l.checked IS NOT TRUE
   AND (l.id IS NULL OR l.hue_origin IS NULL OR l.age_origin IS NULL OR l.reading_ability_origin IS NULL)
   AND NOT EXISTS (SELECT FROM labelling_runs r WHERE r.work_id = h.work_id AND r.at > now() - interval '30 days')
 ORDER BY h.tier DESC, h.work_id LIMIT %s
"""
"""Held works that lack labels and that no labeller has looked at of late, those that most libraries hold first."""

SPENT = """
SELECT at::date, labeller, model, count(*), sum(input_tokens)::bigint, sum(output_tokens)::bigint, sum(cost)
  FROM labelling_runs WHERE at >= date_trunc('day', now()) - make_interval(days => %s - 1)
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""

TO_REVIEW = """
WITH page AS MATERIALIZED (
    SELECT work_id, holders, turn FROM label_reviews
     WHERE turn < 0 AND (turn, work_id) > (%(turn)s, %(after)s)
     ORDER BY turn, work_id OFFSET %(skip)s LIMIT %(limit)s
)
SELECT p.work_id, concat_ws(' ', w.leading_article, w.title), p.holders, d.missing, d.unsure, d.doubt, -p.turn,
       d.checked
  FROM page p JOIN works w ON w.id = p.work_id
  JOIN label_doubts(ARRAY(SELECT work_id FROM page)) d ON d.work_id = p.work_id
 ORDER BY p.turn, p.work_id
"""
"""Held works by how much it matters that a person looks at their labels."""

WORK_IDS = "SELECT id FROM works WHERE id > %(after)s ORDER BY id LIMIT %(number)s"
NOT_REVIEWED = """
INSERT INTO label_reviews (work_id)
SELECT id FROM unnest(%(ids)s::int[]) AS id WHERE NOT EXISTS (SELECT FROM label_reviews WHERE work_id = id)
ON CONFLICT DO NOTHING
"""
FREE = """
SELECT work_id FROM label_reviews WHERE work_id = ANY(%(ids)s::int[]) ORDER BY work_id FOR NO KEY UPDATE SKIP LOCKED
"""
"""Those that nobody is labelling: who is labels them anew."""
KEEP = """
WITH meant AS (
    SELECT h.work_id, h.holders, d.doubt, r.holders <> h.holders AS moved, r.doubt <> d.doubt AS drifted
      FROM label_doubts(%(ids)s::int[]) d JOIN work_holders h USING (work_id) JOIN label_reviews r USING (work_id)
), kept AS (
    UPDATE label_reviews r SET holders = m.holders, doubt = m.doubt
      FROM meant m WHERE r.work_id = m.work_id AND (moved OR drifted)
)
SELECT count(*) FILTER (WHERE moved), count(*) FILTER (WHERE drifted) FROM meant
"""
"""Their holders and doubts as they are now; how many of each had not been kept so."""
