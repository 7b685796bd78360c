"""people of every kind, classes, sign-in, API keys, the audit

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


UNCHANGEABLE = """
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$
"""
GUARD = """
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()
"""


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum("done", "refused", name="outcome", native_enum=False, create_constraint=True, length=17),
            nullable=False,
        ),
        sa.Column("actor", sa.String(length=60), nullable=True),
        sa.Column("impersonator", sa.String(length=60), nullable=True),
        sa.Column("subject", sa.String(length=60), nullable=True),
        sa.Column("school_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("details", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_action_at_id", "audit_log", ["action", "at", "id"], unique=False)
    op.create_index("ix_audit_log_actor_at_id", "audit_log", ["actor", "at", "id"], unique=False)
    op.create_index("ix_audit_log_at_id", "audit_log", ["at", "id"], unique=False)
    op.create_index("ix_audit_log_school_id_at_id", "audit_log", ["school_id", "at", "id"], unique=False)
    op.create_index("ix_audit_log_subject_at_id", "audit_log", ["subject", "at", "id"], unique=False)
    op.create_table(
        "credential_uses",
        sa.Column("credential", sa.String(length=60), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("credential", name=op.f("pk_credential_uses")),
    )
    op.create_table(
        "spent_tokens",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_spent_tokens")),
    )
    op.create_index(op.f("ix_spent_tokens_expires_at"), "spent_tokens", ["expires_at"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("public_id", sa.String(length=8), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("service_account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("school_ids", sa.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_api_keys_expires_after_it_is_made")),
        sa.ForeignKeyConstraint(
            ["service_account_id"],
            ["service_accounts.id"],
            name=op.f("fk_api_keys_service_account_id_service_accounts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("public_id", name=op.f("uq_api_keys_public_id")),
    )
    op.create_index(op.f("ix_api_keys_service_account_id"), "api_keys", ["service_account_id"], unique=False)
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_identities_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
        sa.UniqueConstraint("issuer", "user_id", name=op.f("uq_identities_issuer_user_id")),
    )
    op.create_index(op.f("ix_identities_user_id"), "identities", ["user_id"], unique=False)
    op.create_table(
        "parents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("parent_info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["users.id"], name=op.f("fk_parents_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parents")),
    )
    op.create_table(
        "sign_in_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.String(length=40), nullable=False),
        sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sign_in_sessions_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_sessions")),
    )
    op.create_index("ix_sign_in_sessions_user_id", "sign_in_sessions", ["user_id"], unique=False)
    op.create_index(
        "ix_sign_in_sessions_user_id_live",
        "sign_in_sessions",
        ["user_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "supporters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supporter_info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["users.id"], name=op.f("fk_supporters_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supporters")),
    )
    op.create_table(
        "class_groups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("join_code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("join_code_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("join_code_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id"],
            ["schools.wriveted_identifier"],
            name=op.f("fk_class_groups_school_id_schools"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_class_groups")),
        sa.UniqueConstraint("id", "school_id", name=op.f("uq_class_groups_id_school_id")),
        sa.UniqueConstraint("join_code_hash", name=op.f("uq_class_groups_join_code_hash")),
        sa.UniqueConstraint("school_id", "name", name=op.f("uq_class_groups_school_id_name")),
    )
    op.create_index("ix_class_groups_name_id", "class_groups", ["name", "id"], unique=False)
    op.create_table(
        "educators",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("educator_info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["users.id"], name=op.f("fk_educators_id_users"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["school_id"],
            ["schools.wriveted_identifier"],
            name=op.f("fk_educators_school_id_schools"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_educators")),
    )
    op.create_index(op.f("ix_educators_school_id"), "educators", ["school_id"], unique=False)
    op.create_table(
        "readers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=True),
        sa.Column("last_name_initial", sa.String(length=1), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("huey_attributes", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["users.id"], name=op.f("fk_readers_id_users"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["parents.id"], name=op.f("fk_readers_parent_id_parents"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readers")),
    )
    op.create_index(op.f("ix_readers_parent_id"), "readers", ["parent_id"], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sign_in_sessions.id"],
            name=op.f("fk_refresh_tokens_session_id_sign_in_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_refresh_tokens")),
    )
    op.create_index(op.f("ix_refresh_tokens_session_id"), "refresh_tokens", ["session_id"], unique=False)
    op.create_table(
        "public_readers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reader_info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["readers.id"], name=op.f("fk_public_readers_id_readers"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_public_readers")),
    )
    op.create_table(
        "school_admins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("school_admin_info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["id"], ["educators.id"], name=op.f("fk_school_admins_id_educators"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_school_admins")),
    )
    op.create_table(
        "students",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(length=100), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("class_group_id", sa.Uuid(), nullable=True),
        sa.Column("student_info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["class_group_id", "school_id"],
            ["class_groups.id", "class_groups.school_id"],
            name="fk_students_class_group_id_class_groups",
            ondelete="SET NULL (class_group_id)",
        ),
        sa.ForeignKeyConstraint(["id"], ["readers.id"], name=op.f("fk_students_id_readers"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["school_id"],
            ["schools.wriveted_identifier"],
            name=op.f("fk_students_school_id_schools"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_students")),
    )
    op.create_index("ix_students_class_group_id", "students", ["class_group_id"], unique=False)
    op.create_index(
        "uq_students_school_id_lower_username",
        "students",
        ["school_id", sa.literal_column("lower(username)")],
        unique=True,
    )
    op.create_table(
        "supporter_reader_association",
        sa.Column("supporter_id", sa.Uuid(), nullable=False),
        sa.Column("reader_id", sa.Uuid(), nullable=False),
        sa.Column("supporter_nickname", sa.String(length=100), nullable=False),
        sa.Column("allow_phone", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("allow_email", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reader_id"],
            ["readers.id"],
            name=op.f("fk_supporter_reader_association_reader_id_readers"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["supporter_id"],
            ["supporters.id"],
            name=op.f("fk_supporter_reader_association_supporter_id_supporters"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("supporter_id", "reader_id", name=op.f("pk_supporter_reader_association")),
    )
    op.create_index(
        op.f("ix_supporter_reader_association_reader_id"), "supporter_reader_association", ["reader_id"], unique=False
    )
    op.add_column("service_accounts", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_users_active_first", "users", [sa.literal_column("(NOT is_active)"), "name", "id"], unique=False
    )
    op.execute(UNCHANGEABLE)
    op.execute(GUARD)


def downgrade() -> None:
    op.drop_index("ix_users_active_first", table_name="users")
    op.drop_column("service_accounts", "expires_at")
    op.drop_index(op.f("ix_supporter_reader_association_reader_id"), table_name="supporter_reader_association")
    op.drop_table("supporter_reader_association")
    op.drop_index("uq_students_school_id_lower_username", table_name="students")
    op.drop_index("ix_students_class_group_id", table_name="students")
    op.drop_table("students")
    op.drop_table("school_admins")
    op.drop_table("public_readers")
    op.drop_index(op.f("ix_refresh_tokens_session_id"), table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_index(op.f("ix_readers_parent_id"), table_name="readers")
    op.drop_table("readers")
    op.drop_index(op.f("ix_educators_school_id"), table_name="educators")
    op.drop_table("educators")
    op.drop_index("ix_class_groups_name_id", table_name="class_groups")
    op.drop_table("class_groups")
    op.drop_table("supporters")
    op.drop_index(
        "ix_sign_in_sessions_user_id_live", table_name="sign_in_sessions", postgresql_where=sa.text("ended_at IS NULL")
    )
    op.drop_index("ix_sign_in_sessions_user_id", table_name="sign_in_sessions")
    op.drop_table("sign_in_sessions")
    op.drop_table("parents")
    op.drop_index(op.f("ix_identities_user_id"), table_name="identities")
    op.drop_table("identities")
    op.drop_index(op.f("ix_api_keys_service_account_id"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_index(op.f("ix_spent_tokens_expires_at"), table_name="spent_tokens")
    op.drop_table("spent_tokens")
    op.drop_table("credential_uses")
    op.drop_index("ix_audit_log_subject_at_id", table_name="audit_log")
    op.drop_index("ix_audit_log_school_id_at_id", table_name="audit_log")
    op.drop_index("ix_audit_log_at_id", table_name="audit_log")
    op.drop_index("ix_audit_log_actor_at_id", table_name="audit_log")
    op.drop_index("ix_audit_log_action_at_id", table_name="audit_log")
    op.drop_table("audit_log")
    op.execute("DROP FUNCTION audit_log_is_append_only")
