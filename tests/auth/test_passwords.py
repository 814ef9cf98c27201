"""What HTTP does not show of passwords: how they are kept, and that the clock tells nobody who has an account."""

import time

import pytest
from sqlalchemy import select

from factories.auth import PASSWORD, PASSWORD_HASH, UserFactory
from mediatheque.auth import passwords
from mediatheque.auth.models import User

COST = 4  # as the tests' settings say


@pytest.fixture(name="settings", autouse=True)
def settings_of_the_application(request):
    """The settings, which say what a hash costs: for tests that send no request."""
    if "client" in request.fixturenames:
        yield
    else:
        with request.getfixturevalue("app").app_context():
            yield


def kept(client, connection, name, password):
    """What the database holds of a password that somebody of that name registers with."""
    body = {"name": name, "email": f"{name}@example.org", "password": password}
    assert client.post("/auth/register", json=body).status_code == 201
    return connection.scalar(select(User.password).where(User.name == name))


def fastest(stored, password):
    """The processor time in seconds that a check takes at least."""
    times = []
    for _ in range(30):
        begin = time.thread_time()
        passwords.matches(stored, password)
        times.append(time.thread_time() - begin)
    return min(times)


def test_a_password_is_kept_as_a_bcrypt_hash_of_the_cost_that_is_set(client, connection):
    stored = kept(client, connection, "ada", "a long password")
    assert stored.startswith(f"$2b${COST:02}$")
    assert len(stored) == 60


def test_two_who_have_one_password_have_different_hashes(client, connection):
    ada, bob = (kept(client, connection, name, "a long password") for name in ("ada", "bob"))
    assert ada != bob


def test_a_hash_is_no_password(client, connection):
    user = UserFactory()
    answer = client.post("/auth/login", json={"email": user.email, "password": PASSWORD_HASH})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("stored", "password"),
    [(None, PASSWORD), (None, "x" * 73), (PASSWORD_HASH, "x" * 73)],
    ids=["nobody", "nobody, too long", "too long"],
)
def test_a_check_that_cannot_succeed_takes_as_long_as_any_other(app, stored, password):
    ordinary = fastest(PASSWORD_HASH, "wrong horse")
    assert ordinary / 1.5 < fastest(stored, password) < ordinary * 1.5


@pytest.mark.parametrize("password", ["nobody's password", ""])
def test_no_password_is_right_where_there_is_no_hash(app, password):
    assert not passwords.matches(None, password)


@pytest.mark.parametrize("password", ["password", "PASSWORD", "123456", "qwerty", "philips"])
def test_the_commonest_are_refused_in_production(make_app, app, settings, password):
    production = make_app(app.config["SQLALCHEMY_DATABASE_URI"], MEDIATHEQUE_ENV="production")
    body = {"name": "Ada", "email": "ada@example.org", "password": password}
    answer = production.test_client().post("/register", json=body)
    assert answer.status_code == 422
    assert answer.json["errors"] == {"password": ["Must not be one of the 1,000 commonest passwords."]}
    assert passwords.accepted(password) == password
