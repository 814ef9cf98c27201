"""Passwords: what is accepted, how they are hashed and checked."""

import unicodedata
from functools import cache
from pathlib import Path

from flask import current_app
from marshmallow import ValidationError

from mediatheque.extensions import bcrypt
from mediatheque.kit.schemas import LONGEST_TEXT, clean

SHORTEST = 6  # characters
LONGEST = 72  # bytes of UTF-8: bcrypt reads no more


def accepted(password: str) -> str:
    """*password* as it is hashed: in NFC, never trimmed. ValidationError if it is too short, too long, or not typed."""
    password = clean(password)
    if len(password) < SHORTEST:
        raise ValidationError(f"Must have at least {SHORTEST} characters.")
    if len(password.encode()) > LONGEST:
        raise ValidationError(f"Must have at most {LONGEST} bytes in UTF-8.")
    if current_app.config["MEDIATHEQUE_ENV"] == "production" and password.lower() in _commonest():
        raise ValidationError("Must not be one of the 1,000 commonest passwords.")
    return password


@cache
def _commonest() -> frozenset[str]:
    """The commonest that are long enough: from zxcvbn's list (MIT licence), in lower case."""
    return frozenset((Path(__file__).parent / "common_passwords.txt").read_text().splitlines())


def hashed(password: str) -> str:
    """The bcrypt hash of a password that was `accepted`."""
    return str(bcrypt.generate_password_hash(password).decode())


def matches(stored: str | None, password: str) -> bool:
    """Whether *password* is the one whose hash is *stored*.

    Without a hash (nobody has that address) one is checked all the same, so that the answer takes as long.
    """
    # Normalising megabytes of combining marks would take minutes, and hold up everybody else.
    normalised = unicodedata.normalize("NFC", password[:LONGEST_TEXT])
    if len(password) > LONGEST_TEXT or len(normalised.encode()) > LONGEST:
        normalised, stored = "", None
    right = bcrypt.check_password_hash(stored or _unknown(), normalised)
    return bool(right and stored is not None)


def renewed(stored: str, password: str) -> str | None:
    """Another hash of the password whose hash is *stored*, where that is not at the cost that is set."""
    if stored.startswith(_unknown()[:7]):
        return None
    return hashed(unicodedata.normalize("NFC", password))


def _unknown() -> str:
    """A hash that no password has, at the cost that is set."""
    return f"$2b${current_app.config['BCRYPT_LOG_ROUNDS']:02}${'.' * 53}"
