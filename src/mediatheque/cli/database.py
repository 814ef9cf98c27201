"""``flask db``: the tables, and what is in them at first."""

import logging
import sys
import time

import click
from flask import current_app
from flask.cli import AppGroup
from flask_migrate import upgrade
from flask_migrate.cli import db as migrate_group
from sqlalchemy import func, select, text

from mediatheque.auth import accounts
from mediatheque.cli.terminal import confirm, examples
from mediatheque.extensions import db
from mediatheque.kit.models import Base
from mediatheque.library import demo, seeds


class DatabaseGroup(AppGroup):
    """Lists the commands of everybody before Flask-Migrate's, which are for who changes the models."""

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        ours = self.commands.keys() - migrate_group.commands.keys()
        room = formatter.width - 6 - max(map(len, self.commands))
        for title, wanted in (("Commands", ours), ("For who changes the models", migrate_group.commands.keys())):
            with formatter.section(title):
                listed = [(name, command) for name, command in self.commands.items() if name in wanted]
                formatter.write_dl([(name, command.get_short_help_str(room)) for name, command in listed])


database = DatabaseGroup(
    "db",
    help="Make the tables, fill them, change them, drop them.",
    commands=dict(migrate_group.commands),
    params=migrate_group.params,
    callback=migrate_group.callback,
    epilog=examples("flask db create", "flask db seed"),
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@database.command("create", epilog=examples("flask db create"))
def create() -> None:
    """Make the tables, or bring them up to date.

    It does nothing where they are those of the newest migration already.
    """
    make_tables()
    click.echo("Tables have been created.")


def make_tables() -> None:
    """The newest migration; warns where the database's locale keeps search from disregarding case."""
    encoding = db.session.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise click.ClickException(f"The database must have the encoding UTF8, not {encoding}: make another one.")
    if sys.stderr.isatty():
        _tell_of_migrations()
    upgrade()
    if db.session.scalar(select(func.lower("É"))) != "é":
        click.echo(
            f"The locale of the database {db.engine.url.database} does not know that É is é in capitals: search and "
            "sorting tell capitals apart beyond A to Z. A database made with LOCALE 'C.UTF-8' TEMPLATE template0 does.",
            err=True,
        )


def _tell_of_migrations() -> None:
    """Say which one begins: on a large library it may take a while."""
    log = logging.getLogger("alembic.runtime.migration")
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: record.getMessage().startswith("Running"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)


@database.command("seed", epilog=examples("flask db seed"))
def seed() -> None:
    """Fill an empty database with the first rows.

    In production these are genres and formats; in development also two accounts, whose passwords are published, a
    collection, a book and a movie.
    """
    click.echo("Tables have been seeded." if seed_if_empty() else "Nothing was seeded: the tables hold rows already.")


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


@database.command("load-demo", epilog=examples("flask db load-demo --books 100000", "flask db load-demo --movies 500"))
@click.option("--books", type=click.IntRange(0, demo.MOST), default=10_000, show_default=True)
@click.option("--movies", type=click.IntRange(0, demo.MOST), help="A tenth of the books, unless given.")
@yes_option
def load_demo(books: int, movies: int | None, yes: bool) -> None:
    """Add made-up books and movies.

    They are in collections of accounts that nobody can sign in to. All of it is one transaction.
    """
    movies = books // 10 if movies is None else movies
    confirm_on_database("Load a made-up library into", yes=yes)
    start = time.perf_counter()
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=books + movies, label="Loading", file=sys.stderr, hidden=hidden) as bar:
        loaded = demo.load(books, movies, bar.update)
        db.session.commit()
        demo.vacuum()
    seconds = time.perf_counter() - start
    counts = ", ".join(f"{name} {count:,}" for name, count in loaded.items())
    rate = sum(loaded.values()) / seconds
    click.echo(f"Rows have been loaded, {rate:,.0f} a second for {seconds:.1f} seconds: {counts}.")


@database.command("drop", epilog=examples("flask db drop"))
@yes_option
def drop(yes: bool) -> None:
    """Drop all tables and what they hold."""
    confirm_on_database("Drop all tables of", yes=yes)
    with db.engine.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    click.echo("Tables have been dropped.")


def confirm_on_database(deed: str, *, yes: bool) -> None:
    """Ask before *deed* to the database, which is named; in development only where there is somebody to ask."""
    script = current_app.config["MEDIATHEQUE_ENV"] == "development" and not sys.stdin.isatty()
    confirm(f"{deed} {db.engine.url.render_as_string()}?", yes=yes or script)
