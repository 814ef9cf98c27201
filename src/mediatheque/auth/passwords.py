"""Passwords: what is accepted, how they are hashed and checked."""

import unicodedata

from mediatheque.extensions import bcrypt
from mediatheque.kit.schemas import LONGEST_TEXT

SHORTEST = 6  # characters
LONGEST = 72  # bytes of UTF-8: bcrypt reads no more


def weakness(password: str) -> str | None:
    """Why *password* cannot be taken, as the end of a sentence about it; None if it can."""
    if len(password) < SHORTEST:
        return f"Must have at least {SHORTEST} characters."
    if len(password.encode()) > LONGEST:
        return f"Must have at most {LONGEST} bytes in UTF-8."
    return None


def hashed(password: str) -> str:
    """The bcrypt hash of a password that `weakness` lets through."""
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


def _unknown() -> str:
    """A hash that no password has, at the cost that is set."""
    return f"$2b${bcrypt._log_rounds:02}${'.' * 53}"  # noqa: SLF001
