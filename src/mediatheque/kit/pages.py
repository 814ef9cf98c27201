"""Lists: limit, cursor, sort, filters and search become one bounded keyset statement, never an OFFSET."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Protocol, Self
from urllib.parse import urlencode

import orjson
from flask import Response, request
from marshmallow import Schema as MarshmallowSchema
from marshmallow import ValidationError, fields, missing
from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from mediatheque.kit.access import refuse
from mediatheque.kit.models import BIGINT_MAX, INTEGER_MAX, folded
from mediatheque.kit.schemas import BooleanParameter, IntegerParameter, Length, OneOf, TextField
from mediatheque.kit.wire import LIMIT, NESTED_IN_LIST, Query, Source, Wire, answer, dumps, read

MOST = 1000
RELEVANCE = "relevance"
SIMILAR = "similar"
SHORTEST_MISSPELT = 4  # letters and digits: of three, half are the beginning that every "the" has

# pg_trgm's operator for "has words like it", if the database has it.
_KNOWS_SIMILAR = Query(lambda: select(func.to_regoperator("<<%(text,text)").is_not(None)))

Attribute = InstrumentedAttribute[Any]
Condition = ColumnElement[bool]


class Parameters(MarshmallowSchema):
    """A query string, read one parameter at a time: most requests give few of many."""

    @classmethod
    def with_members(cls, members: Mapping[str, fields.Field[Any]]) -> Self:
        return cls.from_dict(dict(members))()  # type: ignore[return-value]

    def read(self) -> dict[str, Any]:
        """The request's parameters, those that were given checked, the others by default; 422 otherwise."""
        arguments = {name: one.load_default for name, one in self.fields.items() if one.load_default is not missing}
        errors: dict[str, list[str]] = {}
        for name, values in request.args.to_dict(flat=False).items():
            try:
                arguments[name] = self._value(name, values)
            except ValidationError as error:
                errors[name] = list(error.messages)
        if errors:
            refuse(422, errors=errors)
        if arguments.get("q") == "":
            del arguments["q"]
        return arguments

    def _value(self, name: str, values: list[str]) -> Any:
        if name not in self.fields:
            raise ValidationError("Must not be given: there is no such parameter.")
        if len(values) > 1:
            raise ValidationError("Must be given only once.")
        return self.fields[name].deserialize(values[0])


class PageParameters(Parameters):
    """What every list takes; a listing adds its own."""

    limit = IntegerParameter(1, MOST, load_default=MOST, metadata={"description": "How many rows a page holds."})
    cursor = fields.String(
        metadata={"description": "Where the page begins: from the `Link` header of the page before."}
    )
    count = BooleanParameter(load_default=False, metadata={"description": "`true` adds `X-Total-Count`: all matches."})


@dataclass(frozen=True)
class Cursor:
    """The last row of the page before: the list's sort, that row's value of it, its id."""

    sort: str
    value: Any
    id: int

    def encode(self) -> str:
        return base64.urlsafe_b64encode(dumps([self.sort, self.value, self.id])).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, sort: str) -> "Cursor":
        """ValueError unless `encode` could have made *text* for *sort*; the value's type is for the list to check."""
        try:
            content = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        except binascii.Error as error:
            raise ValueError from error
        match content:
            case [str(made_for), value, int(id)] if made_for == sort and -BIGINT_MAX <= id <= BIGINT_MAX:
                return cls(sort, value, int(id))
        raise ValueError


class Order(Protocol):
    """The order of a list: what ORDER BY, the cursor and the page after it have to agree on."""

    @property
    def key(self) -> str:
        """The column of `parts` whose value goes into the cursor."""

    def terms(self, columns: Any) -> list[ColumnElement[Any]]:
        """The terms of ORDER BY."""

    def place(self, value: Any, id: int) -> tuple[str, dict[str, Any]]:
        """Where a cursor points: a name for `parts`, and its parameters. ValueError if no row can have that value."""

    def parts(self, position: str) -> list[Select[Any]]:
        """What follows *position* (all, if it is empty), in order, as index ranges that share no row."""


