"""Shows how the service takes real library data, and checks that every row is accounted for.

Makes a school of the register for each delivery, an account for each school's library system, and sends the
deliveries as they are, over HTTP: a book list by its ISBN column, the same by its column of ISBN-13s that a
spreadsheet has rounded, and the copies of each branch of a library. Then it sends all of them again, which has to
change nothing. Ends with 1, and says why, if anything does not add up. It may be run again on the same database.

    .venv/bin/python -m scripts.show --api http://127.0.0.1:8000 --admin-token … --books … --holdings … --schools …
"""

import argparse
import csv
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import httpx

from app.core.isbn import display, understand
from app.core.text import fold

Cells: TypeAlias = dict[str, str]
Row: TypeAlias = dict[str, Any]

TIMEOUT = 120.0  # seconds for an answer
TRIES = 5
COUNTS = ("received", "added", "updated", "unchanged", "merged", "rejected", "removed", "new_editions")


@dataclass(frozen=True)
class Delivery:
    """What one library system sends: rows of which each is a copy."""

    name: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Expectation:
    """What has to become of the rows by the policy on ISBNs, worked out here and not asked of the service."""

    rejected: Mapping[int, str]
    """Row to reason."""
    merged: frozenset[int]
    books: int


@dataclass(frozen=True)
class Shown:
    """What the service answered to a delivery, and what of that is wrong."""

    delivery: Delivery
    school: str
    summary: Mapping[str, int]
    codes: Mapping[str, int]
    seconds: float
    faults: Sequence[str]


class Refused(Exception):
    """The service did not do what it was asked."""


def deliveries_of(books: Path, holdings: Path) -> Iterator[Delivery]:
    """The book list twice, by its two columns, and the library branch by branch."""
    listed = list(cells_of(books))
    for column in ("isbn", "isbn13"):
        yield Delivery(f"book list by {column}", [row(each[column], each["title"], each["authors"]) for each in listed])
    branches: dict[str, list[Row]] = {}
    for copy in cells_of(holdings):
        branches.setdefault(copy["Home Branch"], []).append(row(copy["ISBN"], copy["Title"], copy["Author"]))
    yield from (Delivery(f"copies of branch {branch}", rows) for branch, rows in sorted(branches.items()))


def cells_of(path: Path) -> Iterator[Cells]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def row(isbn: str, title: str, author: str) -> Row:
    return {"isbn": isbn, "info": {"title": title, "author": author}}


def expected_of(rows: Sequence[Row]) -> Expectation:
    """Which rows are rejected and which are joined to an earlier one, and how many books remain."""
    rejected: dict[int, str] = {}
    merged: set[int] = set()
    books: set[int | tuple[str, str]] = set()
    for index, each in enumerate(rows):
        isbn, code, _, _ = understand(each["isbn"])
        title, author = each["info"]["title"], each["info"]["author"]
        if isbn is None and not (code == "isbn_missing" and title.strip()):
            rejected[index] = str(code)
            continue
        book = (fold(title), fold(author)) if isbn is None else isbn
        if book in books:
            merged.add(index)
        books.add(book)
    return Expectation(rejected, frozenset(merged), len(books))


def show(api: str, admin_token: str, books: Path, holdings: Path, schools: Path) -> list[Shown]:
    """Send everything; what came of each delivery. Raises `Refused`."""
    with httpx.Client(base_url=f"{api.rstrip('/')}/v1", timeout=TIMEOUT) as http:
        register = cells_of(schools)
        return [deliver(http, admin_token, delivery, next(register)) for delivery in deliveries_of(books, holdings)]


def deliver(http: httpx.Client, admin_token: str, delivery: Delivery, entry: Cells) -> Shown:
    school = school_of(http, admin_token, entry)
    token = library_system_of(http, admin_token, school)
    path = f"/school/{school['wriveted_identifier']}"
    started = time.monotonic()
    first = push(http, token, path, delivery)
    seconds = time.monotonic() - started
    report = first.json()
    faults = [
        *faults_of(delivery, report),
        *faults_of_repetition(first, push(http, token, path, delivery)),
        *faults_of_shelf(http, token, path, report, expected_of(delivery.rows), delivery),
    ]
    codes = Counter(result["code"] for result in report["results"] if result["code"])
    return Shown(delivery, school["name"], report["summary"], codes, seconds, faults)


def school_of(http: httpx.Client, token: str, entry: Cells) -> Row:
    """The school of a line of the register of New South Wales, made unless it is there."""
    website = entry["Website"].strip()
    school = {
        "name": entry["School_name"],
        "country_code": "AUS",
        "official_identifier": entry["School_code"],
        "info": {
            "location": {
                "suburb": entry["Town_suburb"],
                "state": "NSW",
                "postcode": entry["Postcode"],
                "lat": entry["Latitude"],
                "long": entry["Longitude"],
            },
            "type": entry["Level_of_schooling"],
            "sector": "Government",
            "age_id": entry["AgeID"] or None,
            "URL": website if website.startswith("http") else None,
        },
    }
    answer = ask(http, "POST", "/school", token, json=school, allowed=(200, 409))
    if answer.status_code == 200:
        return dict(answer.json())
    known = {"country_code": "AUS", "official_identifier": entry["School_code"]}
    return dict(ask(http, "GET", "/schools", token, params=known).json()[0])


