"""Settings, from the environment or the file ``.env`` beside the README; the only place that reads either."""

import logging
import os
import re
import secrets
import warnings
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from click import ClickException
from dotenv import dotenv_values
from jwt.warnings import InsecureKeyLengthWarning
from limits import RateLimitItem, parse
from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from mediatheque.kit import postgres

ROOT = Path(__file__).parents[2]
SHORTEST_SECRET = 32  # bytes: what HS256 asks for (RFC 7518, 3.2)
FEWEST_CHARACTERS = 8  # different ones, of a secret: 32 random bytes in hexadecimal have 15 or 16
LARGEST_BODY = 1024 * 1024  # bytes
ISSUER = "mediatheque"  # of access tokens, and who takes them

# Time limits, in milliseconds, of what the server asks the database; commands have none (cli/).
_LIMITS = "-c statement_timeout=5000 -c lock_timeout=3000 -c idle_in_transaction_session_timeout=10000"
POOL_WAIT = 2  # seconds
CONNECT_WITHIN = 3  # seconds
_READER = "-c plan_cache_mode=force_generic_plan -c jit=off -c random_page_cost=1.1"

YEAR = 366 * 24 * 60 * 60  # seconds
BOOLEANS = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}

log = logging.getLogger(__name__)


class Setting(NamedTuple):
    """A variable that may be set, as .env.sample and the documents show it."""

    name: str
    meaning: str
    default: str = ""
    unset: str = ""  # what stands for a default, in words
    numbers: range = range(0)  # the whole numbers that it takes,
    words: tuple[str, ...] = ()  # or the words


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            "DATABASE_URL",
            "The database: `postgresql://user:password@localhost:5432/media_db`. This is psycopg 3; "
            "`postgresql+psycopg2://` is psycopg2. Must be set in production.",
            unset="the embedded PostgreSQL",
        ),
        Setting("DATABASE_READ_URL", "A replica that GETs are answered from.", unset="`DATABASE_URL`"),
        Setting(
            "TEST_DATABASE_URL",
            "A server on which the tests may create and drop databases.",
            unset="the embedded PostgreSQL",
        ),
        Setting(
            "JWT_SECRET_KEY",
            f"Signs the tokens. Must be set in production, to {SHORTEST_SECRET} bytes at least.",
            unset="made once, kept in the instance folder",
        ),
        Setting("JWT_PREVIOUS_SECRET_KEY", "The key before: tokens that it has signed are still good."),
        Setting("JWT_ACCESS_TOKEN_EXPIRES", "Seconds that a token is good for.", "86400", numbers=range(1, YEAR + 1)),
        Setting(
            "JWT_REFRESH_TOKEN_EXPIRES",
            "Seconds that a session lives unless it is used.",
            "2592000",
            numbers=range(1, YEAR + 1),
        ),
        Setting(
            "MEDIATHEQUE_ENV",
            "What is allowed: a server for others is in production.",
            "development",
            words=("development", "production"),
        ),
        Setting("MEDIATHEQUE_INSTANCE", "The folder of the embedded PostgreSQL.", unset="`instance/`"),
        Setting(
            "BCRYPT_LOG_ROUNDS",
            "What hashing a password costs: each step doubles the time that a login takes.",
            "12",
            numbers=range(4, 32),
        ),
        Setting(
            "RATELIMIT_ENABLED",
            "Whether registering, signing in and writing are limited.",
            "1",
            words=tuple(BOOLEANS),
        ),
        Setting(
            "RATELIMIT_WRITES", "How often a member may write, such as `100 per minute`.", unset="as often as they like"
        ),
        Setting(
            "RATELIMIT_STORAGE_URI",
            "Where rates are counted: `redis://host:6379`, `rediss://` or `redis+unix://` for all workers and hosts "
            "together, `memory://` in each worker alone.",
            "memory://",
        ),
        Setting(
            "TRUSTED_PROXIES",
            "How many proxies stand in front, whose `X-Forwarded-For` is believed.",
            "0",
            numbers=range(11),
        ),
        Setting(
            "CORS_ORIGINS",
            "Origins whose pages may use the API, separated by spaces: `https://shelves.example.org`.",
            unset="none",
        ),
        Setting("HOST", "The address that `make run` and `make serve` listen at.", "127.0.0.1"),
        Setting("PORT", "The port that `make run` and `make serve` listen at.", "8080", numbers=range(1, 65536)),
        Setting("WORKERS", "Processes of `make serve`.", unset="one for each core", numbers=range(1, 1001)),
        Setting("THREADS", "Threads of each process: requests that it answers at once.", "4", numbers=range(1, 1001)),
    )
}


class SettingError(ClickException):
    """A setting that cannot be read or used. The message names the variable and the way out."""


