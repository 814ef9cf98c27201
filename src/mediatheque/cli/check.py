"""``flask check``: what ``check.py`` has found."""

import sys

import click
from flask.cli import with_appcontext

from mediatheque import check
from mediatheque.cli.terminal import examples

COLOURS = {check.Kind.OK: "green", check.Kind.NOTE: "yellow", check.Kind.WRONG: "red"}


@click.command("check", epilog=examples("flask check", "MEDIATHEQUE_ENV=production flask check"))
@with_appcontext
def check_command() -> None:
    """Say what is wrong with the configuration.

    The exit status is 1 if anything is.
    """
    found = set()
    for finding in check.findings():
        found.add(finding.kind)
        click.echo(f"{click.style(f'{finding.kind:<5}', fg=COLOURS[finding.kind])}  {finding.sentence}")
    if check.Kind.WRONG in found:
        sys.exit(1)
