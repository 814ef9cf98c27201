"""docs/benchmarks.md: the machine, the table, the budgets."""

import os
import platform
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg

from benchmarks import servers
from benchmarks.budgets import Results
from benchmarks.load import Spread, ratio
from benchmarks.paths import APPLICATION, VARIANTS, Clock
from mediatheque import config

PACKAGES = (
    *("Flask", "SQLAlchemy", "psycopg", "psycopg-pool", "orjson", "granian"),
    *("fastapi", "pydantic", "asyncpg", "uvicorn", "uvloop"),
)
PREFACE = """# Benchmarks

Written by `make bench`; do not edit. The ratios are what counts, and only within this one run: all variants of a path
ran side by side, in turns, on the same machine, against the same database, after their answers (of single rows: some
hundreds) were found equal.

- **L** is a bare Flask view: psycopg 3's cursors and pool (as an application has to have one), prepared statements,
  hand-written SQL, orjson ([flask_limit.py](../tests/benchmarks/flask_limit.py)). **B** is a bare WSGI callable on
  libpq's prepared statements ([wsgi_limit.py](../tests/benchmarks/wsgi_limit.py)). Both send the application's headers,
  request id included, and write its log line.
- **FastAPI** is FastAPI with SQLAlchemy's async ORM, asyncpg and pydantic
  ([fastapi_peer.py](../tests/benchmarks/fastapi_peer.py)) in uvicorn, its usual server; without request id and log
  line.
- **Growth** compares the same newest books, collections and accounts, with and without a million older books.
"""


def markdown(results: Results, machine: list[str]) -> str:
    sections = [PREFACE, "## Where", *machine, "", "## Requests a second", *_rates(results), "", "## Budgets"]
    sections += [*_budgets(results), ""]
    if results.notes:
        sections += [*(f"- {note}" for note in results.notes), ""]
    return "\n".join([*sections, total(results), ""])


def total(results: Results) -> str:
    return f"budgets: {sum(one.met for one in results.budgets)} of {len(results.budgets)} met"


def _rates(results: Results) -> Iterator[str]:
    yield "Medians of all rounds and, in parentheses, the least and the most."
    yield ""
    variants = list(dict.fromkeys(name for names in VARIANTS.values() for name in names))
    proportions = [f"{APPLICATION} / {name}" for name in variants[1:]]
    yield _row(["path", *variants, *proportions])
    yield _row(["---", *["---:"] * (len(variants) + len(proportions))])
    for path, measured in results.rates.items():
        rates = [_spread(Spread.of(measured[name]), ",.0f") if name in measured else "" for name in variants]
        ratios = [
            _spread(ratio(measured, APPLICATION, name), ".2f") if name in measured else "" for name in variants[1:]
        ]
        yield _row([path, *rates, *ratios])


def _budgets(results: Results) -> Iterator[str]:
    yield _row(["path", "demanded", "reached", ""])
    yield _row(["---"] * 4)
    for one in results.budgets:
        yield _row([one.path, one.demanded, one.reached, "met" if one.met else "**missed**"])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(spread: Spread, form: str) -> str:
    return f"{spread.median:{form}} ({spread.least:{form}} to {spread.most:{form}})"


def machine(server_url: str, clock: Clock, sizes: list[int]) -> list[str]:
    """Where and how it was measured, as a Markdown list."""
    with psycopg.connect(server_url) as connection:
        settings = {
            name: connection.execute(f"SHOW {name}").fetchone()[0]
            for name in ("server_version", "shared_buffers", "fsync", "synchronous_commit")
        }
    kept = ", ".join(f"{name} {settings[name]}" for name in ("shared_buffers", "fsync", "synchronous_commit"))
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    workers, threads, connections = servers.WORKERS, servers.THREADS, servers.CONNECTIONS
    return [
        f"- {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}",
        f"- {_processor()}, {os.cpu_count()} cores, {memory} of memory, shared by database, server and wrk",
        f"- {system}, PostgreSQL {settings['server_version'].split()[0]} ({kept})",
        f"- {', '.join(f'{name} {version(name)}' for name in PACKAGES)}",
        f"- application, L and B: granian, {workers} workers of {threads} threads",
        f"- FastAPI: uvicorn with uvloop and httptools, {workers} workers of {connections} database connections",
        f"- wrk with {connections} connections, {clock.rounds} rounds of {clock.seconds} s",
        f"- databases of {', '.join(f'{books:,}' for books in sizes)} books; {sizes[1]:,} where nothing else is said",
    ]


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, cwd=config.ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
