"""What is logged: all that an operator needs, and nothing that is nobody's business."""

import json
import urllib.error
import urllib.request

import pytest
from sqlalchemy import create_engine, text

from processes import flask, output, wait_for

SECRETS = ["canary-password", "canary@example.org", "Canary Cage", "canary-refresh-token", "canary-key"]


@pytest.fixture
def server(make_database, make_app, port):
    """A server in production, on a database of its own."""
    url = make_database("logs")
    settings = {
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "PORT": port,
        "MEDIATHEQUE_ENV": "production",
    }
    settings["JWT_SECRET_KEY"] = "a secret of the tests, long enough for HS256"
    with flask("db", "create", instance="", **settings) as process:
        assert "Tables have been created." in output(process)
    with flask("serve", instance="", WORKERS="1", **settings) as process:
        wait_for(lambda: ask(port, "GET", "/health/ready")[0] == 200)
        yield process, create_engine(url)


def ask(port, method, path, body=None, **headers):
    """Status and body of an answer; 0 if there is none."""
    data = json.dumps(body).encode() if body is not None else None
    headers = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
    except OSError:
        return 0, None


def test_no_password_token_or_address_is_ever_logged(server, port):
    process, engine = server
    password, address, name, refresh_token, key = SECRETS
    account = {"name": name, "email": address, "password": password}
    login = {"email": address, "password": password}
    asked = [
        (201, "POST", "/auth/register", account, {}),
        (409, "POST", "/auth/register", account, {}),
        (422, "POST", "/auth/register", account | {address: password}, {}),
        (401, "POST", "/auth/login", login | {"password": f"{password}!"}, {}),
        (404, "GET", f"/{address}?password={password}", None, {}),
        (422, "GET", f"/books?{address}={password}", None, {}),
        (401, "POST", "/auth/refresh", {"refresh_token": refresh_token}, {}),
        (401, "GET", "/auth/me", None, {"Authorization": f"Bearer {password}"}),
    ]
    for status, method, path, body, headers in asked:
        assert ask(port, method, path, body, **headers)[0] == status, path
    status, tokens = ask(port, "POST", "/auth/login", login)
    assert status == 200
    signed_in = {"Authorization": f"Bearer {tokens['token']}"}
    shelf = {"name": f"{name} of {address}"}
    assert ask(port, "POST", "/collections", shelf, **signed_in, Idempotency_Key=key)[0] == 201
    assert ask(port, "PATCH", "/auth/me", {"current_password": f"{password}!", "name": name}, **signed_in)[0] == 422
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE collections ADD CONSTRAINT odd CHECK (name = '') NOT VALID"))
    assert ask(port, "POST", "/collections", shelf, **signed_in)[0] == 500
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE users RENAME name TO gone"))
    assert ask(port, "POST", "/auth/login", login)[0] == 500
    assert ask(port, "POST", "/auth/register", account | {"email": f"x{address}"})[0] == 500
    engine.dispose()
    process.terminate()
    said = output(process)
    lines = [json.loads(line) for line in said.splitlines()]
    assert len([line for line in lines if line.get("level") == "error"]) >= 3
    assert len([line for line in lines if "milliseconds" in line]) >= len(asked)
    for secret in (*SECRETS, tokens["token"], tokens["refresh_token"], tokens["token"].split(".")[2]):
        assert secret not in said
