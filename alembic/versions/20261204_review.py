"""the review queue as a walk of an index: how much doubt there is about each work's labels, and who holds it

What is kept, by whom, and by which plain definition, stands in app/labelling/models.py.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE label_reviews (
    work_id integer NOT NULL,
    holders integer DEFAULT 0 NOT NULL,
    doubt smallint DEFAULT 100 NOT NULL,
    turn bigint GENERATED ALWAYS AS (-holders::bigint * doubt) STORED NOT NULL,
    CONSTRAINT pk_label_reviews PRIMARY KEY (work_id),
    CONSTRAINT fk_label_reviews_work_id_works FOREIGN KEY (work_id) REFERENCES works (id) ON DELETE CASCADE,
    CONSTRAINT ck_label_reviews_doubt_is_of_a_hundred CHECK (doubt BETWEEN 0 AND 100)
);
CREATE INDEX ix_label_reviews_turn_work_id ON label_reviews (turn, work_id) WHERE turn < 0;
"""

FUNCTIONS = """
CREATE FUNCTION label_doubts(wanted integer[]) RETURNS TABLE (
    work_id integer, checked boolean, missing text[], unsure text[], doubt smallint
) LANGUAGE sql STABLE AS $$
    WITH said AS (
        SELECT w.id, l.checked, r.certainty, g.*
          FROM (SELECT DISTINCT id FROM unnest(wanted) AS id) AS asked
          JOIN works w USING (id)
          LEFT JOIN labelsets l ON l.work_id = w.id
          LEFT JOIN work_labels m ON m.work_id = w.id
          LEFT JOIN LATERAL (
              SELECT certainty FROM labelling_runs r
               WHERE r.work_id = w.id AND certainty IS NOT NULL ORDER BY r.id DESC LIMIT 1
          ) r ON true
         CROSS JOIN LATERAL (VALUES  -- how much of a hundred a group is worth: recommendations go by the first three
              (1, 'hues', 40, CASE WHEN m.hues <> 0 THEN l.hue_origin END),
              (2, 'age', 30, CASE WHEN l.min_age IS NOT NULL OR l.max_age IS NOT NULL THEN l.age_origin END),
              (3, 'reading_ability', 20, CASE WHEN m.abilities <> 0 THEN l.reading_ability_origin END),
              (4, 'summary', 10, CASE WHEN l.huey_summary IS NOT NULL THEN l.summary_origin END)
         ) AS g(place, label_group, matters, origin)
    ),
    doubted AS (
        SELECT said.*,
               CASE WHEN origin IS NULL THEN 1 WHEN checked THEN 0 WHEN NOT checked THEN 1
                    WHEN origin IN ('VERTEXAI', 'GPT4', 'RULES')  -- these say how sure they are
                    THEN 1 - coalesce((certainty ->> label_group)::numeric, 0.4)
                    ELSE coalesce(word.doubt, 1) END AS doubt
          FROM said LEFT JOIN (VALUES
              ('HUMAN', 0), ('CLUSTER_RELEVANCE', 0.4), ('CLUSTER_ZAINAB', 0.4),
              ('NIELSEN_CBMC', 0.2), ('NIELSEN_BIC', 0.2), ('NIELSEN_THEMA', 0.2),
              ('NIELSEN_IA', 0.3), ('NIELSEN_RA', 0.3), ('PREDICTED_NIELSEN', 0.5), ('OTHER', 0.5)
          ) AS word(origin, doubt) USING (origin)
    )
    SELECT id, bool_and(checked),
           coalesce(array_agg(label_group ORDER BY place) FILTER (WHERE origin IS NULL), '{}'),
           coalesce(array_agg(label_group ORDER BY place) FILTER (WHERE origin IS NOT NULL AND doubt > 0), '{}'),
           ceil(sum(matters * doubt))::smallint
      FROM doubted GROUP BY id
$$;

CREATE FUNCTION refresh_doubts(changed integer[]) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan SET random_page_cost = 1.1 AS $$
BEGIN
    PERFORM FROM label_reviews r WHERE r.work_id = ANY(changed) ORDER BY r.work_id FOR NO KEY UPDATE;
    UPDATE label_reviews r SET doubt = d.doubt
      FROM label_doubts(changed) d WHERE r.work_id = d.work_id AND r.doubt <> d.doubt;
END $$;

CREATE FUNCTION works_are_reviewed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO label_reviews (work_id) SELECT id FROM new_rows ORDER BY id;
    RETURN NULL;
END $$;

CREATE FUNCTION doubts_follow_labels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM refresh_doubts(ARRAY(SELECT DISTINCT work_id FROM old_rows));
    ELSIF EXISTS (SELECT FROM new_rows) THEN
        PERFORM refresh_doubts(ARRAY(SELECT DISTINCT work_id FROM new_rows));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION doubts_follow_masks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_doubts(changed.works) FROM (
        SELECT array_agg(n.work_id) AS works FROM new_rows n JOIN old_rows o USING (work_id)
         WHERE (n.hues = 0, n.abilities = 0) <> (o.hues = 0, o.abilities = 0)
    ) AS changed WHERE changed.works IS NOT NULL;
    RETURN NULL;
END $$;
"""

BOTH = "OLD TABLE AS old_rows NEW TABLE AS new_rows"
TRIGGERS = (
    ("works", "works_are_reviewed", "INSERT", "NEW TABLE AS new_rows"),
    ("labelsets", "doubts_follow_labels", "INSERT", "NEW TABLE AS new_rows"),
    ("labelsets", "doubts_follow_labels", "UPDATE", BOTH),
    ("labelsets", "doubts_follow_labels", "DELETE", "OLD TABLE AS old_rows"),
    ("labelling_runs", "doubts_follow_labels", "INSERT", "NEW TABLE AS new_rows"),
    ("work_labels", "doubts_follow_masks", "UPDATE", BOTH),
    ("work_labels", "doubts_follow_labels", "INSERT", "NEW TABLE AS new_rows"),
    ("work_labels", "doubts_follow_labels", "DELETE", "OLD TABLE AS old_rows"),
)
FILL = """
INSERT INTO label_reviews (work_id, holders, doubt)
SELECT d.work_id, coalesce(h.holders, 0), d.doubt
  FROM label_doubts(ARRAY(SELECT id FROM works)) d LEFT JOIN work_holders h USING (work_id) ORDER BY 1
"""
DROPPED = ("refresh_doubts(integer[])", "label_doubts(integer[])")


def upgrade() -> None:
    op.execute("SET LOCAL statement_timeout = '10min'")  # looks at the labels of all works once
    for script in (TABLE, FUNCTIONS):
        op.get_bind().exec_driver_sql(script)
    for table, function, operation, sees in TRIGGERS:
        op.execute(
            f"CREATE TRIGGER {function}_{operation.lower()} AFTER {operation} ON {table} REFERENCING {sees} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
    op.execute(FILL)


def downgrade() -> None:
    for table, function, operation, _ in TRIGGERS:
        op.execute(f"DROP TRIGGER {function}_{operation.lower()} ON {table}")
    for function in dict.fromkeys(f"{function}()" for _, function, _, _ in TRIGGERS):
        op.execute(f"DROP FUNCTION {function}")
    for function in DROPPED:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("label_reviews")
