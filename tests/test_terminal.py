"""The commands as somebody at a terminal meets them, or a script, or what stands at the other end of a pipe."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from flask.cli import cli as flask_group
from flask_migrate import upgrade
from flask_migrate.cli import db as migrate_group
from sqlalchemy import NullPool, create_engine, make_url, text

from mediatheque import config
from processes import PATIENCE, wait_for

COLOUR = "\x1b["
CTRL_C = "\x03"
AWAY = make_url("postgresql+psycopg://ada:hunter2@127.0.0.1:1/media")
PRODUCTION = {"MEDIATHEQUE_ENV": "production", "JWT_SECRET_KEY": "0123456789abcdef" * 2}


@pytest.fixture(scope="module")
def url(make_database, make_app):
    """A database with tables."""
    url = make_database("terminal")
    with make_app(url).app_context():
        upgrade()
    return url.render_as_string(hide_password=False)


def environment(settings):
    return os.environ | {
        "DATABASE_URL": AWAY.render_as_string(hide_password=False),
        "COLUMNS": "",
        "NO_COLOR": "",
        "PYTHONUNBUFFERED": "",  # to meet a full disk as anybody would
        **settings,
    }


def flask(*command, stdout=subprocess.PIPE, **settings):
    """A command that has ended, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *command],
        cwd=config.ROOT,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


class Terminal:
    """A command that runs in a terminal of its own, 80 columns wide; *text* is what it has shown."""

    def __init__(self, process, master):
        self.process, self.master, self.text = process, master, ""

    def type(self, keys):
        os.write(self.master, keys.encode())

    def interrupt(self):
        """Type Ctrl-C; again where Python has missed it, which can be while it begins to read an answer."""
        self.type(CTRL_C)
        while "Interrupted" not in self.text:
            ready, _, _ = select.select([self.master], [], [], 1)
            if ready:
                assert self.read(), self.text
            else:
                self.type(CTRL_C)

    def read(self):
        """Whether there was something to read; at the command's end there is nothing."""
        ready, _, _ = select.select([self.master], [], [], PATIENCE)
        assert ready, self.text
        try:
            shown = os.read(self.master, 10_000)
        except OSError:  # Linux's word for an end, where others give nothing
            shown = b""
        self.text += shown.decode()
        return bool(shown)

    def wait_for(self, pattern):
        while not re.search(pattern, self.text):
            assert self.read(), self.text

    def wait(self):
        """The exit status."""
        while self.read():
            pass
        return self.process.wait(PATIENCE)


@contextmanager
def terminal(*command, **settings):
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))

    def take_terminal():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        [sys.executable, "-m", "flask", *command],
        cwd=config.ROOT,
        env=environment(settings),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=take_terminal,  # noqa: PLW1509
    ) as process:
        os.close(slave)
        try:
            yield Terminal(process, master)
        finally:
            process.kill()
            os.close(master)


def typed(app, *command):
    """What ``flask`` made of it, in this process."""
    return app.test_cli_runner().invoke(flask_group, command, prog_name="flask")


def ours(group, path="flask"):
    """The project's commands, each with what one types."""
    for name, command in group.commands.items():
        if command not in migrate_group.commands.values() and name != "openapi":
            yield f"{path} {name}", command
            if isinstance(command, click.Group):
                yield from ours(command, f"{path} {name}")


class TestHelp:
    def test_has_examples_of_every_command_that_can_be_typed(self, app):
        for path, command in ours(app.cli):
            lines = re.findall("^  (.+)$", command.epilog, re.MULTILINE)
            assert lines
            for line in lines:
                example = re.fullmatch(rf"(?:[A-Z_]+=\w+ )*({path}\b[^|>]*)(?: [|>] .+)?", line)[1]
                if not isinstance(command, click.Group):
                    arguments = example.removeprefix(path).split()
                    _, too_many, _ = command.make_parser(click.Context(command)).parse_args(arguments)
                    assert too_many == []

    def test_of_flask_gives_an_overview_of_all_of_them_and_keeps_flasks_own(self, app):
        done = typed(app, "--help")
        assert (done.exit_code, done.stderr) == (0, "")
        for path, command in ours(app.cli):
            assert isinstance(command, click.Group) or re.search(rf"^    {path} ", done.stdout, re.MULTILINE), path
        assert re.search(r"^  shell  ", done.stdout, re.MULTILINE)
        assert max(map(len, done.stdout.splitlines())) <= 80

    def test_of_the_database_lists_flask_migrates_commands_apart(self, app):
        _, commands, others = re.split(
            "^(?:Commands|For who changes the models):$", typed(app, "db", "--help").stdout, flags=re.MULTILINE
        )
        assert re.findall(r"^  (\S+)", commands, re.MULTILINE) == ["create", "seed", "load-demo", "drop"]
        assert "downgrade" in others

    def test_completes_words_in_a_shell(self):
        words = {"_FLASK_COMPLETE": "bash_complete", "COMP_WORDS": "flask users pro", "COMP_CWORD": "2"}
        script = Path(sys.executable).with_name("flask")
        done = subprocess.run(
            [script], cwd=config.ROOT, env=os.environ | words, capture_output=True, text=True, check=True
        )
        assert done.stdout == "plain,promote\n"


