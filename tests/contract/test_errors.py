"""One body for every error, whoever raises it, and nothing in it that is no client's business."""

import re
from datetime import timedelta
from http import HTTPStatus

import pytest
from flask_jwt_extended import create_access_token
from sqlalchemy import text

from contract.resources import LISTINGS, ROUTES, row_counts
from factories.auth import UserFactory
from factories.library import BookFactory, CollectionFactory, FormatFactory, GenreFactory

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
PATHS = sorted({path for _, path in ROUTES})
LEAKS = ("psycopg", "sqlalchemy", "Traceback", "SELECT", "genres", "gone", ".py", "/src", "RuntimeError", "secret")


def is_problem(answer, status, detail=None, **members):
    """Whether it is the one error body, with that status and sentence and no members but those."""
    body = answer.json
    common = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or body["detail"],
        "error": detail or body["detail"],
        "request_id": body["request_id"],
    }
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert list(body.items()) == list((common | members).items())
    assert re.fullmatch("[0-9a-f]{32}", body["request_id"])
    assert body["detail"].endswith(".")
    return True


class TestPath:
    @pytest.mark.parametrize("path", ["/nothing", "/book", "/books/1/2", "/books//", "/Books", "/books/x", "/books/-1"])
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_that_is_none_is_404(self, client, path, method):
        assert is_problem(client.open(path, method=method), 404, f"There is nothing at {path}.")

    def test_that_is_long_is_shown_in_part(self, client):
        shown = "/" + "x" * 78 + "…"
        assert is_problem(client.get("/" + "x" * 5000), 404, f"There is nothing at {shown}.")

    @pytest.mark.parametrize(
        "path",
        ["/%ff", "/%00", "/%ed%a0%80", "/é", "/%0d%0aX-Header:%20x", "/<script>", "/docs/x.css", "/docs/%2e%2e/x"],
    )
    def test_of_odd_bytes_is_404(self, client, path):
        assert is_problem(client.get(path), 404)

    @pytest.mark.parametrize("path", LISTINGS)
    def test_of_no_row_is_404(self, client, path):
        noun = path[1:-1].replace("_", " ")
        assert is_problem(client.get(f"{path}/999999"), 404, f"A {noun} with the id 999999 does not exist.")

    def test_has_no_body_for_head(self, client):
        answer = client.head("/books/999999")
        assert (answer.status_code, answer.data) == (404, b"")


class TestMethod:
    @pytest.mark.parametrize("path", PATHS)
    def test_that_is_none_is_405_and_names_those_there_are(self, client, path):
        there = {method for method, one in ROUTES if one == path}
        address = path.replace("<int:id>", "1").replace("<path:name>", "x.css")
        for method in METHODS - there:
            answer = client.open(address, method=method)
            assert is_problem(answer, 405, f"{method} is not possible at {address}.")
            allowed = set(answer.headers["Allow"].split(", "))
            assert allowed == there | {"OPTIONS"} | ({"HEAD"} if "GET" in there else set())


class TestToken:
    @pytest.mark.parametrize(
        ("headers", "message"),
        [
            ({}, "Missing Authorization Header"),
            ({"Authorization": ""}, "Token is not valid"),
            ({"Authorization": "Bearer"}, "Token is not valid"),
            ({"Authorization": "Bearer x.y.z"}, "Token is not valid"),
            ({"Authorization": "Basic YTpi"}, "Token is not valid"),
        ],
    )
    def test_that_is_none_is_401(self, client, headers, message):
        answer = client.post("/books", json={}, headers=headers)
        assert is_problem(answer, 401, f"{message}.", msg=message)
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_that_has_expired_is_401(self, app, client):
        user = UserFactory()
        with app.app_context():
            token = create_access_token(str(user.id), expires_delta=timedelta(seconds=-1))
        answer = client.post("/books", json={}, headers={"Authorization": f"Bearer {token}"})
        assert is_problem(answer, 401, "Token has expired.", msg="Token has expired")
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_is_not_given_for_a_wrong_password(self, client):
        answer = client.post("/login", json={"email": UserFactory().email, "password": "wrong"})
        sentence = "You have entered the wrong email or the wrong password. Please try again."
        assert is_problem(answer, 401, sentence)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


class TestRule:
    def test_against_somebody_else_is_403(self, client, sign_in):
        answer = client.patch(f"/books/{BookFactory().id}", json={"title": "x"}, headers=sign_in(UserFactory()))
        assert is_problem(answer, 403, "You must be the owner of the book in order to edit it.")

    def test_against_members_is_403(self, client, sign_in):
        answer = client.delete(f"/books/{BookFactory().id}", headers=sign_in(UserFactory()))
        assert is_problem(answer, 403, "You must have admin permissions to delete books.")

    def test_against_what_exists_is_409(self, client, sign_in):
        genre = GenreFactory(genre="Film noir").genre.upper()
        answer = client.post("/genres", json={"genre": genre}, headers=sign_in(UserFactory()))
        assert is_problem(answer, 409, "The genre FILM NOIR exists already.")


