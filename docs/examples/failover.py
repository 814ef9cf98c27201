"""Shows, on one machine, that no acknowledged write is lost when the database's machine is.

    .venv/bin/python docs/examples/failover.py

In a temporary folder, from the packages postgresql and pgbouncer, it sets up what three machines would hold: a primary;
a standby, without which the primary acknowledges nothing; PgBouncer, which knows which of them is the primary. The
application (flask serve) writes to the one and reads from the other. Clients write all the time, each with an
Idempotency-Key, and repeat what was not acknowledged; each row is read back at once, which is from the standby.

Then the primary is killed, as a power cut would, the standby is promoted, and PgBouncer is told. At the end every write
must be in the database, once. What finds out that a primary is gone, and decides, is left to people or to Patroni: add
the seconds that this takes to those that are printed.

It runs as any user; for root, the servers run as the user postgres. It leaves nothing behind.
"""

import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

PROJECT = Path(__file__).parents[2]
WRITERS = 4
WRITES = 200  # acknowledged before the primary is killed, and once more afterwards
PATIENCE = 60  # seconds for any step
# PostgreSQL's servers refuse to be root's.
SERVANT: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}

# Sessions, so that it works with any PgBouncer. It cannot pass the application's time limits on: the role has them.
BOUNCER = """
[databases]
media_db = host={primary} dbname=media_db user=media_user
media_read = host={standby} dbname=media_db user=media_user
[pgbouncer]
unix_socket_dir = {folder}
listen_port = 5432
logfile = {folder}/log
auth_type = any
pool_mode = session
default_pool_size = 80
ignore_startup_parameters = options
server_login_retry = 1
"""
ROLE = """
CREATE ROLE media_user LOGIN;
CREATE DATABASE media_db OWNER media_user;
ALTER ROLE media_user SET statement_timeout = '5s';
ALTER ROLE media_user SET lock_timeout = '3s';
ALTER ROLE media_user SET idle_in_transaction_session_timeout = '10s';
"""

begun = time.monotonic()


def say(sentence: str) -> None:
    print(f"{time.monotonic() - begun:5.1f} s  {sentence}", flush=True)


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs, the newest, or of PgBouncer."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    path = os.pathsep.join([*map(str, reversed(folders)), os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=path)
    if not found:
        sys.exit(f"{name} is missing: apt install postgresql pgbouncer")
    return found


def run(*command: str | Path, **options: Any) -> str:
    """The output of a command that must succeed."""
    line = [str(part) for part in command]
    done = subprocess.run(line, text=True, capture_output=True, check=False, **options)  # noqa: S603
    if done.returncode != 0:
        sys.exit(f"{' '.join(line)} failed:\n{done.stdout}{done.stderr}")
    return str(done.stdout)


class Postgres:
    """A server in a folder of its own, which holds its socket as well: nobody else gets in, and no port is taken."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"

    def start(self) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\n")
            # A standby that has lost its primary looks for it again after this long, and is promoted only then.
            file.write("wal_retrieve_retry_interval = '200ms'\n")
        log = self.folder / "log"
        run(program("pg_ctl"), "start", "--wait", "-D", self.data, "--log", log, cwd=self.folder, **SERVANT)

    def do(self, *statements: str, database: str = "postgres") -> str:
        """What ``psql`` prints."""
        options = [part for statement in statements for part in ("--command", statement)]
        command = [program("psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-U", "postgres"]
        return run(*command, *options, database).strip()

    def kill(self) -> None:
        """``kill -9`` of all its processes."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        (self.data / "postmaster.pid").unlink()  # the number may be another process's tomorrow

    def stop(self) -> None:
        if (self.data / "postmaster.pid").exists():
            command = [program("pg_ctl"), "stop", "-m", "immediate", "-D", str(self.data)]
            subprocess.run(command, capture_output=True, check=False, cwd=self.folder, **SERVANT)  # noqa: S603