class TestColours:
    def test_are_for_terminals(self, app):
        with terminal("api") as shown:
            assert shown.wait() == 0
        assert f"{COLOUR}32mpublic" in shown.text
        plain = re.sub(r"\x1b\[\d*m", "", shown.text)
        assert max(map(len, plain.splitlines())) <= 80
        assert COLOUR not in flask("api").stdout

    def test_are_none_with_no_color(self):
        with terminal("api", NO_COLOR="1") as shown:
            assert shown.wait() == 0
        assert "/books" in shown.text
        assert COLOUR not in shown.text


class TestFailures:
    @pytest.mark.parametrize(
        ("command", "sentence"),
        [
            (["usres"], "No such command 'usres'. Did you mean 'users'?"),
            (["rutes"], "No such command 'rutes'. Did you mean 'routes'?"),
            (["users", "lst"], "No such command 'lst'. Did you mean 'list'?"),
            (["db", "load-demo", "--bokos", "1"], "No such option '--bokos'"),
            (["db", "load-demo", "--books", "many"], "'many' is not a valid integer"),
            (["users", "promote"], "Missing argument 'EMAIL'."),
        ],
    )
    def test_of_usage_are_status_2(self, app, command, sentence):
        done = typed(app, *command)
        assert (done.exit_code, done.stdout) == (2, "")
        assert sentence in done.stderr

    @pytest.mark.parametrize(
        "command", [["db", "current"], ["db", "upgrade"], ["db", "drop"], ["users", "list"]], ids=" ".join
    )
    def test_of_the_database_are_one_line(self, make_app, command):
        done = typed(make_app(AWAY), *command)
        assert (done.exit_code, done.stdout) == (1, "")
        assert re.fullmatch(
            r"Error: The database postgresql\+psycopg://ada:\*\*\*@127.0.0.1:1/media says: .+\n", done.stderr
        )

    @pytest.mark.parametrize("command", [["api"], ["users", "--help"], ["users", "list"]], ids=" ".join)
    def test_of_a_full_disk_are_one_line(self, url, command):
        with Path("/dev/full").open("w") as full:
            done = flask(*command, stdout=full, DATABASE_URL=url)
        assert (done.returncode, done.stderr) == (
            1,
            "Error: The output cannot be written: No space left on device.\n",
        )

    def test_of_a_reader_that_has_gone_are_silent(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = flask("api", stdout=writer)
        os.close(writer)
        assert (done.returncode, done.stderr) == (1, "")

    def test_of_an_input_that_ends_name_the_way_out(self, url):
        done = flask("users", "create", DATABASE_URL=url)
        assert done.returncode == 1
        assert done.stderr.endswith("Error: The input ended before an answer; options give answers, too: --help.\n")


class TestQuestions:
    @pytest.mark.parametrize(
        ("command", "question"),
        [
            (["users", "create"], "Name: "),
            (["users", "password", "ada@example.org"], "Password: "),
            (["db", "drop"], r"Drop all tables of .+\? \[y/N\]: "),
        ],
        ids=["create", "password", "drop"],
    )
    def test_are_interrupted(self, url, command, question):
        with terminal(*command, DATABASE_URL=url, **PRODUCTION) as shown:
            shown.wait_for(question)
            shown.interrupt()
            assert shown.wait() == 130
        assert shown.text.endswith("Interrupted.\r\n")

    def test_are_answered_with_no(self, url):
        with terminal("db", "drop", DATABASE_URL=url, **PRODUCTION) as shown:
            shown.wait_for(r"\[y/N\]: ")
            shown.type("n\n")
            assert shown.wait() == 1
        assert shown.text.endswith("Aborted!\r\n")


class TestLongWork:
    def test_shows_how_far_it_is_and_leaves_nothing_when_it_is_interrupted(self, url):
        with terminal("db", "load-demo", "--books", "3000000", "--yes", DATABASE_URL=url) as shown:
            shown.wait_for(r"Loading  \[#.* [1-9]\d?%")
            shown.type(CTRL_C)
            assert shown.wait() == 130
        assert shown.text.endswith("Interrupted.\r\n")
        assert "Traceback" not in shown.text
        with create_engine(url, poolclass=NullPool).connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM users")) == 0

    def test_that_waits_for_others_is_interrupted(self, url):
        with create_engine(url, poolclass=NullPool).connect() as connection:
            connection.execute(text("LOCK TABLE genres"))
            waiting = text("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'genres'::regclass")
            with terminal("db", "seed", DATABASE_URL=url) as shown:
                wait_for(lambda: connection.scalar(waiting))
                shown.type(CTRL_C)
                assert shown.wait() == 130
        assert "Traceback" not in shown.text

    def test_names_the_migrations_as_they_begin(self, make_database):
        database = make_database("migrations").render_as_string(hide_password=False)
        with terminal("db", "create", DATABASE_URL=database) as shown:
            assert shown.wait() == 0
        assert "Running upgrade  -> 0001" in shown.text
        assert shown.text.endswith("Tables have been created.\r\n")


def test_the_routes_are_shown_with_their_access(app):
    result = app.test_cli_runner().invoke(args=["api"])
    shown = {tuple(re.split("  +", line)[:3]) for line in result.output.splitlines()[1:]}
    assert shown == {
        (" ".join(sorted(rule.methods - {"HEAD", "OPTIONS"}, reverse=True)), rule.rule.replace("int:", ""), view.access)
        for rule in app.url_map.iter_rules()
        for view in [app.view_functions[rule.endpoint]]
    }
    assert all(len(re.split("  +", line.rstrip())) == 4 for line in result.output.splitlines())
