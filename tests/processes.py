"""Real processes of the application, and ways to wait for them."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

from flask_migrate import upgrade
from werkzeug.serving import make_server

from mediatheque import config

PATIENCE = 30  # seconds


@contextmanager
def flask(*command, instance, log=subprocess.PIPE, errors=subprocess.STDOUT, **settings):
    """A running command of the application; standard output in *log*, errors too. It is killed if it goes on."""
    with subprocess.Popen(
        [sys.executable, "-m", "flask", *command],
        cwd=config.ROOT,
        env=os.environ | {"MEDIATHEQUE_INSTANCE": str(instance), "BCRYPT_LOG_ROUNDS": "4", **settings},
        stdout=log,
        stderr=errors,
        text=True,
        # Where the tests run in the background Ctrl-C may be ignored, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def output(process):
    text, _ = process.communicate(timeout=PATIENCE)
    return text


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@contextmanager
def serving(make_database, make_app, port, **settings):
    """``flask serve`` with two workers on a database with tables, in a process group of its own."""
    url = make_database(f"serve{port}")
    app = make_app(url)
    with app.app_context():
        upgrade()
    settings = {"DATABASE_URL": url.render_as_string(hide_password=False), "PORT": port, "WORKERS": "2", **settings}
    settings = {"COVERAGE_PROCESS_CONFIG": "", **settings}  # other tests cover the same lines
    with flask("serve", instance="", **settings) as process:
        wait_for(lambda: answers(port))
        yield process


def seeded(url, make_app):
    """The application on an empty database, after ``flask db create`` and ``flask db seed``."""
    app = make_app(url, MEDIATHEQUE_ENV="development")
    for command in ("create", "seed"):
        app.test_cli_runner().invoke(args=["db", command], catch_exceptions=False)
    return app


def children(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def is_running(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    return False


def free_port():
    """One that nobody listens at, of those that no system gives to a client in the next moment."""
    while True:
        port = 15_000 + secrets.randbelow(17_000)  # the same for nobody, whatever pytest-randomly has seeded
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return str(port)


def answers(port, path="/books"):
    with suppress(OSError), urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status == 200
    return False


@contextmanager
def served(app):
    """A real server with the application, in a thread of its own; its port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
