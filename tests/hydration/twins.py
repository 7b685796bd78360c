"""Twins of the providers on this machine: a server that answers as Nielsen, Open Library and Google Books do.

Each knows the books that a test puts on its shelf, and may be down, slow, busy, or lie.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

Answer = tuple[int, str, str]
"""Status, type and body."""
XML, JSON, HTML = "text/xml; charset=UTF-8", "application/json", "text/html"


@dataclass
class Twin:
    """One provider: what it knows, by ISBN, how it is today, and what it was asked."""

    answer: Callable[["Twin", Mapping[str, str]], Answer]
    shelf: dict[str, Any] = field(default_factory=dict)
    asked: list[Mapping[str, str]] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    pause: float = 0.0
    instead: Answer | None = None
    """What it answers whatever is asked."""
    headers: str = ""
    code: str = "00"
    """Nielsen's result code."""


def nielsen(twin: Twin, query: Mapping[str, str]) -> Answer:
    if query.get("clientId") != "huey" or query.get("password") != "s3cret&more":
        return 200, XML, _nielsen("02", None)
    return 200, XML, _nielsen(twin.code, twin.shelf.get(query["value0"]))


def _nielsen(code: str, record: Mapping[str, str] | None) -> str:
    found = record is not None and code == "00"
    fields = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in (record or {}).items()) if found else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><response><resultCode>{code}</resultCode><hits>{int(found)}</hits>'
        f"<data>{f'<data>{fields}</data>' if found else ''}</data></response>"
    )


def open_library(twin: Twin, query: Mapping[str, str]) -> Answer:
    assert query["jscmd"] == "details"
    assert query["format"] == "json"
    keys = query["bibkeys"].split(",")
    found = {key: twin.shelf[isbn] for key in keys if (isbn := key.removeprefix("ISBN:")) in twin.shelf}
    return 200, JSON, json.dumps(found)


def google_books(twin: Twin, query: Mapping[str, str]) -> Answer:
    volume = twin.shelf.get(query["q"].removeprefix("isbn:"))
    items = {} if volume is None else {"items": [volume]}
    return 200, JSON, json.dumps({"kind": "books#volumes", "totalItems": len(items), **items})


@dataclass
class Twins:
    base: str = ""
    nielsen: Twin = field(default_factory=lambda: Twin(nielsen))
    open_library: Twin = field(default_factory=lambda: Twin(open_library))
    google_books: Twin = field(default_factory=lambda: Twin(google_books))

    @property
    def settings(self) -> dict[str, str]:
        return {
            "WRIVETED_EGRESS_LOOPBACK": "true",
            "WRIVETED_EGRESS_CONTACT": "books@hueybooks.com",
            "WRIVETED_HYDRATION_PROVIDERS": "nielsen,open-library,google-books",
            "WRIVETED_NIELSEN_URL": f"{self.base}/nielsen",
            "WRIVETED_NIELSEN_CLIENT_ID": "huey",
            "WRIVETED_NIELSEN_PASSWORD": "s3cret&more",
            "WRIVETED_NIELSEN_REQUESTS_PER_MINUTE": "6000",
            "WRIVETED_OPEN_LIBRARY_URL": f"{self.base}/open-library",
            "WRIVETED_OPEN_LIBRARY_COVERS_URL": "https://covers.openlibrary.org",
            "WRIVETED_GOOGLE_BOOKS_URL": f"{self.base}/google/books/v1",
        }

    @property
    def asked(self) -> int:
        return sum(len(each.asked) for each in (self.nielsen, self.open_library, self.google_books))

    def at(self, path: str) -> Twin | None:
        return {
            "/nielsen": self.nielsen,
            "/open-library/api/books": self.open_library,
            "/google/books/v1/volumes": self.google_books,
        }.get(path)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            url = urlsplit(head.split(" ")[1])
            twin = self.at(url.path)
            status, kind, body = 404, HTML, "<h1>Not found</h1>"
            extra = ""
            if twin is not None:
                query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
                twin.asked.append(query)
                twin.agents += [line[12:] for line in head.split("\r\n") if line.lower().startswith("user-agent: ")]
                await asyncio.sleep(twin.pause)
                status, kind, body = twin.instead or twin.answer(twin, query)
                extra = twin.headers
            content = body.encode()
            writer.write(
                f"HTTP/1.1 {status} Answer\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n{extra}"
                "Connection: close\r\n\r\n".encode()
                + content
            )
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving_twins() -> AsyncIterator[Twins]:
    twins = Twins()
    server = await asyncio.start_server(twins.serve, "127.0.0.1", 0)
    twins.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield twins
    finally:
        server.close()


def nielsen_record(isbn: str, **fields: str) -> dict[str, str]:
    """A record as Nielsen tells it: upper-case fields, those that are told several times with a number behind."""
    return {
        "ISBN13": isbn,
        "LA": "The",
        "TL": f"Twits {isbn}",
        "CNF1": "Roald Dahl",
        "CR1": "A01",
        "ICFN1": "Roald",
        "ICKN1": "Dahl",
        "CNF2": "Quentin Blake",
        "CR2": "A12",
        "ICFN2": "Quentin",
        "ICKN2": "Blake",
        "PAGNUM": "87",
        "PUBPD": "20070816",
        "COP": "United Kingdom",
        "CBMCCODE": "C3N79",
        "CBMCTEXT": "Children's fiction, 7-9",
        "PRODCC": "Y2.1",
        "PRODCT": "Children's General Fiction",
        "THEMASC1": "YFQ",
        "THEMAST1": "Children's / Teenage fiction: Humorous stories",
        "THEMAQC1": "5AH",
        "AUSFSD": "<p>A <b>nasty</b> couple &amp; their monkeys.</p>",
        "IMAGFLAG": "Y",
        **fields,
    }


def open_library_record(isbn: str, **details: Any) -> dict[str, Any]:
    """An entry of `/api/books?jscmd=details`."""
    return {
        "bib_key": f"ISBN:{isbn}",
        "info_url": "https://openlibrary.org/books/OL7353617M",
        "preview": "noview",
        "preview_url": "https://openlibrary.org/books/OL7353617M",
        "details": {
            "key": "/books/OL7353617M",
            "type": {"key": "/type/edition"},
            "title": f"Fantastic Mr. Fox {isbn}",
            "authors": [{"key": "/authors/OL34184A", "name": "Roald Dahl"}],
            "isbn_13": [isbn],
            "publish_date": "October 1, 1988",
            "publishers": ["Puffin"],
            "number_of_pages": 96,
            "covers": [8739161],
            "series": ["Puffin story books ; 4"],
            "subjects": ["Animals", "Foxes"],
            "description": {"type": "/type/text", "value": "Three farmers and a fox."},
            "works": [{"key": "/works/OL45804W"}],
            **details,
        },
    }


def google_record(isbn: str, **info: Any) -> dict[str, Any]:
    """An item of `/volumes`."""
    return {
        "kind": "books#volume",
        "id": "zyTCAlFPjgYC",
        "volumeInfo": {
            "title": f"The Google Story {isbn}",
            "subtitle": "Inside",
            "authors": ["David A. Vise", "Mark Malseed"],
            "publishedDate": "2005-11-15",
            "description": "<p>The definitive account.</p>",
            "industryIdentifiers": [{"type": "ISBN_13", "identifier": isbn}],
            "pageCount": 207,
            "categories": ["Browsers (Computer programs)"],
            "maturityRating": "NOT_MATURE",
            "imageLinks": {"thumbnail": "http://books.google.com/books/content?id=zyTCAlFPjgYC&zoom=1"},
            "language": "en",
            **info,
        },
    }
