"""``flask start`` and ``flask serve``, which ``make run`` and ``make serve`` call: real processes."""

import fcntl
import json
import os
import re
import signal
import socket
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from flask_migrate import upgrade

from mediatheque.cli.database import seed_if_empty
from mediatheque.serve import STOP_WITHIN
from processes import PATIENCE, answers, children, flask, is_running, output, serving, wait_for


@pytest.fixture
def instance():
    """A folder for an embedded database, which its server's user can reach; the server is gone when the test is."""
    with TemporaryDirectory(prefix="mediatheque-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "instance"
        wait_for(lambda: not postmasters(folder))


def postmasters(instance):
    """The process ids of PostgreSQL servers whose data lie in that folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if Path(arguments[0]).name == "postgres" and any(str(instance) in argument for argument in arguments):
            found.append(int(process.name))
    return found


def title_found_as_typed(port):
    """Whether an é that a client sends as it is, as curl does, counts as one."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall("GET /books?q=Tést HTTP/1.0\r\n\r\n".encode())
        return "Test Book" in client.makefile(encoding="utf-8").read()


def first_lines(process, number):
    return [process.stdout.readline() for _ in range(number)]


def test_serves_a_seeded_library_and_stops_everything_at_ctrl_c_or_with_its_terminal(instance, port):
    for end in (signal.SIGINT, signal.SIGHUP):
        with flask("start", instance=instance, PORT=port) as process:
            address, logins = first_lines(process, 2)
            assert f"http://127.0.0.1:{port}" in address
            assert logins == "Sign in as admin1@admin.com / admin1 or as user1@user.com / user1.\n"
            with urlopen(f"http://127.0.0.1:{port}/books") as answer:
                assert answer.read().count(b"Test Book") == 1
            assert title_found_as_typed(int(port))
            process.send_signal(end)
            assert process.wait(PATIENCE) == 0
        wait_for(lambda: not postmasters(instance))


def test_without_tables_a_request_says_that_they_are_missing(instance, port):
    with flask("run", "--port", port, instance=instance) as process:
        wait_for(lambda: "Running on" in process.stdout.readline())
        with pytest.raises(HTTPError) as error:
            urlopen(f"http://127.0.0.1:{port}/books")
        assert error.value.code == 503
        error.value.close()
        process.terminate()
        assert "The tables of the database are missing: flask db create makes them." in output(process)


def test_tables_are_made_once_by_commands_that_run_at_once(instance):
    with ExitStack() as stack:
        processes = [stack.enter_context(flask("db", "create", instance=instance)) for _ in range(2)]
        for process in processes:
            assert "Tables have been created." in output(process)


def test_a_taken_port_is_a_sentence(instance):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        flask("start", instance=instance, PORT=str(taken.getsockname()[1])) as process,
    ):
        said = output(process)
        assert re.fullmatch(
            r"Error: Cannot listen at 127.0.0.1, port \d+: Address already in use. PORT=9000 .*\n", said
        )
        assert process.returncode == 1


