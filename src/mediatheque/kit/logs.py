"""A request's id, and the one line about it on standard output."""

import os
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

import flask
import orjson
from flask import Flask, Response, g, request

STANDARD_OUTPUT = 1


class Request(flask.Request):
    """A request that knows its id, and when it came."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.came = time.perf_counter()

    @cached_property
    def id(self) -> str:
        """The time in milliseconds and 80 random bits, in hexadecimal, so that ids sort by time."""
        return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def request_id() -> str:
    """The id of the request that is being answered."""
    return str(request.id)  # type: ignore[attr-defined]


def as_json(response: Response, milliseconds: float) -> bytes:
    """For machines: the route, never the address itself, which may hold what is nobody's business."""
    return orjson.dumps(
        {
            "time": datetime.now(UTC),
            "request_id": request_id(),
            "method": request.method[:10],
            "route": request.url_rule.rule if request.url_rule else None,
            "status": response.status_code,
            "milliseconds": round(milliseconds, 3),
            "user_id": g.get("user_id"),
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def as_text(response: Response, milliseconds: float) -> bytes:
    """For somebody at a terminal."""
    return f"{response.status_code} {request.method[:10]} {quote(request.path)[:200]} {milliseconds:.1f} ms\n".encode()


def init_app(app: Flask) -> None:
    line = as_json if app.config["MEDIATHEQUE_ENV"] == "production" else as_text
    app.request_class = Request

    @app.after_request
    def log(response: Response) -> Response:
        response.headers["X-Request-ID"] = request_id()
        milliseconds = (time.perf_counter() - request.came) * 1000  # type: ignore[attr-defined]
        with suppress(OSError):  # a full disk is no reason not to answer
            os.write(STANDARD_OUTPUT, line(response, milliseconds))
        return response
