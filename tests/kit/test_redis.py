"""Rates that are counted in a Redis, of all workers together."""

import os
import shutil
import subprocess
from itertools import count

import pytest
from flask_migrate import upgrade

from mediatheque.kit.rates import storage
from processes import free_port, wait_for

NUMBERS = count()


@pytest.fixture
def redis(tmp_path):
    """A Redis of one's own: its process, its address."""
    port = free_port()
    program = shutil.which("redis-server", path=f"{os.environ['PATH']}:/opt/homebrew/bin")
    options = ["--port", port, "--bind", "127.0.0.1", "--dir", tmp_path, "--save", ""]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        wait_for(storage(f"redis://127.0.0.1:{port}").check)
        yield process, f"redis://127.0.0.1:{port}"
        process.kill()


@pytest.fixture
def workers(make_database, make_app, redis):
    """Clients of two applications on the same database and Redis."""
    url = make_database(f"redis{next(NUMBERS)}")
    made = [make_app(url, RATELIMIT_ENABLED="1", RATELIMIT_STORAGE_URI=redis[1]) for _ in range(2)]
    with made[0].app_context():
        upgrade()
    return [app.test_client() for app in made]


def register(worker):
    account = {"name": "Ada", "email": f"ada{next(NUMBERS)}@example.org", "password": "a long password"}
    return worker.post("/register", json=account)


def test_counts_for_all_workers(workers):
    assert [register(worker).status_code for worker in workers * 10] == [201] * 20
    for worker in workers:
        answer = register(worker)
        assert answer.status_code == 429
        assert 3500 < int(answer.headers["Retry-After"]) <= 3600


def test_whose_end_lets_everybody_through(workers, redis):
    assert [register(worker).status_code for worker in workers * 10] == [201] * 20
    process, _ = redis
    process.kill()
    process.wait()
    assert [register(worker).status_code for worker in workers] == [201, 201]


def test_is_found_by_check(workers):
    result = workers[0].application.test_cli_runner().invoke(args=["check"])
    assert "ok     The Redis of RATELIMIT_STORAGE_URI answers." in result.output
