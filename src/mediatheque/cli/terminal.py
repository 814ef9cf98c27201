"""What the commands have in common: how they fail, ask, and show what they have found."""

import errno
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from mediatheque.auth.accounts import AccountError
from mediatheque.errors import UNDEFINED_TABLE
from mediatheque.kit.postgres import PostgresError
from mediatheque.kit.statements import diagnosis

INTERRUPTED = 130  # what a shell says of a program that Ctrl-C has ended: 128 and the signal's number
INSUFFICIENT_PRIVILEGE = "42501"
NARROWEST = 20  # characters of a column that is wrapped


@contextmanager
def sentences(url: URL) -> Iterator[None]:
    """What an operator can mend, or meant, ends a command with a sentence instead of a traceback.

    *url* is the database's, of which the sentence may speak.
    """
    try:
        yield
    except (AccountError, PostgresError) as error:
        raise click.ClickException(str(error)) from error
    except DBAPIError as error:
        raise click.ClickException(_of_database(error, url)) from error
    except (KeyboardInterrupt, click.Abort) as error:
        reason = error.__context__ if isinstance(error, click.Abort) else error
        if isinstance(reason, KeyboardInterrupt):
            click.echo("\nInterrupted.", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        if isinstance(reason, EOFError):
            click.echo(err=True)
            raise click.ClickException("The input ended before an answer; options give answers, too: --help.") from None
        raise  # somebody said no
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would try again, at its end
        raise click.ClickException(f"The output cannot be written: {error.strerror}.") from error


def _of_database(error: DBAPIError, url: URL) -> str:
    state = diagnosis(error, "sqlstate")
    if state == INSUFFICIENT_PRIVILEGE:
        return (
            f"The user {url.username} may not make tables in the database {url.database}. Its owner may: "
            f'ALTER DATABASE "{url.database}" OWNER TO "{url.username}";'
        )
    if state == UNDEFINED_TABLE:
        return "The tables are missing: flask db create makes them."
    return f"The database {url.render_as_string()} says: {' '.join(str(error.orig).split())}"


def confirm(question: str, *, yes: bool) -> None:
    """Go on if *yes* has been said or is answered. Without a terminal to ask at, fail."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException(f"{question} Without a terminal to answer at, say --yes.")
    click.confirm(question, abort=True)


def examples(*lines: str) -> str:
    """The end of a command's help, in click's notation for lines that stay as they are."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def show_table(head: Sequence[str], rows: Sequence[Sequence[str]], colours: Mapping[str, str]) -> None:
    """Print *rows* in columns, a line each; where a terminal ends, the last column goes on in the next line.

    *colours* has the colours of cells that are to have one, by what is in them.
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)][:-1]
    indent = sum(widths) + 2 * len(widths)
    room = max(shutil.get_terminal_size().columns - indent, NARROWEST) if sys.stdout.isatty() else sys.maxsize
    for row in (head, *rows):
        first, *more = textwrap.wrap(row[-1], room) or [""]
        for width, cell in zip(widths, row, strict=False):
            click.secho(f"{cell:<{width}}  ", fg=colours.get(cell), bold=row is head or None, nl=False)
        click.secho(first, bold=row is head or None)
        for line in more:
            click.echo(" " * indent + line)
