"""Statements that give rows, rendered once and prepared, and the connections that reads run on.

Reads on psycopg 3 go to libpq itself, which waits for a whole result without Python; a cursor of the driver's wakes
Python for each piece of it. SQLAlchemy's events see none of this.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol, Self, TypeVar

from psycopg import ClientCursor, Connection, OperationalError, abc, capabilities
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import ColumnElement, Dialect, Engine, event, literal_column
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

from mediatheque.extensions import db
from mediatheque.kit import watch

NO_LIMITS = " -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"

T = TypeVar("T")
Row = Sequence[Any]

AT_ONCE = 1.0  # seconds
PREPARED = 100  # statements at most on each connection: the driver's own measure

# Stands for a limit until the statement is run. Of a parameter PostgreSQL knows nothing: it would plan for a tenth of
# all rows, and read whole tables to join them. With the number in the statement, each would be one more to build.
LIMIT_HERE = "/*limit*/"
LIMIT: ColumnElement[int] = literal_column(LIMIT_HERE)


class Source(Protocol):
    """Where statements are run: a Connection of SQLAlchemy's, or what `reader` gives."""

    @property
    def engine(self) -> Engine: ...
    @property
    def connection(self) -> PoolProxiedConnection: ...


class Query:
    """A statement that gives rows, rendered once for each driver."""

    def __init__(self, build: Callable[[], Any], *, inline: bool = False) -> None:
        """*build* makes the statement, a SELECT, which takes much more memory than its text.

        *inline* sends the values within the text, where the best plan depends on them.
        """
        self.build = build
        self.inline = inline
        self._rendered: dict[str, tuple[str, list[str], dict[str, Any]]] = {}

    def render(self, dialect: Dialect) -> tuple[str, list[str], dict[str, Any]]:
        """The text for *dialect*, the names of its parameters, and those that are constants."""
        compiled = self.build().compile(dialect=dialect)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return self._rendered.setdefault(dialect.driver, (str(compiled), list(compiled.params), constants))

    def rows(self, source: Source, parameters: dict[str, Any], limit: int = 0) -> list[Row]:
        """The rows as tuples; a driver's error as SQLAlchemy's. If the connection is dead, so is all its pool."""
        dialect, proxy = source.engine.dialect, source.connection
        text, names, constants = self._rendered.get(dialect.driver) or self.render(dialect)
        if limit:
            text = text.replace(LIMIT_HERE, f"{limit:d}")
        values = constants | parameters
        try:
            connection: Any = proxy.driver_connection
            if dialect.driver == "psycopg2":
                return _fetched(connection.cursor(), text, values)
            if not connection.autocommit:  # where the driver forgets with a ROLLBACK all that is prepared
                cursor = ClientCursor(connection) if self.inline else connection.cursor(binary=True)
                return _fetched(cursor, text, values)
            libpq = _Libpq.of(proxy)
            if self.inline:
                return libpq.inlined(text, values)
            return libpq.prepared(text, {name: values[name] for name in names})
        except dialect.loaded_dbapi.Error as error:
            dead = dialect.is_disconnect(error, proxy.dbapi_connection, None)
            if dead:
                proxy.invalidate(error)
                source.engine.dispose()
            raise _wrapped(dialect, error, dead=dead, text=text, parameters=parameters) from error


def _fetched(cursor: Any, text: str, values: dict[str, Any]) -> list[Row]:
    with closing(cursor):
        cursor.execute(text, values)
        return cursor.fetchall()  # type: ignore[no-any-return]


