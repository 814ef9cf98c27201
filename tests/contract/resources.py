"""What tests derive their cases from: every route, every list, every factory, and rows at their extremes."""

import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from factory.alchemy import SQLAlchemyModelFactory
from sqlalchemy import DateTime, Integer, String, func, insert, select

import factories
from mediatheque import create_app
from mediatheque.auth.models import LoginCount
from mediatheque.kit.models import Base
from mediatheque.kit.pages import Listing

for file in Path(*factories.__path__).glob("[a-z]*.py"):
    import_module(f"factories.{file.stem}")

Key = tuple[str, int]  # a table and an id

# The application without a database, to read routes and the OpenAPI document from.
NOWHERE = create_app(
    {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "JWT_SECRET_KEY": "a secret of the tests, long enough for HS256",
    }
)

DOCUMENT = orjson.loads(NOWHERE.extensions["openapi"])

# The view of each method and path.
ROUTES = {
    (method, rule.rule): NOWHERE.view_functions[rule.endpoint]
    for rule in NOWHERE.url_map.iter_rules()
    for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
}

# Every list, by its path.
LISTINGS: dict[str, Listing] = {
    f"/{name.lower()}": listing
    for module in sorted(sys.modules)
    if module.startswith("mediatheque.") and module.endswith(".queries")
    for name, listing in vars(sys.modules[module]).items()
    if isinstance(listing, Listing)
}

FACTORIES = {factory._meta.model: factory for factory in SQLAlchemyModelFactory.__subclasses__()}

SCRIPTS = (
    "Amélie", "Ender's Game", "Alien³", "Война и мир", "Ἰλιάς", "九百九十九", "千と千尋の神隠し", "기생충", "ألف ليلة",
    "שתיסה", "हिन्दी", "พระอภัยมณี", "தமிழ்", "ქართული", "🎬👩\u200d👩\u200d👧", "\U0001d518\U0001d52b", "ﬁn ﷺ",
    "İstanbul ß", "\u0300\u0301", "\u202eright to left", "line\u2028separator", "\U0010ffff!", "100 % a\\b_c",
    '"<b>&amp;</b>\'', "{title} %(id)s %s",
)  # fmt: skip


def row_counts(connection) -> dict[str, int]:
    """How many rows each table has."""
    counts = [
        select(func.count()).select_from(table).scalar_subquery().label(name)
        for name, table in Base.metadata.tables.items()
    ]
    return dict(connection.execute(select(*counts)).mappings().one())


def all_rows(connection) -> dict[Key, dict[str, Any]]:
    """Every row of every table; without the counts of logins, which a valid one changes as well."""
    tables = [table for table in Base.metadata.tables.values() if table is not LoginCount.__table__]
    return {
        (table.name, row["id"]): dict(row) for table in tables for row in connection.execute(select(table)).mappings()
    }


def columns(model) -> list[Any]:
    """The columns that rows are made with: neither the id, nor computed, nor foreign keys."""
    return [
        column
        for column in model.__table__.columns
        if not column.primary_key and column.computed is None and not column.foreign_keys
    ]


def texts(model, text: str) -> dict[str, str]:
    """*text* for every member that is free text."""
    return {column.name: text for column in columns(model) if "length" in column.info}


def filled(model) -> dict[str, Any]:
    """Every member with a value, the largest or longest that it may have."""
    values: dict[str, Any] = {}
    for column in columns(model):
        if isinstance(column.type, String):
            values[column.name] = "W" * column.type.length
        elif isinstance(column.type, Integer):
            values[column.name] = column.info["range"][1]
        elif isinstance(column.type, DateTime):
            values[column.name] = datetime.max.replace(tzinfo=UTC)
    return values


def nulls(model) -> dict[str, None]:
    """None for every member that may be null: the column, or the relationship that a foreign key stands for."""
    relations = [
        relation.key
        for relation in model.__mapper__.relationships
        if not relation.uselist and all(column.nullable for column in relation.local_columns)
    ]
    return dict.fromkeys([*relations, *(column.name for column in columns(model) if column.nullable)])


def make_many(connection, model, count):
    """Rows that differ in their texts; otherwise all are like the first, which is given back."""
    first = FACTORIES[model]()
    keys = [column.name for column in model.__table__.columns if column.foreign_keys]
    like = {name: getattr(first, name) for name in [*keys, *(column.name for column in columns(model))]}
    more = [like | texts(model, f"Made {n}") for n in range(count - 1)]
    if more:
        connection.execute(insert(model), more)
    return first
