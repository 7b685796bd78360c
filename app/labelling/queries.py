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
WITH latest AS (
    SELECT DISTINCT ON (work_id) work_id, (certainty ->> 'hues')::float AS hues, (certainty ->> 'age')::float AS age,
           (certainty ->> 'reading_ability')::float AS reading_ability, NULL::float AS summary
      FROM labelling_runs WHERE certainty IS NOT NULL ORDER BY work_id, id DESC
), held AS (
    SELECT h.work_id, h.holders, l.checked, r.hues AS sure_of_hues, r.age AS sure_of_age,
           r.reading_ability AS sure_of_reading_ability, r.summary AS sure_of_summary,
           CASE WHEN w.hues <> 0 THEN l.hue_origin END AS hues,
           CASE WHEN l.min_age IS NOT NULL OR l.max_age IS NOT NULL THEN l.age_origin END AS age,
           CASE WHEN w.abilities <> 0 THEN l.reading_ability_origin END AS reading_ability,
           CASE WHEN l.huey_summary IS NOT NULL THEN l.summary_origin END AS summary
      FROM work_holders h
      LEFT JOIN labelsets l ON l.work_id = h.work_id
      LEFT JOIN work_labels w ON w.work_id = h.work_id
      LEFT JOIN latest r ON r.work_id = h.work_id
     WHERE h.holders > 0
), doubted AS (
    SELECT work_id, holders, checked, hues IS NULL AS no_hues, age IS NULL AS no_age,
           reading_ability IS NULL AS no_reading_ability, summary IS NULL AS no_summary,
           {hues} AS hues, {age} AS age, {reading_ability} AS reading_ability, {summary} AS summary
      FROM held
), weighed AS (
    SELECT *, ceil({sum})::int AS doubt FROM doubted
), page AS (
    SELECT *, holders::bigint * doubt AS weight FROM weighed
     WHERE doubt > 0
       AND (%(weight)s::bigint IS NULL
            OR (-holders::bigint * doubt, work_id) > (-%(weight)s::bigint, %(after)s::int))
     ORDER BY holders::bigint * doubt DESC, work_id OFFSET %(skip)s LIMIT %(limit)s
)
SELECT p.work_id, concat_ws(' ', w.leading_article, w.title), p.holders,
       array_remove(ARRAY[{missing}], NULL), array_remove(ARRAY[{unsure}], NULL), p.doubt, p.weight, p.checked
  FROM page p JOIN works w ON w.id = p.work_id ORDER BY p.weight DESC, p.work_id
"""
"""Held works by how much it matters that a person looks at their labels; `review` says how much each group does."""
DOUBT = """CASE WHEN {group} IS NULL THEN 1 WHEN checked THEN 0 WHEN NOT checked THEN 1
                WHEN {group} IN ({judging}) THEN 1 - coalesce(sure_of_{group}, {unknown})
                ELSE CASE {group} {doubts} ELSE 1 END END"""
"""How unsure a group is, from 0 to 1."""
