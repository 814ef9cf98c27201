"""The made-up library that ``flask db load-demo`` loads."""

import re
from itertools import pairwise

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from mediatheque.auth.models import User
from mediatheque.extensions import db
from mediatheque.library import demo, seeds
from mediatheque.library.models import Book, Collection, Genre, Movie
from mediatheque.library.schemas import BookSchema, CollectionSchema, MovieSchema

LISTS = {"/books": BookSchema, "/movies": MovieSchema, "/collections": CollectionSchema}


@pytest.fixture(scope="module")
def make_runner(make_database, make_app):
    """A runner of commands on a new database with tables."""
    number = iter(range(100))

    def make(**settings):
        runner = make_app(make_database(f"demo_{next(number)}"), **settings).test_cli_runner()
        run(runner, "db", "create")
        return runner

    return make


@pytest.fixture(scope="module")
def loaded(make_runner):
    """A runner on a database of 1,000 books and 700 movies."""
    runner = make_runner()
    load(runner, "--books", "1000", "--movies", "700")
    return runner


def run(runner, *command, code=0, **options):
    """What the command printed; it must end with that exit code."""
    result = runner.invoke(args=command, **options)
    assert result.exit_code == code, result.output
    return result.output


def load(runner, *options, **more):
    return run(runner, "db", "load-demo", *options, **more)


def scalars(runner, statement):
    with runner.app.app_context():
        return db.session.scalars(statement).all()


def counts(runner):
    """How many accounts, collections, books and movies there are."""
    models = (User, Collection, Book, Movie)
    return [scalars(runner, select(func.count()).select_from(model))[0] for model in models]


def indexes(runner):
    definitions = text("SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexdef")
    return scalars(runner, definitions)


def listed(runner, path):
    return runner.app.test_client().get(f"{path}?sort=id&limit=1000").json


@pytest.fixture(scope="module")
def books(loaded):
    return listed(loaded, "/books")


class TestLibrary:
    """What is loaded."""

    @pytest.mark.parametrize("path", LISTS)
    def test_could_have_been_written_by_clients(self, loaded, path):
        schema = LISTS[path].changes()
        for row in listed(loaded, path):
            given = {name: row[name] for name in schema.fields if row[name] is not None}
            assert schema.load(given) == given

    def test_has_the_numbers_that_were_asked_for(self, loaded):
        users, collections, books, movies = counts(loaded)
        assert (users, books, movies) == (2, 1000, 700)
        assert 2 * users <= collections <= 6 * users

    def test_has_titles_of_all_kinds(self, books):
        titles = [book["title"] for book in books]
        assert 0.8 * len(titles) < len(set(titles)) < len(titles)
        assert min(map(len, titles)) == 1
        assert max(map(len, titles)) > 100
        for letters in ("[éü]", "[Ж-я]", "[ぁ-ん]"):
            assert any(re.search(letters, title) for title in titles)

    @pytest.mark.parametrize("member", ["author", "isbn", "published_year", "genre", "format"])
    def test_has_values_missing_here_and_there(self, books, member):
        missing = sum(book[member] is None for book in books)
        assert 0 < missing < len(books) / 5

    def test_has_some_authors_more_often_than_others(self, books):
        authors = [book["author"] for book in books if book["author"]]
        most = max(authors.count(author) for author in set(authors))
        assert most > 3 * len(authors) / len(set(authors))

    def test_grew_over_the_years_in_the_order_of_ids(self, books):
        moments = [book["created_at"] for book in books]
        assert all(earlier <= later for earlier, later in pairwise(moments))
        assert (moments[0][:4], moments[-1][:4]) == ("2020", "2025")

    def test_is_mostly_in_its_owners_collections_and_else_in_open_ones(self, loaded):
        foreign = select(Collection.is_open).join(Book).where(Book.user_id != Collection.user_id)
        open_ones = scalars(loaded, foreign)
        assert 0 < len(open_ones) < 100
        assert all(open_ones)

    def test_has_collections_that_are_open_and_closed(self, loaded):
        assert set(scalars(loaded, select(Collection.is_open))) == {True, False}

    def test_belongs_to_accounts_that_nobody_can_sign_in_to(self, loaded):
        client = loaded.app.test_client()
        for email in scalars(loaded, select(User.email)):
            assert re.fullmatch(r"demo\d+@example\.org", email)
        login = client.post("/auth/login", json={"email": "demo1@example.org", "password": "demo1"})
        assert login.status_code == 401


