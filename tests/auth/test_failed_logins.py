"""Failed logins: how many an account, a client, and both together have in a quarter of an hour."""

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import delete, func, select, update

from factories.auth import PASSWORD, LoginCountFactory, UserFactory
from mediatheque.auth import accounts
from mediatheque.auth.models import LoginCount
from mediatheque.extensions import db

SENTENCE = "There were too many failed logins. Please try again later."


@pytest.fixture
def user(connection):
    return UserFactory()


@pytest.fixture
def log_in(client, user):
    """The answer to a login, with a wrong password unless told otherwise, from an address of a client."""

    def log_in(password="wrong", *, email=user.email, client_at="192.0.2.1", **headers):
        return client.post(
            "/auth/login",
            json={"email": email, "password": password},
            headers=headers,
            environ_overrides={"REMOTE_ADDR": client_at},
        )

    return log_in


def statuses(answers):
    return [answer.status_code for answer in answers]


def fail(log_in, times, **options):
    assert statuses(log_in(**options) for _ in range(times)) == [401] * times


class TestOfAnAccountByAClient:
    def test_are_five_then_nobody_gets_in(self, log_in):
        fail(log_in, 5)
        answer = log_in(PASSWORD)
        assert (answer.status_code, answer.json["detail"]) == (429, SENTENCE)
        assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60

    def test_are_counted_for_every_spelling_of_the_address(self, log_in, user):
        fail(log_in, 3)
        fail(log_in, 2, email=f" {user.email.upper()} ")
        assert log_in().status_code == 429

    @pytest.mark.parametrize("known", [True, False])
    def test_are_counted_for_what_the_database_takes_for_the_address(self, log_in, known):
        if known:
            UserFactory(email="nina.mimi@example.org")
        spellings = (
            "".join(pair) for pair in product(("ni", "n\u0130", "NI"), ("na.mimi@example.org", "na.mİmi@example.org"))
        )
        answers = [log_in(email=spelling) for spelling in spellings]
        assert statuses(answers) == [401] * 5 + [429]

    @pytest.mark.parametrize("email", ["nobody@example.org", "no address", "x" * 3000, ""])
    def test_are_the_same_for_an_address_that_nobody_has(self, log_in, email):
        fail(log_in, 5, email=email)
        assert log_in(email=email).status_code == 429

    def test_end_by_themselves(self, log_in, connection):
        fail(log_in, 5)
        connection.execute(update(LoginCount).values(ends_at=func.now()))
        assert log_in(PASSWORD).status_code == 200
        fail(log_in, 5)

    def test_do_not_grow_by_refused_ones(self, log_in, connection):
        fail(log_in, 5)
        counts = select(LoginCount.key, LoginCount.failures, LoginCount.ends_at)
        before = connection.execute(counts).all()
        assert statuses(log_in() for _ in range(3)) == [429] * 3
        assert connection.execute(counts).all() == before

    def test_are_forgotten_with_the_right_password(self, log_in):
        for _ in range(3):
            fail(log_in, 4)
            assert log_in(PASSWORD).status_code == 200

    def test_begin_anew_with_a_password_from_the_command_line(self, app, connection, log_in, user):
        fail(log_in, 5)
        with app.app_context():
            accounts.set_password(accounts.find(user.email), "another long password")
            db.session.commit()
        assert log_in("another long password").status_code == 200
        fail(log_in, 5)
        assert log_in("another long password").status_code == 429

    def test_hold_up_nobody_else(self, log_in):
        fail(log_in, 5)
        assert log_in(PASSWORD, email=UserFactory().email).status_code == 200
        assert log_in(PASSWORD, client_at="192.0.2.2").status_code == 200

    def test_are_not_mixed_up_by_a_header_that_anybody_can_send(self, log_in):
        answers = (log_in(X_Forwarded_For=f"198.51.100.{n}") for n in range(6))
        assert statuses(answers) == [401] * 5 + [429]

    def test_are_of_a_network_in_ipv6(self, log_in):
        answers = (log_in(client_at=f"2001:db8::{n:x}") for n in range(1, 7))
        assert statuses(answers) == [401] * 5 + [429]
        assert log_in(client_at="2001:db8:0:1::1").status_code == 401


def test_of_an_account_are_fifty(log_in):
    for n in range(10):
        fail(log_in, 5, client_at=f"192.0.2.{n}")
    assert log_in(PASSWORD, client_at="192.0.2.200").status_code == 429
    assert log_in(PASSWORD, client_at="192.0.2.200", email=UserFactory().email).status_code == 200


def test_of_a_client_are_a_hundred(log_in):
    for n in range(20):
        fail(log_in, 5, email=f"nobody{n}@example.org")
    assert log_in(PASSWORD).status_code == 429
    assert log_in(PASSWORD, client_at="192.0.2.2").status_code == 200


def test_right_ones_leave_no_failures(log_in, connection):
    fail(log_in, 1, email="nobody@example.org")
    assert statuses(log_in(PASSWORD) for _ in range(120)) == [200] * 120
    assert sorted(connection.scalars(select(LoginCount.failures))) == [0, 0, 1, 1, 1]


def test_counts_name_nobody(log_in, user, connection):
    fail(log_in, 1)
    for key in connection.scalars(select(LoginCount.key)):
        assert len(key) == 16
        assert not {user.email.encode(), b"192.0.2.1"} & {key}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1:1234", "192.0.2.1:4321", True),
        ("192.0.2.1:1234", "192.0.2.2:1234", False),
        ("[2001:db8::1]:1234", "2001:db8::1", True),
        ("[2001:db8::1]:1234", "[2001:db8:1::1]:1234", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:1::1", False),
    ],
)
def test_a_client_is_an_address_or_a_network(log_in, one, other, same):
    fail(log_in, 5, client_at=one)
    assert log_in(client_at=other).status_code == (429 if same else 401)


def test_counts_that_are_over_are_swept_with_a_login(log_in, connection):
    LoginCountFactory.create_batch(3)
    connection.execute(update(LoginCount).values(ends_at=func.now() - timedelta(seconds=1)))
    log_in(PASSWORD)
    assert connection.scalar(select(func.count(LoginCount.id)).where(LoginCount.ends_at < func.now())) == 0
    connection.execute(delete(LoginCount))


def test_behind_a_proxy_the_client_is_whom_it_names(make_app, make_database, user):
    app = make_app(make_database("proxied"), TRUSTED_PROXIES="1")
    app.add_url_rule("/client", view_func=lambda: app.jinja_env.globals["request"].remote_addr)
    client = app.test_client()
    for given, address in (("198.51.100.7", "198.51.100.7"), ("1.2.3.4, 198.51.100.8", "198.51.100.8")):
        assert client.get("/client", headers={"X-Forwarded-For": given}).text == address
    assert client.get("/client").text == "127.0.0.1"
