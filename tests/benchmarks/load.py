"""wrk, and the rounds that variants are measured in side by side."""

import os
import re
import shutil
import statistics
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.database import BenchmarkError
from benchmarks.servers import CONNECTIONS, Server

SCRIPT = Path(__file__).with_name("wrk.lua")
THREADS = 2


@dataclass(frozen=True)
class Request:
    """What is asked for: a path, in it perhaps ``%d`` for any of some ids, or a body that is posted to it."""

    path: str
    ids: tuple[int, int] | None = None
    body: bytes | None = None
    token: str = ""


def require_wrk() -> None:
    if shutil.which("wrk") is None:
        raise BenchmarkError("wrk is missing: apt install wrk.")


def requests_per_second(server: Server, request: Request, seconds: int) -> float:
    """What *server* reaches in that time; an answer that is no success stops the benchmark.

    A server that shares its time among 16 large answers may not have finished any within the first second.
    """
    environment = {"PATH": os.environ["PATH"]}
    if request.body is not None:
        environment |= {"BENCH_BODY": request.body.decode(), "BENCH_TOKEN": request.token}
    command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(SCRIPT)]
    command += [f"http://127.0.0.1:{server.port}", "--", request.path, *map(str, request.ids or ())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    server.forget_lines()
    found = re.search(r"^result (\d+) (\d+) (\d+) (\d+)", done.stdout, re.MULTILINE)
    if not found:
        raise BenchmarkError(f"wrk failed: {done.stdout} {done.stderr}")
    requests, microseconds, refused, broken = map(int, found.groups())
    if refused or broken:
        raise BenchmarkError(
            f"{server.name} answered {refused} of {requests} requests for {request.path} with an error, "
            f"and {broken} not at all."
        )
    return requests / microseconds * 1e6


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, and the least and the greatest of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


Measured = dict[str, list[float]]


def interleaved(variants: Mapping[str, Callable[[], float]], rounds: int) -> Measured:
    """What each variant reached in each round; each round runs all of them, and begins with another one."""
    measured: Measured = {name: [] for name in variants}
    names = list(variants)
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            measured[name].append(variants[name]())
    return measured


def ratio(measured: Measured, variant: str, other: str) -> Spread:
    """*variant* in proportion to *other*, round by round."""
    if not all(measured[other]):
        raise BenchmarkError(f"{other} answered nothing in a round: they are too short (BENCH_SECONDS).")
    return Spread.of([one / two for one, two in zip(measured[variant], measured[other], strict=True)])
