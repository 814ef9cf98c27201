"""What a token must be, and what is said of those that are not valid."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from flask_jwt_extended import create_refresh_token
from flask_migrate import upgrade
from sqlalchemy import delete, func, update

from contract.resources import all_rows
from factories.auth import PASSWORD, UserFactory
from factories.library import GenreFactory
from mediatheque.auth import accounts, sessions
from mediatheque.auth import tokens as tokens_of_auth
from mediatheque.auth.models import Session, User
from mediatheque.extensions import db

ABSENT = ...
NOT_VALID = "Token is not valid"


def part(content):
    """A part of a token: bytes, or a JSON value, in base64url without padding."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def shortened(value):
    """What a test is called by that runs with *value*."""
    return ascii(value)[:40]


@pytest.fixture
def key(app):
    return app.config["JWT_SECRET_KEY"].encode()


@pytest.fixture
def user(connection):
    return UserFactory()


@pytest.fixture
def session(app, user):
    """A session of that user, as it is begun by a login."""
    with app.app_context():
        started = sessions.begin(user, "the tests")
        db.session.commit()
    return started


@pytest.fixture
def claims(session):
    """The claims of a token that is valid."""
    now = int(time.time())
    own = {"sub": str(session.user_id), "sid": session.id, "type": "access", "fresh": False, "jti": "1"}
    return own | {"iss": "mediatheque", "aud": "mediatheque", "iat": now, "nbf": now, "exp": now + 60}


@pytest.fixture
def signed(key):
    """A token with those claims and members of the header, whose signature is right unless another key is given."""

    def token(claims, *, key=key, digest=hashlib.sha256, **header):
        content = f"{part({'alg': 'HS256', 'typ': 'JWT'} | header)}.{part(claims)}"
        return f"{content}.{part(hmac.digest(key, content.encode(), digest))}"

    return token


@pytest.fixture
def attempt(client):
    """A write with that Authorization header."""

    def answer(authorization):
        return client.post("/collections", json={"name": "Attic"}, headers={"Authorization": authorization})

    return answer


@pytest.fixture
def refusal(connection, attempt, record_property):
    """What is said (msg) of a write with that Authorization header: it is 401 and nothing is written."""

    def message(authorization):
        before = all_rows(connection)
        answer = attempt(authorization)
        assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == (401, "Bearer")
        assert answer.json["detail"] == answer.json["error"] == f"{answer.json['msg']}."
        assert all_rows(connection) == before
        record_property("tokens", 1)
        return answer.json["msg"]

    return message


class TestValidToken:
    def test_opens_what_needs_one(self, attempt, signed, claims, user):
        answer = attempt(f"Bearer {signed(claims)}")
        assert (answer.status_code, answer.json["user"]["id"]) == (201, user.id)

    def test_names_its_user_as_text_and_lives_24_hours(self, client, user, key):
        answer = client.post("/auth/login", json={"email": user.email, "password": PASSWORD})
        claims = jwt.decode(answer.json["token"], key, algorithms=["HS256"], audience="mediatheque")
        assert (claims["sub"], claims["exp"] - claims["iat"]) == (str(user.id), 24 * 60 * 60)

    def test_says_nothing_of_admins_who_are_looked_up_at_each_request(self, client, connection, sign_in, user):
        headers, genres = sign_in(user), [GenreFactory(), GenreFactory()]
        answers = []
        for is_admin in (True, False):
            connection.execute(update(User).where(User.id == user.id).values(is_admin=is_admin))
            answers.append(client.delete(f"/genres/{genres.pop().id}", headers=headers).status_code)
        assert answers == [200, 403]

    def test_that_claims_to_be_an_admins_makes_none(self, client, signed, claims):
        genre, headers = GenreFactory(), {"Authorization": f"Bearer {signed(claims | {'is_admin': True})}"}
        assert client.delete(f"/genres/{genre.id}", headers=headers).status_code == 403

    def test_of_a_user_who_is_gone_is_not_valid(self, connection, refusal, signed, claims, user):
        connection.execute(delete(User).where(User.id == user.id))
        assert refusal(f"Bearer {signed(claims)}") == NOT_VALID


