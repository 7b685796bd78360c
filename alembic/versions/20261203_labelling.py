"""runs of labellers, and an origin of labels for our own rules

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ORIGINS = (
    "HUMAN",
    "VERTEXAI",
    "GPT4",
    "CLUSTER_RELEVANCE",
    "CLUSTER_ZAINAB",
    "NIELSEN_CBMC",
    "NIELSEN_BIC",
    "NIELSEN_THEMA",
    "NIELSEN_IA",
    "NIELSEN_RA",
    "PREDICTED_NIELSEN",
    "OTHER",
)
COLUMNS = (
    *(
        ("labelsets", name)
        for name in ("hue_origin", "age_origin", "reading_ability_origin", "summary_origin", "recommend_status_origin")
    ),
    ("labelset_changes", "origin"),
)


def upgrade() -> None:
    allow((*ORIGINS, "RULES"))
    op.create_table(
        "labelling_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("labeller", sa.String(length=20), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum("labelled", "refused", name="runoutcome", native_enum=False, create_constraint=True, length=18),
            nullable=False,
        ),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("certainty", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "input_tokens >= 0 AND output_tokens >= 0 AND cost >= 0",
            name=op.f("ck_labelling_runs_nothing_is_given_back"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labelling_runs")),
    )
    op.create_index(
        "ix_labelling_runs_certain",
        "labelling_runs",
        ["work_id", "id"],
        unique=False,
        postgresql_where=sa.text("certainty IS NOT NULL"),
    )
    op.create_index("ix_labelling_runs_at", "labelling_runs", ["at"], unique=False)


def downgrade() -> None:
    op.drop_table("labelling_runs")
    for table, column in COLUMNS:
        rows = sa.table(table, sa.column(column))
        op.execute(sa.update(rows).where(rows.c[column] == "RULES").values({column: "OTHER"}))
    allow(ORIGINS)


def allow(origins: tuple[str, ...]) -> None:
    """The CHECK of each origin. NOT VALID needs no scan under the exclusive lock; the validation lets others write."""
    words = ", ".join(f"'{origin}'" for origin in origins)
    for table, column in COLUMNS:
        name = f"ck_{table}_{column}"
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IN ({words})) NOT VALID")
    for table, column in COLUMNS:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{column}")