class TestCommand:
    def test_says_what_it_loaded_and_how_fast(self, make_runner, monkeypatch):
        monkeypatch.setattr(demo, "BATCH", 500)
        runner = make_runner()
        output = load(runner, "--books", "1320", "--movies", "0")
        accounts, collections, *_ = counts(runner)
        form = r"Rows have been loaded, [\d,]+ a second for \d+\.\d seconds: books 1,320, movies 0, "
        assert re.fullmatch(form + rf"collections {collections}, accounts {accounts}\.\n", output)
        assert counts(runner) == [2, collections, 1320, 0]

    def test_loads_the_same_rows_for_the_same_arguments(self, loaded, make_runner):
        again = make_runner()
        load(again, "--books", "1000", "--movies", "700")
        for path in LISTS:
            assert listed(again, path) == listed(loaded, path)

    def test_adds_to_the_same_accounts_when_run_again(self, make_runner):
        runner = make_runner()
        load(runner, "--books", "700", "--movies", "20")
        users, collections, *items = counts(runner)
        load(runner, "--books", "700", "--movies", "20")
        assert counts(runner) == [users, 2 * collections, *(2 * count for count in items)]

    def test_takes_the_genres_that_there_are(self, make_runner):
        runner = make_runner()
        with runner.app.app_context():
            db.session.add(Genre(genre="Solarpunk"))
            db.session.commit()
        load(runner, "--books", "50")
        books = listed(runner, "/books")
        assert {book["genre"] and book["genre"]["genre"] for book in books} == {"Solarpunk", None}
        assert {book["format"] for book in books} == {None}

    def test_makes_the_seeded_genres_where_there_are_none(self, loaded):
        assert scalars(loaded, select(Genre.genre).order_by(Genre.id)) == list(seeds.GENRES)

    def test_leaves_the_indexes_as_they_were(self, loaded, make_runner):
        runner = make_runner()
        before = indexes(runner)
        load(runner, "--books", "20")
        load(runner, "--books", "10")
        assert indexes(runner) == before == indexes(loaded)

    def test_that_is_cut_off_leaves_nothing(self, make_runner):
        runner = make_runner()
        before = indexes(runner)

        def cut_off(_loaded):
            process = db.session.scalar(select(func.pg_backend_pid()))
            with db.engine.connect() as another:
                another.execute(select(func.pg_terminate_backend(process)))

        with runner.app.app_context(), pytest.raises(DBAPIError):
            demo.load(100, 100, cut_off)
        assert counts(runner) == [0, 0, 0, 0]
        assert indexes(runner) == before

    def test_in_production_asks_or_is_told(self, make_runner):
        runner = make_runner(MEDIATHEQUE_ENV="production")
        output = load(runner, "--books", "10", code=1)
        assert "--yes" in output
        assert runner.app.config["SQLALCHEMY_DATABASE_URI"].database in output
        assert counts(runner) == [0, 0, 0, 0]
        load(runner, "--books", "10", "--yes")
        assert counts(runner)[2:] == [10, 1]

    @pytest.mark.parametrize("option", ["--books", "--movies"])
    @pytest.mark.parametrize("number", ["-1", "10000001", "many"])
    def test_refuses_other_numbers(self, loaded, option, number):
        output = load(loaded, option, number, code=2)
        assert f"Error: Invalid value for '{option}': " in output
        assert number in output

    def test_without_tables_says_how_to_make_them(self, make_database, make_app):
        output = load(make_app(make_database("demo_empty")).test_cli_runner(), code=1)
        assert output == "Error: The tables are missing: flask db create makes them.\n"

    def test_without_a_database_is_a_sentence(self, make_app, server_url):
        away = server_url.set(host="127.0.0.1", port=1, username="somebody", password="hunter2", query={})
        output = load(make_app(away).test_cli_runner(), code=1)
        assert output.startswith("Error: The database ")
        assert "hunter2" not in output
