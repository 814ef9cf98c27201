"""What was acknowledged is there, and nothing is there by halves, whoever is killed."""

import random
import signal

from faults.clients import Load
from faults.figures import Figure, demand
from faults.servers import running
from processes import free_port

SERVER = Figure(
    1, "`kill -9` of all server processes during 40 writes a second", "every acknowledged write is there, no half write"
)
DATABASE = Figure(2, "PostgreSQL stopped at once (`-m immediate`) under 40 writes a second", "the same")
RATE = 40  # writes a second


def everything_is_there(database, load):
    """Each write has made a row and its key: one without the other is half a write."""
    lost = load.acknowledged - set(database.ask("SELECT genre FROM genres"))
    demand(not lost, f"{len(lost)} of {len(load.acknowledged)} acknowledged writes were lost")
    halves = database.ask(
        "SELECT 1 FROM genres FULL JOIN idempotency_keys ON genre = key WHERE genre IS NULL OR key IS NULL"
    )
    demand(not halves, f"{len(halves)} writes were done by halves")
    return f"{len(load.acknowledged)} acknowledged writes, all there; no half write"


def survives_kills(database, kills, *patches):
    port = free_port()
    with Load(port, database.headers, rate=RATE) as load:
        for _ in range(kills):
            with running(database, *patches, port=port) as server:
                load.wait_for_writes(random.randint(20, 40))  # noqa: S311
                server.kill()
    return f"{kills} kills: {everything_is_there(database, load)}"


def survives_stops(database, stops, *patches):
    with running(database, *patches) as server, Load(server.port, database.headers, rate=RATE) as load:
        for _ in range(stops):
            load.wait_for_writes(random.randint(20, 40))  # noqa: S311
            database.cluster.stop(signal.SIGQUIT)
            database.cluster.start()
        load.wait_for_writes(1)
    return f"{stops} stops: {everything_is_there(database, load)}"


def test_no_acknowledged_write_is_lost_by_kill_9(database, choose, reached):
    reached(SERVER, survives_kills(database, choose(2, 20)))


def test_acknowledging_before_the_commit_loses_writes(database, missed):
    with missed(SERVER, "acknowledging before the commit"):
        survives_kills(database, 1, "acknowledges_before_the_commit")


def test_no_acknowledged_write_is_lost_with_the_database(database, choose, reached):
    reached(DATABASE, survives_stops(database, choose(2, 10)))


def test_committing_to_memory_loses_writes(database, missed):
    with missed(DATABASE, "`synchronous_commit` off in the server's connections"):
        survives_stops(database, 2, "commits_to_memory")
