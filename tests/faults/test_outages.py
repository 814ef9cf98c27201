"""Without its database the server says so, still does what needs none, and goes on when it is back."""

import time

from faults.clients import Load, ask, statuses
from faults.figures import Figure, demand, within
from faults.servers import running

RESTARTS = Figure(
    3,
    "PostgreSQL restarted under 30 requests a second",
    "only 503 with Retry-After 1 to 5 meanwhile, no 500; first 200 within 3 s of the database accepting",
)
STOPPED = Figure(
    4, "PostgreSQL stopped", "404, 405, 413, 415, 400, 401 (bad signature) and `/health/live` right, each under 50 ms"
)
RATE = 30  # requests a second
RECOVERY = 3  # seconds


def recovered(load, since):
    """After how many seconds reads and writes, begun since then, have both succeeded; None if they have not."""
    good = [sample for sample in load.samples if sample.succeeded and sample.begun >= since]
    firsts = [
        min((sample.begun + sample.answer.seconds for sample in good if sample.method == method), default=None)
        for method in ("GET", "POST")
    ]
    return None if None in firsts else max(firsts) - since


def outlasts_restarts(database, restarts, *patches):
    slowest = 0
    with (
        running(database, *patches) as server,
        Load(server.port, database.headers, rate=RATE, reading=True) as load,
    ):
        for _ in range(restarts):
            load.wait_for_writes(15)
            database.cluster.stop()
            database.cluster.start()
            accepting = time.monotonic()
            back = within(RECOVERY, lambda since=accepting: recovered(load, since) is not None)
            demand(back, f"no 200 and 201 within {RECOVERY} s of the database accepting")
            slowest = max(slowest, recovered(load, accepting))
    answers = [sample.answer for sample in load.samples]
    bad = [answer for answer in answers if not (answer.status in (200, 201) or answer.says_when_to_come_again)]
    demand(not bad, f"among {len(answers)} answers {statuses(bad)}")
    return f"{restarts} restarts: {statuses(answers)}; first success after {slowest:.2f} s at most"


def stays_right_without_database(database, times, seconds, *patches):
    forged = {"Authorization": database.headers["Authorization"][:-4] + "AAAA"}
    requests = {
        404: ("GET", "/nothing"),
        405: ("DELETE", "/genres"),
        413: ("POST", "/auth/refresh", b" " * (1024 * 1024 + 1), {"Content-Type": "application/json"}),
        415: ("POST", "/auth/refresh", b"{}", {"Content-Type": "text/plain"}),
        400: ("POST", "/auth/refresh", b"{", {"Content-Type": "application/json"}),
        401: ("POST", "/genres", {"genre": "Western"}, forged),
        200: ("GET", "/health/live"),
    }
    slowest = 0
    with running(database, *patches) as server:
        for request in requests.values():
            ask(server.port, *request)
        database.cluster.stop()
        for status, request in requests.items():
            answers = [ask(server.port, *request) for _ in range(times)]
            right = all(answer.status == status for answer in answers)
            demand(right, f"{request[0]} {request[1]} answered {statuses(answers)} instead of {status}")
            slowest = max(slowest, *(answer.seconds for answer in answers))
    demand(slowest < seconds, f"the slowest took {slowest * 1000:.0f} ms")
    return f"{times} of each: all right, the slowest after {slowest * 1000:.0f} ms"


def test_a_restarted_database_costs_nothing_but_503s(database, choose, reached):
    reached(RESTARTS, outlasts_restarts(database, choose(2, 5)))


def test_dead_connections_that_are_kept_go_on_failing(database, missed):
    with missed(RESTARTS, "connections not recognised as dead"):
        outlasts_restarts(database, 1, "keeps_dead_connections")


def test_what_needs_no_database_is_right_without(database, choose, reached):
    reached(STOPPED, stays_right_without_database(database, choose(5, 100), choose(0.5, 0.05)))


def test_asking_the_database_first_makes_it_needed(database, missed):
    with missed(STOPPED, "each request asks the database first"):
        stays_right_without_database(database, 1, 0.5, "asks_the_database_first")
