"""Two requests at once: on committed rows in a database of its own, over real connections."""

import threading
from collections import Counter

import pytest
from flask_migrate import upgrade
from sqlalchemy import text

from factories.auth import signed_in
from mediatheque.auth import accounts
from mediatheque.cli.database import seed_if_empty
from mediatheque.extensions import db
from mediatheque.kit.writes import fetch
from mediatheque.library.queries import COLLECTIONS

PATIENCE = 20  # seconds


@pytest.fixture(scope="module")
def app(make_database, make_app):
    """The application on a seeded database of its own."""
    app = make_app(make_database("concurrency"))
    with app.app_context():
        upgrade()
        seed_if_empty()
    return app


@pytest.fixture
def admin(app):
    """The headers of the seeded admin."""
    with app.app_context():
        return signed_in(accounts.find("admin1@admin.com"))


@pytest.fixture
def shelf(app, admin):
    """The path of a new collection."""
    return app.test_client().post("/collections", json={"name": "Shelf"}, headers=admin).headers["Location"]


def together(*calls):
    """The statuses of requests that are sent at once."""
    statuses, ready = [], threading.Barrier(len(calls))

    def send(call):
        ready.wait(PATIENCE)
        statuses.append(call().status_code)

    threads = [threading.Thread(target=send, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return Counter(statuses)


def test_a_row_is_deleted_once(app, admin):
    for number in range(5):
        path = app.test_client().post("/genres", json={"genre": f"Doomed {number}"}, headers=admin).headers["Location"]
        assert together(*[lambda path=path: app.test_client().delete(path, headers=admin)] * 6) == {200: 1, 404: 5}


def test_of_two_equal_names_one_is_taken(app, admin):
    genre = {"genre": "Contested"}
    assert together(*[lambda: app.test_client().post("/genres", json=genre, headers=admin)] * 6) == {201: 1, 409: 5}


def test_changes_of_different_members_are_both_kept(app, admin, shelf):
    for number in range(5):
        changes = ({"name": f"Shelf {number}"}, {"is_open": bool(number % 2)})
        calls = [lambda change=change: app.test_client().patch(shelf, json=change, headers=admin) for change in changes]
        assert together(*calls) == {200: 2}
        assert app.test_client().get(shelf).json.items() >= (changes[0] | changes[1]).items()


def test_a_collection_that_is_being_changed_takes_books_all_the_while(app, admin, shelf):
    id = int(shelf.rpartition("/")[2])
    book = {"title": "Dune", "page_count": 412, "genre_id": 1, "format_id": 1, "collection_id": id}
    with app.test_request_context():
        fetch(COLLECTIONS.wire, id)
        assert together(lambda: app.test_client().post("/books", json=book, headers=admin)) == {201: 1}


def test_a_change_waits_for_the_one_before_it(app, admin, shelf):
    id = int(shelf.rpartition("/")[2])
    with app.app_context(), db.engine.connect() as other:
        other.execute(text("UPDATE collections SET name = 'Theirs' WHERE id = :id"), {"id": id})
        call = threading.Thread(target=lambda: app.test_client().patch(shelf, json={"is_open": False}, headers=admin))
        call.start()
        call.join(0.5)
        assert call.is_alive()
        other.commit()
        call.join(PATIENCE)
    assert app.test_client().get(shelf).json.items() >= {"name": "Theirs", "is_open": False}.items()


def test_books_posted_into_a_collection_that_is_being_deleted_are_refused_or_deleted(app, admin):
    for _ in range(5):
        path = app.test_client().post("/collections", json={"name": "Doomed"}, headers=admin).headers["Location"]
        id = int(path.rpartition("/")[2])
        book = {"title": "Lost", "page_count": 1, "genre_id": 1, "format_id": 1, "collection_id": id}
        statuses = together(
            lambda path=path: app.test_client().delete(path, headers=admin),
            *[lambda book=book: app.test_client().post("/books", json=book, headers=admin)] * 4,
        )
        assert set(statuses) <= {200, 201, 422}
        assert app.test_client().get(f"/books?collection_id={id}").json == []


def test_a_caller_who_is_deleted_meanwhile_is_401(app):
    with app.app_context():
        user = accounts.create("Brief", "brief@example.org", "a password", is_admin=False)
        db.session.commit()
        headers, id = signed_in(user), user.id
    answers = []
    with app.app_context(), db.engine.connect() as other:
        other.execute(text("DELETE FROM users WHERE id = :id"), {"id": id})
        call = threading.Thread(
            target=lambda: answers.append(
                app.test_client().post("/collections", json={"name": "Late"}, headers=headers)
            )
        )
        call.start()
        call.join(0.5)
        other.commit()
        call.join(PATIENCE)
    assert [(answer.status_code, answer.json["msg"]) for answer in answers] == [(401, "Token is not valid")]


def test_a_later_change_has_a_later_time(app, admin, shelf):
    before = app.test_client().get(shelf).json
    after = app.test_client().patch(shelf, json={"name": "Renamed"}, headers=admin).json
    assert after["created_at"] == before["created_at"]
    assert after["updated_at"] > before["updated_at"] == before["created_at"]
