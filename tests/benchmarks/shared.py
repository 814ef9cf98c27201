"""What the limits have in common: hand-written SQL, row builders, and the id and the log line of a request.

All answers are the application's, byte by byte. Moments are selected without their zone, which is cheaper to read and
to write: the session's is UTC, and orjson is told so.
"""

import base64
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson

# One generic plan for each statement, as the application's reader has it.
OPTIONS = "-c timezone=UTC -c plan_cache_mode=force_generic_plan -c jit=off -c random_page_cost=1.1"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

PAGE = 1000  # rows, unless a limit is given
NESTED = 1000  # books, and movies, of a collection

# A row for itself is put together from subselects, which are faster than joins; a page the other way round. Its limit
# is written out: a generic plan for any limit counts on a tenth of the table, and reads all users and collections.
ONE_BOOK = """
SELECT b.id, (SELECT name FROM users WHERE id = b.user_id), b.title, (SELECT genre FROM genres WHERE id = b.genre_id),
    b.page_count, (SELECT format FROM formats WHERE id = b.format_id), c.name, c.user_id,
    (SELECT name FROM users WHERE id = c.user_id), b.collection_id, b.genre_id, b.format_id, b.user_id, b.author,
    b.isbn, b.published_year, b.created_at::timestamp, b.updated_at::timestamp
FROM books b JOIN collections c ON c.id = b.collection_id
WHERE b.id = {}
"""
PAGE_OF_BOOKS = """
SELECT b.id, u.name, b.title, g.genre, b.page_count, f.format, c.name, c.user_id, o.name, b.collection_id, b.genre_id,
    b.format_id, b.user_id, b.author, b.isbn, b.published_year, b.created_at::timestamp, b.updated_at::timestamp
FROM (SELECT * FROM books ORDER BY id DESC LIMIT {}) b
JOIN users u ON u.id = b.user_id
JOIN collections c ON c.id = b.collection_id
JOIN users o ON o.id = c.user_id
LEFT JOIN genres g ON g.id = b.genre_id
LEFT JOIN formats f ON f.id = b.format_id
ORDER BY b.id DESC
"""
# Two arrays for each nested list: faster than three statements, a pipeline of them, a UNION of rows, or JSON.
ONE_COLLECTION = f"""
SELECT c.id, c.name, c.user_id, (SELECT name FROM users WHERE id = c.user_id), m.ids, m.titles, b.ids, b.titles,
    c.is_open, (SELECT count(*) FROM movies WHERE collection_id = c.id),
    (SELECT count(*) FROM books WHERE collection_id = c.id), c.created_at::timestamp, c.updated_at::timestamp
FROM collections c,
    LATERAL (
        SELECT coalesce(array_agg(id), '{{}}') AS ids, coalesce(array_agg(title), '{{}}') AS titles
        FROM (SELECT id, title FROM movies WHERE collection_id = c.id ORDER BY id DESC LIMIT {NESTED}) newest
    ) m,
    LATERAL (
        SELECT coalesce(array_agg(id), '{{}}') AS ids, coalesce(array_agg(title), '{{}}') AS titles
        FROM (SELECT id, title FROM books WHERE collection_id = c.id ORDER BY id DESC LIMIT {NESTED}) newest
    ) b
WHERE c.id = %s
"""
USER = """
SELECT u.id, u.is_admin FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = %s AND s.expires_at > now()
"""
COLLECTION = "SELECT is_open, user_id FROM collections WHERE id = %s"
# The new row and its answer in one statement.
NEW_BOOK = """
WITH b AS (
    INSERT INTO books
        (title, page_count, genre_id, format_id, collection_id, author, isbn, published_year, user_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    RETURNING *
)
SELECT b.id, u.name, b.title, g.genre, b.page_count, f.format, c.name, c.user_id, o.name, b.collection_id, b.genre_id,
    b.format_id, b.user_id, b.author, b.isbn, b.published_year, b.created_at::timestamp, b.updated_at::timestamp
FROM b
JOIN users u ON u.id = b.user_id
JOIN collections c ON c.id = b.collection_id
JOIN users o ON o.id = c.user_id
LEFT JOIN genres g ON g.id = b.genre_id
LEFT JOIN formats f ON f.id = b.format_id
"""


def book(row: Sequence[Any]) -> dict[str, Any]:
    """A row of ONE_BOOK or PAGE_OF_BOOKS as it is answered."""
    (
        id, owner, title, genre, page_count, format, shelf, shelf_owner_id, shelf_owner, collection_id, genre_id,
        format_id, user_id, author, isbn, published_year, created_at, updated_at,
    ) = row  # fmt: skip
    return {
        "id": id,
        "user": {"id": user_id, "name": owner},
        "title": title,
        "genre": None if genre is None else {"genre": genre},
        "page_count": page_count,
        "format": None if format is None else {"format": format},
        "collection": {"id": collection_id, "name": shelf, "user": {"id": shelf_owner_id, "name": shelf_owner}},
        "collection_id": collection_id,
        "genre_id": genre_id,
        "format_id": format_id,
        "user_id": user_id,
        "author": author,
        "isbn": isbn,
        "published_year": published_year,
        "created_at": created_at,
        "updated_at": updated_at,
    }


def collection(row: Sequence[Any]) -> dict[str, Any]:
    """A row of ONE_COLLECTION as it is answered."""
    (
        id, name, user_id, owner, movie_ids, movies, book_ids, books, is_open, movies_count, books_count, created_at,
        updated_at,
    ) = row  # fmt: skip
    return {
        "id": id,
        "name": name,
        "user": {"id": user_id, "name": owner},
        "movies": [{"id": id, "title": title} for id, title in zip(movie_ids, movies, strict=True)],
        "books": [{"id": id, "title": title} for id, title in zip(book_ids, books, strict=True)],
        "is_open": is_open,
        "movies_count": movies_count,
        "books_count": books_count,
        "created_at": created_at,
        "updated_at": updated_at,
    }


def dumps(body: object) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_NAIVE_UTC)


def etag(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def link(given: str, last_id: int) -> str:
    """The Link header of a page of books that ends with *last_id*; *given* is ``limit=100&`` or nothing."""
    cursor = base64.urlsafe_b64encode(b'["-id",%d,%d]' % (last_id, last_id)).decode().rstrip("=")
    return f'</books?{given}cursor={cursor}>; rel="next"'


def request_id() -> str:
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def log(request_id: str, method: str, route: str, status: int, started: float, user_id: int | None = None) -> None:
    """One line to standard output; *started* is what time.perf_counter() gave when the request came."""
    line = {
        "time": datetime.now(UTC),
        "request_id": request_id,
        "method": method,
        "route": route,
        "status": status,
        "milliseconds": round((time.perf_counter() - started) * 1000, 3),
        "user_id": user_id,
    }
    os.write(1, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
