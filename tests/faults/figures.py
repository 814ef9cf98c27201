"""The figures of the project: tests reach them, negative controls miss them, docs/reliability.md is made of both."""

import os
import platform
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from mediatheque import config

REPORT = config.ROOT / "docs/reliability.md"
ALL = 18


class MissedError(AssertionError):
    """A figure was not reached. Nothing else turns a negative control green."""


def demand(condition, sentence):
    """MissedError, with what was seen instead, unless *condition*."""
    if not condition:
        raise MissedError(sentence)


def within(seconds, condition):
    """Whether *condition* comes true in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@dataclass(frozen=True)
class Figure:
    number: int
    test: str
    demanded: str


@dataclass
class Results:
    """What the tests of this run have reached."""

    reached: dict[Figure, str] = field(default_factory=dict)
    missed: dict[Figure, str] = field(default_factory=dict)

    def reach(self, figure, sentence):
        self.reached[figure] = sentence

    @contextmanager
    def miss(self, figure, guard):
        """What stands below must miss *figure*, since *guard* has been taken out."""
        with pytest.raises(MissedError) as error:
            yield
        before = f"{self.missed[figure]}; " if figure in self.missed else ""
        self.missed[figure] = f"{before}{guard}: {error.value}"

    def are_complete(self):
        return len(self.reached) == len(self.missed) == ALL

    def report(self, postgres):
        lines = [
            f"| {figure.test} | {figure.demanded} | {self.reached[figure]} | {self.missed[figure]} |"
            for figure in sorted(self.reached, key=lambda figure: figure.number)
        ]
        return REPORT_TEXT.format(
            cores=os.cpu_count(), python=platform.python_version(), postgres=postgres, rows="\n".join(lines)
        )


REPORT_TEXT = """# Reliability

What the server does when something breaks, and what was measured when `make test-faults` wrote this file. The tests, in
`tests/faults/`, run the real server processes and a PostgreSQL of their own, with `fsync`, `synchronous_commit` and
`full_page_writes` on; those of whole suites (Schemathesis, nasty values, bad tokens, the access table) run the
application within the process that asks. `make test` runs a short form of each, of the suites without the control. This
negative control, in the last column, is the same test against a copy of the program from which one guard was taken out:
it must fail, and this is how it failed.

Login times are taken at bcrypt's cost 10, where any other difference weighs four times as much as at the 12 of
production.

Machine: {cores} cores for server, database and clients together; PostgreSQL {postgres}, Python {python}.

| test | demanded | reached | without the guard |
|---|---|---|---|
{rows}
"""