class TestHeader:
    def test_that_is_missing_is_named(self, client):
        answer = client.post("/collections", json={"name": "Attic"})
        assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == (401, "Bearer")
        assert answer.json["msg"] == "Missing Authorization Header"
        assert client.get("/collections").json == []

    def test_cannot_be_replaced_by_another_place(self, client, signed, claims):
        token = signed(claims)
        client.set_cookie("access_token_cookie", token)
        answer = client.post(f"/collections?jwt={token}&access_token={token}", json={"access_token": token})
        assert (answer.status_code, answer.json["msg"]) == (401, "Missing Authorization Header")

    @pytest.mark.parametrize("path", ["/collections", "/books", "/movies", "/formats", "/movie_formats", "/genres"])
    def test_that_is_wrong_is_refused_before_the_body_is_read(self, client, path):
        answer = client.post(path, data="{", headers={"Authorization": "Bearer x"})
        assert (answer.status_code, answer.json["msg"]) == (401, NOT_VALID)

    @pytest.mark.parametrize(
        "header",
        [
            "",
            ",",
            ", ,Bearer {token}",
            "Bearer",
            "Bearer ,",
            "Bearer null",
            "Bearer undefined",
            "Bearer garbage",
            "Bearer a.b.c",
            "Bearer ..",
            "Bearer é.é.é",
            "Bearer {token}é",
            "Bearer {token}\0",
            "Bearer \0",
            "Bearer {token} {token}",
            "Bearer {token}, Bearer {token}",
            "Bearer {token}{token}",
            "Bearer {token}.{token}",
            "Bearer {token}.",
            "Bearer .{token}",
            'Bearer "{token}"',
            "Bearer={token}",
            "Bearer: {token}",
            "Bearer{token}",
            "{token}",
            "Basic {token}",
            "Token {token}",
            "JWT {token}",
            "Basic YWRtaW4xQGFkbWluLmNvbTphZG1pbjE=",
            "Bearer YWRtaW4xQGFkbWluLmNvbTphZG1pbjE=",
            "Bearer " + "a" * 1_000_000,
            "Bearer " + "a." * 100_000,
        ],
        ids=shortened,
    )
    def test_that_holds_no_valid_token_is_refused(self, refusal, signed, claims, header):
        assert refusal(header.format(token=signed(claims))) == NOT_VALID


class TestParts:
    @pytest.mark.parametrize("characters", [1, 2, 20, 43, 44, 100])
    def test_of_a_token_that_is_cut_are_refused(self, refusal, signed, claims, characters):
        assert refusal(f"Bearer {signed(claims)[:-characters]}") == NOT_VALID

    @pytest.mark.parametrize(
        "header",
        [
            [],
            {},
            "HS256",
            b"",
            b"{",
            b"\xff",
            b"[" * 100_000,
            b'{"alg": ' + b"1" * 5000 + b"}",
            {"alg": None},
            {"alg": 5},
            {"alg": ["HS256"]},
            {"alg": {"HS256": "HS256"}},
            {"alg": "HS256", "kid": 5},
            {"alg": "HS256", "b64": False, "crit": ["b64"]},
        ],
        ids=shortened,
    )
    def test_whose_header_is_none_are_refused(self, refusal, key, claims, header):
        content = f"{part(header)}.{part(claims)}"
        signature = part(hmac.digest(key, content.encode(), hashlib.sha256))
        assert refusal(f"Bearer {content}.{signature}") == NOT_VALID

    @pytest.mark.parametrize("payload", [b"", b"{", b"\xff", b'"x"', b"[]", b"null", b"[" * 100_000], ids=shortened)
    def test_whose_claims_are_no_object_are_refused(self, refusal, signed, payload):
        assert refusal(f"Bearer {signed(payload)}") == NOT_VALID


class TestSignature:
    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
    def test_that_is_none_is_refused(self, refusal, claims, algorithm):
        assert refusal(f"Bearer {part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}.") == NOT_VALID

    @pytest.mark.parametrize("algorithm", ["none", "hs256", "HS384", "HS512", "RS256", "ES256", "EdDSA", "HS1"])
    def test_under_the_name_of_another_algorithm_is_refused(self, refusal, signed, claims, algorithm):
        assert refusal(f"Bearer {signed(claims, alg=algorithm)}") == NOT_VALID

    @pytest.mark.parametrize(
        ("algorithm", "digest"), [("HS384", hashlib.sha384), ("HS512", hashlib.sha512), ("HS256", hashlib.sha512)]
    )
    def test_by_another_algorithm_is_refused(self, refusal, signed, claims, algorithm, digest):
        assert refusal(f"Bearer {signed(claims, alg=algorithm, digest=digest)}") == NOT_VALID

    @pytest.mark.parametrize("wrong", [b"", b"secret", b"a secret of somebody else, long enough for HS256"])
    def test_with_another_key_is_refused(self, refusal, signed, claims, wrong):
        assert refusal(f"Bearer {signed(claims, key=wrong)}") == NOT_VALID

    @pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "kid"])
    def test_with_a_key_that_the_token_brings_is_refused(self, refusal, signed, claims, member):
        own = {"kty": "oct", "k": part(b"a key of the token's own, long enough for HS256")}
        given = {"jwk": own, "x5c": [own["k"]]}.get(member, "https://example.org/key")
        token = signed(claims, key=b"a key of the token's own, long enough for HS256", **{member: given})
        assert refusal(f"Bearer {token}") == NOT_VALID

    def test_of_other_claims_is_refused(self, refusal, signed, claims):
        header, _, signature = signed(claims).split(".")
        other = part(claims | {"sub": str(UserFactory(is_admin=True).id)})
        assert refusal(f"Bearer {header}.{other}.{signature}") == NOT_VALID


