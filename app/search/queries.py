"""The statements of the search. Each is one walk of an index of app/search/models.py."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from app.core.aside import array_of
from app.core.db import Driver
from app.search.words import SHORT, Meaning, Query, begun, pieces, suspects, whole

CANDIDATES = 150
"""How many works are ranked: of more that match, those that most libraries hold."""
WINDOW = 300
"""How many works are looked at for one statement at most, be it of those that match or of those that are held most."""
MANY_WORDS = 100
LIKE_CANDIDATES = 60
NAMESAKES = 50
"""How many works of exactly that title are looked at where very many others match."""
BEST = 9.0
"""The score of a work whose ISBN was asked for."""


class Scope(NamedTuple):
    """Where to look: in all of the catalogue, or on one shelf; among the works of one author, if one is named."""

    collection_id: UUID | None
    author_id: int | None


Key = tuple[float, int]
"""A work's score and id: what results are in the order of, from the highest."""

ON_SHELF = "EXISTS (SELECT FROM collection_works c WHERE c.collection_id = %(collection)s AND c.place = shuffled({}))"
BY_AUTHOR = "EXISTS (SELECT FROM author_works aw WHERE aw.work_id = {} AND aw.author_id = %(author)s)"

# How well a work matches, from 2 to 6, with as much as 1.5 for how many hold it. The best match is named exactly so.
RANKED = """
SELECT w.id,
       (CASE WHEN w.match_title = %(title)s THEN 6.0
             WHEN starts_with(w.match_title, %(title)s || ' ') THEN 4.0
             WHEN starts_with(w.match_title, %(title)s) THEN 3.5
             WHEN m.document @@ %(in_title)s::tsquery THEN 3.0
             ELSE 2.0 END
        + CASE WHEN m.document @@ %(whole)s::tsquery THEN 0.4 ELSE 0 END
        + 1.5 * m.holders / (m.holders + 20))::float8,
       m.document @@ %(whole)s::tsquery, m.number
  FROM ({found}) AS m JOIN works w ON w.id = m.work_id
"""
# The words of one letter or two are only looked at where the others match: very many words begin with them.
MATCHING = """
SELECT * FROM (
    SELECT s.work_id, s.document, s.holders, count(*) OVER () AS number
      FROM (SELECT s.*, (SELECT h.holders FROM work_holders h WHERE h.work_id = s.work_id) AS holders
              FROM work_search s
             WHERE s.document @@ %(begun)s::tsquery AND (s.document @@ %(rest)s::tsquery) IS NOT FALSE AND {more}
             LIMIT %(window)s) AS s
     ORDER BY s.holders DESC, s.work_id DESC LIMIT %(most)s
) AS held_most
"""
POPULAR_MATCHING = """
SELECT h.work_id, s.document, h.holders, 0 AS number
  FROM (SELECT * FROM work_holders ORDER BY tier DESC, work_id DESC LIMIT %(window)s) AS h
 CROSS JOIN LATERAL (SELECT s.document FROM work_search s WHERE s.work_id = h.work_id OFFSET 0) AS s
 WHERE s.document @@ %(begun)s::tsquery ORDER BY h.holders DESC, h.work_id DESC LIMIT %(most)s
"""
NAMED = """
SELECT s.work_id, s.document, h.holders, 0 AS number
  FROM (SELECT n.id FROM works n WHERE n.match_title = %(title)s AND {scope} LIMIT %(named)s) AS n
  JOIN work_search s ON s.work_id = n.id JOIN work_holders h ON h.work_id = n.id
"""
BY_ISBN = """
SELECT DISTINCT e.work_id FROM editions e
 WHERE e.isbn BETWEEN %(first)s AND %(last)s AND e.work_id IS NOT NULL AND {scope} LIMIT %(most)s
"""
COMMON = """
SELECT count(*) FROM (SELECT FROM vocabulary WHERE word >= %s AND word < %s || chr(1114111) LIMIT %s) AS beginning
"""
POPULAR = """
SELECT h.work_id, h.tier FROM work_holders h {joins}
 WHERE {scope} AND (%(score)s::int IS NULL OR (h.tier, h.work_id) < (%(score)s, %(id)s))
 ORDER BY h.tier DESC, h.work_id DESC OFFSET %(skip)s LIMIT %(limit)s
"""
NEAR = """
SELECT DISTINCT asked.word, d.word
  FROM unnest(%s::text[], %s::text[]) AS asked(word, fragment) JOIN vocabulary_deletes d USING (fragment)
 WHERE abs(length(d.word) - length(asked.word)) <= 2
 UNION ALL
SELECT word, word FROM vocabulary WHERE word = ANY(%s::text[])
"""
LIKE = """
SELECT w.id, w.match_title,
       ARRAY(SELECT a.search_name FROM author_works aw JOIN authors a ON a.id = aw.author_id WHERE aw.work_id = w.id),
       ARRAY(SELECT t.search_title FROM series_works_association sw JOIN series t ON t.id = sw.series_id
              WHERE sw.work_id = w.id),
       found.holders
  FROM (
      SELECT s.work_id, (SELECT h.holders FROM work_holders h WHERE h.work_id = s.work_id) AS holders
        FROM (SELECT s.work_id FROM work_search s
               WHERE s.document @@ %(meant)s::tsquery AND {scope} LIMIT %(window)s) AS s
       ORDER BY holders DESC, s.work_id DESC LIMIT %(most)s
  ) AS found JOIN works w ON w.id = found.work_id
"""
SHOWN = """
SELECT w.id, w.type, w.leading_article, w.title, w.subtitle,
       ARRAY(SELECT jsonb_build_object('id', a.id, 'first_name', a.first_name, 'last_name', a.last_name)
               FROM author_works aw JOIN authors a ON a.id = aw.author_id WHERE aw.work_id = w.id ORDER BY a.id),
       shelf.copies_total, shelf.copies_available, shelf.isbns
  FROM unnest(%(ids)s::int[]) WITH ORDINALITY AS asked(id, place)
  JOIN works w USING (id)
  LEFT JOIN LATERAL (
      SELECT sum(i.copies_total)::int, sum(i.copies_available)::int, array_agg(i.edition_isbn ORDER BY i.edition_isbn)
        FROM editions e JOIN collection_items i ON i.edition_isbn = e.isbn AND i.collection_id = %(collection)s
       WHERE e.work_id = w.id AND i.withdrawn_at IS NULL AND %(collection)s::uuid IS NOT NULL
  ) AS shelf(copies_total, copies_available, isbns) ON true
 ORDER BY asked.place
"""


