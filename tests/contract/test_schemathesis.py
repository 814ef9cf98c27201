"""Schemathesis reads the OpenAPI document and sends what comes to its mind: every check holds for whoever asks.

All its phases: the examples, the edges of each schema, random requests, and requests that follow from earlier answers.
The short form tries the edges as an admin only.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
import schemathesis
from flask import Flask
from flask_migrate import upgrade
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.schemas import BaseSchema
from schemathesis.transport.wsgi import WSGITransport
from sqlalchemy import delete
from werkzeug.wsgi import ClosingIterator

from factories.auth import signed_in
from mediatheque.auth import accounts
from mediatheque.auth.models import LoginCount
from mediatheque.cli.database import seed_if_empty
from mediatheque.extensions import db

SEED = 1
SHORT, FULL = 2, 200  # examples of an operation
PHASES = {"examples", "coverage", "fuzzing", "stateful"}
PASSWORD = "admin1"  # which the document's examples have

# A request that fits its schema is to be accepted, Schemathesis thinks, or there is a conflict (409) or nothing (404).
# Our contract knows more: a condition that does not hold is 412 (RFC 9110, 13.1.1), and input that is wrong for a
# reason that no schema can state is 422. These are the reasons; a 422 with any other one is a fault of the document.
EXPECTED = ["2xx", "3xx", "401", "403", "404", "409", "412", "429"]
REASONS = (
    r"A [a-z ]+ with the id -?\d+ does not exist\.",
    r"Must come from the Link header of a page of this list in this order\.",
    r"Must be an ISBN-10 or ISBN-13 with a right check digit, not .*",
    r"Must be an email address\. .*",
    r"Must be the password of your account\.",
    r"Must have at most 72 bytes in UTF-8\.",
    r"Must not be used again with another body\.",
    # JSON Schema takes 300.0 for an integer.
    r"Must be a whole number\.",
    # Text is trimmed and composed before it is measured and looked through.
    r"Must have \d+ to \d+ characters, not \d+\.",
    r"Must have at least \d+ characters\.",
    r"Must not contain control characters\.",
    r"Must be shorter: its characters are too many once they are decomposed\.",
)


class Asker:
    """Schemathesis' provider of tokens: whatever it has ended or deleted, the next request comes from the same role."""

    app: Flask
    is_admin: bool
    headers: dict[str, str] | None = None

    def get(self, case, context):
        with self.app.app_context():
            if not self._is_signed_in():
                email = "admin@example.org" if self.is_admin else "member@example.org"
                try:
                    user = accounts.find(email)
                except accounts.AccountError:
                    user = accounts.create("Asker", email, PASSWORD, is_admin=self.is_admin)
                accounts.set_password(user, PASSWORD)
                self.headers = signed_in(user)
            db.session.execute(delete(LoginCount))  # or most logins were refused
            db.session.commit()
        return self.headers

    def set(self, case, data, context):
        case.headers.update(data)

    def _is_signed_in(self):
        if self.headers is None:
            return False
        with self.app.test_request_context(headers=self.headers):
            return self.app.test_client().get("/auth/me", headers=self.headers).status_code == 200


class Nobody(Asker):
    def get(self, case, context):
        return None


def as_a_server(app: Flask) -> Callable:
    """The application, whose answers are received whole and closed, as a server does."""

    def answer(environ, start_response):
        chunks = app(environ, start_response)
        with_close = ClosingIterator(chunks)
        try:
            return [b"".join(with_close)]
        finally:
            with_close.close()

    return answer


@pytest.fixture(autouse=True)
def sockets_are_not_set(monkeypatch):
    """Schemathesis' requests without a token bring settings for sockets, where it uses none."""
    send = WSGITransport.send

    def without(self, case, *, session=None, **options):
        known = {name: value for name, value in options.items() if name not in ("max_redirects", "verify", "cert")}
        return send(self, case, session=session, **known)

    monkeypatch.setattr(WSGITransport, "send", without)


@pytest.fixture(params=["anonymous", "member", "admin"])
def schema(request, make_database, make_app):
    """The document, to be tried on a seeded database of its own, by somebody of that role."""
    app = make_app(make_database(f"schemathesis_{request.param}"))
    with app.app_context():
        upgrade()
        seed_if_empty()
    full = request.config.getoption("--full")
    config = {
        "seed": SEED,
        "continue-on-failure": True,
        "generation": {"max-examples": FULL if full else SHORT, "database": "none"},
        "phases": {"coverage": {"enabled": full or request.param == "admin"}},
        "checks": {"positive_data_acceptance": {"expected-statuses": EXPECTED}},
    }
    schema = schemathesis.openapi.from_wsgi(
        "/openapi.json", as_a_server(app), config=SchemathesisConfig.from_dict(config)
    )
    asker = Nobody if request.param == "anonymous" else Asker
    schema.auth(refresh_interval=None)(type("Role", (asker,), {"app": app, "is_admin": request.param == "admin"}))

    @schema.hook("filter_failure")
    def is_a_fault(context, failure, case, response):
        return not (isinstance(failure, RejectedPositiveData) and is_refused_for_a_reason(response))

    return schema


def is_refused_for_a_reason(response) -> bool:
    """Whether it is 422, and each message one of REASONS."""
    messages = [text for texts in response.json().get("errors", {}).values() for text in texts]
    return response.status_code == 422 and all(
        any(re.fullmatch(reason, text, re.DOTALL) for reason in REASONS) for text in messages or [""]
    )


def failures(scenario: events.ScenarioFinished) -> Iterable[str]:
    """What is wrong, with the request and its answer."""
    recorder = scenario.recorder
    for id, checks in recorder.checks.items():
        case, response = recorder.cases[id].value, recorder.interactions[id].response
        for check in checks:
            if check.status is Status.FAILURE:
                failure = check.failure_info.failure
                headers = {name: value for name, value in case.headers.items() if name != "Authorization"}
                request = f"{case.method} {case.formatted_path} {case.query} {headers} {case.body!r:.300}"
                answer = f"{response.status_code} {response.text:.600}"
                yield f"{check.name}: {failure.title}: {failure.message}\n{request}\n{answer}"


def test_finds_no_fault(schema: BaseSchema, record_property: Callable):
    found, ran, statuses = [], {}, Counter()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            found += failures(event)
            statuses.update(one.response.status_code for one in event.recorder.interactions.values() if one.response)
        elif isinstance(event, events.NonFatalError):
            found.append(str(event.value))
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.PhaseFinished):
            ran[event.phase.name.value] = event.status
    record_property("requests", statuses.total())
    assert not found, "\n\n".join(found[:10])
    covered = ran["coverage"] is not Status.SKIP
    assert ran.items() >= dict.fromkeys(PHASES if covered else PHASES - {"coverage"}, Status.SUCCESS).items()
    assert statuses.keys() >= ({200, 404, 405, 422} if covered else {200, 404})
