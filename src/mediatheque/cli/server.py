"""``flask start`` and ``flask serve``: granian at an address that is free."""

import errno
import socket
from ipaddress import ip_address

import click
from flask import Flask, current_app
from flask.cli import ScriptInfo
from sqlalchemy.exc import DBAPIError

from mediatheque.auth import accounts
from mediatheque.cli.database import make_tables, seed_if_empty
from mediatheque.cli.terminal import examples
from mediatheque.errors import UNDEFINED_TABLE
from mediatheque.extensions import db
from mediatheque.kit.postgres import PostgresError
from mediatheque.kit.statements import diagnosis


@click.command("start", epilog=examples("flask start", "PORT=9000 flask start"))
@click.pass_obj
def start(script: ScriptInfo) -> None:
    """Make the tables, fill them if empty, and serve.

    It serves at HOST and PORT, with one process, until Ctrl-C: this is what make run does.
    """
    app = script.load_app()
    host, port = app.config["HOST"], app.config["PORT"]
    address = _free_address(host, port)
    with app.app_context():
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


@click.command("serve", epilog=examples("flask serve", "WORKERS=4 THREADS=8 flask serve"))
@click.pass_obj
def serve_command(script: ScriptInfo) -> None:
    """Serve in production.

    It serves at HOST and PORT, with WORKERS processes of THREADS threads each, until SIGTERM or Ctrl-C: this is what
    make serve does. It makes no tables: flask db create does, before.
    """
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


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
