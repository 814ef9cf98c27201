"""The application, a client, the database; no data."""

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from dotenv import dotenv_values
from flask import Flask, current_app
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import URL, Connection, create_engine, make_url, text
from werkzeug.test import TestResponse
from xdist.scheduler import LoadScopeScheduling

from factories.auth import signed_in
from factories.session import factory_session
from mediatheque import config, create_app
from mediatheque.auth.models import User
from mediatheque.extensions import db
from mediatheque.kit import postgres, statements
from processes import free_port

Headers = dict[str, str]

SERVER = config.given().get("TEST_DATABASE_URL")

# The tests, and the processes they start, know nothing else of what is set outside: it may be somebody's real database.
os.environ |= {"FLASK_SKIP_DOTENV": "1", "FLASK_APP": "src/mediatheque"}
for name in dotenv_values(config.ROOT / ".env.sample"):
    os.environ.pop(name, None)
if SERVER is not None:
    os.environ["TEST_DATABASE_URL"] = SERVER  # for the workers, which are children of this process


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--driver", default="psycopg", choices=("psycopg", "psycopg2"), help="The driver to test with.")
    parser.addoption("--full", action="store_true", help="The full figures, not their short form.")


class Scheduler(LoadScopeScheduling):
    """Gives the workers test by test, but the plans' all to one, which makes their many rows.

    xdist's own groups come to nothing with pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0] if "/test_plans.py" in nodeid else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    return Scheduler(config, log)


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> URL:
    """The server that the tests make their databases on."""
    given = SERVER
    if given is None:
        instance = config.ROOT / "instance"
        postgres.start(instance)
        given = postgres.url(instance)
    return make_url(given).set(drivername=f"postgresql+{request.config.getoption('--driver')}")


@pytest.fixture(scope="session")
def make_database(server_url: URL, worker_id: str) -> Iterator[Callable[..., URL]]:
    """Makes an empty database of that name, dropped at the end of the run."""
    admin = create_engine(server_url, isolation_level="AUTOCOMMIT")
    made = []

    def make(name: str, options: str = "") -> URL:
        database = f"test_{name}_{worker_id}_{os.getpid()}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {database} {options}"))
        made.append(database)
        return server_url.set(database=database)

    yield make
    with admin.connect() as connection:
        for database in made:
            connection.execute(text(f"DROP DATABASE {database} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def made() -> list[Flask]:
    """The applications that tests have made."""
    return []


@pytest.fixture(autouse=True, scope="module")
def end_idle_connections(made: list[Flask]) -> Iterator[None]:
    """Many applications with a pool each would take all the connections that a server has."""
    yield
    for app in made:
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()


@pytest.fixture(scope="session")
def make_app(made: list[Flask]) -> Callable[[URL], Flask]:
    """Makes the application on a database, as it would be started with settings of its own."""

    def make(url: URL, **settings: str) -> Flask:
        app = create_app(
            {
                "DATABASE_URL": url.render_as_string(hide_password=False),
                "JWT_SECRET_KEY": "a secret of the tests, long enough for HS256",
                "BCRYPT_LOG_ROUNDS": "4",
                "RATELIMIT_ENABLED": "0",
                **settings,
            }
        )
        made.append(app)
        return app

    return make


@pytest.fixture(scope="session")
def app(make_database: Callable[[str], URL], make_app: Callable[[URL], Flask]) -> Flask:
    app = make_app(make_database("app"))
    with app.app_context():
        upgrade()
    return app


@pytest.fixture
def connection(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """The one connection of the test, for reads as well; everything on it is rolled back."""
    with app.app_context():
        engines = db.engines
        originals = dict(engines)
        reader = statements.reader
        db.session.configure(join_transaction_mode="create_savepoint")
    with originals[None].connect() as connection, connection.begin() as transaction:
        engines[None] = connection
        monkeypatch.setattr(statements, "reader", lambda: nullcontext(connection) if current_app == app else reader())
        factory_session.configure(bind=connection)
        yield connection
        factory_session.remove()
        engines.update(originals)
        transaction.rollback()


class Client(FlaskClient):
    """Receives all of an answer at once, as a server would pass it on, and closes it."""

    def open(self, *arguments: Any, **options: Any) -> TestResponse:
        return super().open(*arguments, **{"buffered": True, **options})


@pytest.fixture
def client(app: Flask, connection: Connection) -> FlaskClient:
    return Client(app, app.response_class)


@pytest.fixture
def port() -> str:
    """A port that nobody listens at."""
    return free_port()


@pytest.fixture
def sign_in(app: Flask) -> Callable[[User], Headers]:
    """The headers of a request by that user."""

    def headers(user: User) -> Headers:
        with app.app_context():
            return signed_in(user)

    return headers
