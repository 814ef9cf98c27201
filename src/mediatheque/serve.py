"""granian, with settings of which docs/decisions/0013 tells: what ``flask serve`` and ``flask start`` run."""

import gc
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import parent_process
from typing import Any

import click
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from mediatheque.kit.logs import STANDARD_ERROR, STANDARD_OUTPUT, JsonFormatter

BACKLOG = 1024  # connections that wait to be accepted
HEADERS_WITHIN = 10_000  # milliseconds a client may take to send its headers
STOP_WITHIN = 9  # seconds that running requests get when the server is told to stop


def serve(
    load: Callable[[], Any],
    host: str,
    port: int,
    *,
    workers: int,
    threads: int,
    json_logs: bool,
    greeting: str = "",
) -> None:
    """Serve the WSGI application that *load* makes in each worker, until SIGINT or SIGTERM; then let requests finish.

    *load* must be picklable. Each worker prints *greeting*, instead of granian's own words, once it takes connections.
    """
    formatter = {"()": JsonFormatter} if json_logs else {"format": "%(asctime)s %(levelname)s %(message)s"}
    # All that is said goes to standard error: standard output is the access log's.
    handler = {"formatter": "generic", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}
    logging = {
        "formatters": {"generic": formatter},
        "handlers": {"console": handler, "access": handler},
        "root": {"handlers": ["console"], "level": "WARNING"},
    }
    server = Granian(
        __name__,
        host,
        port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_WITHIN),
        websockets=False,
        workers=workers,
        blocking_threads=threads,
        backlog=BACKLOG,
        log_level=LogLevels.warning if greeting else LogLevels.info,
        log_dictconfig=logging,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_WITHIN,
    )
    if greeting:
        # Somebody who closes the terminal means it; granian would start its workers anew.
        server.on_startup(lambda: signal.signal(signal.SIGHUP, server.signal_handler_interrupt))
    server.serve(target_loader=partial(_start_worker, load, host, port, greeting), wrap_loader=False)


def _start_worker(load: Callable[[], Any], host: str, port: int, greeting: str) -> Any:
    # A thread waits for signals. The main thread, which granian leaves to it, misses those that the kernel gives to
    # another one, and hangs if it gets two at once. Ctrl-C, which reaches all processes of a terminal, is the parent's.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    threading.Thread(target=_stop_when_told, args=(signal.getsignal(signal.SIGTERM),), daemon=True).start()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    application = load()
    gc.freeze()  # what is there for good need not be looked through again and again,
    gc.set_threshold(10_000, 10, 10)  # nor need the rows of a page, which are gone by themselves
    for output in (STANDARD_OUTPUT, STANDARD_ERROR):
        if stat.S_ISFIFO(os.fstat(output).st_mode):
            os.set_blocking(output, False)  # a log that nobody reads loses lines, and keeps nobody waiting
    if greeting:
        threading.Thread(target=_greet, args=(host, port, greeting), daemon=True).start()
    return application


def _stop_when_told(of_the_parent: Any) -> None:
    signal.sigwait([signal.SIGTERM])
    while (handler := signal.getsignal(signal.SIGTERM)) is of_the_parent:
        time.sleep(0.01)  # granian sets the worker's own when the application is loaded
    handler(signal.SIGTERM, None)  # type: ignore[misc, operator]


def _end_with_parent() -> None:
    """A worker whose parent was killed would go on answering, and hold its port."""
    parent = parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_WITHIN)
        os.kill(os.getpid(), signal.SIGKILL)


def _greet(host: str, port: int, greeting: str) -> None:
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return click.echo(greeting)
