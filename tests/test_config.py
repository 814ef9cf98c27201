"""Settings: where they come from, what they become, what is refused."""

import re
import runpy
import stat
from threading import Thread

import pytest
from dotenv import dotenv_values

from mediatheque import config

SECRET = "0123456789abcdef" * 2
PROJECT = config.ROOT


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch, tmp_path):
    """A project folder of the test's own, and no settings from outside."""
    for name in config.given():
        if name.startswith(("DATABASE_", "JWT_", "MEDIATHEQUE_", "BCRYPT_", "PORT", "HOST")):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("FLASK_SKIP_DOTENV")
    monkeypatch.setattr(config, "ROOT", tmp_path)


def test_the_environment_wins_over_the_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("PORT=9001\nBCRYPT_LOG_ROUNDS=5\n")
    monkeypatch.setenv("PORT", "9002")
    settings = config.load()
    assert (settings["PORT"], settings["BCRYPT_LOG_ROUNDS"]) == (9002, 5)


def test_the_file_is_not_read_where_flask_is_told_to_skip_it(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://localhost/mine\n")
    assert "DATABASE_URL" in config.given()
    monkeypatch.setenv("FLASK_SKIP_DOTENV", "1")
    assert "DATABASE_URL" not in config.given()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / ".env").write_bytes(b"PORT=\xff\n")
    with pytest.raises(config.SettingError, match=rf"^{tmp_path}/.env cannot be read"):
        config.load()


def test_an_instance_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(config.SettingError, match=rf"^The folder {tmp_path}/file cannot be used"):
        config.load({"MEDIATHEQUE_INSTANCE": str(tmp_path / "file")})


def test_an_empty_value_is_unset(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("PORT=9001\n")
    monkeypatch.setenv("PORT", "")
    assert config.load()["PORT"] == 9001


def test_without_any_setting_there_is_an_embedded_database(tmp_path):
    settings = config.load()
    assert settings["EMBEDDED_INSTANCE"] == tmp_path / "instance"
    assert settings["SQLALCHEMY_DATABASE_URI"].drivername == "postgresql+psycopg"


def test_the_instance_may_be_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config.load({"MEDIATHEQUE_INSTANCE": "~/library"})["EMBEDDED_INSTANCE"] == tmp_path / "library"


@pytest.mark.parametrize(
    ("scheme", "driver"),
    [
        ("postgres", "postgresql+psycopg"),
        ("postgresql", "postgresql+psycopg"),
        ("postgresql+psycopg", "postgresql+psycopg"),
        ("postgresql+psycopg2", "postgresql+psycopg2"),
    ],
)
def test_the_url_decides_the_driver(scheme, driver):
    settings = config.load({"DATABASE_URL": f"{scheme}://user:password@localhost/media_db"})
    assert settings["SQLALCHEMY_DATABASE_URI"].drivername == driver
    assert settings["EMBEDDED_INSTANCE"] is None


def test_reads_go_to_the_replica_when_there_is_one():
    settings = config.load({"DATABASE_URL": "postgresql://primary/db", "DATABASE_READ_URL": "postgresql://replica/db"})
    assert settings["SQLALCHEMY_BINDS"]["reader"]["url"].host == "replica"
    assert settings["SQLALCHEMY_DATABASE_URI"].host == "primary"


def test_options_in_the_url_are_kept():
    settings = config.load({"DATABASE_URL": "postgresql://localhost/db?options=-c%20work_mem=8MB"})
    options = settings["SQLALCHEMY_ENGINE_OPTIONS"]["connect_args"]["options"]
    assert "timezone=UTC" in options
    assert "work_mem=8MB" in options


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"MEDIATHEQUE_ENV": "staging"}, "MEDIATHEQUE_ENV must be one of development, production, not staging."),
        ({"PORT": "http"}, "PORT must be a whole number from 1 to 65535, not http."),
        ({"PORT": "9" * 5000}, "PORT must be a whole number from 1 to 65535, not 9"),
        ({"JWT_SECRET_KEY": "\udcff" * 40}, "JWT_SECRET_KEY must be printable text in UTF-8."),
        (
            {"RATELIMIT_WRITES": "10 per minute; 1 per hour"},
            "RATELIMIT_WRITES must be a rate like 100 per minute, not ",
        ),
        ({"RATELIMIT_WRITES": "5 per 0 minute"}, "RATELIMIT_WRITES must be a rate like 100 per minute, not "),
        ({"RATELIMIT_WRITES": "5 per fortnight"}, "RATELIMIT_WRITES must be a rate like 100 per minute, not "),
        ({"RATELIMIT_STORAGE_URI": "redis://host?foo=bar"}, "RATELIMIT_STORAGE_URI must be memory:// or like "),
        (
            {"DATABASE_URL": "postgresql://host/db?foo=bar"},
            "DATABASE_URL must have options of PostgreSQL's behind its ?",
        ),
        ({"DATABASE_URL": "postgresql://host/db?password=x"}, "DATABASE_URL must have its password before the host: "),
        ({"PORT": "70000"}, "PORT must be a whole number from 1 to 65535, not 70000."),
        ({"BCRYPT_LOG_ROUNDS": "3"}, "BCRYPT_LOG_ROUNDS must be a whole number from 4 to 31, not 3."),
        ({"RATELIMIT_ENABLED": "perhaps"}, "RATELIMIT_ENABLED must be one of 1, true, on, 0, false, off, not perhaps."),
        ({"RATELIMIT_WRITES": "often"}, "RATELIMIT_WRITES must be a rate like 100 per minute, not often."),
        ({"RATELIMIT_STORAGE_URI": "disk"}, "RATELIMIT_STORAGE_URI must be memory:// or like redis://host:6379, "),
        ({"RATELIMIT_STORAGE_URI": "redis://host:port/0"}, "RATELIMIT_STORAGE_URI must be memory:// or like "),
        ({"CORS_ORIGINS": "https://[::1]:3000"}, "CORS_ORIGINS must hold origins like "),
        ({"CORS_ORIGINS": "*"}, "CORS_ORIGINS must hold origins like https://shelves.example.org, not *."),
        ({"TRUSTED_PROXIES": "11"}, "TRUSTED_PROXIES must be a whole number from 0 to 10, not 11."),
        ({"JWT_ACCESS_TOKEN_EXPIRES": "0"}, "JWT_ACCESS_TOKEN_EXPIRES must be a whole number from 1 to "),
        ({"DATABASE_URL": "mysql://localhost/db"}, "DATABASE_URL must begin with postgresql://, "),
        ({"DATABASE_URL": "secret"}, "DATABASE_URL must be a URL like postgresql://"),
        ({"DATABASE_READ_URL": "postgresql://a:b:c:d"}, "DATABASE_READ_URL must be a URL like postgresql://"),
    ],
)
def test_a_value_that_cannot_be_read_is_a_sentence_naming_it(settings, sentence):
    with pytest.raises(config.SettingError) as error:
        config.load(settings)
    assert error.value.message.startswith(sentence)


