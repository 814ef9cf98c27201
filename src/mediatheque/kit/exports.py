"""Exports: everything that a list would show, in batches by key, as JSON, lines of JSON, or CSV.

Between two batches nothing is held but a thread: a client may read as slowly as it likes.
"""

import csv
import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from threading import BoundedSemaphore
from typing import Any

from flask import Flask, Response, current_app
from marshmallow import fields
from sqlalchemy.exc import DBAPIError

from mediatheque.kit.access import refuse
from mediatheque.kit.logs import this_request
from mediatheque.kit.pages import Listing, Parameters, guessed, may_be_misspelt
from mediatheque.kit.schemas import OneOf
from mediatheque.kit.statements import Row, Source, diagnosis, read
from mediatheque.kit.wire import NESTED_IN_LIST, dumps

BATCH = 1000  # rows
TYPES = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}
log = logging.getLogger(__name__)

FORMULA = "=+-@\t\r"  # what a spreadsheet begins to calculate at


class ExportParameters(Parameters):
    """What every export takes; the filters of the list come on top."""

    format = fields.String(
        load_default="json",
        validate=OneOf(list(TYPES)),
        metadata={"description": "`json` (an array), `ndjson` (an object a line) or `csv`."},
    )


@dataclass
class Part:
    """The rows of *listing* that *values*, its filters by name, select; each with its *kind*, if there are several."""

    listing: Listing[Any]
    values: dict[str, Any]
    kind: str = ""
    filters: tuple[str, ...] = field(init=False)

    def total(self) -> int:
        """How many rows there are; settles what finds them."""

        def work(source: Source) -> int:
            self.filters = tuple(sorted(self.values))
            total = self.listing.total(self.filters).rows(source, self.values)[0][0]
            if not total and may_be_misspelt(source, self.values):
                self.filters = guessed(self.filters)
                total = self.listing.total(self.filters).rows(source, self.values)[0][0]
            return int(total)

        return read(work)

    def batches(self, app: Flask) -> Iterator[tuple["Part", list[Row]]]:
        """The rows, the newest first, as many as a statement reads at once."""
        position = ""
        last: dict[str, int] = {}
        while True:
            with app.app_context():
                rows = self._rows(position, last)
            yield self, rows
            if len(rows) < BATCH:
                return
            position, last = "id", {"id": rows[-1][self.listing.wire.places["id"]]}

    def _rows(self, position: str, last: dict[str, int]) -> list[Row]:
        query = self.listing.query("-id", position, self.filters)
        return read(lambda source: query.rows(source, {**self.values, **last, "nested": NESTED_IN_LIST}, BATCH))

    def objects(self, rows: list[Row]) -> list[dict[str, Any]]:
        objects = self.listing.wire.build(rows)
        return [{"type": self.kind, **one} for one in objects] if self.kind else objects

    @property
    def columns(self) -> list[str]:
        """The names of a table's columns: ``collection_name`` of the name in a collection, ``genre`` of a genre's."""
        return [*(["type"] if self.kind else []), *self.listing.wire.cells]

    def table(self, columns: list[str]) -> Callable[[list[Row]], list[tuple[Any, ...]]]:
        """What makes the lines of a table with these *columns* of rows."""
        cells = ", ".join(self._cell(column) for column in columns)
        # Names of members by repr() and numbers, nothing that came from outside.
        return eval(f"lambda rows: [({cells},) for r in rows]", {"text": _harmless, "moment": _moment})  # type: ignore[no-any-return]  # noqa: S307

    def _cell(self, column: str) -> str:
        place, item = self.listing.wire.cells.get(column, (None, None))
        if place is None:
            return repr(self.kind if column == "type" else None)
        if isinstance(item, fields.String):
            return f"text(r[{place}])"
        return f"moment(r[{place}])" if isinstance(item, fields.DateTime) else f"r[{place}]"


def _harmless(text: str | None) -> str | None:
    return f"'{text}" if text and text[0] in FORMULA else text


def _moment(moment: datetime | None) -> str | None:
    return f"{moment.isoformat()}+00:00" if moment else None


Batches = Iterator[tuple[Part, list[Row]]]


def export(name: str, format: str, parts: list[Part]) -> Response:
    """All rows of *parts* as a file called *name*; `X-Total-Count` says how many there were when it began.

    503 where half of this process's threads export already.
    """
    slots: BoundedSemaphore = current_app.extensions["exports"]
    if not slots.acquire(blocking=False):
        refuse(503, "The server is busy with other exports. Please try again.")
    try:
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
        total = sum(part.total() for part in parts)
        batches = chain.from_iterable(part.batches(app) for part in parts)
        first = next(batches)  # an error of the database is still an answer of its own
        body = WRITERS[format](chain([first], batches), parts)
        response = Response(_watched(body, this_request().id), content_type=f"{TYPES[format]}; charset=utf-8")
    except BaseException:
        slots.release()
        raise
    response.call_on_close(slots.release)
    response.headers["X-Total-Count"] = str(total)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{format}"'
    return response


def _watched(body: Iterator[bytes], request_id: str) -> Iterator[bytes]:
    """*body*; an error in the middle of it is logged with the request's id, and the server cuts the answer off.

    Of what the database says only the code reaches the log: its words may hold what is nobody's business.
    """
    try:
        yield from body
    except DBAPIError as error:
        reason = diagnosis(error, "sqlstate") or type(error.orig).__name__
        log.error("request %s: the export broke off (%s)", request_id, reason)  # noqa: TRY400
    except Exception:
        log.exception("request %s: the export broke off", request_id)
    else:
        return
    raise ConnectionAbortedError(f"The export of request {request_id} broke off.")


def _json(batches: Batches, _: list[Part]) -> Iterator[bytes]:
    before = b"["
    for part, rows in batches:
        if rows:
            yield before + dumps(part.objects(rows))[1:-1]
            before = b","
    yield b"[]" if before == b"[" else b"]"


def _ndjson(batches: Batches, _: list[Part]) -> Iterator[bytes]:
    for part, rows in batches:
        yield b"".join(dumps(one) + b"\n" for one in part.objects(rows))


def _csv(batches: Batches, parts: list[Part]) -> Iterator[bytes]:
    """RFC 4180, the names of the columns first."""
    columns = list(dict.fromkeys(column for part in parts for column in part.columns))
    tables = {part.kind: part.table(columns) for part in parts}
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(columns)
    for part, rows in batches:
        writer.writerows(tables[part.kind](rows))
        yield written.getvalue().encode()
        written.seek(0)
        written.truncate()


WRITERS = {"json": _json, "ndjson": _ndjson, "csv": _csv}


def init_app(app: Flask) -> None:
    app.extensions["exports"] = BoundedSemaphore(max(1, app.config["THREADS"] // 2))
