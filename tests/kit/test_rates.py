"""How often a client may ask: counted in a worker's memory, or in Redis."""

import socket
import time
from itertools import count

import pytest
from flask_migrate import upgrade

from factories.auth import signed_in
from mediatheque.auth import accounts

ACCOUNT = {"name": "Ada", "password": "a long password"}
NUMBERS = count()
LOGIN = {"email": "ada0@example.org", "password": "a long password"}


@pytest.fixture
def make_client(make_database, make_app):
    """Makes a client of an application with limits, on a database of its own."""

    def make(**settings):
        app = make_app(make_database(f"rates{next(NUMBERS)}"), RATELIMIT_ENABLED="1", **settings)
        with app.app_context():
            upgrade()
        return app.test_client()

    return make


def register(client, number, address="192.0.2.1"):
    account = ACCOUNT | {"email": f"ada{number}@example.org"}
    return client.post("/register", json=account, environ_overrides={"REMOTE_ADDR": address})


def test_of_accounts_are_twenty_in_an_hour(make_client):
    client = make_client()
    assert [register(client, number).status_code for number in range(20)] == [201] * 20
    answer = register(client, 20)
    assert answer.status_code == 429
    assert answer.json["detail"] == "More than 20 per 1 hour are not possible. Please try again later."
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
    assert register(client, 21, address="192.0.2.2").status_code == 201


def test_of_logins_are_sixty_in_a_minute(make_client):
    client = make_client()
    register(client, 0)
    assert [client.post("/login", json=LOGIN).status_code for _ in range(60)] == [200] * 60
    answer = client.post("/login", json=LOGIN)
    assert (answer.status_code, 0 < int(answer.headers["Retry-After"]) <= 60) == (429, True)


def test_of_writes_are_none_unless_set(make_client):
    client = make_client(RATELIMIT_WRITES="2 per minute")
    with client.application.app_context():
        ada, grace = (
            signed_in(accounts.create(name, f"{name}@example.org", "a long password", is_admin=True))
            for name in ("ada", "grace")
        )
    shelf = {"name": "Attic"}
    assert [client.post("/collections", json=shelf, headers=ada).status_code for _ in range(3)] == [201, 201, 429]
    assert client.delete("/collections/1", headers=ada).status_code == 429
    assert client.post("/collections", json=shelf, headers=grace).status_code == 201
    for method in ("GET", "HEAD"):
        assert client.open("/auth/me", method=method, headers=ada).status_code == 200


def test_of_new_addresses_are_twenty_in_an_hour_for_a_member(make_client):
    client = make_client()
    register(client, 0)
    token = {"Authorization": f"Bearer {client.post('/login', json=LOGIN).json['token']}"}
    change = {"email": LOGIN["email"], "current_password": LOGIN["password"]}
    answers = [client.patch("/auth/me", json=change, headers=token).status_code for _ in range(21)]
    assert answers == [200] * 20 + [429]
    assert client.patch("/auth/me", json=change | {"email": "taken@example.org"}, headers=token).status_code == 429
    assert client.get("/auth/me", headers=token).status_code == 200


@pytest.mark.parametrize("listens", [False, True])
def test_without_redis_let_everybody_through(make_client, caplog, listens):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if listens else 1
        client = make_client(RATELIMIT_STORAGE_URI=f"redis://127.0.0.1:{port}")
        started = time.monotonic()
        assert register(client, 0).status_code == 201
    assert time.monotonic() - started < 2
    assert "Rates are not limited" in caplog.text