@dataclass(frozen=True)
class ByColumn:
    """By a column, ties by the id in the same direction. Rows without a value come last ascending, first descending."""

    column: Column[Any]
    down: bool

    @property
    def key(self) -> str:
        return self.column.key

    def terms(self, columns: Any) -> list[ColumnElement[Any]]:
        names = ["id"] if self.key == "id" else [self.key, "id"]
        return [columns[name].desc() if self.down else columns[name] for name in names]

    def place(self, value: Any, id: int) -> tuple[str, dict[str, Any]]:
        value = _typed(self.column, value)
        if self.key == "id":
            return "id", {"id": id}
        return ("null", {"id": id}) if value is None else ("value", {"value": value, "id": id})

    def parts(self, position: str) -> list[Select[Any]]:
        table: Any = self.column.table
        id = bindparam("id", type_=BigInteger)
        beyond_id = table.c.id < id if self.down else table.c.id > id
        here, last = tuple_(self.column, table.c.id), tuple_(bindparam("value", type_=self.column.type), id)
        without, with_value = self.column.is_(None), self.column.is_not(None)
        ranges = {
            "": [true()],
            "id": [beyond_id],
            "null": [and_(without, beyond_id), with_value] if self.down else [and_(without, beyond_id)],
            "value": [here < last if self.down else here > last],
        }[position]
        if position == "value" and self.column.nullable and not self.down:
            ranges.append(without)
        return [select(*table.c).where(one).order_by(*self.terms(table.c)) for one in ranges]


@dataclass(frozen=True)
class ByRelevance:
    """Titles that equal ``q``, that begin with it, that contain it, then the rest; each newest first."""

    title: Column[Any]
    others: Sequence[Column[Any]]
    key = RELEVANCE

    def terms(self, columns: Any) -> list[ColumnElement[Any]]:
        return [columns[RELEVANCE], columns["id"].desc()]

    def place(self, value: Any, id: int) -> tuple[str, dict[str, Any]]:
        if type(value) is not int or not 0 <= value < len(self.ranks):
            raise ValueError
        return str(value), {"id": id}

    def parts(self, position: str) -> list[Select[Any]]:
        table: Any = self.title.table
        first = int(position or 0)
        parts = [
            select(*table.c, literal(number, Integer).label(RELEVANCE)).where(rank).order_by(table.c.id.desc())
            for number, rank in enumerate(self.ranks)
        ][first:]
        if position:
            parts[0] = parts[0].where(table.c.id < bindparam("id", type_=BigInteger))
        return parts

    @cached_property
    def ranks(self) -> list[Condition]:
        equal = self.title == _sought()
        begins, contains = self.title.like(_beginning()), self.title.like(_containing())
        ranks = [equal, and_(begins, not_(equal)), and_(contains, not_(begins))]
        if self.others:
            ranks.append(and_(or_(*(other.like(_containing()) for other in self.others)), not_(contains)))
        return ranks


