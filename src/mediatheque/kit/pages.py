"""Lists: limit, cursor, sort, filters and search become one bounded keyset statement, never an OFFSET."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, request
from marshmallow import RAISE, ValidationError, fields
from marshmallow import Schema as MarshmallowSchema
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from mediatheque.kit.access import refuse
from mediatheque.kit.models import BIGINT_MAX, INTEGER_MAX, folded
from mediatheque.kit.schemas import BooleanParameter, IntegerParameter, Length, OneOf, TextField
from mediatheque.kit.wire import NESTED_IN_LIST, Query, Wire, answer, read

MOST = 1000
RELEVANCE = "relevance"

Attribute = InstrumentedAttribute[Any]
Condition = ColumnElement[bool]


class Parameters(MarshmallowSchema):
    """What every list takes; a listing adds its own."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "Must not be given: there is no such parameter."}

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
        return base64.urlsafe_b64encode(orjson.dumps([self.sort, self.value, self.id])).decode().rstrip("=")

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


@dataclass(frozen=True)
class Order:
    """By which column a list is sorted, and which way."""

    key: str
    down: bool

    def of(self, columns: Any) -> list[ColumnElement[Any]]:
        """The terms of ORDER BY: the key, and the id in the same direction to decide ties."""
        if self.key == RELEVANCE:
            return [columns[RELEVANCE], columns["id"].desc()]
        names = ["id"] if self.key == "id" else [self.key, "id"]
        return [columns[name].desc() if self.down else columns[name] for name in names]


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
    parameters: MarshmallowSchema = field(init=False)
    query: Callable[[Order, str, tuple[str, ...]], Query] = field(init=False)

    def __post_init__(self) -> None:
        keys = [word for key in ("id", *self.sort) for word in (key, f"-{key}")]
        members: dict[str, Any] = {
            "sort": fields.String(
                validate=OneOf(keys),
                metadata={
                    "description": "The sort key, `-` in front for descending. Default: `-id`, or relevance with `q`."
                },
            ),
            **self.equal,
        }
        if self.search:
            words = " or ".join(column.key.removesuffix("_folded") for column in self.search)
            description = f"A part of the {words}; case and accents do not matter."
            members["q"] = TextField(validate=Length(0, 255), metadata={"description": description})
        for name in self.ranges:
            members[f"min_{name}"] = IntegerParameter(-INTEGER_MAX, INTEGER_MAX)
            members[f"max_{name}"] = IntegerParameter(-INTEGER_MAX, INTEGER_MAX)
        self.parameters = Parameters.from_dict(members)()
        self.query = lru_cache(maxsize=500)(self._query)

    def arguments(self) -> dict[str, Any]:
        """The request's parameters, checked; 422 otherwise."""
        repeated = [name for name, values in request.args.lists() if len(values) > 1]
        if repeated:
            refuse(422, errors={name: ["Must be given only once."] for name in repeated})
        try:
            arguments: dict[str, Any] = self.parameters.load(request.args.to_dict())
        except ValidationError as error:
            refuse(422, errors=error.messages_dict)
        if not arguments.get("q"):
            arguments.pop("q", None)
        return arguments

    def order(self, sort: str) -> Order:
        key = sort.removeprefix("-")
        return Order(self.sort[key].key if key in self.sort else key, down=sort.startswith("-"))

    def position(self, order: Order, sort: str, text: str) -> tuple[str, dict[str, Any]]:
        """Where the page begins: a name for `query` and its parameters. 422 for a cursor of another list."""
        try:
            cursor = Cursor.decode(text, sort)
            if order.key == RELEVANCE:
                return f"rank {_index(cursor.value, len(self._ranks()))}", {"id": cursor.id}
            value = _typed(self.wire.model.__table__.c[order.key], cursor.value)
        except ValueError:
            refuse(422, errors={"cursor": ["Must come from the Link header of a page of this list in this order."]})
        if value is None or order.key == "id":
            return "id" if order.key == "id" else "null", {"id": cursor.id}
        return "value", {"value": value, "id": cursor.id}

    def conditions(self, given: Sequence[str]) -> list[Condition]:
        found: list[Condition] = []
        for name in given:
            bound, _, rest = name.partition("_")
            if name == "q":
                found.append(or_(*(column.like(_containing()) for column in self.search)))
            elif bound == "min":
                found.append(getattr(self.wire.model, rest) >= bindparam(name))
            elif bound == "max":
                found.append(getattr(self.wire.model, rest) <= bindparam(name))
            else:
                found.append(getattr(self.wire.model, name) == bindparam(name))
        return found

    def _ranks(self) -> list[Condition]:
        """What `q` matches, best first: the title equals it, begins with it, contains it; the others contain it."""
        title, *others = self.search
        equal = title == folded(bindparam("q", type_=Text))
        begins, contains = title.like(_beginning()), title.like(_containing())
        ranks = [equal, and_(begins, not_(equal)), and_(contains, not_(begins))]
        if others:
            ranks.append(and_(or_(*(other.like(_containing()) for other in others)), not_(contains)))
        return ranks

    def _query(self, order: Order, position: str, given: tuple[str, ...]) -> Query:
        """The page of the list at *position* with the filters *given*; its values are bound later."""
        table = self.wire.model.__table__
        most = bindparam("most", type_=BigInteger)
        filters = self.conditions([name for name in given if name != "q" or order.key != RELEVANCE])
        parts: list[Select[Any]] = []
        for rank, branch in enumerate(self._branches(order, position)):
            if branch is not None:
                extra = [literal(rank, Integer).label(RELEVANCE)] if order.key == RELEVANCE else []
                part = select(*table.c, *extra).where(*branch, *filters)
                parts.append(
                    part.order_by(*order.of(table.c if not extra else {**table.c, RELEVANCE: extra[0]})).limit(most)
                )
        rows = parts[0]
        if len(parts) > 1:
            together = union_all(*(select(part.subquery()) for part in parts)).subquery()
            rows = select(*together.c).order_by(*order.of(together.c)).limit(most)
        inline = "q" in given or (bool(given) and order.key != "id") or any(n[:4] in ("min_", "max_") for n in given)
        return self.wire.page(rows, order.key, order.of, inline=inline)

    def _branches(self, order: Order, position: str) -> list[list[Condition] | None]:
        """The index ranges that follow *position*, in order; None for one that lies before it."""
        columns = self.wire.model.__table__.c
        id = bindparam("id", type_=BigInteger)
        beyond_id = columns.id < id if order.down or order.key == RELEVANCE else columns.id > id
        if order.key == RELEVANCE:
            first = int(position.removeprefix("rank ")) if position else 0
            return [
                None if n < first else [rank, beyond_id] if position and n == first else [rank]
                for n, rank in enumerate(self._ranks())
            ]
        if position == "":
            return [[]]
        if position == "id":
            return [[beyond_id]]
        key = columns[order.key]
        if position == "null":
            nulls = [key.is_(None), beyond_id]
            return [nulls, [key.is_not(None)]] if order.down else [nulls]
        here, last = tuple_(key, columns.id), tuple_(bindparam("value", type_=key.type), id)
        values = [here < last if order.down else here > last]
        return [values, [key.is_(None)]] if key.nullable and not order.down else [values]

    def total(self, given: tuple[str, ...]) -> Query:
        return Query(
            select(func.count()).select_from(self.wire.model).where(*self.conditions(given)), inline=bool(given)
        )


