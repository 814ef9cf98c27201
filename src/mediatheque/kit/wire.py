"""Wire shapes, compiled: a schema becomes a flat SELECT and a row builder, once; reads answer bytes.

No GET touches an ORM object or ``schema.dump``. A statement is rendered once for a driver and run on a raw cursor.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from flask import Response, url_for
from marshmallow import Schema as MarshmallowSchema
from marshmallow import fields
from psycopg import ClientCursor
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    bindparam,
    func,
    inspect,
    join,
    select,
    true,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased

from mediatheque.extensions import db
from mediatheque.kit.access import absent
from mediatheque.kit.models import BIGINT_MAX, Base
from mediatheque.kit.schemas import Schema

NESTED_IN_ONE = 1000
NESTED_IN_LIST = 100
LOCATION = {"Location": {"schema": {"type": "string"}, "description": "The new row's path."}}

T = TypeVar("T")
Row = Sequence[Any]
Builder = Callable[[Sequence[Row], Sequence[dict[int, list[Any]]]], list[Any]]

# Fields whose values orjson writes, as the driver gives them, just as Marshmallow would.
_PLAIN = (fields.String, fields.Integer, fields.Boolean, fields.DateTime)


class Query:
    """A SELECT, rendered once for each driver and run on a raw cursor."""

    def __init__(self, statement: Select[Any], *, inline: bool = False) -> None:
        """*inline* sends the values within the text, where the best plan depends on them."""
        self.statement = statement
        self.inline = inline
        self._rendered: dict[str, tuple[str, dict[str, Any]]] = {}

    def _render(self, dialect: Dialect) -> tuple[str, dict[str, Any]]:
        compiled = self.statement.compile(dialect=dialect)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return self._rendered.setdefault(dialect.driver, (str(compiled), constants))

    def rows(self, connection: Connection, parameters: dict[str, Any]) -> list[Row]:
        """The rows as tuples; a driver's error as SQLAlchemy's, so that the pool drops dead connections."""
        dialect, proxy = connection.dialect, connection.connection
        text, constants = self._rendered.get(dialect.driver) or self._render(dialect)
        if self.inline and dialect.driver == "psycopg":
            cursor: Any = ClientCursor(proxy.driver_connection)  # type: ignore[arg-type]
        else:
            cursor = proxy.cursor()
        try:
            cursor.execute(text, constants | parameters)
            return cursor.fetchall()  # type: ignore[no-any-return]
        except dialect.loaded_dbapi.Error as error:
            if dialect.is_disconnect(error, proxy.dbapi_connection, cursor):
                # Core fails on it too, and in doing so empties the pool.
                return list(connection.execute(self.statement, parameters))
            wrapped = DBAPIError.instance(text, parameters, error, dialect.loaded_dbapi.Error, dialect=dialect)
            raise wrapped from error
        finally:
            cursor.close()


def reader() -> AbstractContextManager[Connection]:
    """A connection for reads, in autocommit; a replica's when one is configured."""
    return db.engines["reader"].connect()


def read(work: Callable[[Connection], T]) -> T:
    """*work* on a connection of the reader; once more if the pool's connection turned out to be dead."""
    try:
        with reader() as connection:
            return work(connection)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        with reader() as connection:
            return work(connection)


@dataclass
class NestedList:
    """The newest children of each of ``:parents``, at most ``:most`` of each, by one index range each."""

    query: Query
    build: Builder

    def of(self, connection: Connection, parents: list[int], most: int) -> dict[int, list[Any]]:
        rows = self.query.rows(connection, {"parents": parents, "most": most})
        found: dict[int, list[Any]] = {}
        for row, child in zip(rows, self.build(rows, ()), strict=True):
            found.setdefault(row[0], []).append(child)
        return found


@dataclass
class Shape:
    """What compiling one schema collects: columns, joins, nested lists."""

    columns: list[ColumnElement[Any]] = field(default_factory=list)
    places: dict[tuple[int, str], int] = field(default_factory=dict)
    joins: list[tuple[Any, ColumnElement[bool], bool]] = field(default_factory=list)
    lists: list[NestedList] = field(default_factory=list)

    def place(self, entity: Any, attribute: str) -> int:
        """Where a row holds that attribute of that entity; it is selected once."""
        place = self.places.setdefault((id(entity), attribute), len(self.columns))
        if place == len(self.columns):
            self.columns.append(getattr(entity, attribute).label(f"c{place}"))
        return place

    def walk(self, schema: MarshmallowSchema, entity: Any, *, optional: bool = False) -> str:
        """The Python expression that builds *schema*'s object from a row ``r`` and the nested lists ``l``."""
        if schema._hooks["post_dump"]:  # noqa: SLF001
            raise TypeError(f"{type(schema).__name__}: a schema with post_dump hooks cannot be compiled.")
        members = [
            f"{item.data_key or name!r}: {self._member(schema, name, item, entity, optional=optional)}"
            for name, item in schema.dump_fields.items()
        ]
        return "{" + ", ".join(members) + "}"

    def _member(self, schema: MarshmallowSchema, name: str, item: Any, entity: Any, *, optional: bool) -> str:
        attribute = item.attribute or name
        inner = item.inner if type(item) is fields.List else item
        if type(inner) is fields.Nested:
            relation = inspect(entity).mapper.relationships[attribute]
            if relation.uselist:
                self.lists.append(_nested_list(inner.schema, relation))
                return f"l[{len(self.lists) - 1}].get(r[{self.place(entity, 'id')}], [])"
            return self._joined(inner.schema, relation, entity, optional=optional)
        if not _is_plain(item):
            raise TypeError(f"{type(schema).__name__}.{name}: a {type(item).__name__} cannot be compiled.")
        return f"r[{self.place(entity, attribute)}]"

    def _joined(self, schema: MarshmallowSchema, relation: Any, entity: Any, *, optional: bool) -> str:
        ((local, _),) = relation.local_remote_pairs
        optional = optional or local.nullable
        target = aliased(relation.mapper.class_)
        key = relation.parent.get_property_by_column(local).key
        self.joins.append((target, getattr(entity, key) == target.id, optional))
        built = self.walk(schema, target, optional=optional)
        return f"None if r[{self.place(target, 'id')}] is None else {built}" if optional else built

    def select(self, source: Any) -> Select[Any]:
        for target, on, optional in self.joins:
            source = join(source, target, on, isouter=optional)
        return select(*self.columns).select_from(source)


