"""Nobody waits long for what somebody else holds."""

import time
from uuid import uuid4

from faults.clients import ask, statuses, together
from faults.figures import Figure, demand
from faults.servers import running

POOL = Figure(5, "every connection of the pool held", "503 with Retry-After within 3 s, recovery at once")
ROW = Figure(6, "another session holds the row for 30 s", "503 within 4 s, other rows go on")
FROZEN = Figure(
    18,
    "PostgreSQL frozen (SIGSTOP) while all threads ask it (beyond the project's own list)",
    "503 with Retry-After, and `/health/live` answers, within 12 s; recovery at once",
)
AT_ONCE, SILENCE = 1, 12  # seconds


def does_not_wait_for_connections(database, times, *patches):
    requests = (
        ("GET", "/genres"),
        ("POST", "/genres", {"genre": "Western"}, database.headers),
        ("GET", "/health/ready"),
    )
    slowest = recovery = 0
    with running(database, "can_hold_its_pools", *patches, WORKERS="1") as server:
        for _ in range(times):
            ask(server.port, "GET", "/hold")
            answers = together(len(requests), lambda one: ask(server.port, *requests[one], timeout=3.5))
            busy = all(answer.says_when_to_come_again for answer in answers)
            demand(busy, f"{statuses(answers)} within 3.5 s")
            slowest = max(slowest, *(answer.seconds for answer in answers))
            ask(server.port, "GET", "/release")
            good = ask(server.port, "GET", "/genres")
            demand(good.status == 200, f"after the release {statuses([good])}")
            recovery = max(recovery, good.seconds)
    demand(slowest <= 3, f"503 after {slowest:.2f} s")
    demand(recovery < AT_ONCE, f"200 not before {recovery:.2f} s")
    return f"503 with Retry-After after {slowest:.2f} s at most; 200 within {recovery * 1000:.0f} ms of the release"


def does_not_wait_for_rows(database, seconds, *patches):
    slowest = slowest_other = 0
    with running(database, *patches) as server:

        def make(name):
            answer = ask(server.port, "POST", "/genres", {"genre": name}, database.headers)
            return answer.headers["location"]

        def rename(path):
            return ask(server.port, "PATCH", path, {"genre": str(uuid4())}, database.headers, timeout=4.2)

        held, *free = (make(name) for name in ("Held", "Free", "Loose", "Open"))
        with database.connect() as somebody, somebody.transaction():
            somebody.execute("SELECT 1 FROM genres WHERE id = %s FOR UPDATE", [held.rpartition("/")[2]])
            begun = time.monotonic()
            while slowest == 0 or time.monotonic() - begun < seconds:
                waiting, *others = together(4, lambda one: rename([held, *free][one]))
                demand(waiting.says_when_to_come_again, f"{statuses([waiting])} after {waiting.seconds:.2f} s")
                demand(all(other.status == 200 for other in others), f"other rows: {statuses(others)}")
                slowest = max(slowest, waiting.seconds)
                slowest_other = max(slowest_other, *(other.seconds for other in others))
        freed = rename(held)
        demand(freed.status == 200, f"after the release {statuses([freed])}")
    demand(slowest <= 4, f"503 after {slowest:.2f} s")
    demand(slowest_other < AT_ONCE, f"another row took {slowest_other:.2f} s")
    return f"503 after {slowest:.2f} s at most; other rows within {slowest_other * 1000:.0f} ms"


def does_not_wait_for_the_silent(database, times, *patches):
    requests = [
        ("GET", "/genres"),
        ("POST", "/genres", {"genre": "Western"}, database.headers),
        ("GET", "/health/ready"),
        ("GET", "/genres?limit=1"),
    ]
    slowest = alive = recovery = 0
    with running(database, *patches, WORKERS="1") as server:

        def at_once(requests):
            return together(len(requests), lambda one: ask(server.port, *requests[one], timeout=SILENCE))

        at_once(requests)  # connections are there, and known to be good
        for _ in range(times):
            with database.cluster.frozen():
                *answers, live = at_once([*requests, ("GET", "/health/live")])
                demand(all(one.says_when_to_come_again for one in answers), f"{statuses(answers)} within {SILENCE} s")
                demand(live.status == 200, f"GET /health/live: {statuses([live])} within {SILENCE} s")
                slowest, alive = max(slowest, *(one.seconds for one in answers)), max(alive, live.seconds)
            good = ask(server.port, "GET", "/genres")
            demand(good.status == 200, f"afterwards {statuses([good])}")
            recovery = max(recovery, good.seconds)
    demand(recovery < AT_ONCE, f"200 not before {recovery:.2f} s")
    said = f"503 with Retry-After after {slowest:.1f} s at most, `/health/live` after {alive:.1f} s"
    return f"{said}; 200 within {recovery * 1000:.0f} ms of the end"


def test_where_all_connections_are_held_the_server_is_busy(database, choose, reached):
    reached(POOL, does_not_wait_for_connections(database, choose(1, 5)))


def test_waiting_for_connections_keeps_clients_waiting(database, missed):
    with missed(POOL, "waiting 30 s for a connection, SQLAlchemy's default"):
        does_not_wait_for_connections(database, 1, "waits_for_connections")


def test_a_frozen_database_keeps_nobody_for_long(database, choose, reached):
    reached(FROZEN, does_not_wait_for_the_silent(database, choose(1, 3)))


def test_waiting_for_what_is_never_said_keeps_clients_waiting(database, missed):
    with missed(FROZEN, "connections of the database not watched"):
        does_not_wait_for_the_silent(database, 1, "waits_for_what_is_said")


def test_a_held_row_keeps_nobody_for_long(database, choose, reached):
    reached(ROW, does_not_wait_for_rows(database, choose(0, 30)))


def test_waiting_for_locks_keeps_clients_waiting(database, missed):
    with missed(ROW, "no time limits in the database"):
        does_not_wait_for_rows(database, 0, "waits_for_locks")
