"""GET /books/export, /movies/export, /collections/<id>/export: everything, and nothing held while a client reads."""

import csv
import io
import socket
from contextlib import closing

import orjson
import pytest
from flask_migrate import upgrade
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from contract.resources import FACTORIES, LISTINGS, make_many
from factories.library import BookFactory, CollectionFactory, GenreFactory, MovieFactory
from mediatheque.extensions import db
from mediatheque.kit import statements
from mediatheque.kit.exports import BATCH
from mediatheque.library import demo
from processes import answers, flask, wait_for

EXPORTS = {"/books": "books", "/movies": "movies"}


def lines(answer):
    return [orjson.loads(line) for line in answer.data.splitlines()]


def table(answer):
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.parametrize("path", EXPORTS)
class TestList:
    def test_is_what_the_list_shows(self, client, path):
        FACTORIES[LISTINGS[path].wire.model].create_batch(3)
        answer = client.get(f"{path}/export")
        assert (answer.status_code, answer.mimetype) == (200, "application/json")
        assert answer.data == client.get(path).data
        assert answer.headers["X-Total-Count"] == "3"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{EXPORTS[path]}.json"'

    def test_is_an_object_a_line(self, client, path):
        FACTORIES[LISTINGS[path].wire.model].create_batch(3)
        answer = client.get(f"{path}/export?format=ndjson")
        assert answer.mimetype == "application/x-ndjson"
        assert lines(answer) == client.get(path).json

    def test_of_nothing_is_empty(self, client, path):
        assert client.get(f"{path}/export").data == b"[]"
        assert client.get(f"{path}/export?format=ndjson").data == b""
        assert table(client.get(f"{path}/export?format=csv")) == []

    @pytest.mark.parametrize("rows", [BATCH - 1, BATCH, 2 * BATCH + 1])
    @pytest.mark.parametrize("format", ["json", "ndjson", "csv"])
    def test_goes_on_over_the_batches(self, client, connection, path, rows, format):
        make_many(connection, LISTINGS[path].wire.model, rows)
        answer = client.get(f"{path}/export", query_string={"format": format})
        found = {"json": lambda one: one.json, "ndjson": lines, "csv": table}[format](answer)
        ids = [int(row["id"]) for row in found]
        assert len(ids) == rows == int(answer.headers["X-Total-Count"])
        assert ids == sorted(set(ids), reverse=True)

    def test_takes_the_filters_of_the_list(self, client, path):
        model = LISTINGS[path].wire.model
        wanted = FACTORIES[model](title="Amélie")
        FACTORIES[model](title="Amélie")
        parameters = {"q": "AMELIE", "genre_id": wanted.genre_id, "format_id": wanted.format_id}
        answer = client.get(f"{path}/export", query_string=parameters)
        assert [row["id"] for row in answer.json] == [wanted.id]
        assert answer.headers["X-Total-Count"] == "1"

    @pytest.mark.parametrize(
        ("parameters", "member"),
        [("format=xml", "format"), ("limit=10", "limit"), ("sort=title", "sort"), ("genre_id=x", "genre_id")],
    )
    def test_refuses_other_parameters(self, client, path, parameters, member):
        answer = client.get(f"{path}/export?{parameters}")
        assert answer.status_code == 422
        assert list(answer.json["errors"]) == [member]


class TestCsv:
    def test_has_a_column_for_each_value(self, client):
        book = BookFactory(title='Salt, "Fat"', author=None, published_year=-750, isbn="9780812550702")
        (row,) = table(client.get("/books/export?format=csv"))
        shown = client.get(f"/books/{book.id}").json
        assert row == {
            "id": str(book.id), "user_id": str(book.user_id), "user_name": book.user.name, "title": 'Salt, "Fat"',
            "genre": book.genre.genre, "page_count": str(book.page_count), "format": book.format.format,
            "collection_id": str(book.collection_id), "collection_name": book.collection.name,
            "collection_user_id": str(book.collection.user_id), "collection_user_name": book.collection.user.name,
            "genre_id": str(book.genre_id), "format_id": str(book.format_id), "author": "", "isbn": "9780812550702",
            "published_year": "-750", "created_at": shown["created_at"], "updated_at": shown["updated_at"],
        }  # fmt: skip

    def test_of_a_row_without_genre_and_format_has_empty_cells(self, client):
        BookFactory(genre=None, format=None)
        (row,) = table(client.get("/books/export?format=csv"))
        assert (row["genre"], row["genre_id"], row["format"]) == ("", "", "")

    @pytest.mark.parametrize("first", ["=", "+", "-", "@"])
    def test_makes_formulas_harmless(self, client, first):
        BookFactory(title=f"{first}HYPERLINK(1)", genre=GenreFactory(genre=f"{first}1"))
        (row,) = table(client.get("/books/export?format=csv"))
        assert (row["title"], row["genre"]) == (f"'{first}HYPERLINK(1)", f"'{first}1")

    def test_is_said_to_be_utf_8(self, client):
        BookFactory(title="千と千尋の神隠し")
        answer = client.get("/books/export?format=csv")
        assert answer.content_type == "text/csv; charset=utf-8"
        assert "千と千尋の神隠し" in answer.data.decode()


