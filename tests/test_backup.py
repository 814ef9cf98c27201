"""The backup that docs/operations.md describes, made and put back while the server is written to."""

import os
import re
import subprocess
import threading
from contextlib import closing
from itertools import count

import psycopg
import pytest
from flask_migrate import upgrade

from factories.auth import signed_in
from faults.clients import ask
from mediatheque import config
from mediatheque.auth import accounts
from mediatheque.extensions import db
from processes import answers, flask, free_port, wait_for

SECRET = "a secret of the tests, long enough for HS256"


def plain(url):
    """The address as PostgreSQL's own programs know it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def ask_database(url, statement):
    with closing(psycopg.connect(plain(url))) as connection:
        return [row[0] for row in connection.execute(statement)]


@pytest.fixture
def library(make_database, make_app, port):
    """A database with tables, and the headers of a member of it."""
    url = make_database(f"library{port}")
    with make_app(url, JWT_SECRET_KEY=SECRET).app_context():
        upgrade()
        headers = signed_in(accounts.create("Ada", "ada@example.org", "a long password", is_admin=True))
        db.session.remove()
    return url, headers


@pytest.fixture
def commands():
    """What the chapter says for a database with an address: how to make a backup, how to put it back."""
    chapter = (config.ROOT / "docs/operations.md").read_text(encoding="utf-8").partition("\n## Backups\n")[2]
    return re.findall(r"^```sh\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)[:2]


@pytest.fixture
def run(server_url, tmp_path):
    """Runs a command of the documents on a database, with the programs of the server, where these are."""
    (folder,) = ask_database(server_url, "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"

    def run(command, url):
        done = subprocess.run(
            ["sh", "-e", "-c", command],
            cwd=tmp_path,
            env=os.environ | {"PATH": path, "DATABASE_URL": plain(url)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")

    return run


class Writer:
    """Makes one genre after the other, as long as it is asked to."""

    def __init__(self, port, headers):
        self.port, self.headers, self.acknowledged, self.over = int(port), headers, 0, threading.Event()
        self.thread = threading.Thread(target=self.write)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def write(self):
        for number in count(1):
            if self.over.is_set() or write(self.port, self.headers, number) != 201:
                return
            self.acknowledged = number

    def wait_for_writes(self, number):
        enough = self.acknowledged + number
        wait_for(lambda: self.acknowledged >= enough)
        return self.acknowledged


def write(port, headers, number):
    key = {"Idempotency-Key": f"genre {number}"}
    return ask(int(port), "POST", "/genres", {"genre": f"Genre {number:05}"}, headers | key).status


def serving(url, port):
    """The server on that database."""
    settings = {"JWT_SECRET_KEY": SECRET, "WORKERS": "1", "PORT": port, "RATELIMIT_ENABLED": "0"}
    return flask("serve", instance="", DATABASE_URL=url.render_as_string(hide_password=False), **settings)


def test_what_is_put_back_is_what_there_was_when_the_backup_was_begun(
    library, commands, run, make_database, make_app, port
):
    url, headers = library
    backup, restore = commands
    with serving(url, port) as process:
        wait_for(lambda: process.poll() is not None or answers(port))
        with Writer(port, headers) as writer:
            before = writer.wait_for_writes(30)
            run(backup, url)
            after = writer.acknowledged
            writer.wait_for_writes(30)

    restored = make_database(f"restored{port}")
    with make_app(restored).app_context():  # something that is there already, and is to go
        upgrade()
        accounts.create("Eve", "eve@example.org", "a long password", is_admin=False)
        db.session.commit()
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
    run(restore, restored)

    genres = ask_database(restored, "SELECT genre FROM genres ORDER BY id")
    assert before <= len(genres) <= after + 1  # one that was written and not yet acknowledged
    assert genres == [f"Genre {number:05}" for number in range(1, len(genres) + 1)]
    assert ask_database(restored, "SELECT count(*) FROM idempotency_keys") == [len(genres)]
    assert ask_database(restored, "SELECT email FROM users") == ["ada@example.org"]

    said = make_app(restored).test_cli_runner().invoke(args=["check"])
    assert "The tables are those of this program" in said.output
    assert said.exit_code == 0
    port = free_port()
    with serving(restored, port) as process:
        wait_for(lambda: process.poll() is not None or answers(port))
        assert write(port, headers, len(genres)) == 201  # the key is known: the first answer again
        assert write(port, headers, len(genres) + 1) == 201
        assert ask(int(port), "GET", "/genres?limit=1&count=true").headers["x-total-count"] == str(len(genres) + 1)
