"""``flask serve`` as faults meet it: real processes, of the program or of a copy with a guard taken out."""

import os
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from faults.clients import ask
from faults.cluster import SECRET
from mediatheque import config
from processes import children, flask, free_port, is_running, wait_for

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Server:
    port: int
    process: subprocess.Popen

    def workers(self):
        return children(self.process)

    def kill(self):
        """``kill -9`` of all its processes; returns when they are gone."""
        everybody = [self.process.pid, *self.workers()]
        for pid in everybody:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(is_running(pid) for pid in everybody))


def patched(*patches):
    """The environment in which unguarded.py is found, and does that."""
    paths = os.pathsep.join(map(str, (config.ROOT / "src", config.ROOT / "tests")))
    return {"PATCHES": ",".join(patches), "PYTHONPATH": paths}


@contextmanager
def running(database, *patches, port=None, **settings):
    """The server, as soon as it is alive; *patches* are what unguarded.py does to its copy of the program."""
    port = port or free_port()
    settings = {
        "DATABASE_URL": database.url,
        "JWT_SECRET_KEY": SECRET,
        "PORT": port,
        "WORKERS": "2",
        "RATELIMIT_ENABLED": "0",
        "COVERAGE_PROCESS_CONFIG": "",  # what is measured here is not what was covered
        **settings,
    }
    if patches:
        settings |= {"FLASK_APP": str(FOLDER / "unguarded.py"), **patched(*patches)}
    with TemporaryFile("w+") as log, flask("serve", instance="", log=log, **settings) as process:
        server = Server(int(port), process)
        wait_for(lambda: process.poll() is not None or ask(server.port, "GET", "/health/live").status == 200)
        log.seek(0)
        assert process.poll() is None, log.read()
        try:
            yield server
        finally:
            if process.poll() is None:
                server.kill()