class TestClaims:
    @pytest.mark.parametrize(
        "subject",
        [
            "",
            " ",
            "0",
            "-{id}",
            "+{id}",
            " {id}",
            "{id}\n",
            "{id}\0",
            "{id}.0",
            "{id}e0",
            "{id},{id}",
            "{id} OR 1=1",
            "Ada",
            "999999",
            "9223372036854775808",
            "9" * 19,
            "9" * 5000,
            "\ud800",
        ],
        ids=shortened,
    )
    def test_whose_subject_is_no_users_id_are_refused(self, refusal, signed, claims, user, subject):
        assert refusal(f"Bearer {signed(claims | {'sub': subject.format(id=user.id)})}") == NOT_VALID

    def test_whose_subject_is_an_id_in_other_digits_are_refused(self, refusal, signed, claims, user):
        arabic = "".join(chr(0x660 + int(digit)) for digit in str(user.id))
        assert refusal(f"Bearer {signed(claims | {'sub': arabic})}") == NOT_VALID

    def test_whose_subject_is_an_integer_are_refused(self, refusal, signed, claims, user):
        assert refusal(f"Bearer {signed(claims | {'sub': user.id})}") == NOT_VALID

    @pytest.mark.parametrize(
        ("claim", "value"),
        [
            ("sub", ABSENT),
            ("sub", None),
            ("sub", True),
            ("sub", []),
            ("sub", {}),
            ("exp", ABSENT),
            ("exp", None),
            ("exp", "soon"),
            ("exp", []),
            ("exp", float("inf")),
            ("nbf", ABSENT),
            ("nbf", "now"),
            ("nbf", 2**62),
            ("iat", ABSENT),
            ("iat", "now"),
            ("iat", 2**62),
            ("jti", ABSENT),
            ("jti", 1),
            ("iss", ABSENT),
            ("iss", "somebody else"),
            ("iss", None),
            ("iss", ["mediatheque"]),
            ("aud", ABSENT),
            ("aud", "somebody else"),
            ("aud", None),
            ("sid", ABSENT),
            ("sid", None),
            ("sid", "1"),
            ("sid", True),
            ("sid", 1.0),
            ("sid", -1),
            ("sid", 0),
            ("sid", 2**63),
            ("sid", 10**30),
            ("sid", []),
            ("type", "refresh"),
            ("type", "reset"),
            ("type", None),
        ],
        ids=shortened,
    )
    def test_that_are_wrong_are_refused(self, refusal, signed, claims, claim, value):
        claims[claim] = value
        token = signed({name: value for name, value in claims.items() if value is not ABSENT})
        assert refusal(f"Bearer {token}") == NOT_VALID

    def test_that_begin_later_are_refused(self, refusal, signed, claims):
        assert refusal(f"Bearer {signed(claims | {'nbf': claims['nbf'] + 60})}") == NOT_VALID

    @pytest.mark.parametrize("seconds", [0, 1, 86_400])
    def test_that_have_ended_are_named(self, refusal, signed, claims, seconds):
        assert refusal(f"Bearer {signed(claims | {'exp': claims['iat'] - seconds})}") == "Token has expired"

    def test_that_have_ended_are_not_named_to_who_cannot_sign(self, refusal, signed, claims):
        assert refusal(f"Bearer {signed(claims | {'exp': 1}, key=b'secret')}") == NOT_VALID

    def test_of_a_refresh_token_are_refused(self, app, refusal, user):
        with app.app_context():
            token = create_refresh_token(str(user.id))
        assert refusal(f"Bearer {token}") == NOT_VALID


