"""make bench: measures the application beside its limits and a peer, and writes docs/benchmarks.md.

BENCH_ROWS (1000000) shrinks the databases, BENCH_SECONDS (2) and BENCH_ROUNDS (7) the runs of each path. With --only
and some names of SECTIONS it measures these alone. Only a run that measured everything writes the document.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import database, load, paths, report, singles
from benchmarks.budgets import Results
from benchmarks.database import BenchmarkError
from mediatheque import config

SIZES = {"small": 1_000, "middle": 100_000, "large": 1_000_000, "written": 100_000}  # what POST adds to, and no other
PATHS = tuple(paths.NAMES)
SECTIONS = (*PATHS, "growth", "depth", "search", "export", "start", "load")
DOCUMENT = config.ROOT / "docs/benchmarks.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=_names, default=SECTIONS, metavar="NAMES", help=", ".join(SECTIONS))
    chosen = parser.parse_args().only
    rows = int(os.environ.get("BENCH_ROWS") or max(SIZES.values()))
    clock = paths.Clock(
        seconds=int(os.environ.get("BENCH_SECONDS") or 2), rounds=int(os.environ.get("BENCH_ROUNDS") or 7)
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        load.require_wrk()
        results, machine = _measure(chosen, rows, clock)
    except BenchmarkError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    text = report.markdown(results, machine)
    print(f"\n{text}")
    missing = _missing(chosen, rows)
    if missing:
        print(f"Not everything was measured, so {DOCUMENT.name} stays as it is: {missing}.")
    else:
        DOCUMENT.write_text(text)
    print(report.total(results))
    return 0 if all(budget.met for budget in results.budgets) else 1


def _names(text: str) -> tuple[str, ...]:
    names = text.split(",")
    unknown = set(names) - set(SECTIONS)
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}: {', '.join(SECTIONS)}")
    return tuple(names)


def _missing(chosen: tuple[str, ...], rows: int) -> str:
    reasons = [name for name in SECTIONS if name not in chosen]
    if rows < max(SIZES.values()):
        reasons.append(f"{rows:,} rows instead of {max(SIZES.values()):,}")
    return ", ".join(reasons)


def _measure(chosen: tuple[str, ...], rows: int, clock: paths.Clock) -> tuple[Results, list[str]]:
    results = Results()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mediatheque-bench-logs-")))
        server_url = stack.enter_context(database.server())
        filled: dict[str, database.Database] = {}

        def filled_database(size: str) -> database.Database:
            if size not in filled:
                books = min(rows, SIZES[size])
                print(f"Filling a database with {books:,} books …", file=sys.stderr, flush=True)
                if size == "small":
                    filled[size] = database.shrink(server_url, filled_database("large"), f"bench_{size}", books)
                else:
                    filled[size] = database.fill(server_url, f"bench_{size}", books)
            return filled[size]

        def compare(path: str) -> None:
            asked = filled_database("written" if path == "post" else "middle")
            paths.compare(path, asked, singles.token(asked), clock, folder, results)

        def on(section: Callable[..., Any], *sizes: str, **options: Any) -> None:
            section(*(filled_database(size) for size in sizes), **options, results=results)

        sections: dict[str, Callable[[], None]] = {
            **{path: partial(compare, path) for path in PATHS},
            "growth": lambda: on(paths.growth, "small", "large", clock=clock, folder=folder),
            "depth": lambda: on(paths.depth, "large", clock=clock, folder=folder),
            "search": lambda: on(singles.search, "large"),
            "export": lambda: on(singles.export, "middle", folder=folder),
            "start": lambda: on(singles.start, "middle"),
            "load": lambda: on(singles.load, "large"),
        }
        for name, section in sections.items():
            if name in chosen:
                section()
        machine = report.machine(server_url, clock, [min(rows, SIZES[size]) for size in ("small", "middle", "large")])
    return results, machine


if __name__ == "__main__":
    sys.exit(main())
