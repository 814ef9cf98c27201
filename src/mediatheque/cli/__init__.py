"""The commands: thin clicks over functions of the areas, a file for each group."""

import click
from flask import Flask
from flask.cli import AppGroup
from flask.cli import cli as flask_group

from mediatheque import config
from mediatheque.cli.api import api
from mediatheque.cli.check import check_command
from mediatheque.cli.database import database
from mediatheque.cli.server import serve_command, start
from mediatheque.cli.terminal import sentences
from mediatheque.cli.users import users
from mediatheque.extensions import db
from mediatheque.kit.statements import lift_limits

# Of `flask --help`, Flask begins to write all but this before it knows the application.
OVERVIEW = """\b
To serve:
  flask start                            try it: tables, first rows, a server
  flask serve                            serve others: docs/operations.md
  flask check                            what is wrong with the configuration
  flask api                              the routes, and who may use them

\b
The tables:
  flask db create                        make them, or bring them up to date
  flask db seed                          the first rows
  flask db load-demo --books 1000        made-up books and movies
  flask db drop                          drop them and what they hold

\b
Accounts:
  flask users create --admin             asks for name, address, password
  flask users list                       who there is, and who is an admin
  flask users password ada@example.org   for somebody who forgot theirs
  flask users promote ada@example.org    make an admin of a member
  flask users demote ada@example.org     and the other way round
  flask users export ada@example.org     all that is kept of somebody
  flask users erase ada@example.org      delete it

Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted. NO_COLOR=1 turns colours off."""


class Commands(AppGroup):
    """The application's commands, as a part of ``flask``: whatever one of them meets, it ends with a sentence."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app.name, commands=app.cli.commands, epilog=OVERVIEW)
        self.app = app

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if ctx.resilient_parsing:  # a shell that completes a word
            return command
        if command is None:
            raise click.NoSuchCommand(cmd_name, possibilities=[*self.commands, *flask_group.commands], ctx=ctx)
        if __name__ not in ctx.meta:  # a help asks for all of them
            ctx.meta[__name__] = True
            if "NO_COLOR" in config.given():
                ctx.color = False
            with self.app.app_context():
                lift_limits(db.engine)
                ctx.with_resource(sentences(db.engine.url))
        return command


def init_app(app: Flask) -> None:
    app.cli = Commands(app)
    for command in (database, start, serve_command, users, check_command, api):
        app.cli.add_command(command)
    flask_group.epilog = OVERVIEW
