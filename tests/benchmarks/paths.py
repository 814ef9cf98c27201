"""What wrk measures: the paths against the limits and the peer, their growth with the table, pages far down a list."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import psycopg

from benchmarks import bodies, servers
from benchmarks.budgets import Results
from benchmarks.database import BenchmarkError, Database
from benchmarks.load import Request, Spread, interleaved, ratio, requests_per_second
from benchmarks.servers import Server, running
from mediatheque.kit.orders import Cursor

APPLICATION, L, B, PEER = "application", "L", "B", "FastAPI"
COMMANDS = {
    APPLICATION: servers.APPLICATION,
    L: servers.FLASK_LIMIT,
    B: servers.WSGI_LIMIT,
    PEER: servers.FASTAPI_PEER,
}
PAGE = 100  # rows
DEPTH = 0.9  # of all rows
NEAR = 0.93  # of the rate of the first page
SORTS = {
    "id": "id",
    "title": "title_folded",
    "author": "author_folded",
    "page_count": "page_count",
    "published_year": "published_year",
    "created_at": "created_at",
}


@dataclass(frozen=True)
class Clock:
    """How long, and how often, each variant of a path is run."""

    seconds: int
    rounds: int

    def measure(self, variants: dict[str, tuple[Server, Request]], *, rounds: int | None = None) -> Any:
        runs = {name: partial(requests_per_second, *asked, self.seconds) for name, asked in variants.items()}
        for name in runs:  # every thread of every server has its connection, and its statements, before it counts
            requests_per_second(*variants[name], 1)
        return interleaved(runs, rounds or self.rounds)


@contextmanager
def side_by_side(names: list[str], database: Database, folder: Path) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(running(name, COMMANDS[name], database, folder)) for name in names}


def requests(database: Database, token: str) -> dict[str, Request]:
    """What is asked for, by the name that --only knows."""
    return {
        "one": Request("/books/%d", ids=(database.first_id, database.last_id)),
        "page": Request(f"/books?limit={PAGE}"),
        "all": Request("/books"),
        "collection": Request(f"/collections/{database.shelf_id}"),
        "post": Request("/books", body=_new_book(database), token=token),
    }


NAMES = {
    "one": "GET one book",
    "page": "GET a page of 100",
    "all": "GET 1,000 books",
    "collection": "GET one collection with 100 books and 100 movies",
    "post": "POST a book",
}
VARIANTS = {
    "one": [APPLICATION, L, B, PEER],
    "page": [APPLICATION, L, B, PEER],
    "all": [APPLICATION, L, B, PEER],
    "collection": [APPLICATION, L],
    "post": [APPLICATION, L],
}
DEMANDED = {
    "one": [(L, 0.85), (PEER, 1.6)],
    "page": [(L, 0.85), (PEER, 6.0)],
    "all": [(B, 0.80)],
    "collection": [(L, 0.80)],
    "post": [(L, 0.60)],
}


def compare(path: str, database: Database, token: str, clock: Clock, folder: Path, results: Results) -> None:
    """All variants of one path, side by side."""
    request = requests(database, token)[path]
    with side_by_side(VARIANTS[path], database, folder) as found:
        application, peers = found[APPLICATION], [found[PEER]] if PEER in found else []
        limits = [found[name] for name in (L, B) if name in found]
        if request.body is None:
            bodies.compare(application, limits, peers, bodies.addresses(request, database))
        else:
            bodies.compare_posts(application, found[L], request)
        measured = clock.measure({name: (server, request) for name, server in found.items()})
    results.rates[NAMES[path]] = measured
    for other, least in DEMANDED[path]:
        results.at_least(NAMES[path], least, other, ratio(measured, APPLICATION, other))


def _new_book(database: Database) -> bytes:
    with psycopg.connect(database.url) as connection:
        genre, format = connection.execute(
            "SELECT (SELECT min(id) FROM genres), (SELECT min(id) FROM formats)"
        ).fetchone()
    book = {
        "title": "Ender's Game",
        "author": "Orson Scott Card",
        "isbn": "978-0-8125-5070-2",
        "page_count": 352,
        "published_year": 1994,
        "genre_id": genre,
        "format_id": format,
        "collection_id": database.shelf_id,
    }
    return json.dumps(book).encode()


def growth(small: Database, large: Database, clock: Clock, folder: Path, results: Results) -> None:
    """One and a page with few books and with many, in the same collections of the same accounts."""
    with ExitStack() as stack:
        few, many = (
            stack.enter_context(running(f"application-{one.books}", servers.APPLICATION, one, folder))
            for one in (small, large)
        )
        for path in ("one", "page"):
            variants = {
                name: (server, requests(database, "")[path])
                for name, server, database in (("few", few, small), ("many", many, large))
            }
            measured = clock.measure(variants)
            name = f"{NAMES[path]}, with {large.books:,} instead of {small.books:,}"
            results.at_least(name, 0.85, "of the rate", ratio(measured, "many", "few"))


def depth(database: Database, clock: Clock, folder: Path, results: Results) -> None:
    """For every sort key and direction: the page behind nine tenths of the rows, and the first.

    Those that come near the budget in a few rounds are measured in all of them, and the worst of these counts.
    """
    with running(APPLICATION, servers.APPLICATION, database, folder) as server:

        def measured(sort: str, rounds: int) -> Spread:
            first = f"/books?limit={PAGE}&sort={sort}"
            deep = f"{first}&cursor={_cursor(server, database, sort)}"
            variants = {"first": (server, Request(first)), "deep": (server, Request(deep))}
            return ratio(clock.measure(variants, rounds=rounds), "deep", "first")

        sorts = [sort for word in SORTS for sort in (word, f"-{word}")]
        reached = {sort: measured(sort, max(1, clock.rounds // 2)) for sort in sorts}
        near = sorted(reached, key=lambda sort: reached[sort].median)
        near = [sort for sort in near if sort == near[0] or reached[sort].median < NEAR]
        reached |= {sort: measured(sort, clock.rounds) for sort in near}
    worst = min(near, key=lambda sort: reached[sort].median)
    results.notes.append(
        "Depth by sort key: " + ", ".join(f"{sort} {spread.median:.2f}" for sort, spread in reached.items()) + "."
    )
    name = f"page of {PAGE} at depth {round(database.books * DEPTH):,} of {database.books:,}, worst sort key ({worst})"
    results.at_least(name, 0.90, "of the first page", reached[worst])


def _cursor(server: Server, database: Database, sort: str) -> str:
    """The cursor of the row at that depth, after the page behind it was compared with what OFFSET finds."""
    column, direction = SORTS[sort.removeprefix("-")], "DESC" if sort.startswith("-") else "ASC"
    offset = round(database.books * DEPTH)
    statement = f"SELECT {column}, id FROM books ORDER BY {column} {direction}, id {direction} OFFSET %s LIMIT %s"
    with psycopg.connect(database.url, options="-c timezone=UTC") as connection:
        rows = connection.execute(statement, (offset, 1 + PAGE)).fetchall()
    cursor = Cursor(sort, *rows[0]).encode()
    found = orjson.loads(server.get(f"/books?limit={PAGE}&sort={sort}&cursor={cursor}")[2])
    if [book["id"] for book in found] != [id for _, id in rows[1:]]:
        raise BenchmarkError(f"/books?sort={sort}: the page behind {offset:,} rows is not what OFFSET finds.")
    return cursor
