"""What a load balancer hears."""

import pytest
from flask_migrate import upgrade
from sqlalchemy import text

from mediatheque.extensions import db


@pytest.fixture
def away(make_app, server_url):
    """The application when nobody listens where its database should be."""
    return make_app(server_url.set(host="127.0.0.1", port=1)).test_client()


def test_a_process_is_alive_whatever_its_database_does(client, away):
    for one in (client, away):
        answer = one.get("/health/live")
        assert (answer.status_code, answer.json) == (200, {"status": "alive"})


def test_it_is_ready_when_the_database_answers(client, away):
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json) == (200, {"status": "ready"})
    answer = away.get("/health/ready")
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["Retry-After"]) <= 5


def test_it_is_not_ready_without_the_tables_of_this_program(make_app, make_database):
    app = make_app(make_database("health"))
    client = app.test_client()
    sentence = "flask db create makes them."
    assert sentence in client.get("/health/ready").json["detail"]
    with app.app_context():
        upgrade()
        assert client.get("/health/ready").status_code == 200
        db.session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        db.session.commit()
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert sentence in answer.json["detail"]
