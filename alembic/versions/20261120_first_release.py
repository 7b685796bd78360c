"""first release

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "authors",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("first_name", sa.String(length=200), nullable=True),
        sa.Column("last_name", sa.String(length=200), nullable=False),
        sa.Column("name_key", sa.String(length=400), nullable=False),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authors")),
    )
    op.create_index(op.f("ix_authors_name_key"), "authors", ["name_key"], unique=False)
    op.create_table(
        "countries",
        sa.Column("id", sa.CHAR(length=3), nullable=False),
        sa.Column("phonecode", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_countries")),
    )
    op.create_table(
        "hues",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hues")),
        sa.UniqueConstraint("key", name=op.f("uq_hues_key")),
        sa.UniqueConstraint("name", name=op.f("uq_hues_name")),
    )
    op.create_table(
        "idempotency_records",
        sa.Column("subject", sa.String(length=60), nullable=False),
        sa.Column("operation", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("subject", "operation", "key", name=op.f("pk_idempotency_records")),
    )
    op.create_index(op.f("ix_idempotency_records_created_at"), "idempotency_records", ["created_at"], unique=False)
    op.create_table(
        "illustrators",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("first_name", sa.String(length=200), nullable=True),
        sa.Column("last_name", sa.String(length=200), nullable=False),
        sa.Column("name_key", sa.String(length=400), nullable=False),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_illustrators")),
    )
    op.create_index(op.f("ix_illustrators_name_key"), "illustrators", ["name_key"], unique=False)
    op.create_table(
        "rate_limits",
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("window_start", "bucket", name=op.f("pk_rate_limits")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "reading_abilities",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reading_abilities")),
        sa.UniqueConstraint("key", name=op.f("uq_reading_abilities_key")),
        sa.UniqueConstraint("name", name=op.f("uq_reading_abilities_name")),
    )
    op.create_table(
        "service_accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column(
            "type",
            sa.Enum(
                "backend",
                "lms",
                "school",
                "kiosk",
                name="serviceaccounttype",
                native_enum=False,
                create_constraint=True,
                length=17,
            ),
            nullable=False,
        ),
        sa.Column("is_vendor", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("credential_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("previous_version_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tokens_valid_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_accounts")),
    )
    op.create_index(op.f("ix_service_accounts_type"), "service_accounts", ["type"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column(
            "type",
            sa.Enum(
                "wriveted",
                "student",
                "public",
                "educator",
                "school_admin",
                "parent",
                "supporter",
                name="useraccounttype",
                native_enum=False,
                create_constraint=True,
                length=22,
            ),
            nullable=False,
        ),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("newsletter", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tokens_valid_after", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index(op.f("ix_users_type"), "users", ["type"], unique=False)
    op.create_index("uq_users_lower_email", "users", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "works",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "type",
            sa.Enum("book", "podcast", name="worktype", native_enum=False, create_constraint=True, length=17),
            nullable=False,
        ),
        sa.Column("leading_article", sa.String(length=20), nullable=True),
        sa.Column("title", sa.String(length=512), nullable=False),
        sa.Column("subtitle", sa.String(length=512), nullable=True),
        sa.Column("match_title", sa.Text(), nullable=False),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_works")),
    )
    op.create_index(op.f("ix_works_match_title"), "works", ["match_title"], unique=False)
    op.create_table(
        "author_works",
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["authors.id"], name=op.f("fk_author_works_author_id_authors"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["work_id"], ["works.id"], name=op.f("fk_author_works_work_id_works"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("work_id", "author_id", name=op.f("pk_author_works")),
    )
    op.create_index(op.f("ix_author_works_author_id"), "author_works", ["author_id"], unique=False)
    op.create_table(
        "editions",
        sa.Column("isbn", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=True),
        sa.Column("leading_article", sa.String(length=20), nullable=True),
        sa.Column("edition_title", sa.String(length=512), nullable=True),
        sa.Column("edition_subtitle", sa.String(length=512), nullable=True),
        sa.Column("title", sa.String(length=512), nullable=True),
        sa.Column("sort_title", sa.Text(collation="C"), server_default="\uffff", nullable=False),
        sa.Column("date_published", sa.Integer(), nullable=True),
        sa.Column("cover_url", sa.String(length=2000), nullable=True),
        sa.Column("series_name", sa.String(length=512), nullable=True),
        sa.Column("series_number", sa.Integer(), nullable=True),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("hydrated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hydrated", sa.Boolean(), sa.Computed("hydrated_at IS NOT NULL", persisted=True), nullable=False),
        sa.Column("brief", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["work_id"], ["works.id"], name=op.f("fk_editions_work_id_works"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("isbn", name=op.f("pk_editions")),
    )
    op.create_index(
        "ix_editions_backlog", "editions", ["isbn"], unique=False, postgresql_where=sa.text("hydrated_at IS NULL")
    )
    op.create_index(
        "ix_editions_title_words",
        "editions",
        [sa.literal_column("to_tsvector('simple'::regconfig, sort_title)")],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("title IS NOT NULL"),
    )
    op.create_index(op.f("ix_editions_work_id"), "editions", ["work_id"], unique=False)
    op.create_table(
        "labelsets",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column(
            "hue_origin",
            sa.Enum(
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
                name="hue_origin",
                native_enum=False,
                create_constraint=True,
                length=27,
            ),
            nullable=True,
        ),
        sa.Column("min_age", sa.Integer(), nullable=True),
        sa.Column("max_age", sa.Integer(), nullable=True),
        sa.Column(
            "age_origin",
            sa.Enum(
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
                name="age_origin",
                native_enum=False,
                create_constraint=True,
                length=27,
            ),
            nullable=True,
        ),
        sa.Column(
            "reading_ability_origin",
            sa.Enum(
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
                name="reading_ability_origin",
                native_enum=False,
                create_constraint=True,
                length=27,
            ),
            nullable=True,
        ),
        sa.Column("huey_summary", sa.Text(), nullable=True),
        sa.Column(
            "summary_origin",
            sa.Enum(
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
                name="summary_origin",
                native_enum=False,
                create_constraint=True,
                length=27,
            ),
            nullable=True,
        ),
        sa.Column(
            "recommend_status",
            sa.Enum(
                "GOOD",
                "BAD_BORING",
                "BAD_REFERENCE",
                "BAD_CONTROVERSIAL",
                "BAD_LOW_QUALITY",
                name="recommendstatus",
                native_enum=False,
                create_constraint=True,
                length=27,
            ),
            server_default="GOOD",
            nullable=False,
        ),
        sa.Column(
            "recommend_status_origin",
            sa.Enum(
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
                name="recommend_status_origin",
                native_enum=False,
                create_constraint=True,
                length=27,
            ),
            nullable=True,
        ),
        sa.Column("labelled_by_user_id", sa.Uuid(), nullable=True),
        sa.Column("labelled_by_sa_id", sa.Uuid(), nullable=True),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("checked", sa.Boolean(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["labelled_by_sa_id"],
            ["service_accounts.id"],
            name=op.f("fk_labelsets_labelled_by_sa_id_service_accounts"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["labelled_by_user_id"],
            ["users.id"],
            name=op.f("fk_labelsets_labelled_by_user_id_users"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["work_id"], ["works.id"], name=op.f("fk_labelsets_work_id_works"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labelsets")),
        sa.UniqueConstraint("work_id", name=op.f("uq_labelsets_work_id")),
    )
    op.create_index(
        "ix_labelsets_good",
        "labelsets",
        ["work_id"],
        unique=False,
        postgresql_where=sa.text("recommend_status = 'GOOD'"),
    )
    op.create_index(op.f("ix_labelsets_labelled_by_sa_id"), "labelsets", ["labelled_by_sa_id"], unique=False)
    op.create_index(op.f("ix_labelsets_labelled_by_user_id"), "labelsets", ["labelled_by_user_id"], unique=False)
    op.create_table(
        "schools",
        sa.Column("wriveted_identifier", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("country_code", sa.CHAR(length=3), nullable=False),
        sa.Column("official_identifier", sa.String(length=512), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "active",
                "inactive",
                "pending",
                name="schoolstate",
                native_enum=False,
                create_constraint=True,
                length=18,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("search_name", sa.String(), nullable=False),
        sa.Column("student_domain", sa.String(length=256), nullable=True),
        sa.Column("teacher_domain", sa.String(length=256), nullable=True),
        sa.Column(
            "bookbot_type",
            sa.Enum(
                "school_books",
                "huey_books",
                name="schoolbookbottype",
                native_enum=False,
                create_constraint=True,
                length=22,
            ),
            nullable=False,
        ),
        sa.Column("lms_type", sa.String(length=50), nullable=False),
        sa.Column("max_removal_percent", sa.SmallInteger(), nullable=True),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "max_removal_percent BETWEEN 0 AND 100", name=op.f("ck_schools_max_removal_percent_is_a_share")
        ),
        sa.ForeignKeyConstraint(["country_code"], ["countries.id"], name=op.f("fk_schools_country_code_countries")),
        sa.PrimaryKeyConstraint("wriveted_identifier", name=op.f("pk_schools")),
        sa.UniqueConstraint(
            "country_code", "official_identifier", name=op.f("uq_schools_country_code_official_identifier")
        ),
        sa.UniqueConstraint("id", name=op.f("uq_schools_id")),
    )
    op.create_index(
        "ix_schools_country_state",
        "schools",
        ["country_code", sa.literal_column("(info #>> '{location,state}')")],
        unique=False,
    )
    op.create_index("ix_schools_created_at_id", "schools", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_schools_postcode", "schools", [sa.literal_column("(info #>> '{location,postcode}')")], unique=False
    )
    op.create_index(
        "ix_schools_search_name",
        "schools",
        [sa.literal_column("to_tsvector('simple'::regconfig, search_name)")],
        unique=False,
        postgresql_using="gin",
    )
    op.create_table(
        "wriveted_admins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wriveted_admin_info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["users.id"], name=op.f("fk_wriveted_admins_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wriveted_admins")),
    )
    op.create_table(
        "collections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("item_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("item_count >= 0", name=op.f("ck_collections_item_count_is_a_count")),
        sa.CheckConstraint("num_nonnulls(school_id, user_id) = 1", name=op.f("ck_collections_has_one_owner")),
        sa.ForeignKeyConstraint(
            ["school_id"],
            ["schools.wriveted_identifier"],
            name=op.f("fk_collections_school_id_schools"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_collections_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collections")),
        sa.UniqueConstraint("school_id", name=op.f("uq_collections_school_id")),
        sa.UniqueConstraint("user_id", name=op.f("uq_collections_user_id")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=256), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column(
            "level",
            sa.Enum(
                "debug",
                "normal",
                "warning",
                "error",
                name="eventlevel",
                native_enum=False,
                create_constraint=True,
                length=17,
            ),
            nullable=False,
        ),
        sa.Column("timestamp", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("service_account_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["school_id"],
            ["schools.wriveted_identifier"],
            name=op.f("fk_events_school_id_schools"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["service_account_id"],
            ["service_accounts.id"],
            name=op.f("fk_events_service_account_id_service_accounts"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_events_user_id_users"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_school_id_timestamp", "events", ["school_id", "timestamp"], unique=False)
    op.create_index(
        "ix_events_service_account_id_timestamp", "events", ["service_account_id", "timestamp"], unique=False
    )
    op.create_index("ix_events_timestamp_id", "events", ["timestamp", "id"], unique=False)
    op.create_index("ix_events_title_level", "events", ["title", "level"], unique=False)
    op.create_index("ix_events_user_id_timestamp", "events", ["user_id", "timestamp"], unique=False)
    op.create_table(
        "illustrator_editions",
        sa.Column("edition_isbn", sa.BigInteger(), nullable=False),
        sa.Column("illustrator_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_isbn"],
            ["editions.isbn"],
            name=op.f("fk_illustrator_editions_edition_isbn_editions"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["illustrator_id"],
            ["illustrators.id"],
            name=op.f("fk_illustrator_editions_illustrator_id_illustrators"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("edition_isbn", "illustrator_id", name=op.f("pk_illustrator_editions")),
    )
    op.create_index(
        op.f("ix_illustrator_editions_illustrator_id"), "illustrator_editions", ["illustrator_id"], unique=False
    )
    op.create_table(
        "labelset_hues",
        sa.Column("labelset_id", sa.Integer(), nullable=False),
        sa.Column(
            "ordinal",
            sa.Enum(
                "primary",
                "secondary",
                "tertiary",
                name="hueordinal",
                native_enum=False,
                create_constraint=True,
                length=19,
            ),
            nullable=False,
        ),
        sa.Column("hue_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["hue_id"], ["hues.id"], name=op.f("fk_labelset_hues_hue_id_hues")),
        sa.ForeignKeyConstraint(
            ["labelset_id"], ["labelsets.id"], name=op.f("fk_labelset_hues_labelset_id_labelsets"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("labelset_id", "ordinal", name=op.f("pk_labelset_hues")),
    )
    op.create_index(op.f("ix_labelset_hues_hue_id"), "labelset_hues", ["hue_id"], unique=False)
    op.create_table(
        "labelset_reading_abilities",
        sa.Column("labelset_id", sa.Integer(), nullable=False),
        sa.Column("reading_ability_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["labelset_id"],
            ["labelsets.id"],
            name=op.f("fk_labelset_reading_abilities_labelset_id_labelsets"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["reading_ability_id"],
            ["reading_abilities.id"],
            name=op.f("fk_labelset_reading_abilities_reading_ability_id_reading_abilities"),
        ),
        sa.PrimaryKeyConstraint("labelset_id", "reading_ability_id", name=op.f("pk_labelset_reading_abilities")),
    )
    op.create_index(
        op.f("ix_labelset_reading_abilities_reading_ability_id"),
        "labelset_reading_abilities",
        ["reading_ability_id"],
        unique=False,
    )
    op.create_table(
        "service_account_schools",
        sa.Column("service_account_id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id"],
            ["schools.wriveted_identifier"],
            name=op.f("fk_service_account_schools_school_id_schools"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["service_account_id"],
            ["service_accounts.id"],
            name=op.f("fk_service_account_schools_service_account_id_service_accounts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("service_account_id", "school_id", name=op.f("pk_service_account_schools")),
    )
    op.create_index(
        op.f("ix_service_account_schools_school_id"), "service_account_schools", ["school_id"], unique=False
    )
    op.create_table(
        "collection_items",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("edition_isbn", sa.BigInteger(), nullable=True),
        sa.Column("local_key", sa.Text(), nullable=True),
        sa.Column("sort_title", sa.Text(collation="C"), nullable=False),
        sa.Column("copies_total", sa.Integer(), nullable=False),
        sa.Column("copies_available", sa.Integer(), nullable=False),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "0 <= copies_available AND copies_available <= copies_total",
            name=op.f("ck_collection_items_available_within_total"),
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_collection_items_collection_id_collections"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["edition_isbn"],
            ["editions.isbn"],
            name=op.f("fk_collection_items_edition_isbn_editions"),
            onupdate="CASCADE",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection_items")),
        sa.UniqueConstraint(
            "collection_id", "edition_isbn", name=op.f("uq_collection_items_collection_id_edition_isbn")
        ),
    )
    op.create_index(op.f("ix_collection_items_edition_isbn"), "collection_items", ["edition_isbn"], unique=False)
    op.create_index(
        "ix_collection_items_shelf",
        "collection_items",
        ["collection_id", "sort_title", "id"],
        unique=False,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_index(
        "ix_collection_items_without_isbn",
        "collection_items",
        ["collection_id", "local_key"],
        unique=False,
        postgresql_where=sa.text("edition_isbn IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_collection_items_without_isbn",
        table_name="collection_items",
        postgresql_where=sa.text("edition_isbn IS NULL"),
    )
    op.drop_index(
        "ix_collection_items_shelf", table_name="collection_items", postgresql_where=sa.text("withdrawn_at IS NULL")
    )
    op.drop_index(op.f("ix_collection_items_edition_isbn"), table_name="collection_items")
    op.drop_table("collection_items")
    op.drop_index(op.f("ix_service_account_schools_school_id"), table_name="service_account_schools")
    op.drop_table("service_account_schools")
    op.drop_index(op.f("ix_labelset_reading_abilities_reading_ability_id"), table_name="labelset_reading_abilities")
    op.drop_table("labelset_reading_abilities")
    op.drop_index(op.f("ix_labelset_hues_hue_id"), table_name="labelset_hues")
    op.drop_table("labelset_hues")
    op.drop_index(op.f("ix_illustrator_editions_illustrator_id"), table_name="illustrator_editions")
    op.drop_table("illustrator_editions")
    op.drop_index("ix_events_user_id_timestamp", table_name="events")
    op.drop_index("ix_events_title_level", table_name="events")
    op.drop_index("ix_events_timestamp_id", table_name="events")
    op.drop_index("ix_events_service_account_id_timestamp", table_name="events")
    op.drop_index("ix_events_school_id_timestamp", table_name="events")
    op.drop_table("events")
    op.drop_table("collections")
    op.drop_table("wriveted_admins")
    op.drop_index("ix_schools_search_name", table_name="schools", postgresql_using="gin")
    op.drop_index("ix_schools_postcode", table_name="schools")
    op.drop_index("ix_schools_created_at_id", table_name="schools")
    op.drop_index("ix_schools_country_state", table_name="schools")
    op.drop_table("schools")
    op.drop_index(op.f("ix_labelsets_labelled_by_user_id"), table_name="labelsets")
    op.drop_index(op.f("ix_labelsets_labelled_by_sa_id"), table_name="labelsets")
    op.drop_index("ix_labelsets_good", table_name="labelsets", postgresql_where=sa.text("recommend_status = 'GOOD'"))
    op.drop_table("labelsets")
    op.drop_index(op.f("ix_editions_work_id"), table_name="editions")
    op.drop_index(
        "ix_editions_title_words",
        table_name="editions",
        postgresql_using="gin",
        postgresql_where=sa.text("title IS NOT NULL"),
    )
    op.drop_index("ix_editions_backlog", table_name="editions", postgresql_where=sa.text("hydrated_at IS NULL"))
    op.drop_table("editions")
    op.drop_index(op.f("ix_author_works_author_id"), table_name="author_works")
    op.drop_table("author_works")
    op.drop_index(op.f("ix_works_match_title"), table_name="works")
    op.drop_table("works")
    op.drop_index("uq_users_lower_email", table_name="users")
    op.drop_index(op.f("ix_users_type"), table_name="users")
    op.drop_table("users")
    op.drop_index(op.f("ix_service_accounts_type"), table_name="service_accounts")
    op.drop_table("service_accounts")
    op.drop_table("reading_abilities")
    op.drop_table("rate_limits")
    op.drop_index(op.f("ix_illustrators_name_key"), table_name="illustrators")
    op.drop_table("illustrators")
    op.drop_index(op.f("ix_idempotency_records_created_at"), table_name="idempotency_records")
    op.drop_table("idempotency_records")
    op.drop_table("hues")
    op.drop_table("countries")
    op.drop_index(op.f("ix_authors_name_key"), table_name="authors")
    op.drop_table("authors")