def _is_plain(item: fields.Field[Any]) -> bool:
    if getattr(item, "as_string", False) or getattr(item, "format", "iso") != "iso":
        return False
    kinds = [kind for kind in _PLAIN if isinstance(item, kind)]
    return any(type(item)._serialize is kind._serialize for kind in kinds)  # noqa: SLF001 (subclasses may change it)


def _builder(expression: str) -> Builder:
    """The expression holds member names by repr() and numbers, nothing that came from outside."""
    return eval(f"lambda rows, l: [{expression} for r in rows]")  # type: ignore[no-any-return]  # noqa: S307


def _nested_list(schema: MarshmallowSchema, relation: Any) -> NestedList:
    ((_, remote),) = relation.local_remote_pairs
    parents = func.unnest(bindparam("parents", type_=ARRAY(BigInteger))).table_valued("id").render_derived("parents")
    child = aliased(relation.mapper.class_)
    parent_id = getattr(child, remote.key)
    shape = Shape()
    shape.place(child, remote.key)
    expression = shape.walk(schema, child)
    newest = (
        shape.select(child)
        .where(parent_id == parents.c.id)
        .order_by(child.id.desc())
        .limit(bindparam("most", type_=BigInteger))
        .lateral()
    )
    return NestedList(Query(select(*newest.c).select_from(parents.join(newest, true()))), _builder(expression))


class Wire:
    """One resource's wire shape, compiled from its schema."""

    def __init__(self, model: type[Base], schema: Schema) -> None:
        self.model, self.schema = model, schema
        shape = Shape()
        self._build = _builder(shape.walk(schema, model))
        self._lists = shape.lists
        self._id = shape.place(model, "id")
        self._one = Query(shape.select(model).where(model.id == bindparam("id")))

    def page(
        self, rows: Select[Any], key: str, order: Callable[[Any], Sequence[ColumnElement[Any]]], *, inline: bool
    ) -> Query:
        """The shape of *rows*, a bounded SELECT of the model's columns, sorted by *order* of its columns.

        Behind the shape's columns each row holds the value of *key* and the id: what a cursor is made of.
        """
        page = rows.subquery("page")
        shape, root = Shape(), aliased(self.model, page)
        shape.walk(self.schema, root)
        shape.columns += [page.c[key].label("key"), page.c.id.label("key_id")]
        return Query(shape.select(root).order_by(*order(page.c)), inline=inline)

    def one(self, connection: Connection, id: int) -> dict[str, Any] | None:
        """The object with that id, or None."""
        rows = self._one.rows(connection, {"id": id}) if id <= BIGINT_MAX else []
        return self.build(connection, rows, NESTED_IN_ONE)[0] if rows else None

    def build(self, connection: Connection, rows: Sequence[Row], most: int) -> list[dict[str, Any]]:
        """The objects of *rows*, each with at most *most* of each nested list."""
        parents = [row[self._id] for row in rows]
        lists = [nested.of(connection, parents, most) for nested in self._lists] if rows else []
        return self._build(rows, lists)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, mimetype="application/json")


def row(wire: Wire, id: int) -> Response:
    """The row with that id as a response; 404 if there is none."""
    body = read(lambda connection: wire.one(connection, id))
    return answer(absent(wire.model, id) if body is None else body)


def written(wire: Wire, instance: Base) -> dict[str, Any] | None:
    """*instance* as this transaction sees it; flushes first, because a Connection does not."""
    db.session.flush()
    return wire.one(db.session.connection(), instance.id)


def created(wire: Wire, instance: Base, endpoint: str) -> Response:
    """201 with the new row and its address; the caller commits."""
    return answer(written(wire, instance), 201, {"Location": url_for(endpoint, id=instance.id)})


def deleted(what: str) -> Response:
    """200 with the reference's sentence; the caller commits."""
    return answer({"message": f"{what} has been deleted successfully."})


def changed(wire: Wire, instance: Base) -> Response:
    """200 with the changed row; the caller commits."""
    return answer(written(wire, instance))
