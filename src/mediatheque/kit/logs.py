"""A request's id, the one line about it on standard output, and the form of warnings."""

import logging
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import flask
import orjson
from flask import Flask, Response, g, has_request_context, request

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2


class Request(flask.Request):
    """A request that knows when it came, and its id: the time in milliseconds and 80 random bits, in hexadecimal."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.came = time.perf_counter()
        self.environ.pop("HTTP_UPGRADE", None)  # nothing here speaks anything else: Werkzeug would refuse a websocket
        self.id = f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def this_request() -> Request:
    """The request that is being answered."""
    return request._get_current_object()  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001


def as_json(asked: Request, response: Response, milliseconds: float) -> bytes:
    """For machines: the route, never the address itself, which may hold what is nobody's business."""
    return orjson.dumps(
        {
            "time": datetime.now(UTC),
            "request_id": asked.id,
            "method": asked.method[:10],
            "route": asked.url_rule.rule if asked.url_rule else None,
            "status": response.status_code,
            "milliseconds": round(milliseconds, 3),
            "user_id": g.get("user_id"),
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def as_text(asked: Request, response: Response, milliseconds: float) -> bytes:
    """For somebody at a terminal; an error with its id, which the client has been told."""
    id = f" {asked.id}" if response.status_code >= HTTPStatus.BAD_REQUEST else ""
    return f"{response.status_code} {asked.method[:10]} {quote(asked.path)[:200]} {milliseconds:.1f} ms{id}\n".encode()


class JsonFormatter(logging.Formatter):
    """A warning or an error as a JSON object; the one of a request with its id."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context():
            line["request_id"] = this_request().id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


def init_app(app: Flask) -> None:
    line = as_json if app.config["MEDIATHEQUE_ENV"] == "production" else as_text
    app.request_class = Request

    @app.after_request
    def log(response: Response) -> Response:
        asked = this_request()
        response.headers["X-Request-ID"] = asked.id
        with suppress(OSError):  # a full disk is no reason not to answer
            os.write(STANDARD_OUTPUT, line(asked, response, (time.perf_counter() - asked.came) * 1000))
        return response
