"""A PostgreSQL server that a test may stop. It is found, made and run as the embedded one is (kit/postgres.py)."""

import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from flask_migrate import upgrade
from sqlalchemy import make_url

from factories.auth import signed_in
from mediatheque.auth import accounts
from mediatheque.extensions import db
from mediatheque.kit import postgres
from processes import wait_for

SECRET = "a secret of the tests, long enough for HS256"
TEMPLATE = "template_faults"
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class Cluster:
    """The server; its databases are copies of one with tables and a member."""

    def __init__(self, folder, make_app):
        self.instance = folder / "instance"
        self.numbers = count(1)
        self.start()
        with self.connect("postgres") as connection:
            for setting in DURABLE:
                value = connection.execute(f"SHOW {setting}").fetchone()[0]
                assert value == "on", f"The figures say nothing with {setting} {value}: PostgreSQL must have it on."
            self.data = Path(connection.execute("SHOW data_directory").fetchone()[0])
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        app = make_app(make_url(self.url(TEMPLATE)), JWT_SECRET_KEY=SECRET)
        with app.app_context():
            upgrade()
            self.headers = signed_in(accounts.create("Ada", "ada@example.org", "a long password", is_admin=False))
            db.session.remove()
            for engine in db.engines.values():
                engine.dispose()

    def url(self, database):
        url = make_url(postgres.url(self.instance))
        return url.set(database=database).render_as_string(hide_password=False)

    def connect(self, database):
        """A connection in autocommit."""
        url = make_url(self.url(database)).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(url, autocommit=True)

    def start(self):
        """Returns when it takes connections."""
        postgres.start(self.instance)

    def stop(self, how=signal.SIGINT):
        """Stop it, as ``pg_ctl stop -m fast`` does, or with SIGQUIT ``-m immediate``; returns when it is gone."""
        lock = self.data / "postmaster.pid"
        os.kill(int(lock.read_text().split()[0]), how)
        wait_for(lambda: not lock.exists())

    @contextmanager
    def frozen(self):
        """All its processes stand still: it takes connections, and says nothing."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        backends = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        processes = [postmaster, *map(int, backends)]
        try:
            for process in processes:
                os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    @contextmanager
    def database(self):
        name = f"faults_{next(self.numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        try:
            yield Database(self, name)
        finally:
            self.start()
            with self.connect("postgres") as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class Database:
    """A database with tables and a member, who signs in with *headers*."""

    cluster: Cluster
    name: str

    @property
    def url(self):
        return self.cluster.url(self.name)

    @property
    def headers(self):
        return self.cluster.headers

    def connect(self):
        return self.cluster.connect(self.name)

    def ask(self, statement, *values):
        """The rows that a statement gives; those of one column as plain values."""
        with self.connect() as connection:
            rows = connection.execute(statement, values).fetchall()
        return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows

    def do(self, statement, *values):
        with self.connect() as connection:
            connection.execute(statement, values)
