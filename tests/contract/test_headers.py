"""What every answer carries, and who may read it from a page of theirs."""

import pytest

from factories.library import GenreFactory

GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
PAGE = "https://shelves.example.org"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/books"),
        ("GET", "/nothing"),
        ("POST", "/books"),
        ("DELETE", "/books"),
        ("GET", "/books/export"),
        ("GET", "/openapi.json"),
        ("OPTIONS", "/books"),
        ("GET", "/health/live"),
    ],
)
def test_every_answer_guards_whoever_reads_it(client, method, path):
    headers = client.open(path, method=method).headers
    assert {name: headers[name] for name in GUARDS} == GUARDS


def test_other_protocols_are_not_spoken(client):
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert client.get("/genres", headers=headers).status_code == 200


def test_the_documentation_may_show_itself_and_nothing_else(client):
    policy = client.get("/docs").headers["Content-Security-Policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert client.get("/docs").headers["X-Content-Type-Options"] == "nosniff"


def test_no_page_of_others_may_read_an_answer(client):
    for headers in (client.get("/books", headers={"Origin": PAGE}).headers, client.options("/books").headers):
        assert not [name for name, _ in headers if name.startswith("Access-Control")]


@pytest.fixture
def named(make_app, app):
    """A client of the application that names an origin."""
    return make_app(app.config["SQLALCHEMY_DATABASE_URI"], CORS_ORIGINS=f"{PAGE} http://localhost:3000").test_client()


def test_a_page_of_an_origin_that_is_named_may(named):
    GenreFactory.build()
    answer = named.get("/genres", headers={"Origin": PAGE})
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed >= {"ETag", "Link", "Location", "X-Total-Count", "X-Request-ID", "Retry-After"}
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Access-Control-Allow-Origin" not in named.get("/genres", headers={"Origin": "https://evil.example"}).headers


def test_it_may_ask_first(named):
    ask = {"Origin": PAGE, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    answer = named.options("/books/1", headers=ask)
    assert answer.status_code == 200
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization"
    assert answer.headers["Access-Control-Max-Age"] == "3600"
