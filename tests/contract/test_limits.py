"""At the boundaries the schemas accept what the database accepts and refuse what it refuses."""

import sys

import pytest
from marshmallow import ValidationError
from sqlalchemy import BigInteger, Integer, String, update
from sqlalchemy.exc import DataError, IntegrityError

from contract.resources import FACTORIES
from mediatheque.auth.schemas import ProfileSchema
from mediatheque.kit.models import BIGINT_MAX
from mediatheque.kit.schemas import Schema

# What the column holds is made of what is given, and is not it.
DERIVED = {("users", "email"), ("users", "password"), ("books", "isbn")}

SCHEMAS = {
    item
    for name, module in list(sys.modules.items())
    if name.startswith("mediatheque.") and name.endswith(".schemas")
    for item in vars(module).values()
    if isinstance(item, type)
    and issubclass(item, Schema)
    and hasattr(item.Meta, "model")
    and item.writable()
    and item is not ProfileSchema
}

MEMBERS = [
    pytest.param(schema, schema.Meta.model.__table__.c[name], id=f"{schema.__name__}-{name}")
    for schema in sorted(SCHEMAS, key=lambda schema: schema.__name__)
    for name in schema.writable()
    if (schema.Meta.model.__tablename__, name) not in DERIVED
]


def boundaries(column):
    """Values at, just within and just beyond the limits of the column's type and of its checks."""
    if isinstance(column.type, String):
        shortest, longest = column.info["length"]
        lengths = {0, shortest - 1, shortest, longest, longest + 1}
        return ["x" * length for length in sorted(lengths)] + ["😀" * longest, "😀" * (longest + 1)]
    if isinstance(column.type, Integer):
        limit = BIGINT_MAX if isinstance(column.type, BigInteger) else 2**31 - 1
        ends = (*column.info.get("range", ()), -limit - 1, limit)
        return sorted({end + step for end in ends for step in (-1, 0, 1)})
    return [True, False]


def is_loaded(schema, name, value):
    try:
        schema.changes().load({name: value})
    except ValidationError:
        return False
    return True


def is_stored(connection, row, column, value):
    """Whether the database lets the row have *value* there; an id that points nowhere would fit, and counts as such."""
    with connection.begin_nested() as savepoint:
        try:
            connection.execute(update(column.table).where(column.table.c.id == row.id).values({column: value}))
        except IntegrityError as error:
            return f"fk_{column.table.name}_{column.name}" in str(error.orig)
        except DataError:
            return False
        finally:
            savepoint.rollback()
    return True


@pytest.mark.parametrize(("schema", "column"), MEMBERS)
def test_are_those_of_the_database(connection, schema, column):
    row = FACTORIES[schema.Meta.model]()
    values = boundaries(column)
    if not any(key.ondelete == "SET NULL" for key in column.foreign_keys):
        values.append(None)
    loaded = {value: is_loaded(schema, column.name, value) for value in values}
    assert loaded == {value: is_stored(connection, row, column, value) for value in values}
    assert {True, False} <= set(loaded.values())
