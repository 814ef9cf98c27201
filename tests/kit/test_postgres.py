"""The embedded server, as its users and an operator see it: real servers, real processes, real deaths."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from mediatheque.kit import postgres

AS_ROOT = os.geteuid() == 0
NOBODY = 65534
JOIN = """
import pathlib, sys
import postgres
postgres.start(pathlib.Path(sys.argv[1]))
"""
USE = JOIN + "print('ready', flush=True)\nsys.stdin.read()"
LEAVE_A_FORK = JOIN + "import os\nif os.fork() == 0:\n    print(os.getpid(), flush=True)\n    sys.stdin.read()"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that the server's user can reach, which pytest's own are not as root; its servers end with it."""
    with _reachable_folder() as folder:
        yield folder


@pytest.fixture
def instance(folder: Path) -> Path:
    return folder / "instance"


@pytest.fixture
def closed(folder: Path) -> Path:
    """Give a folder that nobody else may enter, like the home of root."""
    (folder / "closed").mkdir()
    (folder / "closed").chmod(0o700)
    return folder / "closed"


@pytest.fixture
def elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the place that stands for /var/tmp, and goes with the test."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o711)
    monkeypatch.setattr(postgres, "SHARED_FOLDER", elsewhere)
    return elsewhere


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """Give an instance for the tests that leave its server as it was."""
    with _reachable_folder() as folder:
        postgres.start(folder)
        yield folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """Give an instance whose cluster is made already, and that this process never joins."""
    with _reachable_folder() as folder:
        with user(folder):
            pass
        yield folder


@pytest.fixture
def unused(cluster: Path) -> Iterator[Path]:
    """Give an instance with a cluster that nobody uses, before the test and after it."""
    until(lambda: not has_server(cluster))
    yield cluster
    until(lambda: not has_server(cluster))


@contextlib.contextmanager
def _reachable_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mediatheque-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        remove(folder)


