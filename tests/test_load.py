"""What a crowd meets: nobody keeps the others waiting, and who has to come again is told why."""

import http.client
import socket
import time
from contextlib import ExitStack

import pytest
from flask_migrate import upgrade
from sqlalchemy import text

from factories.auth import signed_in
from mediatheque.auth import accounts, passwords
from mediatheque.extensions import db
from mediatheque.kit.writes import fetch
from mediatheque.library.queries import GENRES
from processes import served

ACCOUNT = {"email": "ada@example.org", "password": "a long password"}
MARKS = "\u0301" * 60_000 + "\u0323" * 60_000  # half a minute's work to normalise


@pytest.fixture(scope="module")
def app(make_database, make_app):
    """The application on a database of its own, with an account: connections are what this is about."""
    app = make_app(make_database("load"))
    with app.app_context():
        upgrade()
        accounts.create("Ada", ACCOUNT["email"], ACCOUNT["password"], is_admin=False)
        db.session.commit()
    return app


@pytest.fixture
def headers(app):
    with app.app_context():
        return signed_in(accounts.find(ACCOUNT["email"]))


def test_clients_that_send_half_a_body_hold_no_connection_of_the_database(app, headers):
    with app.app_context():
        connections = db.engine.pool.size() + db.engine.pool._max_overflow
    half = (
        "POST /genres HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        f"Authorization: {headers['Authorization']}\r\n\r\n" + '{"genre": '
    )
    with served(app) as port, ExitStack() as clients:
        for _ in range(connections + 2):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(half.encode())
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/genres", '{"genre": "Film noir"}', {**headers, "Content-Type": "application/json"})
        assert connection.getresponse().status == 201
        connection.close()


def test_no_connection_of_the_database_is_held_while_a_password_is_checked(app, monkeypatch):
    held = []

    def matches(*arguments):
        held.append(db.engine.pool.checkedout())
        return checked(*arguments)

    checked = passwords.matches
    monkeypatch.setattr(passwords, "matches", matches)
    assert app.test_client().post("/auth/login", json=ACCOUNT).status_code == 200
    assert held == [0]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/auth/login", ACCOUNT | {"password": MARKS}, 401),
        ("/auth/login", ACCOUNT | {"email": MARKS}, 401),
        ("/auth/register", {"name": MARKS, "email": "bo@example.org", "password": "long enough"}, 422),
        ("/auth/register", {"name": "Bo", "email": MARKS, "password": "long enough"}, 422),
        ("/auth/register", {"name": "Bo", "email": "bo@example.org", "password": MARKS}, 422),
        ("/genres", {"genre": MARKS}, 422),
    ],
)
def test_a_text_that_takes_long_to_normalise_is_not_normalised(app, headers, path, body, status):
    begun = time.monotonic()
    answer = app.test_client().post(path, json=body, headers=headers)
    assert answer.status_code == status
    assert time.monotonic() - begun < 5


def unavailable(answer):
    """The sentence of a 503, which says when to come again."""
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    return answer.json["detail"]


def test_where_all_connections_are_taken_the_server_is_busy(app, headers):
    with app.app_context(), ExitStack() as taken:
        for _ in range(db.engine.pool.size() + db.engine.pool._max_overflow):
            taken.enter_context(db.engine.connect())
        answer = app.test_client().post("/genres", json={"genre": "Drama"}, headers=headers)
    assert unavailable(answer) == "The server is busy. Please try again."
    assert app.test_client().post("/genres", json={"genre": "Drama"}, headers=headers).status_code == 201


def test_a_request_that_the_database_gives_up_for_another_has_collided(app, headers, make_app):
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    hasty = make_app(url.update_query_dict({"options": "-c lock_timeout=50ms"})).test_client()
    path = hasty.post("/genres", json={"genre": "Western"}, headers=headers).headers["Location"]
    with app.test_request_context():
        fetch(GENRES.wire, int(path.rpartition("/")[2]))
        answer = hasty.patch(path, json={"genre": "Spaghetti western"}, headers=headers)
        assert unavailable(answer) == "The request collided with another one. Please try again."
    assert hasty.get(path).json["genre"] == "Western"


def test_a_database_that_may_only_be_read_takes_no_changes(app, headers, make_app):
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    standby = make_app(url.update_query_dict({"options": "-c default_transaction_read_only=on"})).test_client()
    answer = standby.post("/genres", json={"genre": "Noir"}, headers=headers)
    assert unavailable(answer) == "The database takes no changes at the moment. Please try again."
    assert standby.get("/genres").status_code == 200


def test_a_database_on_a_full_disk_has_no_room_left(app, headers):
    full = "BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END"
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(f"CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $${full}$$"))
        connection.execute(text("CREATE TRIGGER fill BEFORE INSERT ON genres EXECUTE FUNCTION fill()"))
    answer = app.test_client().post("/genres", json={"genre": "Noir"}, headers=headers)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("DROP FUNCTION fill CASCADE"))
    assert unavailable(answer) == "The database has no room left. Please try again."


def test_a_database_without_tables_is_said_to_have_none(make_database, make_app):
    answer = make_app(make_database("bare")).test_client().get("/genres")
    assert unavailable(answer) == "The tables of the database are missing: flask db create makes them."
