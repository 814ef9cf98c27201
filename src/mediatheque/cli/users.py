"""``flask users``: accounts."""

import click
import orjson
from flask.cli import AppGroup

from mediatheque import personal
from mediatheque.auth import accounts
from mediatheque.cli.terminal import confirm, examples, show_table
from mediatheque.extensions import db
from mediatheque.kit.models import Base

users = AppGroup(
    "users",
    help="Manage accounts.",
    epilog=examples("flask users create --admin", "flask users list", "flask users password ada@example.org"),
)


@users.command("create", epilog=examples("flask users create", "flask users create --admin --email ada@example.org"))
@click.option("--name", prompt=True)
@click.option("--email", prompt=True)
@click.password_option()
@click.option("--admin", is_flag=True, help="May delete, and change what others own.")
def create_user(name: str, email: str, password: str, admin: bool) -> None:
    """Make an account.

    What no option gives is asked for. Without --admin it is a member's.
    """
    user = accounts.create(name, email, password, is_admin=admin)
    db.session.commit()
    click.echo(f"{user.email} has been created.")


@users.command("list", epilog=examples("flask users list", "flask users list | grep admin"))
def list_users() -> None:
    """List the accounts.

    ACTIVE is the day on which a session that goes on was begun or last renewed: nothing if somebody has never signed
    in, has signed out, or was away for too long.
    """
    rows = [
        (
            str(user.id),
            user.email,
            "admin" if user.is_admin else "member",
            f"{user.created_at:%Y-%m-%d}",
            f"{active:%Y-%m-%d}" if active else "-",
            user.name,
        )
        for user, active in accounts.everybody()
    ]
    show_table(("ID", "ADDRESS", "ROLE", "JOINED", "ACTIVE", "NAME"), rows, {"admin": "yellow"})


@users.command("password", epilog=examples("flask users password ada@example.org"))
@click.argument("email")
@click.password_option()
def change_password(email: str, password: str) -> None:
    """Give an account another password.

    It is asked for, unless an option gives it. All sessions of the account end.
    """
    accounts.set_password(accounts.find(email), password)
    db.session.commit()
    click.echo(f"The password of {email} has been changed.")


@users.command("promote", epilog=examples("flask users promote ada@example.org"))
@click.argument("email")
def promote(email: str) -> None:
    """Make an account an admin's."""
    accounts.find(email).is_admin = True
    db.session.commit()
    click.echo(f"{email} is an admin now.")


@users.command("demote", epilog=examples("flask users demote ada@example.org"))
@click.argument("email")
def demote(email: str) -> None:
    """Make an admin's account a member's."""
    accounts.find(email).is_admin = False
    db.session.commit()
    click.echo(f"{email} is no admin any more.")
    if not accounts.has_admin():
        click.echo("Nobody is an admin now, and only admins delete: flask users promote makes one.", err=True)


@users.command("export", epilog=examples("flask users export ada@example.org > ada.json"))
@click.argument("email")
def export_user(email: str) -> None:
    """Print all that is kept of somebody, as JSON."""
    user = accounts.find(email)
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS  # SQLAlchemy's names are more than text
    click.echo(orjson.dumps(personal.export(user), option=options))


@users.command(
    "erase",
    epilog=examples(
        "flask users erase ada@example.org", "flask users erase ada@example.org --transfer-to grace@example.org"
    ),
)
@click.argument("email")
@click.option("--transfer-to", metavar="EMAIL", help="Who gets the collections, with what others put into them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_user(email: str, transfer_to: str | None, yes: bool) -> None:
    """Delete somebody, and all that is theirs.

    It says first how much that is, and asks.
    """
    user = accounts.find(email)
    heir = accounts.find(transfer_to) if transfer_to else None
    if heir is user:
        raise click.ClickException(f"{email} cannot be the heir of {email}.")
    click.echo(f"{user.name} ({user.email}) has {_counted(personal.counts(user))}.")
    for table, place, rows in personal.held(user):
        fate = f"stay, and {heir.name} gets these {place}" if heir else "will be deleted as well"
        click.echo(f"Others have put {_counted({table: rows})} into these {place}: they {fate}.")
    confirm(f"Erase {email}? This cannot be undone.", yes=yes)
    if heir:
        personal.transfer(user, heir)
    db.session.delete(user)
    db.session.commit()
    click.echo(f"{email} has been erased.")


def _counted(rows: dict[str, int]) -> str:
    """``3 collections, 1 book``; ``nothing``."""
    nouns = {table.name: str(table.info["noun"]) for table in Base.metadata.sorted_tables}
    counted = ((count, nouns[table] if count == 1 else table.replace("_", " ")) for table, count in rows.items())
    return ", ".join(f"{count:,} {noun}" for count, noun in counted if count) or "nothing"
