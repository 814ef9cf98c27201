"""Sessions: what continues them, what ends them, and who sees them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import bcrypt
import pytest
from flask_migrate import upgrade
from sqlalchemy import func, select, text, update

from factories.auth import PASSWORD, SessionFactory, UserFactory
from factories.library import BookFactory, CollectionFactory
from mediatheque.auth import accounts, passwords
from mediatheque.auth.models import Session, User
from mediatheque.library.models import Book, Collection

NOT_VALID = "Token is not valid"
WRONG = {"current_password": ["Must be the password of your account."]}


@pytest.fixture
def user(connection):
    return UserFactory()


@pytest.fixture
def log_in(client, user):
    """Signs the user in: the login's answer."""

    def log_in(**headers):
        answer = client.post("/auth/login", json={"email": user.email, "password": PASSWORD}, headers=headers)
        assert answer.status_code == 200
        return answer.json

    return log_in


@pytest.fixture
def refresh(client):
    def refresh(token):
        return client.post("/auth/refresh", json={"refresh_token": token})

    return refresh


@pytest.fixture
def is_alive(client):
    """Whether the token of an answer is good."""

    def is_alive(tokens):
        return client.get("/auth/me", headers=bearer(tokens)).status_code == 200

    return is_alive


def bearer(tokens):
    return {"Authorization": f"Bearer {tokens['token']}"}


class TestRefresh:
    def test_gives_the_next_tokens_of_the_same_session(self, log_in, refresh, is_alive, connection):
        first = log_in()
        answer = refresh(first["refresh_token"])
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        assert answer.json.keys() == {"token", "refresh_token", "expires_in"}
        assert answer.json["refresh_token"] != first["refresh_token"]
        assert is_alive(answer.json)
        assert is_alive(first)
        assert connection.scalar(select(func.count(Session.id))) == 1

    def test_goes_on_and_on(self, log_in, refresh, is_alive):
        tokens = log_in()
        for _ in range(5):
            tokens = refresh(tokens["refresh_token"]).json
        assert is_alive(tokens)

    def test_makes_the_session_live_another_month(self, log_in, refresh, connection):
        tokens = log_in()
        connection.execute(update(Session).values(expires_at=func.now() + timedelta(days=1)))
        refresh(tokens["refresh_token"])
        left = connection.scalar(select(Session.expires_at - func.now()))
        assert timedelta(days=29) < left <= timedelta(days=31)

    def test_with_the_token_before_gets_the_same_next_one(self, log_in, refresh):
        first = log_in()["refresh_token"]
        assert refresh(first).json["refresh_token"] == refresh(first).json["refresh_token"]

    def test_with_the_token_before_ends_the_session_after_10_seconds(self, log_in, refresh, is_alive, connection):
        first = log_in()["refresh_token"]
        second = refresh(first).json
        connection.execute(update(Session).values(used_at=Session.used_at - timedelta(seconds=10)))
        assert refresh(first).json["msg"] == NOT_VALID
        assert not is_alive(second)
        assert refresh(second["refresh_token"]).status_code == 401

    def test_with_an_older_token_ends_the_session(self, log_in, refresh, is_alive):
        first = log_in()["refresh_token"]
        second = refresh(first).json
        third = refresh(second["refresh_token"]).json
        answer = refresh(first)
        assert (answer.status_code, answer.json["msg"]) == (401, NOT_VALID)
        assert not is_alive(third)

    def test_after_the_end_of_a_session_is_401(self, log_in, refresh, is_alive, connection):
        tokens = log_in()
        connection.execute(update(Session).values(expires_at=func.now()))
        assert refresh(tokens["refresh_token"]).status_code == 401
        assert not is_alive(tokens)

    @pytest.mark.parametrize("token", ["", "x", "é", "=" * 64, "A" * 63, "A" * 64, "A" * 10_000, "\0" * 64])
    def test_with_what_is_no_token_is_401(self, refresh, log_in, is_alive, token):
        tokens = log_in()
        answer = refresh(token)
        assert (answer.status_code, answer.json["msg"], answer.headers["WWW-Authenticate"]) == (
            401,
            NOT_VALID,
            "Bearer",
        )
        assert is_alive(tokens)

    @pytest.mark.parametrize("place", [0, 15])
    def test_with_another_family_ends_nobodys_session(self, log_in, refresh, is_alive, place):
        tokens = log_in()
        token = bytearray(urlsafe_b64decode(tokens["refresh_token"]))
        token[place] ^= 1
        assert refresh(urlsafe_b64encode(token).decode()).status_code == 401
        assert is_alive(tokens)

    def test_is_no_business_of_an_access_token(self, log_in, refresh):
        tokens = log_in()
        assert refresh(tokens["token"]).status_code == 401


