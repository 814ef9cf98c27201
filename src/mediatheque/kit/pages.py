"""Lists: limit, cursor, sort, filters and search become one bounded keyset statement, never an OFFSET."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Generic, NamedTuple, Self
from urllib.parse import urlencode

from flask import Response, request
from marshmallow import Schema as MarshmallowSchema
from marshmallow import ValidationError, fields, missing
from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from mediatheque.kit.access import refuse
from mediatheque.kit.models import FOLDED_BYTES, INTEGER_MAX, TOO_LONG_FOLDED
from mediatheque.kit.orders import RELEVANCE, ByColumn, ByRelevance, Condition, Cursor, Order, containing, sought
from mediatheque.kit.schemas import BooleanParameter, IntegerParameter, Length, OneOf, TextField
from mediatheque.kit.statements import LIMIT, Query, Source, read
from mediatheque.kit.wire import NESTED_IN_LIST, Model, Wire, answer

MOST = 1000
SIMILAR = "similar"
UNKNOWN_CURSOR = "Must come from the Link header of a page of this list in this order."
SHORTEST_MISSPELT = 4  # letters and digits: of three, half are the beginning that every "the" has

# pg_trgm's operator for "has words like it", if the database has it.
_KNOWS_SIMILAR = Query(lambda: select(func.to_regoperator("<<%(text,text)").is_not(None)))

Attribute = InstrumentedAttribute[Any]


class Parameters(MarshmallowSchema):
    """A query string, read one parameter at a time: most requests give few of many."""

    @classmethod
    def with_members(cls, members: Mapping[str, fields.Field[Any]]) -> Self:
        return cls.from_dict(dict(members))()  # type: ignore[return-value]

    @cached_property
    def defaults(self) -> dict[str, Any]:
        return {name: one.load_default for name, one in self.fields.items() if one.load_default is not missing}

    def read(self) -> dict[str, Any]:
        """The request's parameters, those that were given checked, the others by default; 422 otherwise."""
        arguments = self.defaults.copy()
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


def _folds_shortly(text: str) -> None:
    """ValidationError if *text* is longer, once it is folded, than any text that is searched."""
    if len(unicodedata.normalize("NFKD", text).encode()) > FOLDED_BYTES:
        raise ValidationError(TOO_LONG_FOLDED)


class PageParameters(Parameters):
    """What every list takes; a listing adds its own."""

    limit = IntegerParameter(1, MOST, load_default=MOST, metadata={"description": "How many rows a page holds."})
    cursor = fields.String(
        metadata={"description": "Where the page begins: from the `Link` header of the page before."}
    )
    count = BooleanParameter(load_default=False, metadata={"description": "`true` adds `X-Total-Count`: all matches."})


@dataclass(eq=False)
class Listing(Generic[Model]):
    """How one resource is listed. The names of `equal` and `ranges` are columns of the model.

    sort: the parameter's words and their columns (``id`` is always there);
    search: the folded columns that ``q`` looks in, the title first;
    equal: filters by equality with the fields that read them;
    ranges: 4-byte integers that ``min_…`` and ``max_…`` bound.
    """

    wire: Wire[Model]
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
            members["q"] = TextField(validate=[Length(0, 255), _folds_shortly], metadata={"description": description})
            self.filters["q"] = or_(*(column.like(containing()) for column in (title, *others)))
            self.filters[SIMILAR] = or_(*(sought().op("<<%")(column) for column in (title, *others)))
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


class Walk(NamedTuple):
    """What a list is walked by; ``name`` is what its cursors are made for."""

    name: str
    order: str
    filters: tuple[str, ...]


def page(listing: Listing[Any]) -> Response:
    """One page of the list as the request asks for it, with Link and X-Total-Count."""
    arguments = listing.parameters.read()
    given = tuple(name for name in sorted(arguments) if name not in ("limit", "cursor", "sort", "count"))
    limit, cursor = arguments["limit"], arguments.get("cursor")
    sort = arguments.get("sort") or (RELEVANCE if "q" in arguments else "-id")
    values = {name: arguments[name] for name in given} | {"nested": NESTED_IN_LIST}
    guess = _guess(sort, given) if "q" in given else None
    continued = guess if guess and cursor and Cursor.is_for(cursor, guess.name) else Walk(sort, sort, given)
    position, place = _position(listing.orders[continued.order], continued.name, cursor)

    def work(source: Source) -> Response:
        walk, headers = continued, {}
        if walk is guess and not may_be_misspelt(source, values):
            refuse(422, errors={"cursor": [UNKNOWN_CURSOR]})
        rows = listing.query(walk.order, position, walk.filters).rows(source, values | place, limit + 1)
        if not rows and cursor is None and guess and may_be_misspelt(source, values):
            walk = guess
            rows = listing.query(walk.order, "", walk.filters).rows(source, values, limit + 1)
        if len(rows) > limit:
            rows = rows[:limit]
            wire, last = listing.wire, rows[-1]
            key = last[wire.places.get(listing.orders[walk.order].key, -1)]
            headers["Link"] = _link(Cursor(walk.name, key, last[wire.places["id"]]))
        if arguments["count"]:
            headers["X-Total-Count"] = str(listing.total(walk.filters).rows(source, values)[0][0])
        return answer(listing.wire.build(rows), headers=headers)

    return read(work)


def _guess(sort: str, given: tuple[str, ...]) -> Walk:
    """The walk over rows with words like ``q``, for a list in the order *sort* with the filters *given*."""
    order = "-id" if sort == RELEVANCE else sort
    return Walk(f"{SIMILAR} {order}", order, guessed(given))


def guessed(given: tuple[str, ...]) -> tuple[str, ...]:
    """The filters *given*, with words like ``q`` in the place of ``q``."""
    return tuple(SIMILAR if name == "q" else name for name in given)


def may_be_misspelt(source: Source, values: dict[str, Any]) -> bool:
    """Whether ``q`` has letters enough, and the database can look for words like it.

    Without letters each row of the table would be compared.
    """
    letters = sum(map(str.isalnum, values.get("q", "")))
    return letters >= SHORTEST_MISSPELT and bool(_KNOWS_SIMILAR.rows(source, {})[0][0])


def _link(cursor: Cursor) -> str:
    """The Link header of the next page, with all the parameters of the request."""
    onward = request.args.to_dict() | {"cursor": cursor.encode()}
    return f'<{request.script_root}{request.path.rstrip("/")}?{urlencode(onward)}>; rel="next"'


def _position(order: Order, name: str, cursor: str | None) -> tuple[str, dict[str, Any]]:
    """Where the page begins, as `Order.place` names it; 422 for a cursor that no page of this list gave."""
    if cursor is None:
        return "", {}
    try:
        last = Cursor.decode(cursor, name)
        return order.place(last.value, last.id)
    except ValueError:
        refuse(422, errors={"cursor": [UNKNOWN_CURSOR]})
