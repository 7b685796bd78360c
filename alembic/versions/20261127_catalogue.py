"""series, merges of works and authors, the history of labels

Series that editions named become rows, and the works of those editions their members. Two hues get the names that
clients have always shown for them.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from app.books.matching import series_key

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NAMED = """
SELECT DISTINCT ON (work_id, series_name) work_id, series_name, series_number FROM editions
 WHERE series_name IS NOT NULL AND work_id IS NOT NULL
 ORDER BY work_id, series_name, series_number
"""
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
HUES = (
    ("hue08_charming_courageous", "Charming/Courageous", "Charming/Inspiring"),
    ("hue13_informative", "Informative", "Straightforward"),
)
"""Key, name before, name after."""
GROUPS = ("hues", "age", "reading_ability", "summary", "recommend_status", "info", "checked")


def upgrade() -> None:
    _series()
    _merges()
    _history()
    _title_words()
    _members()
    for key, _, name in HUES:
        _name_hue(key, name)


def _name_hue(key: str, name: str) -> None:
    op.execute(sa.text("UPDATE hues SET name = :name WHERE key = :key").bindparams(key=key, name=name))


def _series() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("title", sa.String(length=512), nullable=False),
        sa.Column("title_key", sa.String(length=512), nullable=False),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("title_key", name=op.f("uq_series_title_key")),
    )
    op.create_table(
        "series_works_association",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("primary_works", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_series_works_association_series_id_series"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["work_id"], ["works.id"], name=op.f("fk_series_works_association_work_id_works"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", "work_id", name=op.f("pk_series_works_association")),
    )
    op.create_index(op.f("ix_series_works_association_work_id"), "series_works_association", ["work_id"], unique=False)


def _merges() -> None:
    op.create_table(
        "merges",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("work", "author", name="mergekind", native_enum=False, create_constraint=True, length=16),
            nullable=False,
        ),
        sa.Column("from_id", sa.Integer(), nullable=False),
        sa.Column("into_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.String(length=60), nullable=False),
        sa.Column("undo", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merges")),
    )
    present = sa.text("undone_at IS NULL")
    op.create_index("uq_merges_kind_from_id", "merges", ["kind", "from_id"], unique=True, postgresql_where=present)
    op.create_index("ix_merges_kind_into_id", "merges", ["kind", "into_id"], unique=False, postgresql_where=present)


def _history() -> None:
    op.create_table(
        "labelset_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("labelset_id", sa.Integer(), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.String(length=60), nullable=False),
        sa.Column(
            "label_group",
            sa.Enum(*GROUPS, name="label_group", native_enum=False, create_constraint=True, length=26),
            nullable=False,
        ),
        sa.Column(
            "origin",
            sa.Enum(*ORIGINS, name="origin", native_enum=False, create_constraint=True, length=27),
            nullable=True,
        ),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labelset_changes")),
    )
    op.create_index("ix_labelset_changes_work_id_id", "labelset_changes", ["work_id", "id"], unique=False)


def _title_words() -> None:
    op.execute("SET LOCAL statement_timeout = '5min'")  # reads every work and edition once
    op.create_index(
        "ix_works_title_words",
        "works",
        [sa.text("to_tsvector('simple'::regconfig, match_title)")],
        unique=False,
        postgresql_using="gin",
    )


def _members() -> None:
    """Enter the series that editions name; of a series of which a work names two numbers, the lower."""
    connection = op.get_bind()
    series: dict[str, str] = {}
    members: dict[tuple[str, int], int | None] = {}
    for work_id, name, number in connection.execute(sa.text(NAMED)):
        key = series_key(name)
        series.setdefault(key, name)
        members.setdefault((key, work_id), number)
    if not series:
        return
    connection.execute(
        sa.text("INSERT INTO series (title, title_key) VALUES (:title, :key)"),
        [{"title": title, "key": key} for key, title in series.items()],
    )
    connection.execute(
        sa.text(
            "INSERT INTO series_works_association (series_id, work_id, order_id)"
            " SELECT id, :work_id, :number FROM series WHERE title_key = :key"
        ),
        [{"key": key, "work_id": work_id, "number": number} for (key, work_id), number in members.items()],
    )


def downgrade() -> None:
    for key, name, _ in HUES:
        _name_hue(key, name)
    op.drop_index("ix_works_title_words", table_name="works")
    for table in ("labelset_changes", "merges", "series_works_association", "series"):
        op.drop_table(table)
