"""flask check: what is wrong with a configuration, in sentences."""

import os
import subprocess
import sys

import pytest
from flask_migrate import upgrade
from sqlalchemy import text

from mediatheque import config
from mediatheque.auth import accounts
from mediatheque.cli.database import seed_if_empty
from mediatheque.extensions import db

PRODUCTION = {"MEDIATHEQUE_ENV": "production", "TRUSTED_PROXIES": "1"}


@pytest.fixture(scope="module")
def url(make_database, make_app):
    """A database with tables and an admin."""
    url = make_database("check")
    with make_app(url).app_context():
        upgrade()
        accounts.create("Ada", "ada@example.org", "a long password", is_admin=True)
        db.session.commit()
    return url


@pytest.fixture
def check(make_app, url):
    """What the command says with those settings, by kind; its exit status is 1 if anything is wrong."""

    def check(on=url, **settings):
        result = make_app(on, **settings).test_cli_runner().invoke(args=["check"])
        lines = [line.split(maxsplit=1) for line in result.output.splitlines()]
        assert result.exit_code == any(kind == "wrong" for kind, _ in lines), result.output
        return {kind: [sentence for one, sentence in lines if one == kind] for kind, _ in lines}

    return check


def test_finds_nothing_wrong_with_what_works(check):
    found = check(**PRODUCTION, WORKERS="1")
    assert "wrong" not in found
    assert "The settings can be used, in production." in found["ok"]
    assert any(sentence.startswith("DATABASE_URL (postgresql+psycopg") for sentence in found["ok"])
    assert "***" in found["ok"][1] or "@" in found["ok"][1]


def test_notes_what_could_be_better(check):
    notes = check(WORKERS="3", RATELIMIT_ENABLED="1")["note"]
    assert "MEDIATHEQUE_ENV=production is what a server for others needs." in notes
    assert "Each of the 3 workers counts rates for itself: Redis would not." in notes
    assert any(note.startswith("3 workers may ask for 120 connections") for note in notes)


def test_notes_a_proxy_that_is_not_named(check):
    notes = check(MEDIATHEQUE_ENV="production")["note"]
    assert "TRUSTED_PROXIES is 0: behind a proxy, all clients would count as one." in notes


def test_a_database_away_is_wrong(check, server_url):
    (sentence,) = check(server_url.set(host="127.0.0.1", port=1))["wrong"]
    assert sentence.startswith("DATABASE_URL (")
    assert "cannot be used" in sentence


def test_a_replica_away_is_wrong(check, server_url):
    replica = server_url.set(host="127.0.0.1", port=1).render_as_string(hide_password=False)
    (sentence,) = check(DATABASE_READ_URL=replica)["wrong"]
    assert sentence.startswith("DATABASE_READ_URL (")


def test_a_redis_away_is_wrong(check):
    (sentence,) = check(RATELIMIT_STORAGE_URI="redis://127.0.0.1:1", RATELIMIT_ENABLED="1")["wrong"]
    assert sentence == "The Redis of RATELIMIT_STORAGE_URI does not answer: rates are not limited."


def test_tables_that_are_missing_or_old_are_wrong(check, make_database, make_app):
    url = make_database("check_empty")
    assert check(url)["wrong"] == ["The tables are missing: flask db create makes them."]
    with make_app(url).app_context():
        upgrade(revision="0001")
    (sentence,) = check(url)["wrong"]
    assert sentence.startswith("The tables are of revision 0001, not ")


def test_published_passwords_are_wrong_in_production(check, make_database, make_app):
    url = make_database("check_seeded")
    with make_app(url).app_context():
        upgrade()
        seed_if_empty()
    assert "flask users password admin1@admin.com changes it." in check(url)["note"][-2]
    assert len(check(url, **PRODUCTION)["wrong"]) == 2


def test_what_loses_acknowledged_writes_is_wrong(check, make_database, make_app):
    url = make_database("check_hasty")
    with make_app(url).app_context():
        upgrade()
        db.session.execute(text(f"ALTER DATABASE {url.database} SET synchronous_commit = off"))
        db.session.commit()
    assert check(url)["wrong"] == ["synchronous_commit is off: what was acknowledged can be lost."]


def test_notes_a_log_of_the_database_that_holds_addresses(check, make_database, make_app):
    url = make_database("check_talkative")
    with make_app(url).app_context():
        upgrade()
    said = f"PostgreSQL logs what it refuses, addresses too: its administrator can ALTER DATABASE {url.database} SET "
    for verbosity in ("default", "terse"):
        with make_app(url).app_context():
            db.session.execute(text(f"ALTER DATABASE {url.database} SET log_min_messages = warning"))
            db.session.execute(text(f"ALTER DATABASE {url.database} SET log_error_verbosity = {verbosity}"))
            db.session.commit()
        noted = any(note.startswith(said) for note in check(url)["note"])
        assert noted == (verbosity == "default")


@pytest.mark.parametrize(
    ("setting", "value"),
    [("JWT_SECRET_KEY", "short"), ("RATELIMIT_WRITES", "often")],
)
def test_a_setting_that_cannot_be_used_is_named(url, setting, value):
    settings = {
        "JWT_SECRET_KEY": "0123456789abcdef" * 2,
        "DATABASE_URL": url.render_as_string(hide_password=False),
        **PRODUCTION,
    }
    done = subprocess.run(
        [sys.executable, "-m", "flask", "check"],
        cwd=config.ROOT,
        env=os.environ | settings | {setting: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {setting} must ")
    assert "Traceback" not in done.stderr
