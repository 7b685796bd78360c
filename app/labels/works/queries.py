"""Selects on works with their labels."""

WORK = """
SELECT w.id, w.type, w.leading_article, w.title, w.subtitle, w.info,
       ARRAY(SELECT jsonb_build_object('id', a.id, 'first_name', a.first_name, 'last_name', a.last_name)
               FROM author_works aw JOIN authors a ON a.id = aw.author_id
              WHERE aw.work_id = w.id ORDER BY a.id) AS authors,
       (SELECT e.cover_url FROM editions e WHERE e.work_id = w.id AND e.cover_url IS NOT NULL
         ORDER BY e.date_published DESC NULLS LAST, e.isbn LIMIT 1) AS cover_url,
       (SELECT to_jsonb(l) || jsonb_build_object(
                   'hues', ARRAY(SELECT to_jsonb(h) FROM labelset_hues lh JOIN hues h ON h.id = lh.hue_id
                                  WHERE lh.labelset_id = l.id
                                  ORDER BY array_position(ARRAY['primary', 'secondary', 'tertiary'], lh.ordinal::text)),
                   'reading_abilities', ARRAY(SELECT to_jsonb(a) FROM labelset_reading_abilities la
                                                JOIN reading_abilities a ON a.id = la.reading_ability_id
                                               WHERE la.labelset_id = l.id ORDER BY a.id))
          FROM labelsets l WHERE l.work_id = w.id) AS labelset
  FROM works w WHERE w.id = %s
"""
"""A work with its authors, its cover and its labels."""
EDITIONS = """
SELECT e.leading_article, e.edition_title, e.edition_subtitle, w.leading_article, w.title, w.subtitle,
       e.isbn, e.work_id, e.cover_url
  FROM editions e JOIN works w ON w.id = e.work_id
 WHERE e.work_id = %s
 ORDER BY e.cover_url IS NULL, e.date_published DESC NULLS LAST, e.isbn
"""
"""The editions of a work, that with the newest cover first."""