@dataclass(eq=False)
class Listing:
    """How one resource is listed. The names of `equal` and `ranges` are columns of the model.

    sort: the parameter's words and their columns (``id`` is always there);
    search: the folded columns that ``q`` looks in, the title first;
    equal: filters by equality with the fields that read them;
    ranges: 4-byte integers that ``min_…`` and ``max_…`` bound.
    """

    wire: Wire
    sort: Mapping[str, Attribute]
    search: Sequence[Attribute]
    equal: Mapping[str, fields.Field[Any]] = field(default_factory=dict)
    ranges: Sequence[str] = ()
    selection: dict[str, fields.Field[Any]] = field(init=False)
    parameters: PageParameters = field(init=False)
    orders: dict[str, Order] = field(init=False, default_factory=dict)
    filters: dict[str, Condition] = field(init=False, default_factory=dict)
    query: Callable[[str, str, tuple[str, ...]], Query] = field(init=False)
    total: Callable[[tuple[str, ...]], Query] = field(init=False)

    def __post_init__(self) -> None:
        columns: Any = self.wire.model.__table__.c
        for word, name in {"id": "id", **{word: attribute.key for word, attribute in self.sort.items()}}.items():
            self.orders |= {word: ByColumn(columns[name], down=False), f"-{word}": ByColumn(columns[name], down=True)}
        description = "The sort key, `-` in front for descending. Default: `-id`, or relevance with `q`."
        sort = fields.String(validate=OneOf(list(self.orders)), metadata={"description": description})
        members: dict[str, Any] = {}
        if self.search:
            title, *others = [columns[attribute.key] for attribute in self.search]
            self.orders[RELEVANCE] = ByRelevance(title, others)
            words = " or ".join(column.key.removesuffix("_folded") for column in (title, *others))
            description = f"A part of the {words}; case and accents do not matter."
            members["q"] = TextField(validate=Length(0, 255), metadata={"description": description})
            self.filters["q"] = or_(*(column.like(_containing()) for column in (title, *others)))
            self.filters[SIMILAR] = or_(*(_sought().op("<<%")(column) for column in (title, *others)))
        for name, parameter in self.equal.items():
            parameter.metadata = {"description": f"Only those with this {name}."}
            members[name] = parameter
            self.filters[name] = columns[name] == bindparam(name)
        for name in self.ranges:
            for bound, words in (("min", "at least"), ("max", "at most")):
                metadata = {"description": f"Only those with a {name} of {words} this."}
                members[f"{bound}_{name}"] = IntegerParameter(-INTEGER_MAX, INTEGER_MAX, metadata=metadata)
            self.filters[f"min_{name}"] = columns[name] >= bindparam(f"min_{name}")
            self.filters[f"max_{name}"] = columns[name] <= bindparam(f"max_{name}")
        self.selection = members
        self.parameters = PageParameters.with_members({"sort": sort, **members})
        self.query = lru_cache(maxsize=128)(self._query)
        self.total = lru_cache(maxsize=128)(self._total)

    def _query(self, sort: str, position: str, given: tuple[str, ...]) -> Query:
        """A page of the list from *position*, with the filters *given*; their values, and the limit, come later."""
        # A plan for any value would be wrong for most: where values differ in what they match, they are planned for.
        inline = bool(given) and (self.orders[sort].key != "id" or not set(given) <= self.equal.keys())
        return Query(lambda: self._page(self.orders[sort], position, given), inline=inline)

    def _page(self, order: Order, position: str, given: tuple[str, ...]) -> Select[Any]:
        filters = [self.filters[name] for name in given if name != "q" or order.key != RELEVANCE]
        parts: list[CTE] = []
        for part in order.parts(position):
            # A part is read only as far as those before it leave room on the page.
            found: ColumnElement[int] = sum(
                (select(func.count()).select_from(one).scalar_subquery() for one in parts), start=literal_column("0")
            )
            wanted = part.where(*filters, found < LIMIT) if parts else part.where(*filters)
            parts.append(wanted.limit(LIMIT).cte(f"part_{len(parts)}"))
        rows = select(parts[0])
        if len(parts) > 1:
            together = union_all(*(select(part) for part in parts)).subquery()
            rows = select(*together.c).order_by(*order.terms(together.c)).limit(LIMIT)
        return self.wire.page(rows, order.key, order.terms)

    def _total(self, given: tuple[str, ...]) -> Query:
        filters = [self.filters[name] for name in given]
        return Query(lambda: select(func.count()).select_from(self.wire.model).where(*filters), inline=bool(given))


