"""The commands: thin clicks over functions of the areas."""

import errno
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import click
import orjson
from flask import Flask, current_app
from flask.cli import AppGroup, ScriptInfo, with_appcontext
from flask_migrate import upgrade
from flask_migrate.cli import db as db_cli
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from mediatheque import check, personal
from mediatheque.auth import accounts
from mediatheque.errors import UNDEFINED_TABLE
from mediatheque.extensions import db
from mediatheque.kit.models import Base
from mediatheque.kit.postgres import PostgresError
from mediatheque.kit.statements import diagnosis, lift_limits
from mediatheque.library import demo, seeds

INSUFFICIENT_PRIVILEGE = "42501"


@contextmanager
def sentences() -> Iterator[None]:
    """No time limits; errors that an operator can mend, without a traceback."""
    lift_limits(db.engine)
    try:
        yield
    except (accounts.AccountError, PostgresError) as error:
        raise click.ClickException(str(error)) from error
    except DBAPIError as error:
        url = db.engine.url
        if diagnosis(error, "sqlstate") == INSUFFICIENT_PRIVILEGE:
            raise click.ClickException(
                f"The user {url.username} may not make tables in the database {url.database}. Its owner may: "
                f'ALTER DATABASE "{url.database}" OWNER TO "{url.username}";'
            ) from error
        if diagnosis(error, "sqlstate") == UNDEFINED_TABLE:
            raise click.ClickException("The tables are missing: flask db create makes them.") from error
        raise click.ClickException(f"The database {url.render_as_string()} says: {error.orig}") from error


@db_cli.command("create")
@with_appcontext
def create() -> None:
    """Make the tables, or bring them to the newest migration."""
    with sentences():
        make_tables()
    click.echo("Tables have been created.")


def make_tables() -> None:
    """The newest migration; warns where the database's locale keeps search from disregarding case."""
    encoding = db.session.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise click.ClickException(f"The database must have the encoding UTF8, not {encoding}: make another one.")
    upgrade()
    if db.session.scalar(select(func.lower("É"))) != "é":
        click.echo(
            f"The locale of the database {db.engine.url.database} does not know that É is é in capitals: search and "
            "sorting tell capitals apart beyond A to Z. A database made with LOCALE 'C.UTF-8' TEMPLATE template0 does.",
            err=True,
        )


@db_cli.command("seed")
@with_appcontext
def seed() -> None:
    """Fill an empty database with the first rows."""
    with sentences():
        click.echo(
            "Tables have been seeded." if seed_if_empty() else "Nothing was seeded: the tables hold rows already."
        )


@db_cli.command("drop")
@click.option("--yes", is_flag=True, help="Do not ask (in production; development never does).")
@with_appcontext
def drop(yes: bool) -> None:
    """Drop all tables and what they hold."""
    ask_in_production("Drop all tables of", yes=yes)
    with sentences(), db.engine.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    click.echo("Tables have been dropped.")


@db_cli.command("load-demo")
@click.option("--books", type=click.IntRange(0, demo.MOST), default=10_000, show_default=True)
@click.option("--movies", type=click.IntRange(0, demo.MOST), help="A tenth of the books, unless given.")
@click.option("--yes", is_flag=True, help="Do not ask (in production; development never does).")
@with_appcontext
def load_demo(books: int, movies: int | None, yes: bool) -> None:
    """Add made-up books and movies, in collections of accounts that nobody can sign in to."""
    movies = books // 10 if movies is None else movies
    ask_in_production("Load a made-up library into", yes=yes)
    start = time.perf_counter()
    hidden = not sys.stdout.isatty()
    with sentences(), click.progressbar(length=books + movies, label="Loading", hidden=hidden) as bar:
        loaded = demo.load(books, movies, bar.update)
        db.session.commit()
        demo.vacuum()
    seconds = time.perf_counter() - start
    counts = ", ".join(f"{name} {count:,}" for name, count in loaded.items())
    rate = sum(loaded.values()) / seconds
    click.echo(f"Rows have been loaded, {rate:,.0f} a second for {seconds:.1f} seconds: {counts}.")


