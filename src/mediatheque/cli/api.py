"""``flask api``: the routes."""

import inspect
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from mediatheque.cli.terminal import examples, show_table

COLOURS = {"public": "green", "member": "yellow", "admin": "red"}
WITHOUT_SAYING = {"HEAD", "OPTIONS"}


@click.command("api", epilog=examples("flask api", "flask api | grep admin"))
@with_appcontext
def api() -> None:
    """List the routes, and who may use them.

    \b
    public  anybody
    member  anybody who has signed in; what somebody owns, only its owner and
            admins may change
    admin   admins

    /docs says what goes in and what comes out.
    """
    rows = []
    for rule in current_app.url_map.iter_rules():
        view: Any = current_app.view_functions[rule.endpoint]
        methods = sorted((rule.methods or set()) - WITHOUT_SAYING, reverse=True)
        summary = (inspect.getdoc(view) or "").partition("\n")[0]
        rows.append((" ".join(methods), rule.rule.replace("<int:", "<"), str(view.access), summary))
    show_table(("METHOD", "PATH", "ACCESS", "SUMMARY"), rows, COLOURS)
