"""What is not a matter of requests a second: search in SQL, exports, the start, the filling."""

import csv
import http.client
import io
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import orjson
import psutil
import psycopg
from flask import Flask

from benchmarks import servers
from benchmarks.budgets import Results
from benchmarks.database import BenchmarkError, Database
from benchmarks.servers import Server, running
from mediatheque import config, create_app
from mediatheque.auth import sessions, tokens
from mediatheque.auth.models import User
from mediatheque.extensions import db
from mediatheque.kit.statements import reader
from mediatheque.library.queries import BOOKS

LETTERS = (3, 4, 5, 6, 8, 10, 12, 16)
SELECTIVE = 1 / 1000  # of the rows, at most, have the text in their title or author
PAGE = 100  # rows
TRIES = 5
MIB = 2**20

# How many rows an export of that format holds.
ROWS: dict[str, Callable[[bytes], int]] = {
    "ndjson": lambda body: len(body.splitlines()),
    "json": lambda body: len(orjson.loads(body)),
    "csv": lambda body: sum(1 for _ in csv.reader(io.StringIO(body.decode()))) - 1,
}

_START = """
import time
started = time.perf_counter()
from mediatheque import create_app
assert create_app().test_client().get("/books?limit=1").status_code == 200
print(f"started in {time.perf_counter() - started}")
"""


def application(database: Database) -> Flask:
    """The application in this process, for what is no business of HTTP."""
    names = ("DATABASE_URL", "JWT_SECRET_KEY", "MEDIATHEQUE_ENV")
    os.environ["FLASK_SKIP_DOTENV"] = "1"
    return create_app({name: database.environment()[name] for name in names})


def token(database: Database) -> str:
    """An access token of the user whom the shelf belongs to."""
    with application(database).app_context():
        issued = tokens.issue(sessions.begin(db.session.get(User, database.user_id), "make bench"))
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return issued


def search(database: Database, results: Results) -> None:
    """``q`` as the application sends it, in the order of relevance: the median of selective texts."""
    terms = _terms(database)
    if not terms:
        raise BenchmarkError(f"No part of a title is selective among {database.books:,} books.")
    seconds = []
    with application(database).app_context():
        with reader() as connection:
            for term in terms:
                query, values = BOOKS.query("relevance", "", ("q",)), {"q": term}
                tries = []
                for _ in range(TRIES):
                    started = time.perf_counter()
                    query.rows(connection, values, PAGE + 1)
                    tries.append(time.perf_counter() - started)
                seconds.append(statistics.median(tries))
        for engine in db.engines.values():
            engine.dispose()
    median = statistics.median(seconds) * 1000
    reached = f"{median:.1f} ms ({min(seconds) * 1000:.1f} to {max(seconds) * 1000:.1f}, {len(terms)} texts)"
    if not _has_trigrams(database):
        reached += ", without pg_trgm"
    results.notes.append(f"Texts searched for: {', '.join(repr(term) for term in terms)}.")
    shortest = min(map(len, terms))
    name = f"search of three letters and more (here {shortest} and more), selective, {database.books:,} titles"
    results.add(name, "≤ 10 ms in SQL", reached, met=median <= 10)


def _has_trigrams(database: Database) -> bool:
    with psycopg.connect(database.url) as connection:
        statement = "SELECT EXISTS (SELECT FROM pg_indexes WHERE tablename = 'books' AND indexdef LIKE '%_trgm_ops%')"
        return connection.execute(statement).fetchone()[0]


def _terms(database: Database) -> list[str]:
    """Parts of titles, the same in each run, that hardly any book has; short ones as far as there are."""
    rng = random.Random(1)
    most = max(1, int(database.books * SELECTIVE))
    terms: list[str] = []
    with psycopg.connect(database.url) as connection:
        for letters in LETTERS:
            ids = [rng.randint(database.first_id, database.last_id) for _ in range(TRIES)]
            titles = connection.execute(
                "SELECT title_folded FROM books WHERE id = ANY(%s) ORDER BY id", (ids,)
            ).fetchall()
            for (title,) in titles:
                place = rng.randint(0, max(0, len(title) - letters))
                term = title[place : place + letters].strip()
                if len(term) == letters and 0 < _matches(connection, term, most) <= most:
                    terms.append(term)
    return terms


