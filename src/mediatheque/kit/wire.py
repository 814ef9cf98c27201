"""Wire shapes, compiled: a schema becomes a flat SELECT and a row builder, once; reads answer bytes.

No GET touches an ORM object or ``schema.dump``.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import orjson
from flask import Response, request
from marshmallow import Schema as MarshmallowSchema
from marshmallow import fields
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    bindparam,
    cast,
    func,
    insert,
    inspect,
    join,
    select,
    true,
)
from sqlalchemy.orm import aliased

from mediatheque.kit.access import absent
from mediatheque.kit.models import BIGINT_MAX, Base
from mediatheque.kit.schemas import Schema
from mediatheque.kit.statements import Query, Row, Source, read

NESTED_IN_ONE = 1000
NESTED_IN_LIST = 100
LOCATION = {"Location": {"schema": {"type": "string"}, "description": "The new row's path."}}

Model = TypeVar("Model", bound=Base)
Builder = Callable[[Sequence[Row]], list[Any]]

# Fields whose values orjson writes, as the driver gives them, just as Marshmallow would.
_PLAIN = (fields.String, fields.Integer, fields.Boolean, fields.DateTime)


@dataclass
class Shape:
    """What compiling one schema collects: columns, joins, nested lists as arrays.

    ``cells`` names the plain fields as a table would (``collection_name``), each with its place in a row.
    """

    columns: list[ColumnElement[Any]] = field(default_factory=list)
    places: dict[tuple[int, str], int] = field(default_factory=dict)
    joins: list[tuple[Any, ColumnElement[bool], bool]] = field(default_factory=list)
    arrays: list[FromClause] = field(default_factory=list)
    cells: dict[str, tuple[int, fields.Field[Any]]] = field(default_factory=dict)

    def place(self, entity: Any, attribute: str) -> int:
        """Where a row holds that attribute of that entity; it is selected once."""
        place = self.places.setdefault((id(entity), attribute), len(self.columns))
        if place == len(self.columns):
            self.columns.append(in_utc(getattr(entity, attribute)).label(f"c{place}"))
        return place

    def walk(self, schema: MarshmallowSchema, entity: Any, *path: str, optional: bool = False) -> str:
        """The Python expression that builds *schema*'s object from a row ``r``."""
        if schema._hooks["post_dump"]:  # noqa: SLF001
            raise TypeError(f"{type(schema).__name__}: a schema with post_dump hooks cannot be compiled.")
        members = [
            f"{item.data_key or name!r}: {self._member(schema, name, item, entity, *path, optional=optional)}"
            for name, item in schema.dump_fields.items()
        ]
        return "{" + ", ".join(members) + "}"

    def _member(self, schema: MarshmallowSchema, name: str, item: Any, entity: Any, *path: str, optional: bool) -> str:
        attribute = item.attribute or name
        inner = item.inner if type(item) is fields.List else item
        if type(inner) is fields.Nested:
            relation = inspect(entity).mapper.relationships[attribute]
            if relation.uselist:
                return self._collected(inner.schema, relation, entity)
            return self._joined(inner.schema, relation, entity, *path, name, optional=optional)
        if not _is_plain(item):
            raise TypeError(f"{type(schema).__name__}.{name}: a {type(item).__name__} cannot be compiled.")
        place = self.place(entity, attribute)
        cell = "_".join(dict.fromkeys((*path, name)))
        if self.cells.setdefault(cell, (place, item))[0] != place:
            raise TypeError(f"{type(schema).__name__}.{name}: another member is called {cell} in tables already.")
        return f"r[{place}]"

    def _joined(self, schema: MarshmallowSchema, relation: Any, entity: Any, *path: str, optional: bool) -> str:
        ((local, _),) = relation.local_remote_pairs
        optional = optional or local.nullable
        target = aliased(relation.mapper.class_)
        key = relation.parent.get_property_by_column(local).key
        self.joins.append((target, getattr(entity, key) == target.id, optional))
        self.places[id(target), "id"] = self.place(entity, key)  # the same value: it is selected once
        built = self.walk(schema, target, *path, optional=optional)
        return f"None if r[{self.place(target, 'id')}] is None else {built}" if optional else built

    def _collected(self, schema: MarshmallowSchema, relation: Any, entity: Any) -> str:
        """The newest rows of a nested list, at most ``:nested``: one index range, an array of each of its columns.

        Arrays are null where there are no rows.
        """
        ((_, remote),) = relation.local_remote_pairs
        child = aliased(relation.mapper.class_)
        shape = Shape()
        expression = shape.walk(schema, child)
        newest = (
            shape.select(child)
            .where(getattr(child, remote.key) == entity.id)
            .order_by(child.id.desc())
            .limit(bindparam("nested", type_=BigInteger))
            .correlate(entity)
            .lateral()
        )
        arrays = select(*(func.array_agg(column) for column in newest.c)).correlate(entity).lateral()
        self.arrays.append(arrays)
        first = len(self.columns)
        self.columns += arrays.c
        columns = "".join(f"r[{place}] or (), " for place in range(first, len(self.columns)))
        return f"[{expression} for r in zip({columns}strict=True)]"

    def select(self, source: Any) -> Select[Any]:
        for target, on, optional in self.joins:
            source = join(source, target, on, isouter=optional)
        for arrays in self.arrays:
            source = join(source, arrays, true())
        return select(*self.columns).select_from(source)


