"""reference data, and the upkeep of a shelf's order

Countries, hues and reading abilities are facts that every installation shares. The trigger copies an edition's new
sort title to the holdings of it, once per statement: a shelf stays in order whichever way an edition is changed.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa

from alembic import op
from app.schools.countries import country_rows

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

HUES = (
    ("hue01_dark_suspense", "Dark/Suspense"),
    ("hue02_beautiful_whimsical", "Beautiful/Whimsical"),
    ("hue03_dark_beautiful", "Dark/Beautiful"),
    ("hue04_joyful_charming", "Joyful/Charming"),
    ("hue05_funny_comic", "Funny/Comic"),
    ("hue06_dark_gritty", "Dark/Gritty"),
    ("hue07_silly_charming", "Silly/Charming"),
    ("hue08_charming_courageous", "Charming/Courageous"),
    ("hue09_charming_playful", "Charming/Playful"),
    ("hue10_inspiring", "Inspiring"),
    ("hue11_realistic_hope", "Realistic/Hope"),
    ("hue12_funny_quirky", "Funny/Quirky"),
    ("hue13_informative", "Informative"),
)
READING_ABILITIES = (
    ("SPOT", "Where's Spot"),
    ("CAT_HAT", "The Cat in the Hat"),
    ("TREEHOUSE", "The 13-Storey Treehouse"),
    ("CHARLIE_CHOCOLATE", "Charlie and the Chocolate Factory"),
    ("HARRY_POTTER", "Harry Potter and the Philosopher's Stone"),
)
UPKEEP = """
CREATE FUNCTION holdings_follow_sort_title() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE collection_items AS i SET sort_title = changed.sort_title
      FROM (SELECT new_rows.isbn, new_rows.sort_title FROM new_rows JOIN old_rows USING (isbn)
             WHERE new_rows.sort_title <> old_rows.sort_title) AS changed
     WHERE i.edition_isbn = changed.isbn AND i.sort_title <> changed.sort_title;
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER holdings_follow_sort_title AFTER UPDATE ON editions
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION holdings_follow_sort_title()
"""


def upgrade() -> None:
    countries = sa.table("countries", sa.column("id"), sa.column("phonecode"), sa.column("name"))
    op.bulk_insert(countries, [dict(row) for row in country_rows()])
    for name, rows in (("hues", HUES), ("reading_abilities", READING_ABILITIES)):
        table = sa.table(name, sa.column("key"), sa.column("name"))
        op.bulk_insert(table, [{"key": key, "name": shown} for key, shown in rows])
    op.execute(UPKEEP)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER holdings_follow_sort_title ON editions")
    op.execute("DROP FUNCTION holdings_follow_sort_title")
    for name in ("reading_abilities", "hues", "countries"):
        op.execute(sa.delete(sa.table(name)))
