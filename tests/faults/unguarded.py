"""The program with guards taken out, or trouble built in: FLASK_APP of servers, or a plugin of pytest, by PATCHES.

Each function is a patch; its name says what the patched copy does. They act on the program, before it is made; those
that act on the application leave a function in ``changes``.
"""

import json
import os
import signal
import threading
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

from flask_bcrypt import Bcrypt
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

import mediatheque
from mediatheque import config, serve
from mediatheque.auth import logins, passwords, permissions, tokens  # noqa: F401  (tokens sets what is patched)
from mediatheque.cli import server
from mediatheque.extensions import db, jwt
from mediatheque.kit import blueprint, idempotency, schemas, watch, writes

changes = []


def acknowledges_before_the_commit():
    """POSTs are answered at once, and done half a second later."""

    def change(app):
        answer = app.wsgi_app

        def answer_first(environ, start_response):
            if environ["REQUEST_METHOD"] != "POST":
                return answer(environ, start_response)
            body = BytesIO(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            threading.Timer(0.5, answer, [{**environ, "wsgi.input": body}, lambda *_: None]).start()
            start_response("201 CREATED", [])
            return []

        app.wsgi_app = answer_first

    changes.append(change)


def commits_to_memory():
    config._LIMITS += " -c synchronous_commit=off"


def keeps_dead_connections():
    PGDialect_psycopg.is_disconnect = lambda *_: False


def asks_the_database_first():
    def ask():
        db.session.execute(text("SELECT 1"))

    changes.append(lambda app: app.before_request(ask))


def can_hold_its_pools():
    """GET /hold takes every connection of the pools, GET /release gives them back."""
    held = ExitStack()

    def change(app):
        answer = app.wsgi_app

        def hold(environ, start_response):
            if environ["PATH_INFO"] == "/hold":
                with app.app_context():
                    for engine in db.engines.values():
                        for _ in range(engine.pool.size() + engine.pool._max_overflow):
                            held.enter_context(engine.connect())
            elif environ["PATH_INFO"] == "/release":
                held.close()
            return answer(environ, start_response)

        app.wsgi_app = hold

    changes.append(change)


def waits_for_connections():
    config.POOL_WAIT = 30


def waits_for_what_is_said():
    watch._cut = lambda _: None


def waits_for_locks():
    config._LIMITS = ""


def dies_at_sigterm():
    def die(_):
        signal.sigwait([signal.SIGTERM])
        os.kill(os.getpid(), signal.SIGKILL)

    serve._stop_when_told = die


def takes_bodies_of_any_size():
    config.LARGEST_BODY = None


def counts_hashes():
    """Each hash that is computed is a byte in the file HASHES."""
    check = Bcrypt.check_password_hash

    def counted(*arguments):
        with Path(os.environ["HASHES"]).open("ab") as hashes:
            hashes.write(b"#")
        return check(*arguments)

    Bcrypt.check_password_hash = counted


def counts_no_logins():
    logins.reserve = lambda _account: 0


def computes_no_hash_for_strangers():
    matches = passwords.matches
    passwords.matches = lambda stored, password: stored is not None and matches(stored, password)


def ignores_if_match():
    writes._match = lambda *_: None


def ignores_idempotency_keys():
    idempotency.replayed = lambda: None


def lets_members_do_what_admins_may():
    permissions.GRANTED["member"] = permissions.GRANTED["admin"]


def takes_any_claims():
    jwt.token_verification_loader(lambda *_: True)


def takes_numbers_of_any_size():
    schemas.Range.__call__ = lambda _, value: value


def takes_texts_of_any_length():
    schemas.LONGEST_TEXT = float("inf")


def reads_json_as_python_does():
    blueprint.Parser._raw_load_json = lambda _, request: json.loads(request.get_data())


def create_app():
    app = mediatheque.create_app()
    for change in changes:
        change(app)
    return app


for patch in os.environ["PATCHES"].split(","):
    globals()[patch]()
server._application = create_app