def scoped(scope: Scope, work_id: str) -> str:
    """The condition that a work of this id is where to look."""
    conditions = [ON_SHELF.format(work_id)] if scope.collection_id else []
    conditions += [BY_AUTHOR.format(work_id)] if scope.author_id else []
    return " AND ".join(conditions) or "true"


async def most_held(driver: Driver, scope: Scope, after: Sequence[Any] | None, skip: int, limit: int) -> list[Key]:
    """The works that most collections hold, from the one after ``after``."""
    joins = ""
    if scope.collection_id:
        joins += " JOIN collection_works c ON c.work_id = h.work_id AND c.collection_id = %(collection)s"
    if scope.author_id:
        joins += " JOIN author_works aw ON aw.work_id = h.work_id AND aw.author_id = %(author)s"
    tier, last = after or (None, None)
    values = {**_values(scope), "score": tier, "id": last, "skip": skip, "limit": limit}
    statement = POPULAR.format(joins=joins, scope="true")
    return [(tier, id_) for id_, tier in await _rows(driver, statement, values)]


class Matches(NamedTuple):
    """The works that match, the best first, and whether one of them has every word whole."""

    keys: list[Key]
    is_whole: bool


async def matching(driver: Driver, query: Query, scope: Scope) -> Matches:
    """The works of which every word of the query begins a word, and those whose ISBN it is, or exact title."""
    by_isbn = await _by_isbn(driver, query, scope)
    rows = await _candidates(driver, query, scope) if query.words else []
    if len(rows) >= CANDIDATES or not query.words:
        rows += await _rows(driver, *ranking(query, scope, NAMED.format(scope=scoped(scope, "n.id"))))
    scores = {id_: score for id_, score, *_ in rows} | dict.fromkeys(by_isbn, BEST)
    keys = sorted(((score, id_) for id_, score in scores.items()), reverse=True)
    return Matches(keys, bool(by_isbn) or any(is_whole for _, _, is_whole, _ in rows))


