"""What auth asks the database."""

from typing import NamedTuple

from email_validator import EmailNotValidError
from sqlalchemy import bindparam, func, select

from mediatheque.auth.models import User
from mediatheque.auth.schemas import UserSchema, normalised
from mediatheque.extensions import db
from mediatheque.kit.schemas import LONGEST_TEXT
from mediatheque.kit.statements import Query
from mediatheque.kit.wire import Wire

USERS = Wire(User, UserSchema())

_CALLER = Query(lambda: select(User.id, User.is_admin).where(User.id == bindparam("id")))


class Caller(NamedTuple):
    """Who is asking: ``current_user``."""

    id: int
    is_admin: bool


def caller(id: int) -> Caller | None:
    rows = _CALLER.rows(db.session.connection(), {"id": id})
    return Caller(*rows[0]) if rows else None


def user_by_email(email: str) -> User | None:
    """The user with that address, in any spelling of it; None if there is none, or it is no address."""
    try:
        email = normalised(email[:LONGEST_TEXT].strip())
    except EmailNotValidError:
        return None
    return db.session.scalar(select(User).where(func.lower(User.email) == func.lower(email)))