def test_of_refresh_tokens_only_hashes_are_kept(log_in, refresh, connection):
    tokens = refresh(log_in()["refresh_token"]).json
    content = urlsafe_b64decode(tokens["refresh_token"])
    kept = connection.execute(select(Session.family, Session.secret, Session.previous_secret, Session.sealed)).one()
    assert not {content[:16], content[16:]} & set(kept)


def test_of_twenty_who_refresh_at_once_all_get_the_same_token(make_database, make_app):
    app = make_app(make_database("refreshes"))
    with app.app_context():
        upgrade()
        accounts.create("Ada", "ada@example.org", PASSWORD, is_admin=False)
        accounts.db.session.commit()
    login = app.test_client().post("/login", json={"email": "ada@example.org", "password": PASSWORD}).json

    def refresh(_):
        return app.test_client().post("/auth/refresh", json={"refresh_token": login["refresh_token"]}).json

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(refresh, range(20)))
    (next_one,) = {answer["refresh_token"] for answer in answers}
    assert next_one != login["refresh_token"]


class TestLogout:
    def test_ends_this_session_and_no_other(self, client, log_in, is_alive, refresh):
        one, other = log_in(), log_in()
        answer = client.post("/auth/logout", headers=bearer(one))
        assert (answer.status_code, answer.json) == (200, {"message": "You have been signed out."})
        assert (is_alive(one), is_alive(other)) == (False, True)
        assert refresh(one["refresh_token"]).status_code == 401

    def test_everywhere_ends_all_but_those_of_others(self, client, log_in, is_alive, sign_in):
        sessions, others = [log_in(), log_in()], sign_in(UserFactory())
        assert client.post("/auth/logout-everywhere", headers=bearer(sessions[0])).status_code == 200
        assert not any(is_alive(session) for session in sessions)
        assert client.get("/auth/me", headers=others).status_code == 200


class TestList:
    def test_shows_ones_own_sessions_the_newest_first(self, client, user, log_in):
        old, new = log_in(User_Agent="curl/8"), log_in(User_Agent="x" * 300)
        SessionFactory()
        newest, oldest = client.get("/auth/sessions", headers=bearer(old)).json
        assert newest["id"] > oldest["id"]
        assert (newest["agent"], oldest["agent"]) == ("x" * 200, "curl/8")
        assert (newest["is_current"], oldest["is_current"]) == (False, True)
        assert newest.keys() == {"id", "agent", "created_at", "used_at", "expires_at", "is_current"}
        assert client.get("/auth/sessions", headers=bearer(new)).json[0]["is_current"]

    def test_has_those_alone_that_go_on(self, client, user, log_in, connection):
        gone = SessionFactory(user_id=user.id)
        connection.execute(update(Session).where(Session.id == gone.id).values(expires_at=func.now()))
        assert len(client.get("/auth/sessions", headers=bearer(log_in())).json) == 1

    def test_has_a_hundred_sessions_at_most(self, client, user, log_in, connection):
        SessionFactory.create_batch(100, user_id=user.id)
        tokens = log_in()
        assert len(client.get("/auth/sessions", headers=bearer(tokens)).json) == 100
        assert connection.scalar(select(func.count(Session.id))) == 100


