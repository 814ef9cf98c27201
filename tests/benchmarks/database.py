"""The throw-away PostgreSQL: one server in a temporary folder, some databases, all gone afterwards."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from mediatheque import config
from mediatheque.kit import postgres

MOVIES = 1000
SHELF = 100  # books, and as many movies, of the one collection that is asked for
PATIENCE = 60  # seconds the server may take to stop
# A disk's file system, where there is one: /tmp may be in memory, where a sync costs nothing.
DISK = Path("/var/tmp")

_HOLD = """
import sys
from pathlib import Path
from mediatheque.kit import postgres
postgres.start(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""

SHELVE = """
INSERT INTO collections (name, user_id, is_open) SELECT 'One hundred of each', min(id), true FROM users
RETURNING id, user_id
"""
# Spread over the table, as the books of a collection are that grew with it.
MOVE = """
UPDATE {table} SET collection_id = %(shelf)s WHERE id IN (
    SELECT min(id) + n * (max(id) - min(id)) / %(most)s FROM {table}, generate_series(1, %(most)s) n GROUP BY n
)
"""


# The newest books alone, and all that they refer to.
KEEP = """
CREATE TEMPORARY TABLE kept AS SELECT * FROM books ORDER BY id DESC LIMIT {};
TRUNCATE books;
INSERT INTO books ({}) SELECT {} FROM kept;
"""


class BenchmarkError(Exception):
    """The benchmark cannot go on; the message is a sentence."""


@dataclass(frozen=True)
class Database:
    """One filled database and what is asked of it."""

    url: str
    books: int
    first_id: int
    shelf_id: int
    user_id: int
    rows_per_second: float  # by load-demo, from the start of the command to its end

    @property
    def last_id(self) -> int:
        return self.first_id + self.books - 1

    def environment(self) -> dict[str, str]:
        """What a process of the application, a limit or the peer is started with."""
        return environment(self.url)


def environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return kept | {
        "PYTHONPATH": os.pathsep.join(str(config.ROOT / folder) for folder in ("src", "tests")),
        "FLASK_SKIP_DOTENV": "1",
        "FLASK_APP": "src/mediatheque",
        "MEDIATHEQUE_ENV": "production",
        "JWT_SECRET_KEY": "a secret of the benchmark, long enough for HS256",
        "DATABASE_URL": url,
    }


@contextmanager
def server() -> Iterator[str]:
    """A server of its own, with PostgreSQL's defaults; gives the URL of its database ``postgres``."""
    with TemporaryDirectory(prefix="mediatheque-bench-", dir=DISK if DISK.is_dir() else None) as folder:
        Path(folder).chmod(0o755)  # for the server's user, where we are root
        instance = Path(folder) / "instance"
        # The server lives as long as a process that has joined it: that one ends when this one does, whatever happens.
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(instance)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(""),
            start_new_session=True,
        )
        try:
            if holder.stdout.readline() != b"ready\n":
                raise BenchmarkError("The embedded PostgreSQL did not start: see above.")
            url = postgres.url(instance).replace("+psycopg", "")
            _require_durable(url)
            yield url
        finally:
            holder.communicate()
            _await_end(instance / "postgres/data/postmaster.pid")


def _require_durable(url: str) -> None:
    with psycopg.connect(url) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            (value,) = connection.execute(f"SHOW {name}").fetchone()
            if value != "on":
                raise BenchmarkError(f"PostgreSQL's {name} is {value}: what is measured so says nothing.")


def _await_end(pid_file: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def fill(server_url: str, name: str, books: int) -> Database:
    """A database *name* with *books* books, vacuumed and analysed."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = re.sub("/postgres(?=[?])", f"/{name}", server_url)
    _flask(url, "db", "create")
    started = time.monotonic()
    _flask(url, "db", "load-demo", "--yes", "--books", str(books), "--movies", str(MOVIES))
    seconds = time.monotonic() - started
    with psycopg.connect(url, autocommit=True) as connection:
        shelf_id, user_id = connection.execute(SHELVE, {"most": SHELF}).fetchone()
        for table in ("books", "movies"):
            connection.execute(MOVE.format(table=table), {"shelf": shelf_id, "most": SHELF})
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
        first, last, count = connection.execute("SELECT min(id), max(id), count(*) FROM books").fetchone()
    if (last - first + 1, count) != (books, books):
        raise BenchmarkError(f"load-demo made {count} books with ids from {first} to {last}, not {books} in a row.")
    return Database(url, books, first, shelf_id, user_id, (books + MOVIES) / seconds)


def shrink(server_url: str, large: Database, name: str, books: int) -> Database:
    """A copy of *large* with its newest *books* books only; everything else stays, so that the answers are the same."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {large.url.partition('?')[0].rpartition('/')[2]}")
    url = re.sub("/postgres(?=[?])", f"/{name}", server_url)
    with psycopg.connect(url, autocommit=True) as connection:
        stored = connection.execute(
            "SELECT string_agg(column_name, ', ') FROM information_schema.columns"
            " WHERE table_name = 'books' AND is_generated = 'NEVER'"
        ).fetchone()
        connection.execute(KEEP.format(books, *stored, *stored))
        connection.execute("VACUUM (ANALYZE)")
    return replace(large, url=url, books=books, first_id=large.last_id - books + 1)


def _flask(url: str, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", *command],
        cwd=config.ROOT,
        env=environment(url),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchmarkError(f"flask {' '.join(command)} failed: {done.stderr.strip()}")