def _typed(column: Any, value: Any) -> Any:
    """*value*, which comes out of JSON, as a value of *column*; ValueError if it cannot be one."""
    if value is None and column.nullable:
        return None
    python = column.type.python_type
    if python is datetime and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.utcoffset() == timedelta(0):
            return moment
    elif type(value) is python:
        largest = BIGINT_MAX if isinstance(column.type, BigInteger) else INTEGER_MAX
        if (python is int and abs(value) <= largest) or (python is str and "\0" not in value):
            return value
    raise ValueError


def _sought() -> ColumnElement[str]:
    return folded(bindparam("q", type_=Text))


def _escaped() -> ColumnElement[str]:
    # Escaped after folding, in SQL: NFKD can make a % of a character that is none.
    return func.regexp_replace(_sought(), r"([\\%_])", r"\\\1", "g", type_=Text)


def _beginning() -> ColumnElement[str]:
    return _escaped() + literal("%", Text)


def _containing() -> ColumnElement[str]:
    return literal("%", Text) + _escaped() + literal("%", Text)


def page(listing: Listing) -> Response:
    """One page of the list as the request asks for it, with Link and X-Total-Count."""
    arguments = listing.parameters.read()
    given = tuple(name for name in sorted(arguments) if name not in ("limit", "cursor", "sort", "count"))
    limit, sort = arguments["limit"], arguments.get("sort") or (RELEVANCE if "q" in arguments else "-id")
    position, place = _position(listing.orders[sort], sort, arguments.get("cursor"))
    values = {name: arguments[name] for name in given} | {"nested": NESTED_IN_LIST}

    def work(source: Source) -> Response:
        wanted, order, headers = given, sort, {}
        rows = listing.query(sort, position, given).rows(source, values | place, limit + 1)
        if not rows and (not position or sort != RELEVANCE):
            wanted = found_by(listing, source, given, values, nothing=not position)
            if wanted != given:
                order = "-id" if sort == RELEVANCE else sort
                rows = listing.query(order, position, wanted).rows(source, values | place, limit + 1)
        if len(rows) > limit:
            rows = rows[:limit]
            headers["Link"] = _link(Cursor(order, *rows[-1][-2:]), {} if order == sort else {"sort": order})
        if arguments["count"]:
            headers["X-Total-Count"] = str(listing.total(wanted).rows(source, values)[0][0])
        return answer(listing.wire.build(rows), headers=headers)

    return read(work)


def found_by(
    listing: Listing, source: Source, given: tuple[str, ...], values: dict[str, Any], *, nothing: bool = False
) -> tuple[str, ...]:
    """The filters *given*, with ``similar`` in the place of ``q`` if that may be misspelt.

    It may where nothing contains it (*nothing* says so, or it is counted), it has letters enough (without any, each row
    would be compared), and the database can look for words like it.
    """
    if "q" not in given or sum(map(str.isalnum, values["q"])) < SHORTEST_MISSPELT:
        return given
    if not nothing and listing.total(given).rows(source, values)[0][0]:
        return given
    knows = _KNOWS_SIMILAR.rows(source, {})[0][0]
    return tuple(SIMILAR if knows and name == "q" else name for name in given)


def _link(cursor: Cursor, changes: dict[str, str]) -> str:
    """The Link header of the next page: the request's own parameters with *changes*."""
    onward = request.args.to_dict() | changes | {"cursor": cursor.encode()}
    return f'<{request.script_root}{request.path.rstrip("/")}?{urlencode(onward)}>; rel="next"'


def _position(order: Order, sort: str, cursor: str | None) -> tuple[str, dict[str, Any]]:
    """Where the page begins, as `Order.place` names it; 422 for a cursor that no page of this list gave."""
    if cursor is None:
        return "", {}
    try:
        last = Cursor.decode(cursor, sort)
        return order.place(last.value, last.id)
    except ValueError:
        refuse(422, errors={"cursor": ["Must come from the Link header of a page of this list in this order."]})