class TestCollection:
    @pytest.fixture
    def collection(self):
        collection = CollectionFactory()
        BookFactory.create_batch(2, collection=collection)
        MovieFactory(collection=collection)
        BookFactory()
        return collection

    def test_has_its_books_and_movies_each_with_its_type(self, client, collection):
        answer = client.get(f"/collections/{collection.id}/export")
        held = {"collection_id": collection.id}
        assert answer.json == [
            *({"type": "book", **one} for one in client.get("/books", query_string=held).json),
            *({"type": "movie", **one} for one in client.get("/movies", query_string=held).json),
        ]
        assert answer.headers["X-Total-Count"] == "3"
        assert lines(client.get(f"/collections/{collection.id}/export?format=ndjson")) == answer.json

    def test_is_one_table(self, client, collection):
        rows = table(client.get(f"/collections/{collection.id}/export?format=csv"))
        assert [row["type"] for row in rows] == ["book", "book", "movie"]
        assert rows[0]["page_count"]
        assert (rows[0]["run_time"], rows[2]["page_count"]) == ("", "")
        assert rows[2]["run_time"]

    def test_of_nothing_is_empty(self, client):
        assert client.get(f"/collections/{CollectionFactory().id}/export").data == b"[]"

    @pytest.mark.parametrize("id", [2**40, 2**63])
    def test_that_does_not_exist_is_404(self, client, id):
        answer = client.get(f"/collections/{id}/export")
        assert (answer.status_code, answer.json["detail"]) == (404, f"A collection with the id {id} does not exist.")


@pytest.fixture(scope="module")
def library(make_database, make_app):
    """The application on a database of its own, with more books than a batch, and two of its threads for exports."""
    app = make_app(make_database("exports"), THREADS="5")
    with app.app_context():
        upgrade()
        demo.load(20 * BATCH, 10, advance=lambda _: None)
        db.session.commit()
    return app


def refuse_to_connect(*_, **__):
    raise OperationalError(None, None, Exception("the database is away"))


class TestWhileItIsRead:
    def test_it_holds_no_connection(self, library):
        with closing(library.test_client().get("/books/export")) as answer, library.app_context():
            for _ in zip(range(3), answer.iter_encoded(), strict=False):
                assert db.engines["reader"].pool.checkedout() == 0

    def test_rows_may_go(self, library):
        with closing(library.test_client().get("/books/export?format=ndjson")) as answer:
            chunks = answer.iter_encoded()
            found = next(chunks).count(b"\n")
            with library.app_context():
                id = db.session.scalar(text("DELETE FROM books WHERE id = (SELECT min(id) FROM books) RETURNING id"))
                db.session.commit()
            rest = b"".join(chunks)
        assert found + rest.count(b"\n") == int(answer.headers["X-Total-Count"]) - 1
        assert not any(line.startswith(b'{"id":%d,' % id) for line in rest.splitlines())

    def test_half_of_the_threads_may_export(self, library):
        client = library.test_client()
        running = [client.get("/books/export") for _ in range(2)]
        refused = client.get("/movies/export")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert refused.json["detail"] == "The server is busy with other exports. Please try again."
        assert client.get("/books?limit=1").status_code == 200
        for one in running:
            one.close()
        for method in ("HEAD", "GET", "GET"):
            assert client.open("/movies/export", method=method, buffered=True).status_code == 200

    def test_an_error_of_the_database_takes_no_place(self, library, monkeypatch):
        client = library.test_client()
        with library.app_context():
            reader = db.engines["reader"]
        for _ in range(3):
            with monkeypatch.context() as patch:
                patch.setattr(reader.pool, "connect", refuse_to_connect)
                assert client.get("/books/export").status_code == 503
        assert client.get("/books/export", buffered=True).status_code == 200

    @pytest.mark.parametrize(
        ("fail", "logged"), [(refuse_to_connect, " (Exception)\n"), (lambda *_: 1 / 0, "\nTraceback ")]
    )
    def test_one_that_breaks_off_is_logged_with_the_id_of_its_request(self, library, monkeypatch, caplog, fail, logged):
        with closing(library.test_client().get("/books/export")) as answer:
            chunks = answer.iter_encoded()
            next(chunks)
            monkeypatch.setattr(statements.Query, "rows", fail)
            with pytest.raises(ConnectionAbortedError):
                list(chunks)
        assert f"request {answer.headers['X-Request-ID']}: the export broke off{logged}" in caplog.text
        assert "the database is away" not in caplog.text

    def test_a_refusal_takes_no_place(self, library):
        client = library.test_client()
        for _ in range(3):
            assert client.get("/books/export?format=xml").status_code == 422
            assert client.get(f"/collections/{2**40}/export").status_code == 404
        assert client.get("/books/export", buffered=True).status_code == 200


class TestServed:
    """By a real server whose only worker has two threads: one of them may export."""

    def ask(self, port, path="/books/export"):
        client = socket.create_connection(("127.0.0.1", int(port)))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return client

    def status(self, port, path):
        with self.ask(port, path) as client:
            return int(client.makefile("rb").readline().split()[1])

    def test_a_client_that_stalls_keeps_others_from_exporting_only_until_it_hangs_up(self, library, port):
        url = library.config["SQLALCHEMY_DATABASE_URI"].render_as_string(hide_password=False)
        settings = {"DATABASE_URL": url, "PORT": port, "WORKERS": "1", "THREADS": "2"}
        with flask("serve", instance="", **settings):
            wait_for(lambda: answers(port))
            with self.ask(port) as stalled:
                stalled.recv(1)
                assert self.status(port, "/books/export") == 503
                assert self.status(port, "/books?limit=1") == 200
            wait_for(lambda: self.status(port, "/movies/export") == 200)
