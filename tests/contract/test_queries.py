"""A read costs as many statements with 100 rows as with 1, and a write a number that is stated here."""

import psycopg
import psycopg2.extensions
import pytest

from contract.resources import LISTINGS, make_many
from factories.auth import UserFactory
from factories.library import BookFactory, CollectionFactory, FormatFactory, GenreFactory
from mediatheque.library.models import Book, Movie


@pytest.fixture
def statements(connection, monkeypatch):
    """What the driver itself is given, savepoints aside: those are the tests' own."""
    sent: list[str] = []

    def note(statement):
        words = statement.decode() if isinstance(statement, bytes) else str(statement)
        if "SAVEPOINT" not in words:
            sent.append(words.split()[0])

    class Cursor(psycopg2.extensions.cursor):
        def execute(self, statement, *parameters):
            note(statement)
            return super().execute(statement, *parameters)

    execute = psycopg.Cursor.execute

    def noted(self, statement, *parameters, **options):
        note(statement)
        return execute(self, statement, *parameters, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)
    if connection.dialect.driver == "psycopg2":
        monkeypatch.setattr(connection.connection.dbapi_connection, "cursor_factory", Cursor)
    return sent


@pytest.mark.parametrize("path", LISTINGS)
@pytest.mark.parametrize("rows", [1, 100])
class TestRead:
    @pytest.fixture
    def id(self, connection, path, rows):
        """The id of one of as many rows of the list; a collection holds as many books and movies, too."""
        made = make_many(connection, LISTINGS[path].wire.model, rows)
        items = [make_many(connection, item, rows) for item in (Book, Movie)] if path == "/collections" else []
        return items[0].collection_id if items else made.id

    def test_of_a_list(self, client, id, statements, path, rows):
        assert len(client.get(path).json) >= rows
        assert len(statements) == 1

    def test_of_a_counted_search(self, client, id, statements, path, rows):
        answer = client.get(path, query_string={"q": "e", "count": "true"})
        assert answer.status_code == 200
        assert answer.headers["X-Total-Count"] == str(len(answer.json))
        assert len(statements) == 2

    def test_of_one_row(self, client, id, statements, path, rows):
        assert client.get(f"{path}/{id}").json["id"] == id
        assert len(statements) == 1


@pytest.mark.parametrize("rows", [1, 100])
@pytest.mark.parametrize("filters", [(), ("collection_id", "user_id")])
def test_of_the_numbers_there_is_one_for_each_kind(client, connection, statements, rows, filters):
    made = [make_many(connection, item, rows) for item in (Book, Movie)]
    chosen = {name: getattr(made[0], name) for name in filters}
    statements.clear()
    assert client.get("/stats", query_string=chosen).json["books"]["count"] == rows
    assert statements == ["WITH", "WITH"]


class TestWrite:
    """BEGIN and COMMIT come on top. The first statement reads the user, an INSERT and the end of a PATCH the answer."""

    def test_of_a_new_book(self, client, sign_in, statements):
        body = {
            "title": "Emma",
            "page_count": 474,
            "collection_id": CollectionFactory().id,
            "genre_id": GenreFactory().id,
            "format_id": FormatFactory().id,
        }
        headers = sign_in(UserFactory())
        statements.clear()
        assert client.post("/books", json=body, headers=headers).status_code == 201
        assert statements == ["SELECT", "SELECT", "WITH"]

    def test_of_a_changed_book(self, client, sign_in, statements):
        book = BookFactory()
        headers = sign_in(book.user)
        statements.clear()
        assert client.patch(f"/books/{book.id}", json={"page_count": 474}, headers=headers).status_code == 200
        assert statements == ["SELECT", "SELECT", "UPDATE", "SELECT"]

    def test_of_a_moved_book(self, client, sign_in, statements):
        book = BookFactory()
        body = {"collection_id": CollectionFactory().id}
        headers = sign_in(book.user)
        statements.clear()
        assert client.patch(f"/books/{book.id}", json=body, headers=headers).status_code == 200
        assert statements == ["SELECT", "SELECT", "SELECT", "UPDATE", "SELECT"]

    def test_of_a_deleted_book(self, client, sign_in, statements):
        book = BookFactory()
        headers = sign_in(UserFactory(is_admin=True))
        statements.clear()
        assert client.delete(f"/books/{book.id}", headers=headers).status_code == 200
        assert statements == ["SELECT", "SELECT", "SELECT", "DELETE"]

    @pytest.mark.parametrize("items", [1, 100])
    def test_of_a_deleted_collection_whatever_it_holds(self, client, connection, sign_in, statements, items):
        collection_id = make_many(connection, Book, items).collection_id
        headers = sign_in(UserFactory(is_admin=True))
        statements.clear()
        assert client.delete(f"/collections/{collection_id}", headers=headers).status_code == 200
        assert statements == ["SELECT", "SELECT", "SELECT", "DELETE"]
