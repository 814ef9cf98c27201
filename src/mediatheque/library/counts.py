"""What /stats counts: of each kind of item one statement, and with it one moment, so that all its numbers agree."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    cast,
    column,
    func,
    literal,
    literal_column,
    null,
    select,
    union_all,
    values,
)

from mediatheque.kit.models import Base
from mediatheque.kit.pages import MOST, Attribute, Listing
from mediatheque.kit.statements import Query, Row, Source
from mediatheque.kit.wire import in_utc
from mediatheque.library.models import Book, Format, FormatMovie, Genre, Movie
from mediatheque.library.queries import BOOKS, MOVIES

STEPS = 40  # of a histogram, not counting the open one
USUAL = 0.9  # share of the items: what is more than twice as long as all of these is an outlier
SIZES = [digit * 10**zeros for zeros in range(9) for digit in (1, 2, 5)]  # of a step

Part = list[tuple[Any, Any, int]]  # a key, its name, how many items


@dataclass(eq=False)
class Kind:
    """Books or movies: what they are counted by, and what the sum and the histogram of their lengths are called."""

    listing: Listing[Any]
    formats: type[Format | FormatMovie]
    year: Attribute
    length: Attribute
    total: str
    lengths: str


KINDS = {
    "books": Kind(BOOKS, Format, Book.published_year, Book.page_count, "pages", "page_counts"),
    "movies": Kind(MOVIES, FormatMovie, Movie.release_year, Movie.run_time, "run_time", "run_times"),
}


def stats(source: Source, chosen: dict[str, int]) -> dict[str, Any]:
    """The numbers of each kind, of the items that *chosen*, filters of their lists by name, select."""
    given = tuple(sorted(chosen))
    return {name: _numbers(kind, _query(kind, given).rows(source, chosen)) for name, kind in KINDS.items()}


@lru_cache
def _query(kind: Kind, given: tuple[str, ...]) -> Query:
    return Query(lambda: _counts(kind, given), inline=bool(given))


def _counts(kind: Kind, given: tuple[str, ...]) -> CompoundSelect[Any]:
    """Rows of a part, a key, the key's name, and how many items have that key; in this order."""
    model = kind.listing.wire.model
    columns = [model.genre_id, model.format_id, kind.year.label("year"), kind.length.label("length"), model.created_at]
    chosen = select(*columns).where(*(kind.listing.filters[name] for name in given))
    # All items are counted in the index of each column; those that are chosen are read once, and counted apart.
    items = (chosen.cte("items") if given else chosen.subquery("items")).c
    years = _by(items.year).subquery().c
    months = _by(func.date_trunc("month", in_utc(items.created_at))).subquery().c
    lengths = _by(items.length).cte("lengths").c
    size = _size(lengths).cte("size").c.size
    step = func.least(lengths.key // size, STEPS)
    nothing: ColumnElement[int] = literal_column("0")
    return union_all(
        _named("genres", items.genre_id, Genre, Genre.genre),
        _named("formats", items.format_id, kind.formats, kind.formats.format),
        _part("years", years.key, years.count),
        _part("months", null(), months.count, func.to_char(months.key, "YYYY-MM")),
        _part("all", *(func.coalesce(func.sum(n), nothing) for n in (lengths.key * lengths.count, lengths.count))),
        _part("size", size, nothing),
        _part("steps", step, func.sum(lengths.count)).group_by(step),
    ).order_by("part", "key", "name")


def _by(key: ColumnElement[Any]) -> Select[Any]:
    return select(key.label("key"), func.count().label("count")).group_by(key)


def _part(part: str, key: Any, count: Any, name: Any = None) -> Select[Any]:
    columns: list[Any] = [
        literal(part).label("part"),
        cast(key, BigInteger).label("key"),
        cast(name, String).label("name"),
        cast(count, BigInteger).label("count"),
    ]
    return select(*columns)


def _named(part: str, key: ColumnElement[Any], model: type[Base], name: Any) -> Select[Any]:
    """The commonest ids of *model*, with their names, and how many items have none."""
    counted = _by(key).order_by(key.is_not(None), func.count().desc(), key).limit(MOST).subquery()
    return _part(part, counted.c.key, counted.c.count, name).outerjoin_from(counted, model, model.id == counted.c.key)


def _size(lengths: Any) -> Select[Any]:
    """The least size of steps that make a histogram of all *lengths* but those of outliers; null if there are none."""
    up_to = func.sum(lengths.count).over(order_by=lengths.key)
    ranked = select(lengths.key, up_to.label("up_to")).subquery().c
    count = select(func.sum(lengths.count)).scalar_subquery()
    usual = select(cast(func.min(ranked.key), BigInteger)).where(ranked.up_to >= USUAL * count).scalar_subquery()
    longest = select(func.max(lengths.key)).scalar_subquery()
    sizes = values(column("size", BigInteger), name="sizes", literal_binds=True).data([(size,) for size in SIZES])
    return select(func.min(sizes.c.size).label("size")).where(sizes.c.size > func.least(longest, 2 * usual) // STEPS)


def _numbers(kind: Kind, rows: Iterable[Row]) -> dict[str, Any]:
    parts: defaultdict[str, Part] = defaultdict(list)
    for part, *key in rows:
        parts[part].append(tuple(key))
    ((total, _, count),) = parts["all"]
    ((size, *_),) = parts["size"]
    return {
        "count": count,
        "genres": _ranked("genre", parts["genres"]),
        "formats": _ranked("format", parts["formats"]),
        "years": [{"year": year, "count": items} for year, _, items in parts["years"]],
        "growth": _growth(parts["months"]),
        kind.total: total,
        kind.lengths: _histogram({step: items for step, _, items in parts["steps"]}, size),
    }


def _ranked(member: str, part: Part) -> list[dict[str, Any]]:
    """The most frequent first; what has no name last."""
    ranked = sorted(part, key=lambda one: (one[0] is None, -one[2]))
    return [{"id": id, member: name, "count": count} for id, name, count in ranked]


def _growth(part: Part) -> list[dict[str, Any]]:
    totals = accumulate(count for *_, count in part)
    return [
        {"month": month, "count": count, "total": total} for (_, month, count), total in zip(part, totals, strict=True)
    ]


def _histogram(counts: dict[int, int], size: int) -> list[dict[str, Any]]:
    """Steps of that *size* without a gap, from the first that holds something to the last; the open one has no end."""
    return [
        {"from": step * size, "to": None if step == STEPS else (step + 1) * size - 1, "count": counts.get(step, 0)}
        for step in range(min(counts, default=0), max(counts, default=-1) + 1)
    ]