def in_utc(column: Any) -> ColumnElement[Any]:
    """*column*; a moment without its zone, which is twice as fast to read and to write: `dumps` says that it is UTC.

    It is the zone of all our connections (config.py). One that is named here would be looked up for each value.
    """
    return cast(column, DateTime()) if isinstance(column.type, DateTime) else column


def _is_plain(item: fields.Field[Any]) -> bool:
    if getattr(item, "as_string", False) or getattr(item, "format", "iso") != "iso":
        return False
    kinds = [kind for kind in _PLAIN if isinstance(item, kind)]
    return any(type(item)._serialize is kind._serialize for kind in kinds)  # noqa: SLF001 (subclasses may change it)


def _builder(expression: str) -> Builder:
    """The expression holds member names by repr() and numbers, nothing that came from outside."""
    return eval(f"lambda rows: [{expression} for r in rows]")  # type: ignore[no-any-return]  # noqa: S307


class Wire(Generic[Model]):
    """One resource's wire shape, compiled from its schema."""

    def __init__(self, model: type[Model], schema: Schema) -> None:
        self.model, self.schema = model, schema
        shape = Shape()
        self.build = _builder(shape.walk(schema, model))
        shape.place(model, "id")
        self.places = {name: place for (entity, name), place in shape.places.items() if entity == id(model)}
        self.cells = shape.cells
        self._one = Query(lambda: shape.select(model).where(model.id == bindparam("id")))
        self._new = lru_cache(maxsize=100)(lambda names: Query(lambda: self._insert(names)))

    def page(self, rows: Select[Any], key: str, order: Callable[[Any], Sequence[ColumnElement[Any]]]) -> Select[Any]:
        """The shape of *rows*, a bounded SELECT of the model's columns, sorted by *order* of its columns.

        Each row holds the value of *key*, of which a cursor is made: behind the shape's columns, or as one of `places`.
        """
        page = rows.subquery("page")
        shape, root = Shape(), aliased(self.model, page)
        shape.walk(self.schema, root)
        if key not in self.places:
            shape.columns.append(in_utc(page.c[key]).label("key"))
        return shape.select(root).order_by(*order(page.c))

    def one(self, source: Source, id: int) -> dict[str, Any] | None:
        """The object with that id, or None."""
        rows = self._one.rows(source, {"id": id, "nested": NESTED_IN_ONE}) if id <= BIGINT_MAX else []
        return self.build(rows)[0] if rows else None

    def new(self, source: Source, values: dict[str, Any]) -> dict[str, Any]:
        """Insert a row with *values*, by name of column, and give its object: one statement for both."""
        rows = self._new(tuple(values)).rows(source, {**values, "nested": NESTED_IN_ONE})
        return self.build(rows)[0]  # type: ignore[no-any-return]

    def _insert(self, names: tuple[str, ...]) -> Select[Any]:
        table: Any = self.model.__table__
        row = insert(table).values({name: bindparam(name) for name in names}).returning(*table.c).cte("new")
        shape, root = Shape(), aliased(self.model, row)
        shape.walk(self.schema, root)
        return shape.select(root)


def dumps(body: Any) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_NAIVE_UTC)


class Answer(Response):
    """A response whose body is at hand, which the server need not ask for piece by piece."""

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        body, status, headers = self.get_wsgi_response(environ)
        start_response(status, headers)
        with closing(body):  # type: ignore[type-var]
            return list(body)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Answer(dumps(body), status, headers, mimetype="application/json")


def tag(content: bytes) -> str:
    """The entity tag of *content* (RFC 9110, 8.8.3), without its quotes: what is nested changes it, too."""
    return blake2b(content, digest_size=12).hexdigest()


def tagged(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A single row with its ETag; 304 to who has it already (If-None-Match)."""
    content = dumps(body)
    etag = tag(content)
    if (
        "HTTP_IF_NONE_MATCH" in request.environ
        and request.method in ("GET", "HEAD")
        and request.if_none_match.contains_weak(etag)
    ):
        return Answer(b"", 304, {"ETag": f'"{etag}"'})
    return Answer(content, status, {**(headers or {}), "ETag": f'"{etag}"'}, mimetype="application/json")


def row(wire: Wire[Any], id: int) -> Response:
    """The row with that id as a response; 404 if there is none."""
    body = read(lambda source: wire.one(source, id))
    return absent(wire.model, id) if body is None else tagged(body)


@lru_cache
def _known(model: type[Base]) -> Query:
    return Query(lambda: select(model.id).where(model.id == bindparam("id")))


def require(model: type[Base], id: int) -> None:
    """404 unless there is a row of *model* with that id; it is not locked, and may be a replica's."""
    if id > BIGINT_MAX or not read(lambda source: _known(model).rows(source, {"id": id})):
        absent(model, id)
