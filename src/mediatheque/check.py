"""``flask check``: what is wrong with a configuration, in sentences, before anybody depends on it."""

import time
from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from typing import NamedTuple

from flask import current_app
from sqlalchemy import URL, Connection, Engine, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError

from mediatheque.auth import accounts
from mediatheque.extensions import db
from mediatheque.health import newest_revision
from mediatheque.kit.rates import storage

OLDEST = 130000  # PostgreSQL 13, the first with normalize()
CLOCKS = 5  # seconds that two may differ by
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


class Kind(StrEnum):
    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


class Finding(NamedTuple):
    kind: Kind
    sentence: str


def findings() -> Iterator[Finding]:
    """What there is to say of the settings, which were read without an error, and of what they lead to."""
    settings = current_app.config
    production = settings["MEDIATHEQUE_ENV"] == "production"
    yield Finding(Kind.OK, f"The settings can be used, in {settings['MEDIATHEQUE_ENV']}.")
    if not production:
        yield Finding(Kind.NOTE, "MEDIATHEQUE_ENV=production is what a server for others needs.")
    elif settings["TRUSTED_PROXIES"] == 0:
        yield Finding(Kind.NOTE, "TRUSTED_PROXIES is 0: behind a proxy, all clients would count as one.")
    yield from _rates()
    yield from _database("DATABASE_URL", db.engine)
    if settings["SQLALCHEMY_BINDS"]["reader"]["url"] != settings["SQLALCHEMY_DATABASE_URI"]:
        yield from _database("DATABASE_READ_URL", db.engines["reader"])


def _rates() -> Iterator[Finding]:
    settings = current_app.config
    uri: str = settings["RATELIMIT_STORAGE_URI"]
    if not settings["RATELIMIT_ENABLED"]:
        yield Finding(Kind.NOTE, "RATELIMIT_ENABLED is off: anybody may register and sign in as often as they like.")
    elif not uri.startswith("memory:"):
        answers = storage(uri).check()
        sentence = "answers" if answers else "does not answer: rates are not limited"
        yield Finding(Kind.OK if answers else Kind.WRONG, f"The Redis of RATELIMIT_STORAGE_URI {sentence}.")
    elif settings["WORKERS"] > 1:
        yield Finding(Kind.NOTE, f"Each of the {settings['WORKERS']} workers counts rates for itself: Redis would not.")


def _database(name: str, engine: Engine) -> Iterator[Finding]:
    shown = f"{name} ({engine.url.render_as_string()})"
    try:
        with engine.connect() as connection:
            version = connection.scalar(text("SHOW server_version"))
            yield Finding(Kind.OK, f"{shown} answers: PostgreSQL {version}.")
            yield from _server(connection)
            yield from _tables(connection)
        yield from _limits(name, engine.url)
    except DBAPIError as error:
        yield Finding(Kind.WRONG, f"{shown} cannot be used: {' '.join(str(error.orig).split())}")


def _server(connection: Connection) -> Iterator[Finding]:
    number = int(connection.scalar(text("SHOW server_version_num")) or 0)
    if number < OLDEST:
        yield Finding(Kind.WRONG, f"PostgreSQL must be version {OLDEST // 10000} or newer.")
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        yield Finding(Kind.WRONG, f"The database must have the encoding UTF8, not {encoding}.")
    if connection.scalar(text("SELECT lower('É')")) != "é":
        sentence = "The database's locale does not know that É is é in capitals: search and sorting tell them apart."
        yield Finding(Kind.NOTE, sentence)
    for setting in DURABLE:
        if connection.scalar(select(func.current_setting(setting))) == "off":
            yield Finding(Kind.WRONG, f"{setting} is off: what was acknowledged can be lost.")
    logged = connection.scalar(select(func.current_setting("log_min_messages"))) not in ("log", "fatal", "panic")
    if logged and connection.scalar(select(func.current_setting("log_error_verbosity"))) != "terse":
        sentence = "PostgreSQL logs what it refuses, addresses too: its administrator can ALTER DATABASE {} SET {}."
        name = connection.dialect.identifier_preparer.quote(connection.engine.url.database or "")
        yield Finding(Kind.NOTE, sentence.format(name, "log_error_verbosity = terse"))
    yield from _connections(connection)
    apart = abs(float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0) - time.time())
    if apart > CLOCKS:
        yield Finding(Kind.WRONG, f"The database's clock and this one are {apart:.0f} seconds apart.")


def _limits(name: str, url: URL) -> Iterator[Finding]:
    """Whether a connection as the server makes them has its time limits, which a pooler in between may have dropped."""
    engine = create_engine(url, **current_app.config["SQLALCHEMY_ENGINE_OPTIONS"])
    with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        for limit in LIMITS:
            cursor.execute("SELECT current_setting(%s)", [limit])
            if cursor.fetchone() == ("0",):
                yield Finding(
                    Kind.WRONG,
                    f"{limit} is lost on the way to {name}, and requests may wait for ever: "
                    f'ALTER ROLE "{url.username}" SET {limit} = … is for what a pooler ignores (docs/operations.md).',
                )
    engine.dispose()


def _connections(connection: Connection) -> Iterator[Finding]:
    settings = current_app.config
    options = settings["SQLALCHEMY_ENGINE_OPTIONS"]
    wanted = settings["WORKERS"] * 2 * (options["pool_size"] + options["max_overflow"])
    allowed = int(connection.scalar(text("SHOW max_connections")) or 0)
    if wanted > allowed:
        yield Finding(
            Kind.NOTE,
            f"{settings['WORKERS']} workers may ask for {wanted} connections, and max_connections is {allowed}.",
        )


def _tables(connection: Connection) -> Iterator[Finding]:
    if not connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL")):
        yield Finding(Kind.WRONG, "The tables are missing: flask db create makes them.")
        return
    revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision != newest_revision():
        sentence = f"The tables are of revision {revision}, not {newest_revision()}: flask db create changes them."
        yield Finding(Kind.WRONG, sentence)
        return
    yield Finding(Kind.OK, f"The tables are those of this program (revision {revision}).")
    if not connection.scalar(text("SELECT to_regclass('trgm_books') IS NOT NULL")):
        yield Finding(Kind.NOTE, "pg_trgm is not used: search reads whole tables, and misspelt words find nothing.")
    if not accounts.has_admin():
        yield Finding(Kind.NOTE, "Nobody is an admin: flask users create --admin makes one.")
    for email in accounts.with_published_password():
        sentence = f"The password of {email} stands in the documentation: flask users password {email} changes it."
        yield Finding(Kind.WRONG if current_app.config["MEDIATHEQUE_ENV"] == "production" else Kind.NOTE, sentence)
