"""L: what Flask can do at most. Bare views, hand-written SQL on psycopg 3, orjson."""

import os
import re
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import orjson
from flask import Flask, Response, g, request
from psycopg import Connection
from psycopg.errors import ForeignKeyViolation
from psycopg_pool import ConnectionPool
from werkzeug.exceptions import BadRequest, Forbidden, NotFound, Unauthorized, UnprocessableEntity

from benchmarks import shared

INTEGER_MAX = 2**31 - 1

ONE_BOOK = shared.ONE_BOOK.format("%s")


class Limit(Flask):
    def wsgi_app(self, environ: Any, start_response: Any) -> Any:
        environ["benchmark.started"] = time.perf_counter()
        return super().wsgi_app(environ, start_response)


app = Limit(__name__, static_folder=None)


def _pool(*, autocommit: bool) -> ConnectionPool:
    threads = int(os.environ["THREADS"])
    settings = {"autocommit": autocommit, "prepare_threshold": 0, "options": shared.OPTIONS}
    return ConnectionPool(os.environ["DATABASE_URL"], kwargs=settings, min_size=threads, max_size=threads, open=True)


# The module is imported in each worker.
reads = _pool(autocommit=True)
writes = _pool(autocommit=False)


def read(statement: str, *values: int) -> list[Any]:
    connection = reads.getconn()
    try:
        return connection.execute(statement, values, binary=True).fetchall()
    finally:
        reads.putconn(connection)


@contextmanager
def writing() -> Iterator[Connection]:
    """A connection whose transaction is committed, or rolled back after an error."""
    connection = writes.getconn()
    try:
        yield connection
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        writes.putconn(connection)


def answer(body: object, status: int = 200) -> Response:
    return Response(shared.dumps(body), status, content_type="application/json")


def tagged(body: object, status: int = 200) -> Response:
    content = shared.dumps(body)
    return Response(content, status, {"ETag": shared.etag(content)}, content_type="application/json")


@app.after_request
def identify_and_log(response: Response) -> Response:
    id = shared.request_id()
    response.headers["X-Request-ID"] = id
    for name, value in shared.HEADERS.items():
        response.headers[name] = value
    route = request.url_rule.rule if request.url_rule else ""
    started = request.environ["benchmark.started"]
    shared.log(id, request.method, route, response.status_code, started, g.get("user_id"))
    return response


@app.get("/books/<int:id>")
def get_book(id: int) -> Response:
    rows = read(ONE_BOOK, id)
    if not rows:
        raise NotFound
    return tagged(shared.book(rows[0]))


@app.get("/books")
def list_books() -> Response:
    given = request.args.get("limit")
    limit = shared.PAGE if given is None else int(given)
    if not 1 <= limit <= shared.PAGE:
        raise UnprocessableEntity
    rows = read(shared.PAGE_OF_BOOKS.format(limit + 1))
    response = answer([shared.book(row) for row in rows[:limit]])
    if len(rows) > limit:
        response.headers["Link"] = shared.link("" if given is None else f"limit={limit}&", rows[limit - 1][0])
    return response


@app.get("/collections/<int:id>")
def get_collection(id: int) -> Response:
    rows = read(shared.ONE_COLLECTION, id)
    if not rows:
        raise NotFound
    return tagged(shared.collection(rows[0]))


@app.post("/books")
def create_book() -> Response:
    body = request.get_data()
    subject, session_id = token_claims()
    with writing() as connection:
        user = connection.execute(shared.USER, (session_id,)).fetchone()
        if user is None or str(user[0]) != subject:
            raise Unauthorized
        user_id, is_admin = user
        g.user_id = user_id
        values = book_values(body)
        shelf = connection.execute(shared.COLLECTION, (values[4],)).fetchone()
        if shelf is None:
            raise UnprocessableEntity
        if not (shelf[0] or shelf[1] == user_id or is_admin):
            raise Forbidden
        try:
            row = connection.execute(shared.NEW_BOOK, (*values, user_id), binary=True).fetchone()
        except ForeignKeyViolation as error:
            raise UnprocessableEntity from error
    response = tagged(shared.book(row), 201)
    response.headers["Location"] = f"/books/{row[0]}"
    return response


REQUIRED = {"require": ["exp", "iat", "nbf", "jti", "iss", "aud"]}


def token_claims() -> tuple[str, int]:
    """The user's id as text, and the session's."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        claims = jwt.decode(
            token,
            os.environ["JWT_SECRET_KEY"],
            algorithms=["HS256"],
            issuer="mediatheque",
            audience="mediatheque",
            options=REQUIRED,
        )
        if scheme == "Bearer" and claims["type"] == "access":
            return claims["sub"], int(claims["sid"])
    except (jwt.InvalidTokenError, KeyError, ValueError) as error:
        raise Unauthorized from error
    raise Unauthorized


MEMBERS = {"title", "page_count", "genre_id", "format_id", "collection_id", "author", "isbn", "published_year"}


def book_values(body: bytes) -> tuple[Any, ...]:
    """The columns of INSERT_BOOK but the last; 400 or 422 for what the application would not take."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest from error
    try:
        if given.keys() - MEMBERS:
            raise UnprocessableEntity
        return (
            _text(given["title"]),
            _whole(given["page_count"], 1, INTEGER_MAX),
            _whole(given["genre_id"], -INTEGER_MAX, INTEGER_MAX),
            _whole(given["format_id"], -INTEGER_MAX, INTEGER_MAX),
            _whole(given["collection_id"], -INTEGER_MAX, INTEGER_MAX),
            None if given.get("author") is None else _text(given["author"]),
            None if given.get("isbn") is None else _isbn(given["isbn"]),
            None if given.get("published_year") is None else _whole(given["published_year"], -3000, 2100),
        )
    except (KeyError, AttributeError) as error:
        raise UnprocessableEntity from error


def _text(value: Any) -> str:
    if type(value) is not str or len(value) > 2000:
        raise UnprocessableEntity
    text = value.strip()
    if not text.isprintable() and any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise UnprocessableEntity
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not 1 <= len(text) <= 255:
        raise UnprocessableEntity
    return text


def _whole(value: Any, minimum: int, maximum: int) -> int:
    if type(value) is not int or not minimum <= value <= maximum:
        raise UnprocessableEntity
    return value


def _isbn(value: Any) -> str:
    """An ISBN-10 or ISBN-13 as an ISBN-13 without hyphens."""
    code = re.sub(r"[\s-]", "", _text(value)).upper()
    if re.fullmatch(r"[0-9]{9}[0-9X]", code):
        digits = [10 if digit == "X" else int(digit) for digit in code]
        if sum(weight * digit for weight, digit in zip(range(10, 0, -1), digits, strict=True)) % 11 == 0:
            return f"978{code[:9]}{-_weighted('978' + code[:9]) % 10}"
    elif re.fullmatch(r"97[89][0-9]{10}", code) and _weighted(code) % 10 == 0:
        return code
    raise UnprocessableEntity


def _weighted(code: str) -> int:
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(code))
