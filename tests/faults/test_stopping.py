"""A server that is told to stop finishes what it has begun."""

import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from faults.clients import ask, statuses
from faults.figures import Figure, demand
from faults.servers import running
from processes import wait_for

STOP = Figure(7, "SIGTERM with 8 requests of 3 s in flight", "all 8 finish, exit within 10 s")
IN_FLIGHT = 8
EXIT = 10  # seconds
SLOW = """
CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END';
CREATE TRIGGER slow BEFORE INSERT ON genres FOR EACH ROW EXECUTE FUNCTION sleep()
"""
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"


def finishes_what_it_has_begun(database, seconds, *patches):
    database.do(SLOW.format(seconds=seconds))
    with running(database, *patches, THREADS=str(IN_FLIGHT)) as server, ThreadPoolExecutor(IN_FLIGHT) as threads:
        asked = [
            threads.submit(ask, server.port, "POST", "/genres", {"genre": f"Slow {number}"}, database.headers)
            for number in range(IN_FLIGHT)
        ]
        wait_for(lambda: database.ask(SLEEPING) == [IN_FLIGHT])
        server.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        answers = [each.result() for each in asked]
        demand(all(answer.status == 201 for answer in answers), statuses(answers))
        try:
            status = server.process.wait(EXIT - (time.monotonic() - begun))
        except subprocess.TimeoutExpired:
            status = f"none within {EXIT} s"
        taken = time.monotonic() - begun
    demand(status == 0, f"exit status {status}")
    rows = len(database.ask("SELECT id FROM genres"))
    demand(rows == IN_FLIGHT, f"{rows} rows")
    return f"{statuses(answers)}, all rows there; exit after {taken:.1f} s"


def test_requests_in_flight_finish_before_the_server_stops(database, choose, reached):
    reached(STOP, finishes_what_it_has_begun(database, choose(1, 3)))


def test_dying_at_sigterm_loses_requests(database, missed):
    with missed(STOP, "workers that die at SIGTERM"):
        finishes_what_it_has_begun(database, 1, "dies_at_sigterm")
