"""e-mail, webhooks and supporters' feedback

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "email_suppressions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column(
            "category",
            sa.Enum(
                "account",
                "reading",
                "school",
                "news",
                name="category",
                native_enum=False,
                create_constraint=True,
                length=17,
            ),
            nullable=True,
        ),
        sa.Column(
            "reason",
            sa.Enum(
                "asked",
                "bounced",
                "staff",
                name="suppressionreason",
                native_enum=False,
                create_constraint=True,
                length=17,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_suppressions")),
        sa.UniqueConstraint(
            "mark", "category", name=op.f("uq_email_suppressions_mark_category"), postgresql_nulls_not_distinct=True
        ),
    )
    op.create_index(op.f("ix_email_suppressions_created_at"), "email_suppressions", ["created_at"], unique=False)
    op.create_table(
        "sent_emails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.String(length=60), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "sent",
                "no_address",
                "withheld",
                "suppressed",
                "refused",
                name="emailoutcome",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("transport", sa.String(length=20), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sent_emails_user_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sent_emails")),
    )
    op.create_index(op.f("ix_sent_emails_created_at"), "sent_emails", ["created_at"], unique=False)
    op.create_index(op.f("ix_sent_emails_user_id"), "sent_emails", ["user_id"], unique=False)
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("service_account_id", sa.Uuid(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("previous_secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("switched_off_reason", sa.String(length=100), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(previous_secret_sealed IS NULL) = (previous_until IS NULL)", name=op.f("ck_webhooks_previous_secret_ends")
        ),
        sa.CheckConstraint("cardinality(events) > 0", name=op.f("ck_webhooks_has_events")),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_webhooks_failures_are_a_count")),
        sa.ForeignKeyConstraint(
            ["school_id"],
            ["schools.wriveted_identifier"],
            name=op.f("fk_webhooks_school_id_schools"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["service_account_id"],
            ["service_accounts.id"],
            name=op.f("fk_webhooks_service_account_id_service_accounts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index(
        "ix_webhooks_active", "webhooks", ["school_id"], unique=False, postgresql_where=sa.text("is_active")
    )
    op.create_index("ix_webhooks_school_id_created_at", "webhooks", ["school_id", "created_at", "id"], unique=False)
    op.create_index(op.f("ix_webhooks_service_account_id"), "webhooks", ["service_account_id"], unique=False)
    op.create_table(
        "feedback_links",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("supporter_id", sa.Uuid(), nullable=False),
        sa.Column("reader_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_feedback_links_event_id_events"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["users.id"], name=op.f("fk_feedback_links_reader_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["supporter_id"], ["users.id"], name=op.f("fk_feedback_links_supporter_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_feedback_links")),
    )
    op.create_index(op.f("ix_feedback_links_event_id"), "feedback_links", ["event_id"], unique=False)
    op.create_index(op.f("ix_feedback_links_expires_at"), "feedback_links", ["expires_at"], unique=False)
    op.create_index(op.f("ix_feedback_links_reader_id"), "feedback_links", ["reader_id"], unique=False)
    op.create_index(op.f("ix_feedback_links_supporter_id"), "feedback_links", ["supporter_id"], unique=False)
    op.create_table(
        "supporter_feedback",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("supporter_id", sa.Uuid(), nullable=False),
        sa.Column("reader_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_supporter_feedback_event_id_events"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["users.id"], name=op.f("fk_supporter_feedback_reader_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["supporter_id"], ["users.id"], name=op.f("fk_supporter_feedback_supporter_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supporter_feedback")),
        sa.UniqueConstraint("event_id", "supporter_id", name=op.f("uq_supporter_feedback_event_id_supporter_id")),
    )
    op.create_index(op.f("ix_supporter_feedback_reader_id"), "supporter_feedback", ["reader_id"], unique=False)
    op.create_index(op.f("ix_supporter_feedback_supporter_id"), "supporter_feedback", ["supporter_id"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column(
            "event",
            sa.Enum(
                "collection.updated",
                "edition.labelled",
                "school.updated",
                name="webhookevent",
                native_enum=False,
                create_constraint=True,
                length=28,
            ),
            nullable=False,
        ),
        sa.Column("data", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "delivered",
                "failed",
                name="deliverystate",
                native_enum=False,
                create_constraint=True,
                length=19,
            ),
            server_default="pending",
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_failure", sa.String(length=100), nullable=True),
        sa.Column("last_milliseconds", sa.Integer(), nullable=True),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_webhook_deliveries_attempts_are_a_count")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_id_webhooks"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"], unique=False)
    op.create_index(
        "ix_webhook_deliveries_webhook_id_created_at",
        "webhook_deliveries",
        ["webhook_id", "created_at", "id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("ix_webhook_deliveries_webhook_id_created_at", table_name="webhook_deliveries")
    op.drop_index("ix_webhook_deliveries_created_at", table_name="webhook_deliveries")
    op.drop_table("webhook_deliveries")
    op.drop_index(op.f("ix_supporter_feedback_supporter_id"), table_name="supporter_feedback")
    op.drop_index(op.f("ix_supporter_feedback_reader_id"), table_name="supporter_feedback")
    op.drop_table("supporter_feedback")
    op.drop_index(op.f("ix_feedback_links_supporter_id"), table_name="feedback_links")
    op.drop_index(op.f("ix_feedback_links_reader_id"), table_name="feedback_links")
    op.drop_index(op.f("ix_feedback_links_expires_at"), table_name="feedback_links")
    op.drop_index(op.f("ix_feedback_links_event_id"), table_name="feedback_links")
    op.drop_table("feedback_links")
    op.drop_index(op.f("ix_webhooks_service_account_id"), table_name="webhooks")
    op.drop_index("ix_webhooks_school_id_created_at", table_name="webhooks")
    op.drop_index("ix_webhooks_active", table_name="webhooks", postgresql_where=sa.text("is_active"))
    op.drop_table("webhooks")
    op.drop_index(op.f("ix_sent_emails_user_id"), table_name="sent_emails")
    op.drop_index(op.f("ix_sent_emails_created_at"), table_name="sent_emails")
    op.drop_table("sent_emails")
    op.drop_index(op.f("ix_email_suppressions_created_at"), table_name="email_suppressions")
    op.drop_table("email_suppressions")
