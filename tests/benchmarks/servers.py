"""The servers that are compared: each in a process group of its own, which is all that is ended afterwards."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.database import BenchmarkError, Database
from mediatheque import config

WORKERS = os.cpu_count() or 1
THREADS = 4  # of each WSGI worker
CONNECTIONS = 16  # of wrk
PATIENCE = 30  # seconds a server may take to start, or to stop

APPLICATION = [sys.executable, "-m", "flask", "serve"]
FLASK_LIMIT = [sys.executable, "-m", "benchmarks.launch", "flask_limit"]
WSGI_LIMIT = [sys.executable, "-m", "benchmarks.launch", "wsgi_limit"]
FASTAPI_PEER = [
    *(sys.executable, "-m", "uvicorn", "benchmarks.fastapi_peer:app", "--workers", str(WORKERS), "--no-access-log"),
    *("--loop", "uvloop", "--http", "httptools", "--log-level", "warning", "--port"),
]


@dataclass(frozen=True)
class Server:
    name: str
    port: int
    process: psutil.Process
    lines: Path  # standard output: the access log

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        return self.ask("GET", path, None, headers)

    def ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (their names in lower case) and body of one answer, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, response.read()
        finally:
            connection.close()

    def workers(self) -> list[psutil.Process]:
        return self.process.children(recursive=True)

    def forget_lines(self) -> None:
        os.truncate(self.lines, 0)


@contextmanager
def running(name: str, command: list[str], database: Database, folder: Path) -> Iterator[Server]:
    """A server that answers; its output goes into files in *folder*."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    lines, errors = folder / f"{name}-{port}.log", folder / f"{name}-{port}.err"
    environment = database.environment() | {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WORKERS": str(WORKERS),
        "THREADS": str(THREADS),
        "CONNECTIONS": str(CONNECTIONS),
    }
    with lines.open("ab") as output, errors.open("ab") as problems:
        process = subprocess.Popen(
            [*command, str(port)] if command[-1] == "--port" else command,
            cwd=config.ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=problems,
            start_new_session=True,
        )
    server = Server(name, port, psutil.Process(process.pid), lines)
    try:
        _await_answer(server, process, database, errors)
        yield server
    finally:
        _stop(process)


def _await_answer(server: Server, process: subprocess.Popen[bytes], database: Database, errors: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if server.get(f"/books/{database.first_id}")[0] == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    raise BenchmarkError(f"{server.name} does not answer: {errors.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