class TestBody:
    def test_that_is_not_json_is_400(self, client):
        assert is_problem(client.post("/login", data="{", content_type="application/json"), 400)

    def test_that_is_too_large_is_413(self, client):
        answer = client.post("/login", data=b" " * (1024 * 1024 + 1), content_type="application/json")
        assert is_problem(answer, 413, "The body is larger than 1 MiB.")

    def test_of_another_type_is_415(self, client):
        sentence = "The body must be JSON: send it with Content-Type: application/json."
        assert is_problem(client.post("/login", data="{}", content_type="text/plain"), 415, sentence)

    def test_with_wrong_members_is_422_and_names_each(self, client):
        answer = client.post("/login", json={"email": 1, "extra": 1})
        errors = {
            "email": ["Must be text."],
            "password": ["Must be given."],
            "extra": ["Must not be given: there is no such writable member."],
        }
        assert is_problem(answer, 422, "The email must be text.", errors=answer.json["errors"])
        assert answer.json["errors"] == errors

    def test_with_an_id_that_points_nowhere_is_422(self, client, sign_in):
        collection = CollectionFactory()
        body = {
            "title": "x",
            "page_count": 1,
            "collection_id": collection.id,
            "genre_id": 99999,
            "format_id": FormatFactory().id,
        }
        answer = client.post("/books", json=body, headers=sign_in(collection.user))
        sentence = "A genre with the id 99999 does not exist."
        assert is_problem(answer, 422, sentence, errors={"genre_id": [sentence]})

    def test_that_is_a_wrong_parameter_is_422(self, client):
        sentence = "Must be at least 1, not 0."
        answer = client.get("/books?limit=0")
        assert is_problem(answer, 422, "The limit must be at least 1, not 0.", errors={"limit": [sentence]})

    def test_never_repeats_a_password(self, client):
        body = {"name": "Ada", "email": "ada@example.org", "password": "hunt\0er2-hunter2"}
        answer = client.post("/register", json=body)
        assert answer.status_code == 422
        assert "hunter2" not in answer.get_data(as_text=True)


def test_ids_of_requests_differ_and_sort_by_time(client):
    ids = [client.get("/nothing").json["request_id"] for _ in range(20)]
    assert len(set(ids)) == 20
    assert [id[:12] for id in ids] == sorted(id[:12] for id in ids)


class TestOurMistake:
    SENTENCE = "Something went wrong here, not with your request. It has been logged under the request_id."

    @pytest.fixture(scope="session")
    @classmethod
    def broken(cls, make_app, server_url):
        """The application with a route that fails."""
        app = make_app(server_url)

        @app.get("/broken")
        def fail():
            raise RuntimeError("/src/secret.py")

        return app

    def test_is_500_and_keeps_its_traceback_to_the_log(self, broken, caplog):
        answer = broken.test_client().get("/broken")
        assert is_problem(answer, 500, self.SENTENCE)
        assert not [leak for leak in LEAKS if leak in answer.get_data(as_text=True)]
        assert answer.json["request_id"] in caplog.text
        assert "RuntimeError: /src/secret.py" in caplog.text

    @pytest.mark.parametrize("address", ["/genres", "/genres?q=x", "/genres/1", "/genres?count=true&sort=genre"])
    def test_of_the_database_is_500_too(self, client, connection, caplog, address):
        connection.execute(text("ALTER TABLE genres RENAME genre TO gone"))
        answer = client.get(address)
        assert is_problem(answer, 500, self.SENTENCE)
        assert not [leak for leak in LEAKS if leak in answer.get_data(as_text=True)]
        assert "42703" in caplog.text  # undefined_column


class TestDatabaseAway:
    SENTENCE = "The database cannot be reached at the moment. Please try again."

    @pytest.fixture(scope="session")
    @classmethod
    def away(cls, make_app, server_url):
        """The application when nobody listens where its database should be."""
        return make_app(server_url.set(host="127.0.0.1", port=1))

    @pytest.mark.parametrize("path", [*LISTINGS, *(f"{path}/1" for path in LISTINGS)])
    def test_of_a_read_is_503(self, away, path):
        answer = away.test_client().get(path)
        assert is_problem(answer, 503, self.SENTENCE)
        assert re.fullmatch("[1-9][0-9]*", answer.headers["Retry-After"])

    def test_of_a_login_is_503(self, away):
        answer = away.test_client().post("/login", json={"email": "ada@example.org", "password": "x"})
        assert is_problem(answer, 503, self.SENTENCE)

    def test_of_a_write_is_503(self, away):
        with away.app_context():
            headers = {"Authorization": f"Bearer {create_access_token('1', additional_claims={'sid': 1})}"}
        answer = away.test_client().post("/genres", json={"genre": "Film noir"}, headers=headers)
        assert is_problem(answer, 503, self.SENTENCE)

    @pytest.mark.parametrize(
        ("method", "path", "options", "status"),
        [
            ("GET", "/nothing", {}, 404),
            ("DELETE", "/books", {}, 405),
            ("POST", "/login", {"data": "{", "content_type": "application/json"}, 400),
            ("POST", "/login", {"data": "{}", "content_type": "text/plain"}, 415),
            ("POST", "/login", {"data": b" " * (1024 * 1024 + 1), "content_type": "application/json"}, 413),
            ("POST", "/login", {"json": {}}, 422),
            ("POST", "/books", {"json": {}}, 401),
            ("POST", "/books", {"json": {}, "headers": {"Authorization": "Bearer x.y.z"}}, 401),
            ("GET", "/books?limit=0", {}, 422),
            ("GET", "/openapi.json", {}, 200),
        ],
    )
    def test_leaves_all_that_needs_none_as_it_was(self, away, method, path, options, status):
        assert away.test_client().open(path, method=method, **options).status_code == status


def test_a_body_that_broke_off_is_400_and_changes_nothing(client, connection, sign_in):
    headers = sign_in(UserFactory())
    before = row_counts(connection)
    answer = client.post(
        "/genres",
        data=b'{"genre": "Half"}',
        content_type="application/json",
        headers=headers,
        environ_overrides={"CONTENT_LENGTH": "100", "wsgi.input_terminated": True},
    )
    assert answer.status_code == 400
    assert row_counts(connection) == before
