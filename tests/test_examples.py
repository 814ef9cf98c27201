"""The examples of the documentation, run as their readers would, against a real server."""

import itertools
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask_migrate import upgrade

from factories.auth import PASSWORD
from mediatheque.config import ROOT
from processes import served

LOAD_CSV = ROOT / "docs/examples/load_csv.py"
# Without site-packages: the script needs the standard library only.
PYTHON = [sys.executable, "-I", "-S", "-W", "error", "-X", "utf8"]

BOOKS = """\
isbn13,title,authors,category,published_year,page_count
9780306406157,"Quotes: ""Dune"", and commas",Frank Herbert;Brian Herbert,Science Fiction,1965,412
,Le fabuleux destin d'Amélie,,,,1
,吾輩は猫である,夏目漱石,Satire,1905,
,Война и мир,Лев Толстой,Satire,1869,1225
,لسان العرب,ابن منظور,SATIRE,1290,0
,Alien³ 🦊,,Satire,1992,300.0
"""
MOVIES = """\
tmdb_id,title,genre,release_year,run_time
1,M,,1931,111
2,"Good, Bad",Western,,161
"""
TITLES = ['Quotes: "Dune", and commas', "Le fabuleux destin d'Amélie", "Война и мир", "Alien³ 🦊"]

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def library(make_database, make_app):
    """An application on a seeded database of its own, whose server stores for good."""
    app = make_app(make_database("examples"))
    with app.app_context():
        upgrade()
    app.test_cli_runner().invoke(args=["db", "seed"], catch_exceptions=False)
    return app


@pytest.fixture(scope="module")
def url(library):
    with serving(library) as url:
        yield url


@pytest.fixture
def email():
    """An address that nobody has registered."""
    return f"reader{next(numbers)}@example.org"


@pytest.fixture
def load(url, email, tmp_path):
    """Runs the script on a CSV file with that content, for an account of its own."""

    def run(content, *options, password=PASSWORD, **settings):
        file = tmp_path / "items.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        command = [*PYTHON, LOAD_CSV, file, "--url", url, "--email", email, "--collection", "Mine", *options]
        environment = os.environ | {"MEDIATHEQUE_PASSWORD": password}
        pipe = subprocess.PIPE
        settings = {"stdout": pipe, "stderr": pipe, "stdin": subprocess.DEVNULL, **settings}
        return subprocess.run(command, env=environment, encoding="utf-8", timeout=60, check=False, **settings)

    return run


@pytest.fixture
def mine(library, email):
    """Gives what the account has loaded, the oldest first."""

    def items(path="/books"):
        client = library.test_client()
        login = client.post("/auth/login", json={"email": email, "password": PASSWORD}).json
        return [item for item in client.get(f"{path}?sort=id").json if item["user"]["name"] == login["name"]]

    return items


@contextmanager
def serving(application):
    """A real server of that WSGI application; gives its URL."""
    with served(application) as port:
        yield f"http://127.0.0.1:{port}"


