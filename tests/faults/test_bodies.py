"""A body that is too large is refused, and not kept in memory."""

import socket
import time
from contextlib import closing, suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from faults.clients import LOST, Answer, statuses, together
from faults.figures import Figure, demand
from faults.servers import running

BODIES = Figure(
    10,
    "50 bodies of 100 MB with and 50 without Content-Length",
    "413, memory of a worker grows by at most 10 MB",
)
MEGABYTE = 1024 * 1024
SIZE = 100  # MB
GROWTH = 10  # MB
AT_ONCE = 10  # clients
PIECE = b"." * MEGABYTE


def send(port, headers, size, *, chunked):
    """The answer to a body of that many MB, of which is sent what the server takes."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size * MEGABYTE}"
    lines = ["POST /genres HTTP/1.1", "Host: localhost", "Content-Type: application/json", framing]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    piece = b"%x\r\n%b\r\n" % (MEGABYTE, PIECE) if chunked else PIECE
    begun = time.monotonic()
    with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        with suppress(OSError):
            for _ in range(size):
                client.sendall(piece)
            client.sendall(b"0\r\n\r\n" if chunked else b"")
        with suppress(OSError, HTTPException):
            response = HTTPResponse(client)
            response.begin()
            return Answer(response.status, {}, response.read(), time.monotonic() - begun)
    return Answer(LOST, {}, b"", time.monotonic() - begun)


def forget_peaks(workers):
    for worker in workers:
        Path(f"/proc/{worker}/clear_refs").write_text("5")


def peaks(workers):
    """The most memory that each worker has had since then, in MB."""
    status = [Path(f"/proc/{worker}/status").read_text() for worker in workers]
    return [int(text.partition("VmHWM:")[2].split()[0]) / 1024 for text in status]


def refuses_large_bodies(database, clients, *patches):
    with running(database, *patches) as server:

        def crowd(size, clients, *, chunked):
            return together(clients, lambda _: send(server.port, database.headers, size, chunked=chunked))

        workers = server.workers()
        fresh = peaks(workers)
        for chunked in (False, True) * 5:  # a worker has what it needs for bodies of 1 MiB, which are taken
            crowd(1, AT_ONCE, chunked=chunked)
        needed = max(after - first for after, first in zip(peaks(workers), fresh, strict=True))
        forget_peaks(workers)
        before, answers = peaks(workers), []
        for chunked in (False, True):
            for begun in range(0, clients, AT_ONCE):
                answers += crowd(SIZE, min(AT_ONCE, clients - begun), chunked=chunked)
        growth = max(after - first for after, first in zip(peaks(workers), before, strict=True))
        demand(server.workers() == workers, "a worker died")
    demand(growth <= GROWTH, f"a worker grew by {growth:.0f} MB")
    demand(all(answer.status == 413 for answer in answers), statuses(answers))
    return (
        f"{statuses(answers)}; at its peak a worker had {growth:.1f} MB more than after bodies of 1 MiB, which are "
        f"taken and which it needs {needed:.0f} MB for"
    )


def test_large_bodies_are_refused_and_not_kept(database, choose, reached):
    reached(BODIES, refuses_large_bodies(database, choose(10, 50)))


def test_taking_bodies_of_any_size_takes_memory(database, missed):
    with missed(BODIES, "no limit of a body's size"):
        refuses_large_bodies(database, 1, "takes_bodies_of_any_size")