class TestDelete:
    def test_ends_another_session_of_ones_own(self, client, log_in, is_alive):
        mine, stolen = log_in(), log_in()
        id = client.get("/auth/sessions", headers=bearer(stolen)).json[0]["id"]
        answer = client.delete(f"/auth/sessions/{id}", headers=bearer(mine))
        assert (answer.status_code, answer.json) == (200, {"message": f"Session {id} has been ended."})
        assert (is_alive(mine), is_alive(stolen)) == (True, False)

    @pytest.mark.parametrize("id", [0, 2**63 - 1, 2**63])
    def test_of_none_is_404(self, client, log_in, id):
        answer = client.delete(f"/auth/sessions/{id}", headers=bearer(log_in()))
        assert (answer.status_code, answer.json["error"]) == (404, f"A session with the id {id} does not exist.")

    def test_of_somebody_elses_is_404_and_ends_nothing(self, client, log_in, connection):
        foreign = SessionFactory()
        assert client.delete(f"/auth/sessions/{foreign.id}", headers=bearer(log_in())).status_code == 404
        assert connection.scalar(select(Session.id).where(Session.id == foreign.id)) == foreign.id


class TestMe:
    def test_is_ones_own_account(self, client, user, log_in):
        answer = client.get("/auth/me", headers=bearer(log_in()))
        assert answer.json == {"id": user.id, "name": user.name, "email": user.email, "is_admin": False}
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_takes_another_name_and_leaves_all_sessions(self, client, log_in, is_alive, method):
        mine, other = log_in(), log_in()
        body = {"name": "Ada King", "current_password": PASSWORD}
        answer = client.open("/auth/me", method=method, json=body, headers=bearer(mine))
        assert (answer.status_code, answer.json["name"]) == (200, "Ada King")
        assert is_alive(mine)
        assert is_alive(other)

    @pytest.mark.parametrize("change", [{"email": "ada.king@example.org"}, {"password": "a new password"}])
    def test_takes_another_address_or_password_and_ends_all_other_sessions(self, client, log_in, is_alive, change):
        mine, other = log_in(), log_in()
        answer = client.patch("/auth/me", json=change | {"current_password": PASSWORD}, headers=bearer(mine))
        assert answer.status_code == 200
        assert (is_alive(mine), is_alive(other)) == (True, False)
        body = {"email": answer.json["email"], "password": change.get("password", PASSWORD)}
        assert client.post("/login", json=body).status_code == 200

    @pytest.mark.parametrize(
        ("body", "status", "errors"),
        [
            ({"name": "Ada King"}, 422, {"current_password": ["Must be given."]}),
            ({"name": "Ada King", "current_password": "wrong"}, 422, WRONG),
            ({"name": "Ada King", "current_password": "x" * 100}, 422, WRONG),
            ({"current_password": PASSWORD}, 422, {"body": ["Must hold at least one of: name, email, password."]}),
            ({"is_admin": True, "current_password": PASSWORD}, 422, None),
            ({"password": "short", "current_password": PASSWORD}, 422, None),
            ({"email": "taken@example.org", "current_password": PASSWORD}, 409, None),
        ],
    )
    def test_refuses_and_changes_nothing(self, client, user, log_in, connection, body, status, errors):
        UserFactory(email="taken@example.org")
        row = select(*User.__table__.c).where(User.id == user.id)
        before = connection.execute(row).one()
        answer = client.patch("/auth/me", json=body, headers=bearer(log_in()))
        assert answer.status_code == status
        assert errors is None or answer.json["errors"] == errors
        assert connection.execute(row).one() == before

    def test_counts_wrong_passwords_for_the_session(self, client, user, log_in):
        stolen, other = bearer(log_in()), bearer(log_in())
        body = {"name": "Ada King", "current_password": "wrong"}
        answers = [client.patch("/auth/me", json=body, headers=stolen).status_code for _ in range(6)]
        assert answers == [422] * 5 + [429]
        body["current_password"] = PASSWORD
        assert client.patch("/auth/me", json=body, headers=stolen).status_code == 429
        assert client.patch("/auth/me", json=body, headers=other).status_code == 200

    @pytest.mark.parametrize("wrongs", [0, 5])
    def test_hashes_no_new_password_before_the_old_one_is_right(self, client, log_in, monkeypatch, wrongs):
        mine, body = bearer(log_in()), {"password": "a new password", "current_password": "wrong"}
        for _ in range(wrongs):
            client.patch("/auth/me", json=body, headers=mine)
        monkeypatch.setattr(passwords, "hashed", None)
        assert client.patch("/auth/me", json=body, headers=mine).status_code == (429 if wrongs else 422)

    def test_can_be_changed_while_others_guess(self, client, user, log_in):
        mine = bearer(log_in())
        session = client.get("/auth/sessions", headers=mine).json[0]["id"]
        for address in (user.email, f"session {session}"):
            for _ in range(6):
                client.post("/login", json={"email": address, "password": "wrong"})
        body = {"password": "a new password", "current_password": PASSWORD}
        assert client.patch("/auth/me", json=body, headers=mine).status_code == 200

    def test_can_be_deleted_with_all_that_is_ones_own(self, client, user, log_in, is_alive, connection):
        tokens = log_in()
        shelf, foreign = CollectionFactory(user=user), BookFactory()
        BookFactory(collection=shelf)
        assert client.delete("/auth/me", json={"current_password": "no"}, headers=bearer(tokens)).status_code == 422
        answer = client.delete("/auth/me", json={"current_password": PASSWORD}, headers=bearer(tokens))
        assert (answer.status_code, answer.json) == (
            200,
            {"message": f"The account of {user.name} has been deleted successfully."},
        )
        assert not is_alive(tokens)
        assert connection.scalars(select(Book.id)).all() == [foreign.id]
        assert shelf.id not in connection.scalars(select(Collection.id)).all()