@dataclass
class _Libpq:
    """A connection of psycopg 3 in autocommit; what is prepared on it, by text, the latest used last."""

    connection: Connection[Any]
    names: dict[str, bytes] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def libpq(self) -> PGconn:
        return self.connection.pgconn

    @classmethod
    def of(cls, proxy: Any) -> Self:
        """What is kept of that connection of a pool as long as it lives."""
        kept: Self = proxy.info.get(cls) or proxy.info.setdefault(cls, cls(proxy.driver_connection))
        return kept

    def prepared(self, text: str, values: dict[str, Any]) -> list[Row]:
        if text in self.names:
            try:
                return self._run(text, values)
            except (InvalidSqlStatementName, FeatureNotSupported):  # forgotten, or a column has another type now
                self._forget(text)
        self._prepare(text, values)
        return self._run(text, values)

    def _run(self, text: str, values: dict[str, Any]) -> list[Row]:
        transformer: abc.Transformer = Transformer(self.connection)
        given: Any = transformer.dump_sequence(tuple(values.values()), [PyFormat.TEXT] * len(values))
        name = self.names[text] = self.names.pop(text)
        return _rows(transformer, self.libpq.exec_prepared(name, given, result_format=Format.BINARY))

    def inlined(self, text: str, values: dict[str, Any]) -> list[Row]:
        whole = ClientCursor(self.connection).mogrify(text, values).encode()
        return _rows(Transformer(self.connection), self.libpq.exec_params(whole, None, result_format=Format.BINARY))

    def _prepare(self, text: str, parameters: Iterable[str]) -> None:
        if len(self.names) == PREPARED:
            self._forget(next(iter(self.names)))
        name = b"mediatheque_%d" % next(self.numbers)
        numbered = text % {parameter: f"${number}" for number, parameter in enumerate(parameters, 1)}
        _checked(self.libpq.prepare(name, numbered.encode()))
        self.names[text] = name

    def _forget(self, text: str) -> None:
        name = self.names.pop(text)
        if capabilities.has_send_close_prepared():
            _checked(self.libpq.close_prepared(name))
        else:  # libpq before 17: an error if it is forgotten already, which is none
            self.libpq.exec_(b"DEALLOCATE " + name)


def _rows(transformer: abc.Transformer, result: PGresult) -> list[Row]:
    transformer.set_pgresult(_checked(result))
    return transformer.load_rows(0, result.ntuples, tuple)


def _checked(result: PGresult) -> PGresult:
    if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        error = error_from_result(result)
        raise error if error.sqlstate else OperationalError(str(error))  # the connection broke: the server said nothing
    return result


def _wrapped(
    dialect: Dialect, error: Exception, *, dead: bool, text: str = "", parameters: dict[str, Any] | None = None
) -> BaseException:
    """As SQLAlchemy would raise it; its text, which may reach the log, shows no parameters."""
    base = dialect.loaded_dbapi.Error
    return DBAPIError.instance(
        text, parameters, error, base, hide_parameters=True, connection_invalidated=dead, dialect=dialect
    )


@dataclass
class Reader:
    """A connection of the pool for reads, without SQLAlchemy's Connection around it, which costs 25 µs."""

    engine: Engine
    connection: PoolProxiedConnection


@contextmanager
def reader() -> Iterator[Source]:
    """A connection for reads, in autocommit; a replica's when one is configured."""
    engine = db.engines["reader"]
    try:
        connection = engine.raw_connection()
    except engine.dialect.loaded_dbapi.Error as error:
        raise _wrapped(engine.dialect, error, dead=False) from error
    try:
        yield Reader(engine, connection)
    finally:
        connection.close()


def read(work: Callable[[Source], T]) -> T:
    """*work* on a connection of the reader; once more, on a new one, if it turned out at once to be dead."""
    begun = time.monotonic()
    try:
        with reader() as source:
            return work(source)
    except DBAPIError as error:
        if not error.connection_invalidated or time.monotonic() - begun > AT_ONCE:
            raise
    with reader() as source:
        return work(source)


def lift_limits(engine: Engine) -> None:
    """Commands may take as long as they need: connections that are made from now on have no time limits."""
    if not event.contains(engine, "do_connect", _lift):
        event.listen(engine, "do_connect", _lift)
    watch.leave_alone(engine)


def _lift(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
    # Set by a statement, they would stay lifted on the connection of a pooler, which others get.
    if NO_LIMITS not in parameters["options"]:
        parameters["options"] += NO_LIMITS


def diagnosis(error: DBAPIError, field: str) -> str | None:
    """What the server says of its error (PostgreSQL's error fields), if it was the server's; with either driver."""
    value = getattr(getattr(error.orig, "diag", None), field, None)
    return None if value is None else str(value)
