"""Statements about what supporters see and say. Tables of higher floors are named in SQL."""

from sqlalchemy import text

# What a supporter may know of a reader; and a book, if the reader can have had it, from the own shelf or the school's.
READING = text("""
    SELECT readers.first_name, link.supporter_nickname, book.title, book.cover_url
      FROM supporter_reader_association AS link
      JOIN readers ON readers.id = link.reader_id
      LEFT JOIN students ON students.id = link.reader_id
      LEFT JOIN LATERAL (
          SELECT coalesce(edition.edition_title, work.title, item.info ->> 'title') AS title, edition.cover_url
            FROM collection_items AS item
            JOIN collections AS collection ON collection.id = item.collection_id
            LEFT JOIN editions AS edition ON edition.isbn = item.edition_isbn
            LEFT JOIN works AS work ON work.id = edition.work_id
           WHERE item.id = CAST(:item_id AS integer)
             AND (collection.user_id = link.reader_id OR collection.school_id = students.school_id)) AS book ON true
     WHERE link.reader_id = :reader_id AND link.supporter_id = :supporter_id AND link.is_active
""")
HOME = text("SELECT school_id FROM students WHERE id = :reader_id")
# Whom to write to about a reader: not more often than so many times a day.
SUPPORTERS = text("""
    SELECT link.supporter_id, link.supporter_nickname
      FROM supporter_reader_association AS link
      JOIN users ON users.id = link.supporter_id
     WHERE link.reader_id = :reader_id AND link.is_active AND link.allow_email
       AND users.is_active AND users.email IS NOT NULL
       AND (SELECT count(*) FROM feedback_links AS sent
             WHERE sent.supporter_id = link.supporter_id AND sent.reader_id = link.reader_id
               AND sent.created_at > now() - interval '1 day') < :most
     ORDER BY link.supporter_id
""")
# A link opens once, for a supporter who is one of the reader's still.
USE = text("""
    UPDATE feedback_links AS sent SET used_at = now()
      FROM supporter_reader_association AS link, users
     WHERE sent.hash = :hash AND sent.used_at IS NULL AND sent.expires_at > now()
       AND link.supporter_id = sent.supporter_id AND link.reader_id = sent.reader_id AND link.is_active
       AND users.id = sent.supporter_id AND users.is_active
    RETURNING sent.supporter_id, sent.event_id
""")
FORGET = text("""
    DELETE FROM feedback_links WHERE hash IN (
        SELECT hash FROM feedback_links WHERE expires_at < now() LIMIT 100 FOR UPDATE SKIP LOCKED)
""")
