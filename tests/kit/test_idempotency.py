"""Idempotency-Key: a POST that is sent again is made once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask_migrate import upgrade
from sqlalchemy import func, select, text

from factories.auth import UserFactory, signed_in
from mediatheque.auth import accounts
from mediatheque.extensions import db
from mediatheque.kit.idempotency import IdempotencyKey
from mediatheque.library.models import Collection

SHELF = {"name": "Attic"}


@pytest.fixture
def post(client, sign_in):
    """Makes a collection under a key; by the same user unless told otherwise."""
    mine = sign_in(UserFactory())

    def post(key, body=SHELF, path="/collections", headers=mine):
        return client.post(path, json=body, headers=headers | {"Idempotency-Key": key})

    return post


@pytest.fixture
def collections(connection):
    """How many collections there are."""
    return lambda: connection.scalar(select(func.count(Collection.id)))


def test_the_same_request_gets_the_first_answer_and_writes_nothing(post, collections):
    first, again = post("1"), post("1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.data, again.headers["Location"]) == (first.data, first.headers["Location"])
    assert again.mimetype == "application/json"
    assert again.headers["ETag"] == first.headers["ETag"]
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert collections() == 1


def test_the_first_answer_stays_as_it_was(client, post, sign_in):
    first = post("1")
    admin = sign_in(UserFactory(is_admin=True))
    assert client.patch(first.headers["Location"], json={"name": "Cellar"}, headers=admin).status_code == 200
    assert post("1").json["name"] == "Attic"
    assert client.delete(first.headers["Location"], headers=admin).status_code == 200
    assert post("1").data == first.data


def test_another_body_is_422_and_writes_nothing(post, collections):
    post("1")
    answer = post("1", {"name": "Cellar"})
    assert answer.status_code == 422
    assert answer.json["errors"] == {"Idempotency-Key": ["Must not be used again with another body."]}
    assert collections() == 1


@pytest.mark.parametrize("other", ["key", "user", "route"])
def test_another_key_user_or_route_is_another_request(post, sign_in, other):
    options = {
        "key": {"key": "2"},
        "user": {"key": "1", "headers": sign_in(UserFactory())},
        "route": {"key": "1", "path": "/genres", "body": {"genre": "Film noir"}},
    }
    post("1")
    answer = post(**options[other])
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


def test_a_refused_request_may_be_sent_again_when_it_is_mended(post, collections):
    assert post("1", {"name": "x"}).status_code == 422
    assert post("1").status_code == 201
    assert collections() == 1


def test_a_key_is_kept_for_24_hours(post, connection, collections):
    post("1")
    connection.execute(text("UPDATE idempotency_keys SET created_at = created_at - interval '24 hours 1 second'"))
    assert "Idempotency-Replayed" not in post("1", {"name": "Cellar"}).headers
    assert post("1", {"name": "Cellar"}).headers["Idempotency-Replayed"] == "true"
    assert collections() == 2


def test_old_keys_are_swept(post, connection):
    for key in "123":
        post(key)
    connection.execute(text("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'"))
    post("4")
    assert connection.scalars(select(IdempotencyKey.key)).all() == ["4"]


@pytest.mark.parametrize("key", ["", "x" * 201, "é", "a\tb"])
def test_a_key_that_is_none_is_422(post, collections, key):
    answer = post(key)
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["Idempotency-Key"])
    assert collections() == 0


def test_a_key_needs_no_less_than_a_token(post):
    assert post("1", headers={}).status_code == 401


def test_an_account_is_registered_whatever_the_key(client):
    account = {"name": "Ada", "email": "ada@example.org", "password": "a long password"}
    answers = [client.post("/auth/register", json=account, headers={"Idempotency-Key": "1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 409]


def test_of_twenty_at_once_one_is_made_and_all_get_its_answer(make_database, make_app):
    app = make_app(make_database("idempotency"))
    with app.app_context():
        upgrade()
        headers = signed_in(accounts.create("Ada", "ada@example.org", "a long password", is_admin=False))

    def post(_):
        answer = app.test_client().post("/collections", json=SHELF, headers=headers | {"Idempotency-Key": "1"})
        return answer.status_code, answer.data

    with ThreadPoolExecutor(20) as threads:
        ((status, _),) = set(threads.map(post, range(20)))
    assert status == 201
    with app.app_context():
        assert db.session.scalar(select(func.count(Collection.id))) == 1
