"""booklists and reading activity

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


# Whoever puts works on a list or takes them off, its positions stay 0, 1, 2 … and its count right: the doors, a work
# that is deleted, works that are merged. A row put in where another stands comes before it.
CLOSE_RANKS = """
CREATE FUNCTION book_list_closes_ranks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM book_lists WHERE id IN (SELECT booklist_id FROM touched) ORDER BY id FOR NO KEY UPDATE;
    UPDATE book_list_works AS b SET order_id = ranked.place
      FROM (SELECT w.booklist_id, w.work_id,
                   row_number() OVER (PARTITION BY w.booklist_id ORDER BY w.order_id, t.work_id) - 1 AS place
              FROM book_list_works AS w LEFT JOIN touched AS t USING (booklist_id, work_id)
             WHERE w.booklist_id IN (SELECT booklist_id FROM touched)) AS ranked
     WHERE b.booklist_id = ranked.booklist_id AND b.work_id = ranked.work_id AND b.order_id <> ranked.place;
    UPDATE book_lists AS l
       SET book_count = (SELECT count(*) FROM book_list_works AS b WHERE b.booklist_id = l.id),
           version = version + 1, updated_at = now()
     WHERE id IN (SELECT booklist_id FROM touched);
    RETURN NULL;
END
$$
"""
WHEN_PUT_IN = """
CREATE TRIGGER book_list_closes_ranks_in AFTER INSERT ON book_list_works REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION book_list_closes_ranks()
"""
WHEN_TAKEN_OUT = """
CREATE TRIGGER book_list_closes_ranks_out AFTER DELETE ON book_list_works REFERENCING OLD TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION book_list_closes_ranks()
"""
# Before a work takes its rows along, its lists are locked, as those who edit them do.
LOCK_LISTS = """
CREATE FUNCTION work_locks_its_lists() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM book_lists WHERE id IN (SELECT booklist_id FROM book_list_works WHERE work_id = OLD.id)
      ORDER BY id FOR NO KEY UPDATE;
    RETURN OLD;
