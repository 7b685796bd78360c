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

SPENT_TODAY = "SELECT coalesce(sum(cost), 0) FROM labelling_runs WHERE at >= date_trunc('day', now())"

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
WITH held AS (
    SELECT w.id, concat_ws(' ', w.leading_article, w.title) AS title, h.holders, l.checked,
           jsonb_build_object(
               'hues', CASE WHEN EXISTS (SELECT FROM labelset_hues lh WHERE lh.labelset_id = l.id)
                            THEN l.hue_origin END,
               'age', CASE WHEN l.min_age IS NOT NULL OR l.max_age IS NOT NULL THEN l.age_origin END,
               'reading_ability', CASE WHEN EXISTS (SELECT FROM labelset_reading_abilities la
                                                     WHERE la.labelset_id = l.id) THEN l.reading_ability_origin END,
               'summary', CASE WHEN l.huey_summary IS NOT NULL THEN l.summary_origin END) AS origins
      FROM work_holders h JOIN works w ON w.id = h.work_id LEFT JOIN labelsets l ON l.work_id = w.id
     WHERE h.holders > 0
), judged AS (
    SELECT h.id, h.title, h.holders, h.checked, d.missing, d.unsure, ceil(d.doubt)::int AS doubt
      FROM held h
      LEFT JOIN LATERAL (SELECT r.certainty FROM labelling_runs r
                          WHERE r.work_id = h.id AND r.certainty IS NOT NULL ORDER BY r.id DESC LIMIT 1) r ON true
     CROSS JOIN LATERAL (
         SELECT coalesce(array_agg(g.name ORDER BY g.place) FILTER (WHERE g.origin IS NULL), '{}') AS missing,
                coalesce(array_agg(g.name ORDER BY g.place) FILTER (WHERE g.origin IS NOT NULL AND g.doubt > 0), '{}')
                    AS unsure,
                sum(g.matters * g.doubt) AS doubt
           FROM (SELECT m.name, m.place, m.matters, h.origins ->> m.name AS origin,
                        CASE WHEN h.origins ->> m.name IS NULL THEN 1
                             WHEN h.checked THEN 0
                             WHEN NOT h.checked THEN 1
                             WHEN (h.origins ->> m.name) = ANY(%(judging)s::text[])
                             THEN 1 - coalesce((r.certainty ->> m.name)::float, %(unknown)s)
                             ELSE coalesce((%(doubts)s::jsonb ->> (h.origins ->> m.name))::float, 1) END AS doubt
                   FROM unnest(%(groups)s::text[], %(matters)s::int[]) WITH ORDINALITY AS m(name, matters, place)) g) d
)
SELECT id, title, holders, missing, unsure, doubt, holders * doubt AS weight, checked
  FROM judged
 WHERE doubt > 0 AND (%(weight)s::bigint IS NULL OR (-holders * doubt, id) > (-%(weight)s::bigint, %(after)s::int))
 ORDER BY holders * doubt DESC, id OFFSET %(skip)s LIMIT %(limit)s
"""
"""Held works by how much it matters that a person looks at their labels."""
