"""Behind PgBouncer, as Debian has it; and the example of a fail-over, which needs it."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from flask_migrate import upgrade

from mediatheque import config
from processes import wait_for

LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
FILE = """
[databases]
* = {target}
[pgbouncer]
unix_socket_dir = {folder}
listen_port = 5432
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
ignore_startup_parameters = options
"""


@pytest.fixture
def url(make_database, make_app, port):
    """A database with tables."""
    url = make_database(f"bounced{port}")
    with make_app(url).app_context():
        upgrade()
    return url


@contextmanager
def bounced(url, mode, size):
    """That address by way of PgBouncer."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert program, "pgbouncer is missing: apt install pgbouncer."
    servant = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    given = {
        "host": url.host or url.query.get("host"),
        "port": url.port,
        "user": url.username,
        "password": url.password,
    }
    target = " ".join(f"{name}='{value}'" for name, value in given.items() if value)
    with TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        if servant:
            shutil.chown(folder, "postgres")
        (folder / "ini").write_text(FILE.format(target=target, folder=folder, mode=mode, size=size))
        with subprocess.Popen([program, "-q", folder / "ini"], stderr=subprocess.DEVNULL, **servant) as process:
            try:
                wait_for((folder / ".s.PGSQL.5432").exists)
                yield url.set(host=None, port=None, password=None, query={"host": name})
            finally:
                process.terminate()


def set_limits(url):
    """As docs/operations.md says, but for one database of a server that all tests share."""
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        for limit in LIMITS:
            connection.execute(f'ALTER DATABASE "{url.database}" SET {limit} = 7000')


def invoke(app, *command):
    return app.test_cli_runner().invoke(args=command).output


def test_limits_that_are_lost_on_the_way_are_wrong(url, make_app):
    with bounced(url, "session", size=5) as address:
        said = invoke(make_app(address), "check")
        for limit in LIMITS:
            assert f"{limit} is lost on the way to DATABASE_URL, and requests may wait for ever" in said
        set_limits(url)
    with bounced(url, "session", size=5) as address:
        assert "wrong" not in invoke(make_app(address), "check")


def test_commands_do_not_lift_the_limits_of_others(url, make_app):
    set_limits(url)
    with bounced(url, "transaction", size=1) as address:
        assert invoke(make_app(address), "users", "list").startswith("ID")
        conninfo = address.set(drivername="postgresql").render_as_string()
        with psycopg.connect(conninfo, prepare_threshold=None) as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == ("7s",)


def test_the_example_of_a_failover_loses_nothing():
    done = subprocess.run(
        [sys.executable, config.ROOT / "docs/examples/failover.py"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COVERAGE_PROCESS_CONFIG": ""},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Of the acknowledged ones 0 are lost, 0 are there twice.\n")
    assert "found it missing 0 times" in done.stdout
