"""Selects on labels that are worth a name."""

KNOWN_AND_TAGGED = """
SELECT count(*), count(*) FILTER (WHERE l.checked)
  FROM unnest(%s::bigint[]) AS asked(isbn)
  JOIN editions e ON e.isbn = asked.isbn
  LEFT JOIN labelsets l ON l.work_id = e.work_id
"""
"""How many of these ISBNs, each given once, are in the catalogue, and how many of those have checked labels."""