def _typed(column: Any, value: Any) -> Any:
    """*value*, which comes out of JSON, as a value of *column*; ValueError if it cannot be one."""
    if value is None and column.nullable:
        return None
    python = column.type.python_type
    if python is datetime and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment
    elif type(value) is python:
        largest = BIGINT_MAX if isinstance(column.type, BigInteger) else INTEGER_MAX
        if (python is int and abs(value) <= largest) or (python is str and "\0" not in value):
            return value
    raise ValueError


def _index(value: Any, end: int) -> int:
    """*value* as an index below *end*; ValueError if it cannot be one."""
    if type(value) is int and 0 <= value < end:
        return value
    raise ValueError


def _escaped() -> ColumnElement[str]:
    # Escaped after folding, in SQL: NFKD can make a % of a character that is none.
    return func.regexp_replace(folded(bindparam("q", type_=Text)), r"([\\%_])", r"\\\1", "g", type_=Text)


def _beginning() -> ColumnElement[str]:
    return _escaped() + literal("%", Text)


def _containing() -> ColumnElement[str]:
    return literal("%", Text) + _escaped() + literal("%", Text)


def page(listing: Listing) -> Response:
    """One page of the list as the request asks for it, with Link and X-Total-Count."""
    arguments = listing.arguments()
    given = tuple(name for name in arguments if name not in ("limit", "cursor", "sort", "count"))
    values = {name: arguments[name] for name in given}
    limit, sort = arguments["limit"], arguments.get("sort") or (RELEVANCE if "q" in arguments else "-id")
    order = listing.order(sort)
    position, place = listing.position(order, sort, arguments["cursor"]) if "cursor" in arguments else ("", {})
    query = listing.query(order, position, given)

    def work(connection: Connection) -> Response:
        headers = {}
        rows = query.rows(connection, {**values, **place, "most": limit + 1})
        if len(rows) > limit:
            rows = rows[:limit]
            onward = request.args.to_dict() | {"cursor": Cursor(sort, *rows[-1][-2:]).encode()}
            headers["Link"] = f'<{request.path.rstrip("/")}?{urlencode(onward)}>; rel="next"'
        if arguments["count"]:
            headers["X-Total-Count"] = str(listing.total(given).rows(connection, values)[0][0])
        return answer(listing.wire.build(connection, rows, NESTED_IN_LIST), headers=headers)

    return read(work)
