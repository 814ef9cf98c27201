"""The orders of lists: what ORDER BY, a cursor, and the page behind it have to agree on."""

import base64
import binascii
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

import orjson
from sqlalchemy import (
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
    not_,
    or_,
    select,
    true,
    tuple_,
)

from mediatheque.kit.models import BIGINT_MAX, INTEGER_MAX, folded
from mediatheque.kit.wire import dumps

RELEVANCE = "relevance"

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Cursor:
    """The last row of the page before: the list's sort, that row's value of it, its id."""

    sort: str
    value: Any
    id: int

    def encode(self) -> str:
        return base64.urlsafe_b64encode(dumps([self.sort, self.value, self.id])).decode().rstrip("=")

    @classmethod
    def is_for(cls, text: str, sort: str) -> bool:
        with suppress(ValueError):
            return bool(cls.decode(text, sort))
        return False

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
        equal = self.title == sought()
        begins, contains = self.title.like(_beginning()), self.title.like(containing())
        ranks = [equal, and_(begins, not_(equal)), and_(contains, not_(begins))]
        if self.others:
            ranks.append(and_(or_(*(other.like(containing()) for other in self.others)), not_(contains)))
        return ranks


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


def sought() -> ColumnElement[str]:
    return folded(bindparam("q", type_=Text))


def _escaped() -> ColumnElement[str]:
    # Escaped after folding, in SQL: NFKD can make a % of a character that is none.
    return func.regexp_replace(sought(), r"([\\%_])", r"\\\1", "g", type_=Text)


def _beginning() -> ColumnElement[str]:
    return _escaped() + literal("%", Text)


def containing() -> ColumnElement[str]:
    return literal("%", Text) + _escaped() + literal("%", Text)