async def _candidates(driver: Driver, query: Query, scope: Scope) -> list[Any]:
    """Of the works that match, those that most libraries hold. Whatever is asked, a few bounded looks: where more
    match than one takes in, at those that many hold; where even those are too many, at those that most hold."""
    if scope.collection_id is not None or scope.author_id is not None:
        return await _rows(driver, *ranking(query, scope, MATCHING.format(more=scoped(scope, "s.work_id"))))
    if query.is_short and await _is_common(driver, query.words[-1]):
        return await _rows(driver, *ranking(query, scope, POPULAR_MATCHING))
    hot = await _rows(driver, *ranking(query, scope, MATCHING.format(more="s.hot"))) if len(query.words) == 1 else []
    if len(hot) < CANDIDATES:
        found = await _rows(driver, *ranking(query, scope, MATCHING.format(more="true")))
        if len(query.words) == 1 or not found or found[0][-1] < WINDOW:
            return hot + found
        hot = await _rows(driver, *ranking(query, scope, MATCHING.format(more="s.hot")))
        return hot + found
    if hot[0][-1] == WINDOW:
        hot += await _rows(driver, *ranking(query, scope, POPULAR_MATCHING))
    return hot


def ranking(query: Query, scope: Scope, found: str) -> tuple[str, dict[str, Any]]:
    """The statement that ranks what another finds, with the values of both."""
    long = [word for word in query.words if len(word) > SHORT]
    values = {
        **_values(scope),
        "title": query.title,
        "begun": begun(long or query.words),
        "rest": begun([word for word in query.words if len(word) <= SHORT]) or None if long else None,
        "in_title": begun(query.words, "A"),
        "whole": whole(query.words),
        "most": CANDIDATES,
        "window": WINDOW,
        "named": NAMESAKES,
    }
    return RANKED.format(found=found), values


async def _is_common(driver: Driver, start: str) -> bool:
    ((number,),) = await _rows(driver, COMMON, (start, start, MANY_WORDS), prepare=None)
    return bool(number == MANY_WORDS)


async def _by_isbn(driver: Driver, query: Query, scope: Scope) -> list[int]:
    if query.isbns is None:
        return []
    values = {**_values(scope), "first": query.isbns[0], "last": query.isbns[1], "most": CANDIDATES}
    return [id_ for (id_,) in await _rows(driver, BY_ISBN.format(scope=scoped(scope, "e.work_id")), values)]


async def near(driver: Driver, words: Sequence[str]) -> list[tuple[str, str]]:
    """Words of the query with words of the vocabulary that share a fragment; those that are in it, with themselves."""
    asked = list(suspects(words))
    return await _rows(
        driver, NEAR, ([word for word, _ in asked], [fragment for _, fragment in asked], sorted(pieces(words)))
    )


LikeRow = tuple[int, str, list[str], list[str], int]
"""Id, folded title, authors' and series' folded names, holders."""


async def like(driver: Driver, meaning: Meaning, scope: Scope) -> tuple[list[LikeRow], bool]:
    """Works with a word of every group of a meaning, and true; if there are none, of every group but one."""
    statement = LIKE.format(scope=scoped(scope, "s.work_id"))
    values = {**_values(scope), "meant": meaning.strict, "most": LIKE_CANDIDATES, "window": WINDOW}
    found: list[LikeRow] = await _rows(driver, statement, values)
    if found or meaning.relaxed is None:
        return found, True
    return await _rows(driver, statement, values | {"meant": meaning.relaxed}), False


async def shown(driver: Driver, ids: Sequence[int], collection_id: UUID | None) -> list[tuple[Any, ...]]:
    """What is shown of works, in the order of these ids."""
    return await _rows(driver, SHOWN, {"ids": array_of(ids), "collection": collection_id}, prepare=None)


def _values(scope: Scope) -> dict[str, Any]:
    return {"collection": scope.collection_id, "author": scope.author_id}


async def _rows(driver: Driver, statement: str, values: Any, *, prepare: bool | None = False) -> list[Any]:
    """Planned for these very values, unless another plan would be no better: what suits a rare word does not suit a
    common one."""
    return await (await driver.execute(statement.encode(), values, prepare=prepare)).fetchall()