def test_a_database_url_is_never_shown_when_it_is_wrong():
    with pytest.raises(config.SettingError) as error:
        config.load({"DATABASE_URL": "mysql://user:hunter2@localhost/db"})
    assert "hunter2" not in error.value.message


class TestProduction:
    @pytest.mark.parametrize(
        ("missing", "sentence"),
        [
            ({"DATABASE_URL": ""}, "DATABASE_URL must be set in production"),
            ({"JWT_SECRET_KEY": ""}, "JWT_SECRET_KEY must be set in production"),
            ({"JWT_SECRET_KEY": "s" * 31}, "JWT_SECRET_KEY must have at least 32 bytes in production."),
            ({"JWT_SECRET_KEY": "abcdefg" * 9}, "JWT_SECRET_KEY must not be easy to guess: it has 7 different"),
            ({"JWT_PREVIOUS_SECRET_KEY": "s" * 31}, "JWT_PREVIOUS_SECRET_KEY must have at least 32 bytes"),
            ({"FLASK_DEBUG": "1"}, "FLASK_DEBUG must be off in production"),
        ],
    )
    def test_does_not_start_without(self, missing, sentence):
        complete = {"MEDIATHEQUE_ENV": "production", "DATABASE_URL": "postgresql://h/d", "JWT_SECRET_KEY": SECRET}
        assert config.load(complete)["MEDIATHEQUE_ENV"] == "production"
        with pytest.raises(config.SettingError) as error:
            config.load(complete | missing)
        assert error.value.message.startswith(sentence)


class TestSecret:
    def test_is_made_once_and_kept_from_others(self, tmp_path):
        first, second = (config.load()["JWT_SECRET_KEY"] for _ in range(2))
        file = tmp_path / "instance" / "jwt_secret_key"
        assert first == second == file.read_text()
        assert len(first) >= 32
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_is_the_same_for_processes_that_start_at_once(self):
        secrets = []
        threads = [Thread(target=lambda: secrets.append(config.load()["JWT_SECRET_KEY"])) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(secrets) == 8
        assert len(set(secrets)) == 1

    def test_that_is_short_is_good_enough_for_development_with_one_warning(self, caplog):
        assert config.load({"JWT_SECRET_KEY": "secret key"})["JWT_SECRET_KEY"] == "secret key"
        assert [record.levelname for record in caplog.records] == ["WARNING"]


class TestSettings:
    def test_the_documents_are_those_of_the_settings(self):
        documents = runpy.run_path(str(PROJECT / "docs/settings.py"))
        document = (PROJECT / "docs/operations.md").read_text(encoding="utf-8")
        assert document == documents["rendered"](document), "docs/operations.md is stale: make docs"
        sample = (PROJECT / ".env.sample").read_text(encoding="utf-8")
        assert sample == documents["sample"](), ".env.sample is stale: make docs"

    def test_the_sample_says_the_defaults(self, tmp_path):
        (tmp_path / ".env").write_text((PROJECT / ".env.sample").read_text(encoding="utf-8"))
        assert dotenv_values(tmp_path / ".env") == {name: one.default for name, one in config.SETTINGS.items()}
        assert config.load() == config.load({name: one.default for name, one in config.SETTINGS.items()})

    @pytest.mark.parametrize("file", ["check.py", "cli/server.py", "config.py"])
    def test_sentences_name_no_setting_that_is_none(self, file):
        said = re.findall(
            r"\b(?:DATABASE|TRUSTED|MEDIATHEQUE|RATELIMIT|BCRYPT|CORS)_[A-Z_]+",
            (PROJECT / "src/mediatheque" / file).read_text(encoding="utf-8"),
        )
        assert set(said) - set(config.SETTINGS) == set()