def ask(port: int, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    """The status and what was answered; 0 where nothing was."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request(method, path, json.dumps(body), {"Content-Type": "application/json", **headers})
        answer = client.getresponse()
        return answer.status, json.load(answer)
    except (OSError, http.client.HTTPException):
        return 0, None
    finally:
        client.close()


class Clients:
    """Members who write books, and read each back."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.acknowledged: list[tuple[float, str]] = []
        self.refused = self.unread = self.stale = 0
        self.over = threading.Event()
        account = {"email": "ada@example.org", "password": secrets.token_hex()}
        ask(port, "POST", "/auth/register", {"name": "Ada", **account})
        _, login = ask(port, "POST", "/auth/login", account)
        self.authorization = f"Bearer {login['token']}"
        self.book = {"page_count": 100}
        for path, body in {
            "/collections": {"name": "Everything"},
            "/genres": {"genre": "Travel"},
            "/formats": {"format": "Paperback"},
        }.items():
            _, made = self.send("POST", path, body, secrets.token_hex())
            self.book[f"{path[1:-1]}_id"] = made["id"]
        self.threads = [threading.Thread(target=self.write, args=(number,)) for number in range(WRITERS)]

    def send(self, method: str, path: str, body: object, key: str) -> tuple[int, Any]:
        return ask(self.port, method, path, body, **{"Authorization": self.authorization, "Idempotency-Key": key})

    def write(self, writer: int) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            title, key = f"Book {number} of writer {writer}", secrets.token_hex()
            while True:
                status, book = self.send("POST", "/books", self.book | {"title": title}, key)
                if status == http.HTTPStatus.CREATED:
                    break
                if self.over.is_set():
                    return
                self.refused += 1
                time.sleep(0.02)
            self.acknowledged.append((time.monotonic(), title))
            status, _ = ask(self.port, "GET", f"/books/{book['id']}")
            self.stale += status == http.HTTPStatus.NOT_FOUND
            self.unread += status not in (http.HTTPStatus.OK, http.HTTPStatus.NOT_FOUND)

    def wait_for_writes(self) -> None:
        enough = len(self.acknowledged) + WRITES
        wait_for(lambda: len(self.acknowledged) >= enough)

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()


def make_primary(folder: Path) -> Postgres:
    primary = Postgres(folder)
    command = [program("initdb"), "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--username=postgres"]
    run(*command, "-D", primary.data, cwd=folder, **SERVANT)
    primary.start()
    primary.do(*filter(None, ROLE.split("\n")))
    return primary


def make_standby(folder: Path, primary: Postgres) -> Postgres:
    standby = Postgres(folder)
    source = f"host={primary.folder} user=postgres application_name=standby"
    command = [program("pg_basebackup"), "--write-recovery-conf", "--checkpoint=fast", "--dbname", source]
    run(*command, "-D", standby.data, cwd=folder, **SERVANT)
    standby.start()
    # From here on a commit waits until the standby has it, and shows it.
    primary.do(
        "ALTER SYSTEM SET synchronous_standby_names = 'standby'",
        "ALTER SYSTEM SET synchronous_commit = 'remote_apply'",
        "SELECT pg_reload_conf()",
    )
    wait_for(lambda: primary.do("SELECT sync_state FROM pg_stat_replication") == "sync")
    return standby


@contextmanager
def bouncing(folder: Path, primary: Postgres, standby: Postgres) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """PgBouncer, and its file."""
    file = folder / "pgbouncer.ini"
    file.write_text(BOUNCER.format(primary=primary.folder, standby=standby.folder, folder=folder))
    with subprocess.Popen([program("pgbouncer"), "--quiet", file], cwd=folder, **SERVANT) as process:  # noqa: S603
        try:
            wait_for((folder / ".s.PGSQL.5432").exists)
            yield file, process
        finally:
            process.terminate()


@contextmanager
def serving(bouncer: Path, primary: Postgres) -> Iterator[int]:
    """The application; its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = os.environ | {
        "FLASK_APP": "src/mediatheque",
        "FLASK_SKIP_DOTENV": "1",
        "MEDIATHEQUE_ENV": "production",
        "JWT_SECRET_KEY": secrets.token_hex(32),
        "PORT": str(port),
        "WORKERS": "2",
    }
    flask = [sys.executable, "-m", "flask"]
    direct = f"postgresql://media_user@/media_db?host={primary.folder}"
    run(*flask, "db", "create", cwd=PROJECT, env=settings | {"DATABASE_URL": direct})
    settings |= {
        "DATABASE_URL": f"postgresql://media_user@/media_db?host={bouncer}",
        "DATABASE_READ_URL": f"postgresql://media_user@/media_read?host={bouncer}",
    }
    with (
        (bouncer.parent / "application.log").open("w") as log,
        subprocess.Popen([*flask, "serve"], cwd=PROJECT, env=settings, stdout=log, stderr=log) as process,  # noqa: S603
    ):
        try:
            wait_for(lambda: ask(port, "GET", "/health/ready")[0] == http.HTTPStatus.OK)
            yield port
        finally:
            process.terminate()


def show(folder: Path, stack: ExitStack) -> bool:
    """Whether nothing was lost."""
    places = [folder / name for name in ("primary", "standby", "pgbouncer")]
    for place in places:
        place.mkdir()
        if SERVANT:
            shutil.chown(place, SERVANT["user"], SERVANT["group"])
    primary = make_primary(places[0])
    stack.callback(primary.stop)
    standby = make_standby(places[1], primary)
    stack.callback(standby.stop)
    say(f"A primary and a synchronous standby run: {primary.do('SELECT version()').partition(' on ')[0]}.")
    file, bouncer = stack.enter_context(bouncing(places[2], primary, standby))
    port = stack.enter_context(serving(places[2], primary))
    say("The application runs behind PgBouncer; it writes to the primary and reads from the standby.")

    with Clients(port) as clients:
        clients.wait_for_writes()
        killed = time.monotonic()
        primary.kill()
        before = len(clients.acknowledged)
        say(f"{before} writes are acknowledged. The primary is killed.")
        run(program("pg_ctl"), "promote", "--wait", "-D", standby.data, cwd=folder, **SERVANT)
        say("The standby is promoted.")
        file.write_text(file.read_text().replace(str(primary.folder), str(standby.folder)))
        bouncer.send_signal(signal.SIGHUP)
        say("PgBouncer is told.")
        wait_for(lambda: clients.acknowledged[-1][0] > time.monotonic() - 0.1 and len(clients.acknowledged) > before)
        clients.wait_for_writes()
    moments = [killed, *(moment for moment, _ in clients.acknowledged if moment > killed)]
    longest = max(later - earlier for earlier, later in pairwise(moments))
    say(f"{len(clients.acknowledged)} writes are acknowledged. For {longest:.1f} s there was none.")
    say(f"Meanwhile {clients.refused} requests to write were refused, and repeated until they were acknowledged.")
    say(
        f"Reading back what had been written failed {clients.unread} times, and found it missing {clients.stale} times."
    )

    kept = standby.do("SELECT title FROM books", database="media_db").splitlines()
    written = {title for _, title in clients.acknowledged}
    lost, twice = written - set(kept), len(kept) - len(set(kept))
    say(f"The database has {len(kept)} books. Of the acknowledged ones {len(lost)} are lost, {twice} are there twice.")
    return not lost and not twice and len(kept) == len(written)


if __name__ == "__main__":
    with TemporaryDirectory(prefix="failover-") as name, ExitStack() as stack:
        Path(name).chmod(0o711)  # PostgreSQL's user must get to its folders, which nobody else may enter
        good = show(Path(name), stack)
    sys.exit(0 if good else 1)