def library_system_of(http: httpx.Client, admin_token: str, school: Row) -> str:
    """The token of a new account for the school's library system."""
    account = {
        "name": f"Library system of {school['name']}"[:200],
        "type": "lms",
        "schools": [{"wriveted_identifier": school["wriveted_identifier"]}],
    }
    return str(ask(http, "POST", "/service-account", admin_token, json=account).json()["access_token"])


def push(http: httpx.Client, token: str, path: str, delivery: Delivery) -> httpx.Response:
    key = {"Idempotency-Key": str(uuid4())}
    query = {"results": "all"}
    return ask(http, "POST", f"{path}/collection", token, json=delivery.rows, headers=key, params=query)


def ask(
    http: httpx.Client,
    method: str,
    path: str,
    token: str,
    *,
    allowed: Sequence[int] = (200,),
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> httpx.Response:
    """The answer, after waiting as long as the service asks for. Raises `Refused` for one that is not allowed."""
    for _ in range(TRIES):
        answer = http.request(method, path, headers={"Authorization": f"Bearer {token}", **(headers or {})}, **options)
        if answer.status_code not in (429, 503):
            break
        time.sleep(int(answer.headers.get("Retry-After", 1)))
    if answer.status_code not in allowed:
        raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
    return answer


def faults_of(delivery: Delivery, report: Row) -> Iterator[str]:
    """Where a report does not account for every row, or decides otherwise than the policy does."""
    expected = expected_of(delivery.rows)
    summary, results = report["summary"], report["results"]
    accounted = sum(summary[name] for name in ("added", "updated", "unchanged", "merged", "rejected"))
    if not len(delivery.rows) == summary["received"] == accounted:
        yield f"{len(delivery.rows)} rows were sent, {summary['received']} received and {accounted} accounted for"
    if [result["index"] for result in results] != list(range(len(delivery.rows))):
        yield "the results are not one for each row, in their order"
        return
    rejected = {result["index"]: result["code"] for result in results if result["status"] == "rejected"}
    for index in sorted(index for index, _ in rejected.items() ^ expected.rejected.items()):
        sent = delivery.rows[index]["isbn"]
        yield f"row {index} ({sent!r}): {rejected.get(index)} where {expected.rejected.get(index)} was expected"
    if frozenset(result["index"] for result in results if result["status"] == "merged") != expected.merged:
        yield "other rows were joined than those that name a book again"
    if report["collection_size"] != expected.books:
        yield f"the collection holds {report['collection_size']} books where {expected.books} were sent"
    for index, result in enumerate(results):
        isbn = understand(delivery.rows[index]["isbn"]).isbn
        if result["isbn"] != (None if isbn is None else display(isbn)):
            yield f"row {index} was understood as {result['isbn']}"


def faults_of_repetition(first: httpx.Response, again: httpx.Response) -> Iterator[str]:
    """What a second delivery of the same rows changed."""
    summary = again.json()["summary"]
    changed = {name: summary[name] for name in ("added", "updated", "removed", "new_editions") if summary[name]}
    if changed or again.headers["ETag"] != first.headers["ETag"]:
        yield f"the second delivery changed something: {changed}"


def faults_of_shelf(
    http: httpx.Client, token: str, path: str, report: Row, expected: Expectation, delivery: Delivery
) -> Iterator[str]:
    """Where what is read back, page by page, is not what was reported."""
    collection = ask(http, "GET", path, token).json()["collection"]
    if collection["book_count"] != report["collection_size"]:
        yield f"the school counts {collection['book_count']} books"
    books = copies = 0
    following: str | None = f"/collection/{collection['id']}/items?limit=1000"
    while following:
        page = ask(http, "GET", following, token)
        items = page.json()["data"]
        books += len(items)
        copies += sum(item["copies_total"] for item in items)
        following = str(page.url.join(page.links["next"]["url"])) if "next" in page.links else None
    if (books, copies) != (expected.books, len(delivery.rows) - len(expected.rejected)):
        yield f"{books} books with {copies} copies are on the shelf"


def table(shown: Sequence[Shown]) -> str:
    """What happened, for people."""
    lines = [f"{'delivery':<26}{'school':<34}" + "".join(f"{name:>13}" for name in COUNTS) + f"{'seconds':>9}"]
    for each in shown:
        counts = "".join(f"{each.summary[name]:>13,}" for name in COUNTS)
        lines.append(f"{each.delivery.name:<26}{each.school[:32]:<34}{counts}{each.seconds:>9.2f}")
    for each in shown:
        told = ", ".join(f"{code} {number:,}" for code, number in sorted(each.codes.items()))
        lines.append(f"{each.delivery.name}: {told or 'nothing to say'}")
        lines += [f"  WRONG: {fault}" for fault in each.faults[:20]]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--api", required=True, help="Where the service is, such as http://127.0.0.1:8000.")
    parser.add_argument("--admin-token", required=True, help="The token of an admin.")
    parser.add_argument("--books", required=True, type=Path, help="CSV with isbn, isbn13, title, authors.")
    parser.add_argument("--holdings", required=True, type=Path, help="CSV with ISBN, Title, Author, Home Branch.")
    parser.add_argument("--schools", required=True, type=Path, help="CSV of the register of New South Wales.")
    given = parser.parse_args()
    try:
        shown = show(given.api, given.admin_token, given.books, given.holdings, given.schools)
    except (Refused, httpx.TransportError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    faults = sum(len(each.faults) for each in shown)
    sys.stdout.write(f"{table(shown)}\n{faults or 'No'} faults.\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
