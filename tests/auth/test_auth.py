"""What /auth/register and /auth/login promise, under both of their addresses."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask_migrate import upgrade
from sqlalchemy import text

from factories.auth import PASSWORD, UserFactory

ADA = {"name": "Ada Lovelace", "email": "ada@example.org", "password": "a long password"}
REFUSAL = "You have entered the wrong email or the wrong password. Please try again."
UNKNOWN = "Must not be given: there is no such writable member."


@pytest.fixture
def log_in(client):
    """The status of a login with that address and password."""

    def status(email, password):
        return client.post("/auth/login", json={"email": email, "password": password}).status_code

    return status


@pytest.mark.parametrize("path", ["/auth/register", "/register"])
class TestRegister:
    def test_makes_an_account(self, client, path):
        answer = client.post(path, json=ADA)
        assert answer.status_code == 201
        assert answer.json == {
            "id": answer.json["id"],
            "name": "Ada Lovelace",
            "email": "ada@example.org",
            "is_admin": False,
        }

    def test_gives_no_location_since_an_account_has_no_address(self, client, path):
        assert "Location" not in client.post(path, json=ADA).headers

    def test_answers_with_a_slash_behind_too(self, client, path):
        assert client.post(f"{path}/", json=ADA).status_code == 201

    def test_lets_its_user_log_in(self, client, log_in, path):
        client.post(path, json=ADA)
        assert log_in(ADA["email"], ADA["password"]) == 200

    def test_with_nothing_names_what_is_missing(self, client, path):
        answer = client.post(path, json={})
        assert answer.status_code == 422
        assert answer.json["errors"] == {member: ["Must be given."] for member in ADA}
        assert answer.json["detail"] == "The name must be given."

    @pytest.mark.parametrize(
        ("member", "value", "message"),
        [
            ("name", " x ", "Must have 2 to 100 characters, not 1."),
            ("name", "x" * 101, "Must have 2 to 100 characters, not 101."),
            ("name", "a\0b", "Must not contain control characters."),
            ("name", 77, "Must be text."),
            ("name", None, "Must not be null."),
            ("email", 77, "Must be text."),
            ("email", None, "Must not be null."),
            ("email", "ada\0@example.org", "Must not contain control characters."),
            ("password", 123456, "Must be text."),
            ("password", None, "Must not be null."),
            ("password", "12345", "Must have at least 6 characters."),
            ("password", "e\u0301" * 5, "Must have at least 6 characters."),
            ("password", "x" * 73, "Must have at most 72 bytes in UTF-8."),
            ("password", "é" * 36 + "x", "Must have at most 72 bytes in UTF-8."),
            ("password", "pass\0word", "Must not contain control characters."),
            ("id", 5, UNKNOWN),
            ("is_admin", True, UNKNOWN),
            ("created_at", "2024-01-01T00:00:00+00:00", UNKNOWN),
        ],
    )
    def test_with_a_wrong_value_is_422(self, client, log_in, path, member, value, message):
        answer = client.post(path, json=ADA | {member: value})
        assert (answer.status_code, answer.json["errors"]) == (422, {member: [message]})
        assert log_in(ADA["email"], ADA["password"]) == 401

    @pytest.mark.parametrize(
        "email",
        [
            "",
            "ada",
            "ada@",
            "@example.org",
            "ada@localhost",
            "ada@@example.org",
            "ada@exa mple.org",
            "x" * 243 + "@example.org",
        ],
    )
    def test_with_an_address_that_is_none_is_422(self, client, path, email):
        answer = client.post(path, json=ADA | {"email": email})
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["email"])
        assert answer.json["errors"]["email"][0].startswith("Must be an email address.")

    @pytest.mark.parametrize("password", ["12345", "secret" * 13])
    def test_never_repeats_a_password(self, client, path, password):
        assert password not in client.post(path, json=ADA | {"password": password}).text

    @pytest.mark.parametrize(
        ("given", "stored"),
        [
            (" Ada@EXAMPLE.org ", "Ada@example.org"),
            ("ada@\uff45xample.org", "ada@example.org"),
            ("rene\u0301@example.org", "rené@example.org"),
            ("ada@BÜCHER.example.org", "ada@bücher.example.org"),
        ],
    )
    def test_normalises_the_address(self, client, path, given, stored):
        assert client.post(path, json=ADA | {"email": given}).json["email"] == stored

    @pytest.mark.parametrize(
        ("stored", "given"),
        [
            ("ada@example.org", "ada@example.org"),
            ("ada@example.org", " ADA@Example.ORG "),
            ("Ada@example.org", "ada@example.org"),
            ("rené@example.org", "RENÉ@example.org"),
            ("rené@example.org", "rene\u0301@example.org"),
        ],
    )
    def test_of_an_address_in_use_is_409_whatever_its_case(self, client, log_in, path, stored, given):
        UserFactory(email=stored)
        answer = client.post(path, json=ADA | {"email": given})
        assert (answer.status_code, answer.json["error"]) == (409, "This email address is already in use.")
        assert log_in(given, ADA["password"]) == 401
        assert log_in(stored, PASSWORD) == 200

    @pytest.mark.parametrize("name", ["Al", "Ангела", "山田 太郎", "O'Neill", "x" * 100])
    def test_keeps_a_name_of_any_script(self, client, path, name):
        assert client.post(path, json=ADA | {"name": f" {name}  "}).json["name"] == name

    def test_takes_a_name_that_another_one_has(self, client, path):
        assert client.post(path, json=ADA | {"name": UserFactory().name}).status_code == 201

    @pytest.mark.parametrize(
        "password", ["123456", "x" * 72, "é" * 36, "e\u0301" * 36, "ключи!", "      ", "  secret  "]
    )
    def test_takes_a_password_of_6_characters_to_72_bytes(self, client, log_in, path, password):
        assert client.post(path, json=ADA | {"password": password}).status_code == 201
        assert log_in(ADA["email"], password) == 200


def test_two_who_register_one_address_at_once_make_one_account(make_database, make_app):
    app = make_app(make_database("register"))
    with app.app_context():
        upgrade()
    together = Barrier(2)

    def register(email):
        client = app.test_client()
        together.wait()
        answer = client.post("/auth/register", json=ADA | {"email": email})
        return answer.status_code, answer.json.get("error")

    with ThreadPoolExecutor(2) as threads:
        answers = sorted(threads.map(register, ["ada@example.org", "ADA@example.org"]))
    assert answers == [(201, None), (409, "This email address is already in use.")]


@pytest.mark.parametrize("path", ["/auth/login", "/login"])
class TestLogin:
    @pytest.mark.parametrize("is_admin", [False, True])
    def test_gives_a_token(self, client, path, is_admin):
        user = UserFactory(is_admin=is_admin)
        answer = client.post(path, json={"email": user.email, "password": PASSWORD})
        assert answer.status_code == 200
        assert answer.json == {
            "message": "Login successful",
            "name": user.name,
            "email": user.email,
            "token": answer.json["token"],
            "is_admin": is_admin,
            "refresh_token": answer.json["refresh_token"],
            "expires_in": 24 * 60 * 60,
        }

    def test_gives_a_token_that_opens_what_needs_one(self, client, path):
        user = UserFactory()
        token = client.post(path, json={"email": user.email, "password": PASSWORD}).json["token"]
        answer = client.post("/collections", json={"name": "Attic"}, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json["user"]["id"]) == (201, user.id)

    def test_answers_with_a_slash_behind_too(self, client, path):
        answer = client.post(f"{path}/", json={"email": UserFactory().email, "password": PASSWORD})
        assert answer.status_code == 200

    @pytest.mark.parametrize("email", ["RENÉ@EXAMPLE.ORG", " rené@example.org ", "rene\u0301@\uff45xample.org"])
    def test_takes_the_address_in_any_spelling_of_it(self, client, path, email):
        UserFactory(email="rené@example.org")
        answer = client.post(path, json={"email": email, "password": PASSWORD})
        assert (answer.status_code, answer.json["email"]) == (200, "rené@example.org")

    def test_takes_the_password_in_any_normal_form(self, client, path):
        client.post("/auth/register", json=ADA | {"password": "Amélie"})
        answer = client.post(path, json={"email": ADA["email"], "password": "Ame\u0301lie"})
        assert answer.status_code == 200

    @pytest.mark.parametrize(
        "credentials",
        [
            {"password": "wrong horse"},
            {"password": PASSWORD.upper()},
            {"password": f" {PASSWORD}"},
            {"password": f"{PASSWORD} "},
            {"password": f"{PASSWORD}\0"},
            {"password": ""},
            {"password": "\0"},
            {"password": "é" * 37},
            {"password": "x" * 100_000},
            {"email": "nobody@example.org"},
            {"email": "ada"},
            {"email": "ada@localhost"},
            {"email": ""},
            {"email": "%"},
            {"email": "ada@example.org\0"},
            {"email": "x" * 100_000},
        ],
    )
    def test_with_anything_wrong_is_the_one_401(self, client, path, credentials):
        UserFactory(email="ada@example.org")
        answer = client.post(path, json={"email": "ada@example.org", "password": PASSWORD} | credentials)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert (answer.json["error"], answer.json["detail"]) == (REFUSAL, REFUSAL)
        assert "errors" not in answer.json

    def test_with_the_password_of_somebody_else_is_401(self, client, path):
        client.post("/auth/register", json=ADA)
        answer = client.post(path, json={"email": UserFactory().email, "password": ADA["password"]})
        assert answer.status_code == 401

    def test_with_more_than_the_72_bytes_that_are_right_is_401(self, client, path):
        client.post("/auth/register", json=ADA | {"password": "x" * 72})
        answer = client.post(path, json={"email": ADA["email"], "password": "x" * 73})
        assert (answer.status_code, answer.json["error"]) == (401, REFUSAL)

    def test_with_nothing_names_what_is_missing(self, client, path):
        answer = client.post(path, json={})
        assert answer.status_code == 422
        assert answer.json["errors"] == {"email": ["Must be given."], "password": ["Must be given."]}

    @pytest.mark.parametrize("member", ["email", "password"])
    @pytest.mark.parametrize(
        ("value", "message"),
        [(None, "Must not be null."), (7, "Must be text."), (True, "Must be text."), (["x"], "Must be text.")],
    )
    def test_with_what_is_no_text_is_422(self, client, path, member, value, message):
        body = {"email": UserFactory().email, "password": PASSWORD, member: value}
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json["errors"]) == (422, {member: [message]})

    def test_with_an_unknown_member_is_422(self, client, path):
        answer = client.post(path, json={"email": UserFactory().email, "password": PASSWORD, "remember": True})
        assert (answer.status_code, answer.json["errors"]) == (422, {"remember": [UNKNOWN]})


@pytest.mark.parametrize("path", ["/auth/register", "/register", "/auth/login", "/login"])
class TestBody:
    def test_that_is_no_json_is_400(self, client, path):
        assert client.post(path, data="{", content_type="application/json").status_code == 400

    def test_that_is_a_form_is_415(self, client, path):
        assert client.post(path, data=ADA).status_code == 415

    @pytest.mark.parametrize("body", [[], "ada", [ADA]])
    def test_that_is_no_object_is_422(self, client, path, body):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json["errors"]) == (422, {"body": ["Must be a JSON object."]})

    def test_is_never_fetched(self, client, path):
        answer = client.get(path)
        assert (answer.status_code, "POST" in answer.headers["Allow"]) == (405, True)


def test_an_error_in_the_log_shows_neither_address_nor_hash(client, connection, caplog):
    connection.execute(text("ALTER TABLE users ALTER COLUMN email TYPE varchar(5)"))
    body = {"name": "Ada", "email": "ada.secret@example.org", "password": "a long password"}
    assert client.post("/auth/register", json=body).status_code in (422, 500)
    connection.execute(text("ALTER TABLE users DROP COLUMN is_admin"))
    assert client.post("/auth/register", json=body).status_code == 500
    assert caplog.text
    assert not any(secret in caplog.text for secret in ("ada.secret", "$2b$"))