def ask_in_production(deed: str, *, yes: bool) -> None:
    """Ask before *deed* to the database, which is named; without a terminal an error, unless *yes* has been said."""
    if current_app.config["MEDIATHEQUE_ENV"] == "production" and not yes:
        question = f"{deed} {db.engine.url.render_as_string()}?"
        if not sys.stdin.isatty():
            raise click.ClickException(f"{question} Without a terminal to answer at, say --yes.")
        click.confirm(question, abort=True)


def seed_if_empty() -> bool:
    """Whether there was something to do. In production genres and formats only: the passwords are published."""
    production = current_app.config["MEDIATHEQUE_ENV"] == "production"
    db.session.execute(text("LOCK TABLE genres IN SHARE ROW EXCLUSIVE MODE"))
    empty = seeds.no_names() and (production or seeds.nobody())
    if empty:
        names = seeds.seed_names()
        if not production:
            seeds.seed_samples(accounts.seed(), *names)
    db.session.commit()
    return empty


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@click.command("start")
@click.pass_obj
def start(script: ScriptInfo) -> None:
    """Make the tables, seed them if they are empty, and serve at HOST and PORT: what make run does."""
    app = script.load_app()
    host, port = app.config["HOST"], app.config["PORT"]
    address = _free_address(host, port)
    with app.app_context():
        with sentences():
            make_tables()
            seed_if_empty()
            published = accounts.with_published_password()
            _refuse_published(published)
        _let_go()
    greeting = f"Mediatheque is at http://{_bracketed(host)}:{port} and explains itself at /docs. Ctrl-C stops it."
    logins = [f"{email} / {password}" for _, email, password, _ in accounts.SEEDED if email in published]
    if logins:
        greeting += f"\nSign in as {' or as '.join(logins)}."
    _serve(app, address, workers=1, greeting=greeting)


@click.command("serve")
@click.pass_obj
def serve_command(script: ScriptInfo) -> None:
    """Serve at HOST and PORT with WORKERS processes of THREADS threads each: what make serve does."""
    app = script.load_app()
    address = _free_address(app.config["HOST"], app.config["PORT"])
    with app.app_context():
        try:
            _refuse_published(accounts.with_published_password() if _is_open_to_others() else [])
        except (DBAPIError, PostgresError) as error:  # nobody can sign in now; a database that is away may come back
            missing = isinstance(error, DBAPIError) and diagnosis(error, "sqlstate") == UNDEFINED_TABLE
            reason = "The tables are missing: flask db create makes them." if missing else "The database is away."
            click.echo(f"{reason} Requests that need it are answered 503.", err=True)
        _let_go()
    _serve(app, address, workers=app.config["WORKERS"])


def _is_open_to_others() -> bool:
    return current_app.config["MEDIATHEQUE_ENV"] == "production" or not _is_loopback(current_app.config["HOST"])


def _refuse_published(emails: list[str]) -> None:
    """ClickException, where others get at accounts whose passwords stand in the documentation."""
    if emails and _is_open_to_others():
        changes = "\n".join(f"  .venv/bin/flask users password {email}" for email in emails)
        raise click.ClickException(
            "Before others can get at this server, change the passwords that stand in the documentation:\n" + changes
        )


def _let_go() -> None:
    """Connections are not for the workers that are forked from here."""
    db.session.remove()
    for engine in db.engines.values():
        engine.dispose()


def _free_address(host: str, port: int) -> str:
    """The address of *host*, where nobody listens at *port*.

    granian takes no names, and shares a port with others that do: each server would get a part of the requests.
    """
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            return str(probe.getsockname()[0])
    except OSError as error:
        way_out = " PORT=9000 takes another one." if error.errno == errno.EADDRINUSE else ""
        reason = str(error.strerror).partition(" (while ")[0]
        raise click.ClickException(f"Cannot listen at {host}, port {port}: {reason}.{way_out}") from error


def _serve(app: Flask, address: str, *, workers: int, greeting: str = "") -> None:
    from mediatheque.serve import serve  # noqa: PLC0415 (granian takes 50 ms, which no other command needs)

    serve(
        _application,
        address,
        app.config["PORT"],
        workers=workers,
        threads=app.config["THREADS"],
        json_logs=app.config["MEDIATHEQUE_ENV"] == "production",
        greeting=greeting,
    )