def _matches(connection: psycopg.Connection, term: str, most: int) -> int:
    """How many books have *term* in their title or author; counts no further than one more than *most*."""
    statement = """
        SELECT count(*) FROM (
            SELECT FROM books WHERE title_folded LIKE %(like)s OR author_folded LIKE %(like)s LIMIT %(most)s
        ) found
    """
    pattern = "%" + re.sub(r"([%_\\])", r"\\\1", term) + "%"
    return connection.execute(statement, {"like": pattern, "most": most + 1}).fetchone()[0]


def export(database: Database, folder: Path, results: Results) -> None:
    """All books in each format: how long, how soon, and how much memory it takes the worker."""
    name = f"export of {database.books:,} books"
    demanded = {"seconds": "≤ 1 s", "memory": "≤ 40 MiB over idle", "first byte": "≤ 50 ms"}
    with running("application", servers.APPLICATION, database, folder) as server:
        for format, count in ROWS.items():
            rows = count(server.get(f"/books/export?format={format}")[2])
            if rows != database.books:
                raise BenchmarkError(f"/books/export?format={format} holds {rows:,} of {database.books:,} books.")
    with running("application", servers.APPLICATION, database, folder) as server:
        for _ in range(50):
            server.get("/books?limit=1")
        idle = {worker.pid: worker.memory_info().rss for worker in server.workers()}
        took: dict[str, list[tuple[float, float]]] = {}
        with _Memory(server.workers()) as memory:
            for _ in range(TRIES):
                for format in ROWS:
                    took.setdefault(format, []).append(_download(server, format))
        grown = max(peak - idle[pid] for pid, peak in memory.peaks.items() if pid in idle) / MIB
    totals = {format: statistics.median(total for _, total in tries) for format, tries in took.items()}
    firsts = {format: statistics.median(first for first, _ in tries) * 1000 for format, tries in took.items()}
    shown = ", ".join(f"{format} {seconds:.2f} s" for format, seconds in totals.items())
    results.add(f"{name}, seconds", demanded["seconds"], shown, met=max(totals.values()) <= 1)
    results.add(f"{name}, memory", demanded["memory"], f"{grown:.0f} MiB", met=grown <= 40)
    shown = ", ".join(f"{format} {milliseconds:.0f} ms" for format, milliseconds in firsts.items())
    results.add(f"{name}, first byte", demanded["first byte"], shown, met=max(firsts.values()) <= 50)


def _download(server: Server, format: str) -> tuple[float, float]:
    """Seconds to the first byte of the body, and to the last."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=servers.PATIENCE)
    started = time.perf_counter()
    connection.request("GET", f"/books/export?format={format}")
    response = connection.getresponse()
    response.read(1)
    first = time.perf_counter() - started
    while response.read(MIB):
        pass
    total = time.perf_counter() - started
    connection.close()
    if response.status != 200:
        raise BenchmarkError(f"/books/export?format={format} answers {response.status}.")
    return first, total


class _Memory:
    """The greatest resident memory of some processes, in bytes, looked at every few milliseconds."""

    def __init__(self, processes: list[psutil.Process]) -> None:
        self.peaks = dict.fromkeys((process.pid for process in processes), 0)
        self._processes = processes
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.005):
            for process in self._processes:
                self.peaks[process.pid] = max(self.peaks[process.pid], process.memory_info().rss)


def start(database: Database, results: Results) -> None:
    """From the first import to the first answer, in a new process; the database is running."""
    seconds = []
    for _ in range(TRIES):
        done = subprocess.run(
            [sys.executable, "-c", _START],
            cwd=config.ROOT,
            env=database.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BenchmarkError(f"The application does not start: {done.stderr[-2000:]}")
        seconds.append(float(re.search(r"started in (.+)", done.stdout)[1]))
    median = statistics.median(seconds)
    reached = f"{median:.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
    results.add("application start", "≤ 0.8 s", reached, met=median <= 0.8)


def load(database: Database, results: Results) -> None:
    """How fast ``flask db load-demo`` filled the largest database."""
    rate = database.rows_per_second
    name = f"load-demo of {database.books:,} books"
    results.add(name, "≥ 20,000 rows/s", f"{rate:,.0f} rows/s", met=rate >= 20_000)