def test_a_password_that_is_changed_meanwhile_begins_no_session(app, user, connection):
    with app.app_context():
        known = accounts.find(user.email)
        accounts.db.session.expunge(known)
        connection.execute(text("UPDATE users SET password = 'another hash' WHERE id = :id"), {"id": user.id})
        assert accounts.sessions.begin(known, "the tests") is None


def test_a_login_waits_for_a_change_of_the_password_and_fails(make_database, make_app):
    app = make_app(make_database("changed"))
    with app.app_context():
        upgrade()
        user = accounts.create("Ada", "ada@example.org", PASSWORD, is_admin=False)
        accounts.db.session.commit()
        accounts.set_password(user, "a new password")
        accounts.db.session.flush()
        with ThreadPoolExecutor(1) as threads:
            body = {"email": "ada@example.org", "password": PASSWORD}
            login = threads.submit(lambda: app.test_client().post("/login", json=body))
            with pytest.raises(TimeoutError):
                login.result(0.5)
            accounts.db.session.commit()
            assert login.result(5).status_code == 401
        assert accounts.db.session.scalar(select(func.count(Session.id))) == 0


def test_a_login_brings_the_hash_to_the_cost_that_is_set(client, user, connection):
    known = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
    connection.execute(update(User).where(User.id == user.id).values(password=known))
    for _ in range(2):
        assert client.post("/login", json={"email": user.email, "password": PASSWORD}).status_code == 200
        assert connection.scalar(select(User.password)).startswith("$2b$04$")


def test_sessions_that_are_over_are_deleted_with_anybodys_login(log_in, connection):
    SessionFactory.create_batch(3)
    connection.execute(update(Session).values(expires_at=func.now()))
    log_in()
    assert connection.scalar(select(func.count(Session.id))) == 1


def test_the_command_line_ends_sessions_with_a_new_password(app, user, log_in, is_alive):
    tokens = log_in()
    with app.app_context():
        accounts.set_password(accounts.find(user.email), "a new password")
        accounts.db.session.commit()
    assert not is_alive(tokens)