def _application() -> Flask:
    from mediatheque import create_app  # noqa: PLC0415 (which imports this file)

    return create_app()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


users = AppGroup("users", help="Manage accounts.")


@users.command("create")
@click.option("--name", prompt=True)
@click.option("--email", prompt=True)
@click.password_option()
@click.option("--admin", is_flag=True, help="May delete, and change what others own.")
def create_user(name: str, email: str, password: str, admin: bool) -> None:
    """Make an account."""
    with sentences():
        user = accounts.create(name, email, password, is_admin=admin)
        db.session.commit()
    click.echo(f"{user.email} has been created.")


@users.command("list")
def list_users() -> None:
    """List the accounts."""
    with sentences():
        for user in accounts.everybody():
            click.echo(f"{user.id:>6}  {user.email}  {user.name}{'  (admin)' if user.is_admin else ''}")


@users.command("password")
@click.argument("email")
@click.password_option()
def change_password(email: str, password: str) -> None:
    """Give an account another password."""
    with sentences():
        accounts.set_password(accounts.find(email), password)
        db.session.commit()
    click.echo(f"The password of {email} has been changed.")


@users.command("promote")
@click.argument("email")
def promote(email: str) -> None:
    """Make an account an admin's."""
    with sentences():
        accounts.find(email).is_admin = True
        db.session.commit()
    click.echo(f"{email} is an admin now.")


@users.command("demote")
@click.argument("email")
def demote(email: str) -> None:
    """Make an admin's account a member's."""
    with sentences():
        accounts.find(email).is_admin = False
        db.session.commit()
    click.echo(f"{email} is no admin any more.")


@users.command("export")
@click.argument("email")
def export_user(email: str) -> None:
    """Print all that is kept of somebody, as JSON."""
    with sentences():
        user = accounts.find(email)
        options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS  # SQLAlchemy's names are more than text
        exported = orjson.dumps(personal.export(user), option=options)
    click.echo(exported)


@users.command("erase")
@click.argument("email")
@click.option("--transfer-to", metavar="EMAIL", help="Who gets the collections, with what others put into them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_user(email: str, transfer_to: str | None, yes: bool) -> None:
    """Delete somebody, and all that is theirs."""
    with sentences():
        user = accounts.find(email)
        heir = accounts.find(transfer_to) if transfer_to else None
        if heir is user:
            raise click.ClickException(f"{email} cannot be the heir of {email}.")
        click.echo(f"{user.name} ({user.email}) has {_counted(personal.counts(user))}.")
        for table, place, rows in personal.held(user):
            fate = f"stay, and {heir.name} gets these {place}" if heir else "will be deleted as well"
            click.echo(f"Others have put {_counted({table: rows})} into these {place}: they {fate}.")
        if not yes:
            if not sys.stdin.isatty():
                raise click.ClickException(f"Erase {email}? Without a terminal to answer at, say --yes.")
            click.confirm(f"Erase {email}? This cannot be undone.", abort=True)
        if heir:
            personal.transfer(user, heir)
        db.session.delete(user)
        db.session.commit()
    click.echo(f"{email} has been erased.")


def _counted(rows: dict[str, int]) -> str:
    """``3 collections, 1 books``; ``nothing``."""
    return ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in rows.items() if count) or "nothing"


@click.command("check")
@with_appcontext
def check_command() -> None:
    """Say what is wrong with the configuration; exit status 1 if anything is."""
    colours = {check.Kind.OK: "green", check.Kind.NOTE: "yellow", check.Kind.WRONG: "red"}
    found = []
    with sentences():
        for finding in check.findings():
            found.append(finding.kind)
            click.echo(f"{click.style(f'{finding.kind:<5}', fg=colours[finding.kind])}  {finding.sentence}")
    if check.Kind.WRONG in found:
        sys.exit(1)


def init_app(app: Flask) -> None:
    for command in (db_cli, start, serve_command, users, check_command):
        app.cli.add_command(command)
