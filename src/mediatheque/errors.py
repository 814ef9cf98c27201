"""The error body, its handlers, and the way from a violated constraint to a sentence."""

import logging
from contextlib import suppress
from http import HTTPStatus
from itertools import islice
from traceback import format_tb
from typing import Any

import orjson
from flask import Flask, Response, request
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from mediatheque.extensions import db
from mediatheque.kit.logs import this_request
from mediatheque.kit.models import Base, no_row
from mediatheque.kit.openapi import PROBLEM
from mediatheque.kit.postgres import PostgresError
from mediatheque.kit.schemas import MOST_ERRORS, sentence, shown
from mediatheque.kit.statements import diagnosis

log = logging.getLogger(__name__)

Errors = dict[str, list[str]]

HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}  # seconds
NOT_VALID = "Token is not valid"
UNDEFINED_TABLE = "42P01"
COLLISIONS = ("40P01", "40001", "55P03")  # deadlock, serialisation failure, lock not available
TOOK_TOO_LONG = "57014"  # statement_timeout
READ_ONLY = "25006"
DISK_FULL = "53100"

# What the database cannot do at the moment, by the code that it gives for it.
MOMENTS = {
    **dict.fromkeys(COLLISIONS, "The request collided with another one."),
    TOOK_TOO_LONG: "The database took too long for this request.",
    READ_ONLY: "The database takes no changes at the moment.",
    DISK_FULL: "The database has no room left.",
}

SENTENCES = {
    404: "There is nothing at {path}.",
    405: "{method} is not possible at {path}.",
    413: "The body is larger than 1 MiB.",
    500: "Something went wrong here, not with your request. It has been logged under the request_id.",
}


def problem(status: int, detail: str, **members: Any) -> Response:
    """The error body (RFC 9457) as a response."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "error": detail,
        "request_id": this_request().id,
        **members,
    }
    return Response(orjson.dumps(body), status, HEADERS.get(status), content_type=PROBLEM)


def unauthorised(message: str) -> Response:
    """401 about a token, with the reference's ``msg``."""
    return problem(401, f"{message}.", msg=message)


def invalid(errors: Errors) -> Response:
    """422 with *errors* by member; the detail is the first of them as a sentence."""
    member, (message, *_) = next(iter(errors.items()))
    return problem(422, sentence(member, message), errors=dict(islice(errors.items(), MOST_ERRORS)))


def _flat(messages: dict[str, Any]) -> Errors:
    """Marshmallow's messages by member: without webargs' location, the body itself as ``body``."""
    for location in ("json", "query"):
        if isinstance(messages.get(location), dict):
            messages = messages[location]
    return {
        "body" if member == "_schema" else shown(member): [text] if isinstance(text, str) else text
        for member, text in messages.items()
    }


def on_http_exception(error: HTTPException) -> Response:
    """Every error that the framework, webargs or our own ``abort`` raises."""
    status = error.code or 500
    data = getattr(error, "data", {})
    messages = data.get("errors") or data.get("messages")
    if messages:
        return invalid(_flat(messages))
    detail = data.get("message") or SENTENCES.get(status, "").format(
        path=shown(request.path), method=shown(request.method)
    )
    response = problem(status, detail or error.description or HTTPStatus(status).phrase)
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers[name] = value
    return response


def on_integrity_error(error: IntegrityError) -> Response:
    """A constraint of the database that the request violated, as 409 or 422."""
    name = diagnosis(error, "constraint_name")
    parameters = error.params if isinstance(error.params, dict) else {}
    match _constraint(name):
        case Index() as unique:
            values = {key: shown(value) for key, value in parameters.items()}
            return problem(409, unique.info["sentence"].format(**values))
        case ForeignKeyConstraint() as key:
            member = key.columns[0].name
            if member == "user_id":  # who asks has been deleted meanwhile
                return unauthorised(NOT_VALID)
            return invalid({member: [no_row(key.referred_table, parameters.get(member))]})
        case CheckConstraint() as check:
            info = check.info
            member = info.get("member", check.parent.name)
            return invalid({member: [info.get("sentence", "Must be within its limits.")]})
    return on_exception(error)


def _constraint(name: str | None) -> Any:
    for table in Base.metadata.tables.values():
        checks = (check for column in table.columns for check in column.constraints)
        constraints: tuple[Any, ...] = (*table.foreign_key_constraints, *table.indexes, *checks)
        for constraint in constraints:
            if constraint.name == name:
                return constraint
    return None


def on_database_away(error: Exception) -> Response:
    """The database cannot be reached, or had to give up this request for another."""
    if isinstance(error, PoolTimeout):
        return unavailable("The server is busy. Please try again.", error)
    code = diagnosis(error, "sqlstate") if isinstance(error, DBAPIError) else None
    if code == READ_ONLY:  # after a fail-over this connection may lead to the old primary
        db.session().invalidate()
    reason = MOMENTS.get(code or "", "The database cannot be reached at the moment.")
    return unavailable(f"{reason} Please try again.", error)


def unavailable(detail: str, error: Exception) -> Response:
    """503; the log has the reason."""
    reason = " ".join(str(getattr(error, "orig", error)).split())
    log.warning("request %s: %s (%s)", this_request().id, detail, reason)
    return problem(503, detail)


def on_programming_error(error: ProgrammingError) -> Response:
    """A statement that the database does not take: for want of tables, or by our mistake."""
    if diagnosis(error, "sqlstate") == UNDEFINED_TABLE:
        return unavailable("The tables of the database are missing: flask db create makes them.", error)
    return on_exception(error)


def on_internal_error(error: InternalError) -> Response:
    """What the database calls an error of its own, and what is none: that it can only be read."""
    return on_database_away(error) if diagnosis(error, "sqlstate") == READ_ONLY else on_exception(error)


def on_data_error(error: DataError) -> Response:
    """A value that the database could not take and that no schema refused."""
    log.warning("request %s: the database refused a value (%s)", this_request().id, diagnosis(error, "sqlstate"))
    return problem(422, "A value in the request is beyond what can be stored.")


def on_exception(error: Exception) -> Response:
    """Anything else is our mistake: logged with its traceback, answered without it."""
    asked = this_request()
    what = f"{asked.method} {asked.url_rule}"
    if isinstance(error, DBAPIError):  # what the server says of an error may hold what is nobody's business
        trace = "".join(format_tb(error.__traceback__))
        log.error("request %s: %s: %s\n%s%s", asked.id, what, diagnosis(error, "sqlstate"), trace, error.statement)
    else:
        log.error("request %s: %s", asked.id, what, exc_info=error)
    return problem(500, SENTENCES[500])


def _end_session(_: BaseException | None) -> None:
    """Ends the request's transaction, as Flask-SQLAlchemy does afterwards, and survives that its connection is dead."""
    try:
        db.session.remove()
    except DBAPIError as error:
        log.warning("The database was gone when a request ended (%s)", type(error.orig).__name__)
        with suppress(DBAPIError):
            db.session().invalidate()
        db.session.registry.clear()


def init_app(app: Flask) -> None:
    app.teardown_appcontext(_end_session)
    app.register_error_handler(HTTPException, on_http_exception)
    app.register_error_handler(IntegrityError, on_integrity_error)
    app.register_error_handler(DataError, on_data_error)
    app.register_error_handler(InternalError, on_internal_error)
    app.register_error_handler(ProgrammingError, on_programming_error)
    for away in (OperationalError, InterfaceError, PoolTimeout, PostgresError):
        app.register_error_handler(away, on_database_away)
    app.register_error_handler(Exception, on_exception)