@contextlib.contextmanager
def user(instance: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that uses the server of ``instance`` until it is killed or the block ends."""
    with python(USE, instance) as process:
        assert process.stdout.readline() == "ready\n"
        yield process


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    # The file alone, which needs nothing of the application, starts in a tenth of the time.
    environment = {**os.environ, "PYTHONPATH": str(Path(postgres.__file__).parent)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal of its own
    )


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it has not happened in time"
        time.sleep(0.02)


def remove(folder: Path) -> None:
    """Remove what a test has made; a server in it ends by that, and may still write while we remove."""
    servers = [int(file.read_text().split()[0]) for file in folder.rglob("postmaster.pid")]
    until(lambda: shutil.rmtree(folder, ignore_errors=True) or not folder.exists())
    until(lambda: not any(is_alive(server) for server in servers))


def is_alive(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def socket_folder(instance: Path) -> Path:
    return Path(str(make_url(postgres.url(instance)).query["host"]))


def server_process(instance: Path) -> int:
    return int((instance / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def has_server(instance: Path) -> bool:
    return (instance / "postgres" / "data" / "postmaster.pid").exists()


def kill_server(instance: Path) -> None:
    server = server_process(instance)
    os.kill(server, signal.SIGKILL)
    until(lambda: not is_alive(server))


def watcher_process(instance: Path) -> int:
    """Give the process that holds the watcher's lock, which is the server's parent."""
    return int(Path(f"/proc/{server_process(instance)}/stat").read_text().rpartition(")")[2].split()[1])


def is_stopping(instance: Path) -> bool:
    """Tell whether a watcher has the users' lock for itself."""
    users = os.open(instance / "postgres" / "users.lock", os.O_RDWR)
    try:
        fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(users)
    return False


def ask(instance: Path, query: str) -> object:
    url = make_url(postgres.url(instance))
    with psycopg.connect(host=url.query["host"], user=url.username, dbname=url.database) as connection:
        cursor = connection.execute(query)
        return cursor.fetchone()[0] if cursor.description else None


def test_a_server_knows_all_letters(shared: Path) -> None:
    assert ask(shared, "SELECT lower('ÉÑ') || upper('ß')") in ("éñß", "éñSS")


def test_a_server_promises_durability(shared: Path) -> None:
    assert ask(shared, "SHOW fsync") == "on"


def test_a_server_listens_on_no_port(shared: Path) -> None:
    assert ask(shared, "SHOW listen_addresses") == ""


def test_only_the_servers_user_may_enter_the_socket_folder(shared: Path) -> None:
    assert socket_folder(shared).stat().st_mode & 0o077 == 0


def test_the_url_creates_nothing(folder: Path) -> None:
    postgres.url(folder / "instance")
    assert list(folder.iterdir()) == []


def test_starting_again_leaves_the_server_alone(shared: Path) -> None:
    before = server_process(shared), len([*Path("/dev/fd").iterdir()])
    postgres.start(shared)
    assert (server_process(shared), len([*Path("/dev/fd").iterdir()])) == before


def test_a_second_process_joins_the_server(shared: Path) -> None:
    before = server_process(shared)
    with user(shared):
        assert server_process(shared) == before


def test_threads_start_one_server(instance: Path) -> None:
    errors = []

    def start() -> None:
        try:
            postgres.start(instance)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert ask(instance, "SELECT 1") == 1


def test_two_processes_starting_at_once_share_one_server(unused: Path) -> None:
    log = unused / "postgres" / "log"
    starts = log.read_text().count("ready to accept connections")
    with python(USE, unused) as first, python(USE, unused) as second:
        assert first.stdout.readline() == second.stdout.readline() == "ready\n"
        assert log.read_text().count("ready to accept connections") == starts + 1


@pytest.mark.parametrize("death", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_user_leaves_no_server(unused: Path, death: signal.Signals) -> None:
    with user(unused) as process:
        server, watcher = server_process(unused), watcher_process(unused)
        process.send_signal(death)
    until(lambda: not is_alive(server) and not is_alive(watcher))


def test_ctrl_c_in_one_terminal_leaves_the_server_to_another(unused: Path) -> None:
    with user(unused) as first, user(unused):
        server = server_process(unused)
        os.killpg(first.pid, signal.SIGINT)
        first.wait()
        with pytest.raises(AssertionError, match="not happened"):
            until(lambda: not is_alive(server), seconds=0.6)


def test_a_forked_child_keeps_the_server(unused: Path) -> None:
    with python(LEAVE_A_FORK, unused) as process:
        child = int(process.stdout.readline())
        assert process.wait() == 0
        server = server_process(unused)
        with pytest.raises(AssertionError, match="not happened"):
            until(lambda: not is_alive(server), seconds=0.6)
        os.kill(child, signal.SIGKILL)
        until(lambda: not is_alive(server))


def test_a_program_started_by_a_user_does_not_keep_the_server(unused: Path) -> None:
    code = (
        JOIN
        + "import subprocess\nprint(subprocess.Popen(['sleep', '60'], close_fds=False).pid, flush=True)\nos._exit(0)"
    )
    with python("import os" + code, unused) as process:
        child = int(process.stdout.readline())
    server = server_process(unused)
    until(lambda: not is_alive(server))
    os.kill(child, signal.SIGKILL)


def test_who_comes_while_the_server_stops_gets_a_server(unused: Path) -> None:
    with user(unused) as process:
        process.kill()
    until(lambda: is_stopping(unused))
    with user(unused):
        assert ask(unused, "SELECT 1") == 1


def test_a_killed_server_comes_back_with_its_data(shared: Path) -> None:
    ask(shared, "CREATE TABLE kept AS SELECT 7 AS number")
    kill_server(shared)
    postgres.start(shared)
    assert ask(shared, "SELECT number FROM kept") == 7


def test_a_killed_server_comes_back_after_its_last_query(shared: Path) -> None:
    with psycopg.connect(host=str(socket_folder(shared)), user="postgres") as connection:
        connection.pgconn.send_query(b"SELECT sum(number) FROM generate_series(1, 5000000) number")
        until(lambda: ask(shared, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT sum%'"))
        kill_server(shared)
        postgres.start(shared)
        connection.close()
    assert ask(shared, "SELECT 1") == 1


def test_a_server_whose_watcher_was_killed_stops_after_the_next_user(unused: Path) -> None:
    with user(unused):
        server = server_process(unused)
        os.kill(watcher_process(unused), signal.SIGKILL)
    with user(unused):
        assert server_process(unused) == server
    until(lambda: not is_alive(server))


def test_a_deleted_folder_ends_its_server_and_a_new_one_starts(instance: Path) -> None:
    postgres.start(instance)
    remove(instance)
    postgres.start(instance)
    server = server_process(instance)
    with pytest.raises(AssertionError, match="not happened"):
        until(lambda: not is_alive(server), seconds=0.6)
    assert ask(instance, "SELECT 1") == 1


def test_any_path_will_do(folder: Path) -> None:
    instance = folder / "space 'quote' \"quotes\" $HOME é%41+"
    postgres.start(instance)
    assert ask(instance, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["comma,", "new\nline", "not UTF-8 \udc80", "long" * 40])
def test_a_path_that_no_socket_can_have_gets_a_short_one(folder: Path, name: str) -> None:
    assert re.fullmatch(r"/tmp/mediatheque-[0-9a-f]{16}", str(socket_folder(folder / name)))


def test_a_short_socket_folder_goes_with_its_server(folder: Path) -> None:
    instance = folder / ("comma, quote' quotes\"" + "long" * 30)
    short = socket_folder(instance)
    postgres.start(instance)
    assert ask(instance, "SELECT 1") == 1
    assert short.stat().st_mode & 0o077 == 0
    remove(instance)
    until(lambda: not short.exists())


def test_two_clones_with_one_instance_share_its_server(shared: Path, folder: Path) -> None:
    (folder / "link").symlink_to(shared)
    assert postgres.url(folder / "link") == postgres.url(shared)


def test_without_system_binaries_the_wheel_serves(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_system_binaries(monkeypatch)
    postgres.start(instance)
    assert ask(instance, "SHOW server_version_num").startswith("18")
    assert ask(instance, "SELECT lower('É')") == "é"


def test_without_any_binaries_the_error_says_what_to_do(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_system_binaries(monkeypatch)
    monkeypatch.setattr(postgres, "WHEEL", "no_such_wheel")
    with pytest.raises(postgres.PostgresError, match=r"No PostgreSQL 13 .* install one .* or set DATABASE_URL"):
        postgres.start(instance)


def test_a_cluster_of_another_version_is_named_and_kept(instance: Path) -> None:
    data = instance / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(postgres.PostgresError, match=rf"{data} is a cluster of PostgreSQL 9.*pg_dumpall"):
        postgres.start(instance)
    assert (data / "PG_VERSION").read_text() == "9.6\n"


def test_a_folder_that_is_no_cluster_is_kept(instance: Path) -> None:
    data = instance / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "precious").touch()
    with pytest.raises(postgres.PostgresError, match="not empty"):
        postgres.start(instance)
    assert (data / "precious").exists()


def test_a_half_made_cluster_is_made_anew(instance: Path) -> None:
    half = instance / "postgres" / ".initdb-killed"
    half.mkdir(parents=True)
    postgres.start(instance)
    assert not half.exists()


def test_a_failing_initdb_is_quoted(instance: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(folder / "bin" / "postgres", "echo 'postgres (PostgreSQL) 99.1'")
    write_program(folder / "bin" / "initdb", "echo 'no space left' >&2; exit 1")
    write_program(folder / "broken" / "postgres", "exit 1")
    write_program(folder / "broken" / "initdb", "exit 1")
    monkeypatch.setattr(postgres, "SYSTEM_FOLDERS", (f"{folder}/b*",))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(postgres.PostgresError, match=r"initdb failed in .*: no space left"):
        postgres.start(instance)
    assert list((instance / "postgres").glob(".initdb-*")) == []


def test_a_failing_server_is_quoted(unused: Path) -> None:
    settings = unused / "postgres" / "data" / "postgresql.conf"
    before = settings.read_text()
    settings.write_text("nonsense = 1\n")
    try:
        with pytest.raises(postgres.PostgresError, match=r"did not start in .*nonsense"):
            postgres.start(unused)
    finally:
        settings.write_text(before)
        os.close(postgres._held.pop(unused / "postgres"))


def test_a_silent_server_is_not_waited_for_forever(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (instance / "postgres").mkdir(parents=True)
    monkeypatch.setattr(postgres, "PATIENCE", 0.1)
    watcher = os.open(instance / "postgres" / "watcher.lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(watcher, fcntl.LOCK_EX)
    try:
        with pytest.raises(postgres.PostgresError, match=r"did not start in .*log"):
            postgres.start(instance)
    finally:
        os.close(watcher)


def test_a_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    (folder / "file").touch(mode=0o755)
    with pytest.raises(postgres.PostgresError, match=rf"{folder}/file/postgres cannot be used .*DATABASE_URL"):
        postgres.start(folder / "file")


def test_windows_is_told_to_bring_a_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", "win32")
        with pytest.raises(postgres.PostgresError, match="does not run on Windows: set DATABASE_URL"):
            postgres.url(tmp_path)


def test_root_without_another_account_is_told_to_add_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres.pwd, "getpwnam", unknown)
    monkeypatch.setattr(Path, "exists", lambda self: False)
    with pytest.raises(postgres.PostgresError, match="add a user postgres or nobody"):
        postgres.url(tmp_path)


def test_the_server_runs_as_the_owner_of_its_folder(instance: Path) -> None:
    home = instance / "postgres"
    home.mkdir(parents=True)
    if AS_ROOT:
        os.chown(home, NOBODY, NOBODY)
    postgres.start(instance)
    assert (home / "data").stat().st_uid == (home / "log").stat().st_uid == home.stat().st_uid


def test_only_root_moves_out_of_a_closed_folder(closed: Path) -> None:
    place = socket_folder(closed / "instance")
    if AS_ROOT:
        assert re.fullmatch(r"/var/tmp/mediatheque-[0-9a-f]{16}/data", str(place))
    else:
        assert place == closed / "instance" / "postgres" / "data"


def test_an_ordinary_user_stays_in_a_closed_folder(folder: Path) -> None:
    code = (
        "import os, pathlib, sys\nimport postgres\n"
        f"if os.geteuid() == 0: os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "closed = pathlib.Path(sys.argv[1], 'closed')\nclosed.mkdir(0o700)\nprint(postgres.url(closed))"
    )
    folder.chmod(0o777)
    with python(code, folder) as process:
        assert process.stdout.read().endswith(f"?host={folder}/closed/postgres/data\n")


def test_a_closed_folder_and_a_closed_wheel_serve(
    closed: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_system_binaries(monkeypatch)
    package = Path(postgres.importlib.util.find_spec(postgres.WHEEL).origin).parent
    shutil.copytree(package / "pginstall18", closed / "site" / package.name / "pginstall18")
    (closed / "site" / package.name / "__init__.py").touch()
    for libraries in package.parent.glob(f"{package.name}.libs"):
        shutil.copytree(libraries, closed / "site" / libraries.name)
    monkeypatch.syspath_prepend(closed / "site")
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    postgres.start(closed / "instance")
    binaries = Path(ask(closed / "instance", "SELECT setting FROM pg_config() WHERE name = 'BINDIR'"))
    assert binaries.is_relative_to(elsewhere if AS_ROOT else closed / "site")
    assert postgres._choose_binaries(postgres._locate(closed / "instance")).folder == binaries


def test_a_cluster_stays_where_it_is_when_its_folder_is_opened(closed: Path, elsewhere: Path) -> None:
    place = socket_folder(closed / "instance")
    place.mkdir(parents=True)
    (place / "PG_VERSION").touch()
    closed.chmod(0o711)
    assert socket_folder(closed / "instance") == place


def test_a_place_that_somebody_else_has_taken_is_refused(folder: Path) -> None:
    instance = folder / ("long" * 40)
    taken = socket_folder(instance)
    taken.symlink_to(folder)
    try:
        with pytest.raises(postgres.PostgresError, match=rf"{taken} belongs to somebody else"):
            postgres.start(instance)
    finally:
        taken.unlink()


def test_a_home_that_somebody_else_has_made_is_refused(closed: Path, elsewhere: Path) -> None:
    home = socket_folder(closed / "instance").parent
    if AS_ROOT:
        home.mkdir()
        os.chown(home, NOBODY, NOBODY)
        with pytest.raises(postgres.PostgresError, match=rf"{home} belongs to somebody else .*{NOBODY}"):
            postgres.start(closed / "instance")
    else:
        assert home == closed / "instance" / "postgres"


def hide_system_binaries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", "")


def write_program(path: Path, line: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    path.parent.chmod(0o755)