def test_is_opened_to_others_once_no_password_is_a_published_one(make_database, make_app, port):
    url = make_database("opened")
    with make_app(url).app_context():
        upgrade()
        seed_if_empty()
    production = {"MEDIATHEQUE_ENV": "production", "JWT_SECRET_KEY": "0123456789abcdef" * 2}
    for settings in ({"HOST": "0.0.0.0"}, {"HOST": "::"}, {"HOST": "192.0.2.1"}, production):
        runner = make_app(url, PORT=port, **settings).test_cli_runner()
        for command in ("start", "serve"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(socket, "create_server", lambda *_, **__: socket.socket())  # not every machine has IPv6
                refused = runner.invoke(args=[command])
            assert refused.exit_code == 1
            for address in ("admin1@admin.com", "user1@user.com"):
                assert f"flask users password {address}" in refused.output
    for address in ("admin1@admin.com", "user1@user.com"):
        runner.invoke(args=["users", "password", address, "--password", "a new password"])
    settings = {"DATABASE_URL": url.render_as_string(hide_password=False), "HOST": "0.0.0.0", "PORT": port}
    with flask("start", instance="", **settings) as process:
        assert "http://0.0.0.0" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert "Sign in as" not in output(process)


@pytest.mark.parametrize(
    ("url", "reason"),
    [("postgresql://127.0.0.1:1/nothing", "The database is away."), (None, "The tables are missing: flask db create")],
)
def test_serves_others_without_a_database_and_says_so(make_database, port, url, reason):
    url = url or make_database(f"bare{port}").render_as_string(hide_password=False)
    with flask("serve", instance="", DATABASE_URL=url, HOST="0.0.0.0", PORT=port, WORKERS="1") as process:
        assert process.stdout.readline().startswith(reason)
        wait_for(lambda: answers(port, "/health/live"))


def test_errors_that_nobody_reads_keep_nobody_waiting(port):
    unread, written = os.pipe()
    fcntl.fcntl(written, fcntl.F_SETPIPE_SZ, 4096)
    settings = {"DATABASE_URL": "postgresql://127.0.0.1:1/nothing", "PORT": port, "WORKERS": "1"}
    with flask("serve", instance="", errors=written, **settings) as process:
        wait_for(lambda: answers(port, "/health/live"))
        for _ in range(40):
            with pytest.raises(HTTPError) as error:
                urlopen(f"http://127.0.0.1:{port}/books", timeout=PATIENCE)
            error.value.close()
        process.terminate()
        process.wait(PATIENCE)
    os.close(written)
    with os.fdopen(unread, "rb") as errors:
        assert b"The database cannot be reached at the moment." in errors.read()


def test_a_setting_that_cannot_be_read_is_a_sentence(instance):
    with flask("start", instance=instance, PORT="http") as process:
        assert output(process) == "Error: PORT must be a whole number from 1 to 65535, not http.\n"
        assert process.returncode == 1


class TestServe:
    @pytest.fixture
    def server(self, make_database, make_app, port):
        with serving(make_database, make_app, port) as process:
            yield process

    @pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("whom", [slice(1), slice(3)], ids=["parent", "all"])
    def test_stops_at_once(self, server, end, whom):
        processes = [server.pid, *children(server)]
        assert len(processes) == 3
        started = time.monotonic()
        for pid in processes[whom]:
            os.kill(pid, end)
        assert server.wait(PATIENCE) == 0
        assert time.monotonic() - started < STOP_WITHIN

    def test_takes_a_name_for_its_address(self, make_database, make_app, port):
        with serving(make_database, make_app, port, HOST="localhost") as process:
            assert process.poll() is None

    def test_workers_end_with_a_parent_that_was_killed(self, server, port):
        workers = children(server)
        server.kill()
        wait_for(lambda: not any(is_running(pid) for pid in workers))
        assert not answers(port)

    def test_a_killed_worker_is_replaced(self, server, port):
        first, second = children(server)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: len([pid for pid in children(server) if is_running(pid) and pid != first]) == 2)
        assert second in children(server)
        wait_for(lambda: answers(port))

    def test_a_second_server_does_not_share_the_port(self, server, port, make_database):
        with flask("serve", instance="", DATABASE_URL=make_database("second").render_as_string(), PORT=port) as other:
            assert f"Cannot listen at 127.0.0.1, port {port}: Address already in use." in output(other)
            assert other.returncode == 1


def test_in_production_a_request_is_a_line_of_json(make_database, make_app, port):
    settings = {"MEDIATHEQUE_ENV": "production", "JWT_SECRET_KEY": "a secret of the tests, long enough for HS256"}
    with serving(make_database, make_app, port, **settings) as process:
        with pytest.raises(HTTPError) as error:
            urlopen(f"http://127.0.0.1:{port}/books/ada@example.org?q=ada@example.org")
        error.value.close()
        with urlopen(f"http://127.0.0.1:{port}/books/?q=ada@example.org") as answer:
            id = answer.headers["X-Request-ID"]
        process.terminate()
        said = output(process)
    lines = [one for one in map(json.loads, said.splitlines()) if "milliseconds" in one]
    (line,) = [line for line in lines if line["request_id"] == id]
    assert line["milliseconds"] > 0
    assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
    assert (line["method"], line["route"], line["status"], line["user_id"]) == ("GET", "/books", 200, None)
    assert any(line["status"] == 404 and line["route"] is None for line in lines)
    assert "ada@example.org" not in said