def given() -> dict[str, str]:
    """What is set in the environment, or else in ``.env``; an empty value is unset."""
    skipped = os.environ.get("FLASK_SKIP_DOTENV")  # Flask's own switch
    sources = ({} if skipped else _env_file(ROOT / ".env"), os.environ)
    return {name: value for source in sources for name, value in source.items() if value}


def _env_file(path: Path) -> dict[str, str | None]:
    try:
        return dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read: {error}.") from error


def load(overrides: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The application's configuration, in Flask's names. *overrides* come before the environment and have its names."""
    settings = {name: setting.default for name, setting in SETTINGS.items()} | given()
    settings |= {name: value for name, value in (overrides or {}).items() if value}
    environment = _word("MEDIATHEQUE_ENV", settings)
    production = environment == "production"
    if production and settings.get("FLASK_DEBUG", "0").lower() not in ("0", "false", "no"):  # as Flask reads it
        raise SettingError("FLASK_DEBUG must be off in production: it shows the program's inside to everybody.")
    instance = Path(settings["MEDIATHEQUE_INSTANCE"] or ROOT / "instance").expanduser().absolute()
    embedded = not settings["DATABASE_URL"]
    if embedded and production:
        raise SettingError("DATABASE_URL must be set in production: the embedded database is for development.")
    url = make_url(postgres.url(instance)) if embedded else _database_url("DATABASE_URL", settings)
    read_url = _database_url("DATABASE_READ_URL", settings) if settings["DATABASE_READ_URL"] else url
    threads = _integer("THREADS", settings)
    return {
        "MEDIATHEQUE_ENV": environment,
        "EMBEDDED_INSTANCE": instance if embedded else None,
        "HOST": settings["HOST"].strip("[]"),
        "PORT": _integer("PORT", settings),
        "WORKERS": _integer("WORKERS", settings) if settings["WORKERS"] else _cores(),
        "THREADS": threads,
        "MAX_CONTENT_LENGTH": LARGEST_BODY,
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": _engine(url, threads),
        "SQLALCHEMY_BINDS": {
            "reader": {
                "url": read_url,
                "isolation_level": "AUTOCOMMIT",
                "pool_reset_on_return": None,  # nothing is open that could be rolled back
                **_engine(read_url, threads, _READER),
            },
        },
        "JWT_SECRET_KEY": _secret(settings, instance, production=production),
        "JWT_PREVIOUS_SECRET_KEY": _previous_secret(settings, production=production),
        "JWT_ACCESS_TOKEN_EXPIRES": _seconds("JWT_ACCESS_TOKEN_EXPIRES", settings),
        "JWT_REFRESH_TOKEN_EXPIRES": _seconds("JWT_REFRESH_TOKEN_EXPIRES", settings),
        "JWT_ENCODE_ISSUER": ISSUER,
        "JWT_DECODE_ISSUER": ISSUER,
        "JWT_ENCODE_AUDIENCE": ISSUER,
        "JWT_DECODE_AUDIENCE": ISSUER,
        "TRUSTED_PROXIES": _integer("TRUSTED_PROXIES", settings),
        "CORS_ORIGINS": _origins(settings),
        "RATELIMIT_ENABLED": BOOLEANS[_word("RATELIMIT_ENABLED", settings)],
        "RATELIMIT_STORAGE_URI": _storage("RATELIMIT_STORAGE_URI", settings),
        "RATELIMIT_WRITES": _rate("RATELIMIT_WRITES", settings),
        "BCRYPT_LOG_ROUNDS": _integer("BCRYPT_LOG_ROUNDS", settings),
        "API_TITLE": "Mediatheque",
        "API_VERSION": "1",
        "OPENAPI_VERSION": "3.1.0",
    }


def _cores() -> int:
    """The cores that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _integer(name: str, settings: Mapping[str, str]) -> int:
    value, numbers = settings[name], SETTINGS[name].numbers
    if not (re.fullmatch("[0-9]{1,20}", value) and int(value) in numbers):
        raise SettingError(f"{name} must be a whole number from {numbers[0]} to {numbers[-1]}, not {value}.")
    return int(value)


def _word(name: str, settings: Mapping[str, str]) -> str:
    value, words = settings[name].lower(), SETTINGS[name].words
    if value not in words:
        raise SettingError(f"{name} must be one of {', '.join(words)}, not {settings[name]}.")
    return value


def _origins(settings: Mapping[str, str]) -> list[str]:
    """The origins whose pages may use the API, as browsers send them: ``https://shelves.example.org``."""
    origins = settings["CORS_ORIGINS"].split()
    for origin in origins:
        if not re.fullmatch(
            r"https?://[A-Za-z0-9.-]+(:[0-9]+)?", origin
        ):  # nothing that flask-cors takes for a pattern
            raise SettingError(f"CORS_ORIGINS must hold origins like https://shelves.example.org, not {origin}.")
    return origins


def _storage(name: str, settings: Mapping[str, str]) -> str:
    uri = settings[name]
    with suppress(ValueError):  # a port that is none
        parts = urlsplit(uri)
        known = parts.scheme in ("memory", "redis", "rediss", "redis+unix")
        if known and parts.port != 0 and not parts.query:  # whose names the client of Redis would have to know
            return uri
    raise SettingError(f"{name} must be memory:// or like redis://host:6379, rediss://… or redis+unix://….")


def _rate(name: str, settings: Mapping[str, str]) -> RateLimitItem | None:
    """A rate such as ``100 per minute``; None is no limit."""
    value = settings[name]
    with suppress(ValueError):
        if not value or re.fullmatch(r"[1-9][0-9]*( per |/)([1-9][0-9]* )?[a-z]+", value):
            return parse(value) if value else None
    raise SettingError(f"{name} must be a rate like 100 per minute, not {value}.")


def _database_url(name: str, settings: Mapping[str, str]) -> URL:
    """``postgres://`` and ``postgresql://`` mean psycopg 3; ``postgresql+psycopg2://`` means psycopg2."""
    try:
        url = make_url(settings[name])
    except (ArgumentError, ValueError):
        raise SettingError(f"{name} must be a URL like postgresql://user:password@host:5432/database.") from None
    drivers = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
    driver = drivers.get(url.drivername, url.drivername)
    if driver not in ("postgresql+psycopg", "postgresql+psycopg2"):
        raise SettingError(
            f"{name} must begin with postgresql://, postgres:// or postgresql+psycopg2://, not {url.drivername}://."
        )
    if "password" in url.query:  # where nobody would hide it
        raise SettingError(f"{name} must have its password before the host: postgresql://user:password@host/database.")
    try:
        make_conninfo(**{option: str(value) for option, value in url.query.items()})
    except ProgrammingError as error:
        raise SettingError(f"{name} must have options of PostgreSQL's behind its ?: {error}.") from None
    return url.set(drivername=driver)


def _engine(url: URL, threads: int, options: str = "") -> dict[str, Any]:
    """Options of an engine for *url*, whose own ``options`` are kept, in a process of that many *threads*."""
    given = url.query.get("options", "")
    given = given if isinstance(given, str) else " ".join(given)
    options = f"{_LIMITS} {options} {given} -c timezone=UTC"
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_WITHIN, "client_encoding": "utf8", "options": options}
    if url.drivername == "postgresql+psycopg":
        arguments["prepare_threshold"] = 0
    return {
        "connect_args": arguments,
        "hide_parameters": True,
        "pool_size": max(10, threads),  # with fewer than threads, connections would be made for single requests
        "max_overflow": 10,
        "pool_timeout": POOL_WAIT,
    }


