"""What every table is made of: the base class, the naming convention, column types that carry their limits."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Computed,
    DateTime,
    FromClause,
    Identity,
    Integer,
    MetaData,
    String,
    Text,
    column,
    func,
    literal_column,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column, registry

INTEGER_MAX = 2**31 - 1
BIGINT_MAX = 2**63 - 1

# A btree entry holds 2,704 bytes. 255 Hangul syllables fold to 2,295; only ligature-like characters reach beyond.
FOLDED_BYTES = 2600
TOO_LONG_FOLDED = "Must be shorter: its characters are too many once they are decomposed."

_COMBINING_MARKS = r"[\u0300-\u036f]"
_FINAL_SIGMA, _SIGMA = "\u03c2", "\u03c3"


class Base(DeclarativeBase):
    """The base of all models. A table's ``info["noun"]`` is what sentences call a row of it."""

    registry = registry(
        type_annotation_map={int: BigInteger(), datetime: DateTime(timezone=True)},
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
    )
    __mapper_args__ = {"eager_defaults": False}

    id: Mapped[int] = mapped_column(Identity(), primary_key=True, sort_order=-1)

    def assign(self, values: dict[str, Any]) -> None:
        """Set the attributes that *values* names."""
        for name, value in values.items():
            setattr(self, name, value)


class Timestamps:
    """When a row was made and when it was last changed, in UTC; the database's clock."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now(), sort_order=1)


def text_column(name: str, minimum: int, maximum: int, **options: Any) -> MappedColumn[Any]:
    """Text of *minimum* to *maximum* characters; the schemas read the limits from ``info["length"]``."""
    return mapped_column(
        name,
        String(maximum),
        CheckConstraint(f"char_length({name}) >= {minimum}", name=name),
        info={"length": (minimum, maximum)},
        **options,
    )


def integer_column(name: str, minimum: int, maximum: int = INTEGER_MAX, **options: Any) -> MappedColumn[Any]:
    """A 4-byte integer from *minimum* to *maximum*; the schemas read the limits from ``info["range"]``."""
    return mapped_column(
        name,
        Integer,
        CheckConstraint(f"{name} BETWEEN {minimum} AND {maximum}", name=name),
        info={"range": (minimum, maximum)},
        **options,
    )


def folded_column(name: str) -> MappedColumn[Any]:
    """The stored folded form of the column *name*, compared byte by byte, whatever the database's locale."""
    return mapped_column(
        f"{name}_folded",
        Text(collation="C"),
        Computed(str(folded(column(name)).compile(compile_kwargs={"literal_binds": True})), persisted=True),
        CheckConstraint(
            f"octet_length({name}_folded) <= {FOLDED_BYTES}",
            name=f"{name}_folded",
            info={"member": name, "sentence": TOO_LONG_FOLDED},
        ),
        deferred=True,
        deferred_raiseload=True,
    )


def folded(value: ColumnElement[str]) -> ColumnElement[str]:
    """*value* in NFKD, without combining marks, in lower case: the one definition, evaluated by the database.

    The Greek sigma at the end of a word has no capital of its own, so it is folded into the other one.
    """
    decomposed = func.normalize(value, literal_column("NFKD"))
    lower = func.lower(func.regexp_replace(decomposed, _COMBINING_MARKS, "", "g"))
    return func.replace(lower, _FINAL_SIGMA, _SIGMA)


def no_row(table: FromClause, id: object) -> str:
    """The sentence that says that *table* has no row with that id."""
    return f"A {table.info['noun']} with the id {id} does not exist."  # type: ignore[attr-defined]


def noun(model: type[Base]) -> str:
    """What a sentence calls a row of *model*: ``book``, ``movie format``."""
    return str(model.__table__.info["noun"])  # type: ignore[attr-defined]
