"""What whole suites of tests show, each in processes of its own; `make test` runs their short forms by themselves."""

import os
import subprocess
import sys
from collections import Counter
from tempfile import NamedTemporaryFile
from xml.etree import ElementTree as ET

from contract.resources import ROUTES
from faults.figures import Figure, demand
from faults.servers import patched
from mediatheque import config

SCHEMATHESIS = Figure(
    8,
    "Schemathesis, all checks and stateful, 200 examples an operation, as anonymous, member and admin",
    "0 failures",
)
VALUES = Figure(
    9,
    "at least 1,000 nasty values for each writable member and each parameter",
    "0 times 5xx, none slower than 200 ms, untouched rows as before, a good request succeeds",
)
TOKENS = Figure(12, "at least 40 kinds of bad token", "all 401 with the messages of the contract, no write")
ACCESS = Figure(17, "access table", "every route, 0 deviations")
KINDS = 40


def passes(*arguments, patch=None):
    """What the tests that *arguments* select have counted; none of them may fail, in their full form."""
    options = ["-p", "faults.unguarded"] if patch else ["--full", "--numprocesses", "auto"]
    with NamedTemporaryFile(suffix=".xml") as report:
        options += ["-o", "junit_family=xunit1", f"--junitxml={report.name}"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *arguments],
            cwd=config.ROOT,
            env=os.environ | {"COVERAGE_PROCESS_CONFIG": ""} | (patched(patch) if patch else {}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        assert " error" not in done.stdout.splitlines()[-1], done.stdout
        (suite,) = ET.parse(report.name).getroot()  # noqa: S314  (pytest's own)
    failed = suite.findall("*/failure")
    demand(not failed, f"{len(failed)} of {suite.get('tests')} tests failed")
    counted = Counter()
    for one in suite.iter("property"):
        counted[one.get("name")] += int(one.get("value"))
    return counted


def test_schemathesis_finds_no_fault_but_numbers_beyond_their_ranges(reached, missed):
    suite = "tests/contract/test_schemathesis.py"
    with missed(SCHEMATHESIS, "numbers of any size taken"):
        passes(suite, "-k", "admin", patch="takes_numbers_of_any_size")
    reached(SCHEMATHESIS, f"{passes(suite)['requests']:,} requests, 0 failures")


def test_nasty_values_break_only_what_takes_them(reached, missed):
    suite = "tests/test_bad_input.py"
    one = ("-k", "in_a_body and post and genres", "--full")
    with missed(VALUES, "bodies read by Python's own JSON parser"):
        passes(suite, *one, patch="reads_json_as_python_does")
    with missed(VALUES, "texts normalised whatever their length"):
        passes(suite, *one, patch="takes_texts_of_any_length")
    counted = passes(suite)
    reached(VALUES, f"{counted['values']:,} values, all refused or stored as they should be, none slower")


def test_bad_tokens_open_only_what_does_not_look(reached, missed):
    suite = "tests/auth/test_tokens.py"
    with missed(TOKENS, "claims not looked at"):
        passes(suite, "-k", "TestClaims", patch="takes_any_claims")
    tokens = passes(suite)["tokens"]
    demand(tokens >= KINDS, f"{tokens} kinds")
    reached(TOKENS, f"{tokens} kinds, all 401, no write")


def test_the_access_table_finds_members_who_may_delete(reached, missed):
    suite = "tests/contract/test_access.py"
    with missed(ACCESS, "members may what admins may"):
        passes(suite, "-k", "genres", patch="lets_members_do_what_admins_may")
    reached(ACCESS, f"{passes(suite)['cells']} cells, {len(ROUTES)} routes and methods, 0 deviations")