def once(application, mischief):
    """The application, but for the first book that is posted, which *mischief* answers."""
    first = iter([mischief])

    def wsgi(environ, start_response):
        is_book = (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("POST", "/books")
        return (next(first, application) if is_book else application)(environ, start_response)

    return wsgi


def summary(done):
    """How many rows were accepted, refused and already there."""
    return tuple(map(int, re.match(r"(\d+) accepted, (\d+) refused, (\d+) already there;", done.stdout).groups()))


class TestLoadCsv:
    def test_loads_titles_of_every_script_intact(self, load, mine):
        load(BOOKS, "--register")
        assert [book["title"] for book in mine()] == TITLES

    def test_says_how_many_rows_were_accepted_and_refused(self, load):
        assert summary(load(BOOKS, "--register")) == (4, 2, 0)

    def test_gives_the_servers_sentence_for_each_refused_row(self, load):
        assert load(BOOKS, "--register").stdout.splitlines()[1:] == [
            "Refused line 4, 吾輩は猫である: The page_count must be given.",
            "Refused line 6, لسان العرب: The page_count must be at least 1, not 0.",
        ]

    def test_fails_when_a_row_was_refused(self, load):
        assert load(BOOKS, "--register").returncode == 1

    def test_writes_the_refused_rows_with_their_reasons(self, load, tmp_path):
        load(BOOKS, "--register", "--refused", tmp_path / "refused.csv")
        assert (tmp_path / "refused.csv").read_text(encoding="utf-8").splitlines() == [
            "isbn13,title,authors,category,published_year,page_count,reason",
            ",吾輩は猫である,夏目漱石,Satire,1905,,The page_count must be given.",
            ',لسان العرب,ابن منظور,SATIRE,1290,0,"The page_count must be at least 1, not 0."',
        ]

    def test_fills_every_member_from_its_column(self, load, mine):
        load(BOOKS, "--register")
        book = mine()[0]
        assert book["author"] == "Frank Herbert, Brian Herbert"
        assert (book["isbn"], book["published_year"], book["page_count"]) == ("9780306406157", 1965, 412)
        assert (book["genre"], book["format"]) == ({"genre": "Science Fiction"}, {"format": "Paperback"})

    def test_takes_the_format_that_is_named(self, load, mine):
        load("title,page_count\nWatchmen,416\n", "--register", "--format", "comic")
        assert mine()[0]["format"] == {"format": "Comic"}

    def test_takes_back_what_the_server_has_exported(self, load, mine, library):
        load(BOOKS.replace("Война", "-Война"), "--register", "--format", "Hardcover")
        load(MOVIES)
        collection = mine()[0]["collection"]["id"]
        before = [(item["title"], item["format"]) for path in ("/books", "/movies") for item in mine(path)]
        exported = library.test_client().get(f"/collections/{collection}/export?format=csv").text
        assert "'-Война" in exported
        assert summary(load(exported)) == (0, 0, 6)
        assert summary(load(exported, "--collection", "Copies")) == (6, 0, 0)
        copies = [
            (item["title"], item["format"])
            for path in ("/books", "/movies")
            for item in mine(path)
            if item["collection"]["name"] == "Copies"
        ]
        assert sorted(copies, key=str) == sorted(before, key=str)

    def test_puts_rows_with_an_unknown_format_under_the_first(self, load, mine):
        done = load("title,page_count,format\nEmma,474,Papyrus\nPersuasion,249,hardcover\n", "--register")
        assert [book["format"]["format"] for book in mine()] == ["Paperback", "Hardcover"]
        assert "Accepted Emma, in the first format: the server has none called papyrus." in done.stdout

    def test_refuses_a_row_of_an_unknown_type_in_a_file_of_both(self, load, mine):
        done = load("type,title,page_count,run_time\nrecord,Aja,,40\nmovie,M,,111\n", "--register")
        assert "Refused line 2, Aja: The type must be book or movie, not record." in done.stdout
        assert [movie["title"] for movie in mine("/movies")] == ["M"]

    def test_shortens_a_list_of_too_many_authors(self, load, mine):
        load(f"title,page_count,authors\nEncyclopedia,9,{';'.join(['Somebody Else'] * 30)}\n", "--register")
        assert len(mine()[0]["author"]) <= 255
        assert mine()[0]["author"].endswith("Somebody Else and others")

    def test_recognises_movies_by_their_run_time(self, load, mine):
        done = load(MOVIES, "--register")
        assert done.returncode == 0
        assert [(m["title"], m["run_time"], m["release_year"]) for m in mine("/movies")] == [
            ("M", 111, 1931),
            ("Good, Bad", 161, None),
        ]

    def test_puts_rows_without_a_genre_under_unknown(self, load, mine):
        load(MOVIES, "--register")
        assert [movie["genre"]["genre"] for movie in mine("/movies")] == ["Unknown", "Western"]

    def test_makes_a_missing_genre_once_whatever_its_case(self, load, library):
        load("title,page_count,genre\nA,1,Essay\nB,2,ESSAY\n", "--register")
        assert [one["genre"] for one in library.test_client().get("/genres?q=essay").json] == ["Essay"]

    def test_finds_a_genre_that_differs_by_its_accents(self, load, mine):
        load("title,page_count,genre\nA,1,Poésie\n", "--register")
        load("title,page_count,genre\nB,2,Poesie\n")
        assert [book["genre"]["genre"] for book in mine()] == ["Poésie", "Poésie"]

    def test_puts_rows_with_an_impossible_genre_under_unknown(self, load, mine):
        done = load("title,page_count,genre\nA,1,X\n", "--register")
        assert mine()[0]["genre"] == {"genre": "Unknown"}
        assert "Accepted A, in the genre Unknown: The genre must have 2 to 100 characters, not 1." in done.stdout

    def test_leaves_out_an_isbn_and_a_year_that_are_wrong(self, load, mine):
        done = load("title,page_count,isbn,published_year\nA,1,9780306406158,soon\n", "--register")
        assert (mine()[0]["isbn"], mine()[0]["published_year"]) == (None, None)
        assert "Accepted A, without its isbn 9780306406158: Must be an ISBN-10 or ISBN-13" in done.stdout
        assert "Accepted A, without its published_year soon: Must be a whole number." in done.stdout
        assert done.returncode == 0

    def test_refuses_a_row_that_a_comma_has_torn(self, load):
        done = load("title,page_count\nEats, Shoots,240\n", "--register")
        assert "Refused line 2, Eats: The row has more fields than the header" in done.stdout

    def test_reads_a_file_with_a_byte_order_mark(self, load, mine):
        load("\ufefftitle,page_count\nEmma,474\n", "--register")
        assert [book["title"] for book in mine()] == ["Emma"]

    @pytest.mark.parametrize("content", [BOOKS, MOVIES, "title,page_count,isbn,authors\nA,1,nonsense,B\n"])
    def test_adds_nothing_the_second_time(self, load, mine, content):
        accepted, refused, _ = summary(load(content, "--register"))
        items = mine("/movies" if content == MOVIES else "/books")
        assert summary(load(content)) == (0, refused, accepted)
        assert mine("/movies" if content == MOVIES else "/books") == items

    def test_tells_editions_apart_by_their_isbns(self, load):
        done = load("title,page_count,isbn\nA,1,0306406152\nA,1,978-0-306-40615-7\nA,1,9783161484100\n", "--register")
        assert summary(done) == (2, 0, 1)

    def test_recognises_a_book_that_was_added_without_its_isbn(self, load):
        load("title,page_count\nA,1\n", "--register")
        assert summary(load("title,page_count,isbn\nA,1,0306406152\n")) == (0, 0, 1)

    def test_leaves_collections_of_others_with_the_same_name_alone(self, load, mine, library):
        client = library.test_client()
        token = client.post("/auth/login", json={"email": "user1@user.com", "password": "user1"}).json["token"]
        headers = {"Authorization": f"Bearer {token}"}
        theirs = client.post("/collections", json={"name": "Mine"}, headers=headers).json
        load(MOVIES, "--register")
        assert {movie["collection"]["user"]["name"] for movie in mine("/movies")} == {
            mine("/movies")[0]["user"]["name"]
        }
        assert client.get(f"/collections/{theirs['id']}").json["movies_count"] == 0

    def test_shows_a_bar_in_a_terminal(self, load):
        ours, terminal = pty.openpty()
        load(MOVIES, "--register", stderr=terminal)
        shown = os.read(ours, 1000).decode()
        os.close(terminal)
        os.close(ours)
        assert shown.split("\r")[1:3] == [f"[{'#' * 20}{'.' * 20}] 1 of 2", f"[{'#' * 40}] 2 of 2"]


class TestTroubles:
    def test_tries_again_when_the_server_asks_for_patience(self, library, load, mine):
        def away(_, start_response):
            start_response("503 Service Unavailable", [("Retry-After", "0"), ("Content-Length", "0")])
            return [b""]

        with serving(once(library, away)) as url:
            done = load(BOOKS, "--register", "--url", url)
        assert summary(done) == (4, 2, 0)
        assert [book["title"] for book in mine()] == TITLES

    def test_does_not_send_a_row_twice_that_has_arrived_without_an_answer(self, library, load, mine):
        def lost(environ, start_response):
            answer = library(environ, start_response)
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return answer

        with serving(once(library, lost)) as url:
            done = load(BOOKS, "--register", "--url", url)
        assert summary(done) == (4, 2, 0)
        assert [book["title"] for book in mine()] == TITLES

    def test_sends_a_row_again_that_has_not_arrived(self, library, load, mine):
        def lost(environ, start_response):
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            start_response("500 Lost", [])
            return [b""]

        with serving(once(library, lost)) as url:
            done = load(BOOKS, "--register", "--url", url)
        assert summary(done) == (4, 2, 0)
        assert [book["title"] for book in mine()] == TITLES

    @pytest.mark.parametrize(
        ("content", "options", "words"),
        [
            ("name,pages\nEmma,474\n", [], "must have the columns title and page_count (books)"),
            ("", [], "it has none."),
            ("title,page_count\nÉmile,500\n".encode("latin-1"), [], "is not UTF-8"),
            (BOOKS, [], "You have entered the wrong email or the wrong password."),
            (
                BOOKS,
                ["--register", "--name", "N"],
                "Signing in failed, and the account cannot be made: The name must have 2 to 100 characters",
            ),
            (
                BOOKS,
                ["--register", "--collection", "C"],
                "The collection C cannot be made: The name must have 2 to 100",
            ),
            (
                BOOKS,
                ["--register", "--format", "Papyrus"],
                "There is no format Papyrus; there are: Paperback, Hardcover",
            ),
            (BOOKS, ["--url", "ftp://127.0.0.1"], "The URL must be like http://127.0.0.1:8080, not ftp://127.0.0.1."),
            (BOOKS, ["--url", "http://127.0.0.1:1"], "The server at http://127.0.0.1:1 does not answer"),
        ],
    )
    def test_are_one_sentence(self, load, content, options, words):
        done = load(content, *options)
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
        assert (done.stdout, done.returncode) == ("", 1)

    def test_a_wrong_password_is_not_mended_by_registering(self, load):
        load(MOVIES, "--register")
        done = load(MOVIES, "--register", password="another one")
        assert done.stderr == "You have entered the wrong email or the wrong password. Please try again.\n"

    def test_a_missing_file_is_one_sentence(self, email, tmp_path):
        command = [*PYTHON, LOAD_CSV, tmp_path / "none.csv", "--email", email, "--collection", "Mine"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
        assert done.stderr == f"{tmp_path / 'none.csv'}: No such file or directory.\n"
        assert done.returncode == 1

    def test_a_full_disk_is_one_sentence(self, load):
        with Path("/dev/full").open("w") as full:
            done = load(MOVIES, "--register", stdout=full)
        assert (done.stderr, done.returncode) == ("The output: No space left on device.\n", 1)

    def test_an_interruption_is_one_sentence_and_a_status_of_its_own(self, email, tmp_path):
        (tmp_path / "items.csv").write_text(MOVIES)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            command = [sys.executable, LOAD_CSV, tmp_path / "items.csv", "--url", url, "--email", email]
            with subprocess.Popen(
                [*command, "--collection", "Mine"],
                env=os.environ | {"MEDIATHEQUE_PASSWORD": PASSWORD},
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
            ) as process:
                connection, _ = silent.accept()
                with connection:
                    process.send_signal(signal.SIGINT)
                    _, said = process.communicate(timeout=60)
        assert said == "\nInterrupted. The same command goes on from here.\n"
        assert process.returncode == 130

    def test_without_a_terminal_the_password_must_be_in_the_environment(self, load):
        done = load(MOVIES, password="")
        assert done.stderr == "Set MEDIATHEQUE_PASSWORD: there is no terminal to ask for the password in.\n"

    def test_the_refused_rows_cannot_replace_the_file(self, load, tmp_path):
        done = load(MOVIES, "--register", "--refused", tmp_path / "items.csv")
        assert done.stderr == "--refused must name another file than the one that is read.\n"
        assert (tmp_path / "items.csv").read_text() == MOVIES