class TestKeys:
    OLD, NEW = "the secret of yesterday, long enough for HS256", "the secret of today, which is long enough too"

    @pytest.fixture(scope="class")
    @classmethod
    def tokens(cls, make_database, make_app):
        """A token by each of three keys, the newest last, and a client of an application that knows two of them."""
        url = make_database("keys")
        with make_app(url).app_context():
            upgrade()
            user = accounts.create("Ada", "ada@example.org", PASSWORD, is_admin=False)
            started = sessions.begin(user, "the tests")
            db.session.commit()
        issued = []
        for secret in ("the secret of long ago, long enough for HS256", cls.OLD, cls.NEW):
            with make_app(url, JWT_SECRET_KEY=secret).app_context():
                issued.append(tokens_of_auth.issue(started))
        app = make_app(url, JWT_SECRET_KEY=cls.NEW, JWT_PREVIOUS_SECRET_KEY=cls.OLD)
        return issued, app.test_client()

    def test_the_newest_and_the_one_before_are_good_and_no_other(self, tokens):
        issued, client = tokens
        answers = [client.get("/auth/me", headers={"Authorization": f"Bearer {token}"}) for token in issued]
        assert [answer.status_code for answer in answers] == [401, 200, 200]
        assert answers[0].json["msg"] == NOT_VALID

    def test_new_tokens_are_signed_with_the_newest(self, tokens):
        _, client = tokens
        token = client.post("/login", json={"email": "ada@example.org", "password": PASSWORD}).json["token"]
        assert jwt.decode(token, self.NEW, algorithms=["HS256"], audience="mediatheque")["sid"]

    def test_is_the_one_that_the_token_names(self, app, monkeypatch, refusal, signed, claims, key):
        monkeypatch.setitem(app.config, "JWT_PREVIOUS_SECRET_KEY", app.config["JWT_SECRET_KEY"])
        monkeypatch.setitem(app.config, "JWT_SECRET_KEY", self.NEW)
        assert refusal(f"Bearer {signed(claims, key=key)}") == NOT_VALID
        assert refusal(f"Bearer {signed(claims, key=key, kid='00000000')}") == NOT_VALID


class TestSession:
    @pytest.fixture
    def log_in(self, client, user):
        """Begins a session and gives what the login has answered."""

        def answered():
            answer = client.post("/auth/login", json={"email": user.email, "password": PASSWORD})
            assert answer.status_code == 200
            return answer.json

        return answered

    @pytest.mark.parametrize("way", ["logout", "logout-everywhere"])
    def test_that_was_signed_out_has_no_valid_token(self, client, refusal, log_in, way):
        authorization = f"Bearer {log_in()['token']}"
        assert client.post(f"/auth/{way}", headers={"Authorization": authorization}).status_code == 200
        assert refusal(authorization) == NOT_VALID

    @pytest.mark.parametrize("way", ["another one", "logout-everywhere", "password", "email"])
    def test_that_another_one_has_ended_has_no_valid_token(self, client, refusal, log_in, way):
        ended, ending = f"Bearer {log_in()['token']}", {"Authorization": f"Bearer {log_in()['token']}"}
        if way == "another one":
            (id,) = (one["id"] for one in client.get("/auth/sessions", headers=ending).json if not one["is_current"])
            answer = client.delete(f"/auth/sessions/{id}", headers=ending)
        elif way == "logout-everywhere":
            answer = client.post("/auth/logout-everywhere", headers=ending)
        else:
            change = {way: {"password": "another password", "email": "another@example.org"}[way]}
            answer = client.patch("/auth/me", json=change | {"current_password": PASSWORD}, headers=ending)
        assert answer.status_code == 200
        assert refusal(ended) == NOT_VALID

    def test_whose_account_was_deleted_has_no_valid_token(self, client, refusal, log_in):
        authorization = f"Bearer {log_in()['token']}"
        body, headers = {"current_password": PASSWORD}, {"Authorization": authorization}
        assert client.delete("/auth/me", json=body, headers=headers).status_code == 200
        assert refusal(authorization) == NOT_VALID

    def test_whose_time_is_over_has_no_valid_token(self, connection, refusal, signed, claims, session):
        connection.execute(update(Session).where(Session.id == session.id).values(expires_at=func.now()))
        assert refusal(f"Bearer {signed(claims)}") == NOT_VALID

    def test_whose_refresh_token_came_a_third_time_has_no_valid_token(self, client, refusal, log_in):
        login = log_in()
        following = client.post("/auth/refresh", json={"refresh_token": login["refresh_token"]}).json
        assert client.post("/auth/refresh", json={"refresh_token": following["refresh_token"]}).status_code == 200
        assert client.post("/auth/refresh", json={"refresh_token": login["refresh_token"]}).status_code == 401
        for token in (login["token"], following["token"]):
            assert refusal(f"Bearer {token}") == NOT_VALID

    def test_of_another_user_is_not_valid(self, app, refusal, signed, claims):
        with app.app_context():
            other = sessions.begin(UserFactory(is_admin=True), "the tests")
            db.session.commit()
        assert refusal(f"Bearer {signed(claims | {'sid': other.id})}") == NOT_VALID
        assert refusal(f"Bearer {signed(claims | {'sub': str(other.user_id)})}") == NOT_VALID

    def test_that_was_not_ended_goes_on(self, client, attempt, log_in):
        ended, other = log_in()["token"], log_in()["token"]
        assert client.post("/auth/logout", headers={"Authorization": f"Bearer {ended}"}).status_code == 200
        assert attempt(f"Bearer {other}").status_code == 201

    def test_is_not_opened_by_its_refresh_token(self, refusal, log_in):
        assert refusal(f"Bearer {log_in()['refresh_token']}") == NOT_VALID
