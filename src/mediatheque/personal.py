"""What is kept of a user, in every table that has a ``user_id``: exported, counted, erased. Nothing here commits."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, LargeBinary, Table, func, select, update

from mediatheque.auth.models import User
from mediatheque.extensions import db
from mediatheque.kit.models import Base

SECRET = ("password",)


class Held(NamedTuple):
    """Rows of others that go with a user's: *rows* of *table*, each in one of the user's *held_in*."""

    table: str
    held_in: str
    rows: int


def _owned() -> Iterator[tuple[Table, Column[Any]]]:
    """Every table whose rows belong to somebody, and the column that says to whom."""
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            if key.referred_table is User.__table__:
                yield table, key.columns[0]


def export(user: User) -> dict[str, list[dict[str, Any]]]:
    """Every row that is the user's, by table; without hashes and what is derived from other columns."""
    tables: list[tuple[Any, ColumnElement[bool]]] = [(User.__table__, User.id == user.id)]
    tables += [(table, owner == user.id) for table, owner in _owned()]
    return {table.name: _rows(table, mine) for table, mine in tables}


def _rows(table: Table, mine: ColumnElement[bool]) -> list[dict[str, Any]]:
    shown = [
        column
        for column in table.columns
        if column.computed is None and not isinstance(column.type, LargeBinary) and column.name not in SECRET
    ]
    rows = db.session.execute(select(*shown).where(mine).order_by(table.c.id)).mappings()
    return [dict(row) for row in rows]


def counts(user: User) -> dict[str, int]:
    """How many rows of each table are the user's."""
    return {
        table.name: db.session.scalar(select(func.count()).select_from(table).where(owner == user.id)) or 0
        for table, owner in _owned()
    }


def held(user: User) -> list[Held]:
    """What others have put into what is the user's."""
    owned = dict(_owned())
    found = []
    for table, owner in owned.items():
        for key in table.foreign_key_constraints:
            parent = key.referred_table
            if parent in owned and key.ondelete == "CASCADE":
                mine = select(parent.c.id).where(owned[parent] == user.id)
                theirs = select(func.count()).select_from(table).where(key.columns[0].in_(mine), owner != user.id)
                found.append(Held(table.name, parent.name, db.session.scalar(theirs) or 0))
    return [one for one in found if one.rows]


def transfer(user: User, heir: User) -> None:
    """Make what others can put something into the heir's."""
    owned = dict(_owned())
    parents = {key.referred_table for table in owned for key in table.foreign_key_constraints} & owned.keys()
    for parent in parents:
        owner = owned[parent]
        handed = update(parent).where(owner == user.id).values({owner.name: heir.id})
        db.session.execute(handed)
