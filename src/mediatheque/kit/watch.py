"""Connections whose server has stopped saying anything are cut, so that no request waits for it.

The time limits of statements (config.py) are the server's own: while it is frozen, or gone without a word, they end
nothing, and libpq waits for ever.
"""

import socket
import threading
import time
from contextlib import suppress
from typing import Any

from flask import Flask
from sqlalchemy import Engine, event

from mediatheque.extensions import db

LONGEST = 10.0  # seconds that a request may keep a connection
PAUSE = 0.5  # seconds between two looks

_lock = threading.Lock()
_deadlines: dict[Any, tuple[float, Any]] = {}  # of the pools' records, with the drivers' connections
_watchers: list[threading.Thread] = []


def init_app(app: Flask) -> None:
    with app.app_context():
        for engine in db.engines.values():
            event.listen(engine, "checkout", _taken)
            for end in ("checkin", "close"):
                event.listen(engine, end, _returned)


def leave_alone(engine: Engine) -> None:
    """Connections of *engine* are kept as long as need be."""
    if event.contains(engine, "checkout", _taken):
        event.remove(engine, "checkout", _taken)


def allow(connection: Any, seconds: float) -> None:
    """That connection of a pool, which is in use, may be kept for so long from now on."""
    record = connection._connection_record  # noqa: SLF001 (what the pool's events know it by)
    if record in _deadlines:
        _deadlines[record] = (time.monotonic() + seconds, connection.dbapi_connection)


def _taken(connection: Any, record: Any, _proxy: object) -> None:
    _deadlines[record] = (time.monotonic() + LONGEST, connection)
    if not _is_watched():
        with _lock:
            if not _is_watched():
                _watchers[:] = [threading.Thread(target=_watch, name="watch", daemon=True)]
                _watchers[0].start()


def _is_watched() -> bool:
    return bool(_watchers) and _watchers[0].is_alive()  # it is not in a child that was forked


def _returned(_connection: object, record: Any) -> None:
    with _lock:  # while a connection is being cut it must not be closed, or another file would be
        _deadlines.pop(record, None)


def _watch() -> None:
    while True:
        time.sleep(PAUSE)
        now = time.monotonic()
        with _lock:
            for record, (deadline, connection) in list(_deadlines.items()):
                if now > deadline:
                    del _deadlines[record]
                    _cut(connection)


def _cut(connection: Any) -> None:
    """Whoever reads from it learns that it has ended; its owner closes it."""
    with suppress(Exception), socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as ours:
        ours.shutdown(socket.SHUT_RDWR)