END
$$
"""
WHEN_A_WORK_GOES = """
CREATE TRIGGER work_locks_its_lists BEFORE DELETE ON works FOR EACH ROW EXECUTE FUNCTION work_locks_its_lists()
"""
UNCHANGEABLE = """
CREATE FUNCTION reading_activity_is_not_rewritten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'reading activity is not rewritten' USING ERRCODE = 'insufficient_privilege';
END
$$
"""
WHEN_REWRITTEN = """
CREATE TRIGGER reading_activity_is_not_rewritten BEFORE UPDATE ON collection_item_activity_log
FOR EACH STATEMENT EXECUTE FUNCTION reading_activity_is_not_rewritten()
"""


def upgrade() -> None:
    op.create_table(
        "book_lists",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "type",
            sa.Enum(
                "Personal",
                "School",
                "Regional",
                "Huey",
                "Other",
                name="listtype",
                native_enum=False,
                create_constraint=True,
                length=18,
            ),
            nullable=False,
        ),
        sa.Column(
            "sharing",
            sa.Enum(
                "private",
                "restricted",
                "public",
                name="listsharingtype",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            server_default="private",
            nullable=False,
        ),
        sa.Column("slug", sa.String(length=200), nullable=True),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("school_id", sa.Uuid(), nullable=True),
        sa.Column("book_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(type = 'Personal') = (user_id IS NOT NULL) AND (type = 'School') = (school_id IS NOT NULL)",
            name=op.f("ck_book_lists_has_the_owner_of_its_type"),
        ),
        sa.CheckConstraint("slug IS NULL OR type = 'Huey'", name=op.f("ck_book_lists_only_huey_has_a_slug")),
        sa.CheckConstraint(
            "type <> 'Huey' OR sharing <> 'public' OR slug IS NOT NULL",
            name=op.f("ck_book_lists_public_huey_has_a_slug"),
        ),
        sa.CheckConstraint("book_count >= 0", name=op.f("ck_book_lists_book_count_is_a_count")),
        sa.ForeignKeyConstraint(
            ["school_id"],
            ["schools.wriveted_identifier"],
            name=op.f("fk_book_lists_school_id_schools"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_book_lists_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book_lists")),
        sa.UniqueConstraint("slug", name=op.f("uq_book_lists_slug")),
    )
    op.create_index("ix_book_lists_created_at_id", "book_lists", ["created_at", "id"], unique=False)
    op.create_index("ix_book_lists_school_id_created_at", "book_lists", ["school_id", "created_at"], unique=False)
    op.create_index("ix_book_lists_type_created_at", "book_lists", ["type", "created_at"], unique=False)
    op.create_index("ix_book_lists_user_id_created_at", "book_lists", ["user_id", "created_at"], unique=False)
    op.create_table(
        "book_list_works",
        sa.Column("booklist_id", sa.Uuid(), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("order_id >= 0", name=op.f("ck_book_list_works_order_id_is_a_position")),
        sa.ForeignKeyConstraint(
            ["booklist_id"],
            ["book_lists.id"],
            name=op.f("fk_book_list_works_booklist_id_book_lists"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["work_id"], ["works.id"], name=op.f("fk_book_list_works_work_id_works"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("booklist_id", "work_id", name=op.f("pk_book_list_works")),
        sa.UniqueConstraint(
            "booklist_id",
            "order_id",
            deferrable=True,
            initially="DEFERRED",
            name=op.f("uq_book_list_works_booklist_id_order_id"),
        ),
    )
    op.create_index(op.f("ix_book_list_works_work_id"), "book_list_works", ["work_id"], unique=False)
    op.create_table(
        "collection_item_activity_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("collection_item_id", sa.Integer(), nullable=False),
        sa.Column("reader_id", sa.Uuid(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "UNREAD",
                "TO_READ",
                "NOT_INTERESTED",
                "READING",
                "STOPPED_READING",
                "READ",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=25,
            ),
            nullable=False,
        ),
        sa.Column("timestamp", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_item_id"],
            ["collection_items.id"],
            name="fk_collection_item_activity_log_collection_items",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["reader_id"],
            ["users.id"],
            name=op.f("fk_collection_item_activity_log_reader_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection_item_activity_log")),
    )
    op.create_index(
        op.f("ix_collection_item_activity_log_collection_item_id"),
        "collection_item_activity_log",
        ["collection_item_id"],
        unique=False,
    )
    op.create_index(
        "ix_collection_item_activity_log_current",
        "collection_item_activity_log",
        ["reader_id", "collection_item_id", "timestamp", "id"],
        unique=False,
    )
    for statement in (
        CLOSE_RANKS,
        WHEN_PUT_IN,
        WHEN_TAKEN_OUT,
        LOCK_LISTS,
        WHEN_A_WORK_GOES,
        UNCHANGEABLE,
        WHEN_REWRITTEN,
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER work_locks_its_lists ON works")
    op.execute("DROP FUNCTION work_locks_its_lists")
    op.drop_index("ix_collection_item_activity_log_current", table_name="collection_item_activity_log")
    op.drop_index(op.f("ix_collection_item_activity_log_collection_item_id"), table_name="collection_item_activity_log")
    op.drop_table("collection_item_activity_log")
    op.drop_index(op.f("ix_book_list_works_work_id"), table_name="book_list_works")
    op.drop_table("book_list_works")
    op.drop_index("ix_book_lists_user_id_created_at", table_name="book_lists")
    op.drop_index("ix_book_lists_type_created_at", table_name="book_lists")
    op.drop_index("ix_book_lists_school_id_created_at", table_name="book_lists")
    op.drop_index("ix_book_lists_created_at_id", table_name="book_lists")
    op.drop_table("book_lists")
    op.execute("DROP FUNCTION book_list_closes_ranks")
    op.execute("DROP FUNCTION reading_activity_is_not_rewritten")
