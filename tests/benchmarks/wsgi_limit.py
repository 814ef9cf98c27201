"""B: what Python can do at most behind a WSGI server. No framework; libpq's prepared statements through psycopg 3."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus

from benchmarks import shared

BIGINT = 20  # the type's oid
BINARY = 1
ONE_BOOK = shared.ONE_BOOK.format("$1")

_own = threading.local()


def rows(statement: str, *values: int) -> list[tuple[Any, ...]]:
    """The rows of a statement, prepared when it comes first, on the thread's own connection."""
    if not hasattr(_own, "libpq"):
        _own.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, options=shared.OPTIONS)
        _own.libpq = _own.connection.pgconn
        _own.transformer = Transformer(_own.connection)
        _own.names = {}
    name = _own.names.get(statement)
    if name is None:
        name = _own.names[statement] = b"s%d" % len(_own.names)
        _own.libpq.prepare(name, statement.encode(), [BIGINT] * len(values))
    result = _own.libpq.exec_prepared(name, [b"%d" % value for value in values], None, BINARY)
    if result.status != ExecStatus.TUPLES_OK:
        raise psycopg.DatabaseError(result.error_message)
    _own.transformer.set_pgresult(result)
    return _own.transformer.load_rows(0, result.ntuples, tuple)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    started = time.perf_counter()
    id = shared.request_id()
    headers = [("Content-Type", "application/json"), ("X-Request-ID", id), *shared.HEADERS.items()]
    path = environ["PATH_INFO"]
    status, route, body = 404, "", b"{}"
    if path == "/books":
        given = environ["QUERY_STRING"].partition("limit=")[2]
        limit = int(given or shared.PAGE)
        found = rows(shared.PAGE_OF_BOOKS.format(limit + 1))
        if len(found) > limit:
            found.pop()
            headers.append(("Link", shared.link(f"limit={limit}&" if given else "", found[-1][0])))
        status, route, body = 200, "/books", shared.dumps([shared.book(row) for row in found])
    elif path.startswith("/books/") and path[7:].isdigit():
        found = rows(ONE_BOOK, int(path[7:]))
        if found:
            status, route, body = 200, "/books/<int:id>", shared.dumps(shared.book(found[0]))
            headers.append(("ETag", shared.etag(body)))
    headers.append(("Content-Length", str(len(body))))
    start_response("200 OK" if status == 200 else "404 NOT FOUND", headers)
    shared.log(id, environ["REQUEST_METHOD"], route, status, started)
    return [body]
