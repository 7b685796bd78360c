"""what providers of book data answered, and how far each may be asked

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_answers",
        sa.Column("isbn", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column(
            "status",
            sa.Enum("found", "unknown", "unreadable", name="answerstatus", native_enum=False, length=20),
            nullable=False,
        ),
        sa.Column("raw", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(raw IS NOT NULL) = (status = 'found')", name=op.f("ck_provider_answers_found_has_an_answer")
        ),
        sa.CheckConstraint(
            "status IN ('found', 'unknown', 'unreadable')", name=op.f("ck_provider_answers_answerstatus")
        ),
        sa.PrimaryKeyConstraint("isbn", "provider", name=op.f("pk_provider_answers")),
    )
    op.create_table(
        "provider_states",
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("tokens", sa.Float(precision=53), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("open_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_provider_states_failures_are_a_count")),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_states")),
    )


def downgrade() -> None:
    op.drop_table("provider_states")
    op.drop_table("provider_answers")