def _seconds(name: str, settings: Mapping[str, str]) -> timedelta:
    return timedelta(seconds=_integer(name, settings))


def _secret(settings: Mapping[str, str], instance: Path, *, production: bool) -> str:
    """The key that signs tokens. Development makes one, once, so that all its processes agree."""
    if given := settings["JWT_SECRET_KEY"]:
        return _long_enough("JWT_SECRET_KEY", given, production=production)
    if production:
        raise SettingError(
            "JWT_SECRET_KEY must be set in production; this makes one: "
            "python3 -c 'import secrets; print(secrets.token_hex(32))'"
        )
    try:
        return _kept_secret(instance / "jwt_secret_key")
    except OSError as error:
        raise SettingError(
            f"The folder {instance} cannot be used ({error.strerror}): make it yours, or name another one as "
            "MEDIATHEQUE_INSTANCE."
        ) from error


def _previous_secret(settings: Mapping[str, str], *, production: bool) -> str | None:
    """The key that was in use before: tokens that it has signed are still taken."""
    name = "JWT_PREVIOUS_SECRET_KEY"
    return _long_enough(name, settings[name], production=production) if settings[name] else None


def _long_enough(name: str, secret: str, *, production: bool) -> str:
    if not secret.isprintable():
        raise SettingError(f"{name} must be printable text in UTF-8.")
    if len(secret.encode()) < SHORTEST_SECRET:
        if production:
            raise SettingError(f"{name} must have at least {SHORTEST_SECRET} bytes in production.")
        log.warning("%s has fewer than %s bytes: good enough for development only.", name, SHORTEST_SECRET)
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
    if production and len(set(secret)) < FEWEST_CHARACTERS:
        raise SettingError(f"{name} must not be easy to guess: it has {len(set(secret))} different characters.")
    return secret


def _kept_secret(path: Path) -> str:
    """The secret in the file at *path*, which is made if it is not there; the first of several processes wins."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=path.parent) as made, suppress(FileExistsError):
            made.write(secrets.token_hex(32))
            made.flush()
            path.hardlink_to(made.name)
    return path.read_text()
