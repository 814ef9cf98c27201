"""Alembic's environment: the models' metadata on the application's engine."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from mediatheque.extensions import db
from mediatheque.kit.statements import lift_limits


def is_ours(_: object, name: str | None, kind: str, *__: object) -> bool:
    """Whether the models know it: the indexes of pg_trgm are there only where it can be had (0003)."""
    return kind != "index" or not str(name).startswith("trgm_")


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=db.metadata, compare_server_default=True, include_object=is_ours
    )
    with context.begin_transaction():
        # Two commands at once, or two containers that start: the second waits, and finds nothing to do.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('mediatheque migrations'))"))
        context.run_migrations()


if context.is_offline_mode():
    context.configure(
        url=current_app.config["SQLALCHEMY_DATABASE_URI"], target_metadata=db.metadata, literal_binds=True
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    lift_limits(db.engine)
    with db.engine.connect() as connection:
        migrate(connection)
