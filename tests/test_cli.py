"""The commands, each on a database of its own."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import NullPool, create_engine, inspect, text

from mediatheque.auth.accounts import SEEDED
from mediatheque.extensions import db


@pytest.fixture(scope="module")
def make_runner(make_database, make_app):
    """A runner of commands on a new, empty database."""
    number = iter(range(100))

    def make(**settings):
        return make_app(make_database(f"cli_{next(number)}"), **settings).test_cli_runner()

    return make


def run(runner, *command, code=0, **options):
    """What the command printed; it must end with that exit code."""
    result = runner.invoke(args=command, **options)
    assert result.exit_code == code, result.output
    return result.output


def tables(runner):
    with runner.app.app_context():
        return set(inspect(db.engine).get_table_names())


def count(runner, table):
    with runner.app.app_context():
        return db.session.scalar(text(f"SELECT count(*) FROM {table}"))


class TestDatabase:
    def test_is_created_seeded_and_dropped_in_the_references_words(self, make_runner):
        runner = make_runner()
        assert run(runner, "db", "create") == "Tables have been created.\n"
        assert tables(runner) >= {"users", "collections", "books", "movies", "genres", "formats", "formatsmovie"}
        assert run(runner, "db", "seed") == "Tables have been seeded.\n"
        assert run(runner, "db", "drop") == "Tables have been dropped.\n"
        assert tables(runner) == set()
        assert run(runner, "db", "create") == "Tables have been created.\n"

    def test_is_seeded_with_the_references_rows(self, make_runner):
        runner = make_runner()
        run(runner, "db", "create")
        run(runner, "db", "seed")
        client = runner.app.test_client()
        assert [genre["genre"] for genre in client.get("/genres?sort=id").json] == [
            "Action",
            "Adventure",
            "Comedy",
            "Crime",
            "Fantasy",
            "Historical",
            "Horror",
            "Romance",
            "Science Fiction",
        ]
        assert [one["format"] for one in client.get("/formats?sort=id").json] == [
            "Paperback",
            "Hardcover",
            "Comic",
            "Omnibus",
            "Graphic Novel",
        ]
        assert [one["format"] for one in client.get("/movie_formats?sort=id").json] == [
            "DVD",
            "Blu-Ray",
            "Ultra HD Blu-ray (4K UHD)",
        ]
        (shelf,) = client.get("/collections").json
        assert (shelf["name"], shelf["user"]["name"]) == ("Test Collection", "Admin 1")
        assert [book["title"] for book in shelf["books"]] == ["Test Book"]
        assert [movie["title"] for movie in shelf["movies"]] == ["Test Movie"]
        for name, email, password, is_admin in SEEDED:
            login = client.post("/auth/login", json={"email": email, "password": password}).json
            assert (login["name"], login["is_admin"]) == (name, is_admin)

    def test_is_seeded_only_while_it_is_empty(self, make_runner):
        runner = make_runner()
        run(runner, "db", "create")
        run(runner, "db", "seed")
        assert run(runner, "db", "seed") == "Nothing was seeded: the tables hold rows already.\n"
        assert (count(runner, "users"), count(runner, "genres"), count(runner, "books")) == (2, 9, 1)

    def test_with_an_account_in_it_is_not_seeded(self, make_runner):
        runner = make_runner()
        run(runner, "db", "create")
        run(runner, "users", "create", "--name", "Ada", "--email", "ada@example.org", "--password", "a password")
        assert run(runner, "db", "seed").startswith("Nothing was seeded")
        assert count(runner, "users") == 1

    def test_in_production_is_seeded_without_accounts(self, make_runner):
        runner = make_runner(MEDIATHEQUE_ENV="production")
        run(runner, "db", "create")
        run(runner, "users", "create", "--name", "Ada", "--email", "ada@example.org", "--password", "a password")
        assert run(runner, "db", "seed") == "Tables have been seeded.\n"
        assert (count(runner, "users"), count(runner, "genres"), count(runner, "books")) == (1, 9, 0)

    def test_in_production_is_dropped_only_when_that_is_said(self, make_runner):
        runner = make_runner(MEDIATHEQUE_ENV="production")
        run(runner, "db", "create")
        output = run(runner, "db", "drop", code=1)
        assert "--yes" in output
        assert runner.app.config["SQLALCHEMY_DATABASE_URI"].database in output
        assert "users" in tables(runner)
        run(runner, "db", "drop", "--yes")
        assert tables(runner) == set()

    def test_in_a_locale_that_does_not_know_its_capitals_is_warned_about(self, make_database, make_app):
        url = make_database("capitals", "LOCALE 'C' TEMPLATE template0")
        result = make_app(url).test_cli_runner().invoke(args=["db", "create"])
        assert result.exit_code == 0
        assert f"The locale of the database {url.database} does not know" in result.stderr

    def test_in_another_encoding_is_refused(self, make_database, make_app):
        url = make_database("latin1", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        output = run(make_app(url).test_cli_runner(), "db", "create", code=1)
        assert output == "Error: The database must have the encoding UTF8, not LATIN1: make another one.\n"

    def test_without_tables_says_how_to_make_them(self, make_runner):
        assert (
            run(make_runner(), "users", "list", code=1)
            == "Error: The tables are missing: flask db create makes them.\n"
        )

    def test_without_the_right_to_make_tables_names_the_way_out(self, make_database, make_app, server_url):
        url = make_database("grants")
        with db_connection(url) as connection:
            connection.execute(text("REVOKE CREATE ON SCHEMA public FROM public"))
            role = f"visitor_{url.database}"
            connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'visitor'"))
        try:
            runner = make_app(url.set(username=role, password="visitor")).test_cli_runner()
            output = run(runner, "db", "create", code=1)
            assert f'ALTER DATABASE "{url.database}" OWNER TO "{role}";' in output
        finally:
            with db_connection(url) as connection:
                connection.execute(text(f"DROP OWNED BY {role}"))
                connection.execute(text(f"DROP ROLE {role}"))

    def test_that_is_away_is_a_sentence_without_the_password(self, make_app, server_url):
        away = server_url.set(host="127.0.0.1", port=1, username="somebody", password="hunter2", query={})
        output = run(make_app(away).test_cli_runner(), "db", "create", code=1)
        assert output.startswith("Error: The database ")
        assert "hunter2" not in output
        assert "Traceback" not in output


@pytest.fixture(scope="module")
def runner(make_runner):
    """A runner on a seeded database."""
    runner = make_runner()
    run(runner, "db", "create")
    run(runner, "db", "seed")
    return runner


class TestUsers:
    def login(self, runner, email, password):
        return runner.app.test_client().post("/auth/login", json={"email": email, "password": password})

    def test_are_created_with_a_password_that_is_asked_for(self, runner):
        output = run(
            runner,
            "users",
            "create",
            "--admin",
            input="Grace Hopper\ngrace@example.org\nnavy blue\nnavy blue\n",
        )
        assert output.endswith("grace@example.org has been created.\n")
        assert "navy blue" not in output
        assert self.login(runner, "grace@example.org", "navy blue").json["is_admin"] is True

    @pytest.mark.parametrize(
        ("email", "password", "sentence"),
        [
            ("ADMIN1@admin.com", "long enough", "The address ADMIN1@admin.com is in use already."),
            ("new@example.org", "short", "The password must have at least 6 characters."),
            ("nobody", "long enough", "The email must be an email address."),
        ],
    )
    def test_are_refused_with_a_sentence(self, runner, email, password, sentence):
        before = count(runner, "users")
        command = ("users", "create", "--name", "Some Body", "--email", email, "--password", password)
        assert sentence in run(runner, *command, code=1)
        assert count(runner, "users") == before

    def test_are_listed(self, runner):
        self.login(runner, "user1@user.com", "user1")
        head, *rows = [line.split(maxsplit=5) for line in run(runner, "users", "list").splitlines()]
        today = datetime.now(UTC).date().isoformat()
        assert head == ["ID", "ADDRESS", "ROLE", "JOINED", "ACTIVE", "NAME"]
        assert ["1", "admin1@admin.com", "admin", today, "-", "Admin 1"] in rows
        assert ["2", "user1@user.com", "member", today, today, "User 1"] in rows

    def test_are_listed_as_active_while_a_session_goes_on(self, runner):
        run(runner, "users", "create", "--name", "Lin", "--email", "lin@example.org", "--password", "a password")
        for _ in range(2):
            self.login(runner, "lin@example.org", "a password")
        change = "UPDATE sessions SET {} FROM users WHERE user_id = users.id AND email = 'lin@example.org'"
        for what, active in (("used_at = '2026-02-03'", "2026-02-03"), ("expires_at = now()", "-")):
            with runner.app.app_context():
                db.session.execute(text(change.format(what)))
                db.session.commit()
            (row,) = [line for line in run(runner, "users", "list").splitlines() if "lin@example.org" in line]
            assert row.split()[4] == active

    def test_get_another_password(self, runner):
        run(runner, "users", "create", "--name", "Max", "--email", "max@example.org", "--password", "the old one")
        run(runner, "users", "password", "MAX@example.org", input="the new one\nthe new one\n")
        assert self.login(runner, "max@example.org", "the old one").status_code == 401
        assert self.login(runner, "max@example.org", "the new one").status_code == 200
        assert "at least 6" in run(runner, "users", "password", "max@example.org", "--password", "short", code=1)

    def test_are_promoted_and_demoted(self, runner):
        run(runner, "users", "create", "--name", "Kim", "--email", "kim@example.org", "--password", "a password")
        run(runner, "users", "promote", "kim@example.org")
        assert self.login(runner, "kim@example.org", "a password").json["is_admin"] is True
        run(runner, "users", "demote", "kim@example.org")
        assert self.login(runner, "kim@example.org", "a password").json["is_admin"] is False

    def test_get_a_password_that_works_in_either_spelling(self, runner):
        run(runner, "users", "create", "--name", "Zoe", "--email", "zoe@example.org", "--password", "the old one")
        run(runner, "users", "password", "zoe@example.org", "--password", "passwo\u0308rt")
        for spelling in ("passwo\u0308rt", "passw\u00f6rt"):
            assert self.login(runner, "zoe@example.org", spelling).status_code == 200
        output = run(runner, "users", "password", "zoe@example.org", "--password", "pass\x07word", code=1)
        assert output == "Error: The password must not contain control characters.\n"

    def test_that_do_not_exist_are_named(self, runner):
        output = run(runner, "users", "promote", "nobody@example.org", code=1)
        assert "No account has the address nobody@example.org" in output


def db_connection(url):
    """A connection of the server's owner, outside of any application."""
    return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect()
