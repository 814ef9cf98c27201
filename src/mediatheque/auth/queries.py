"""What auth asks the database."""

from typing import NamedTuple

from email_validator import EmailNotValidError
from sqlalchemy import bindparam, func, literal, select, update

from mediatheque.auth.models import Session, User
from mediatheque.auth.permissions import GRANTED
from mediatheque.auth.schemas import UserSchema, normalised
from mediatheque.extensions import db
from mediatheque.kit.access import Permission
from mediatheque.kit.schemas import LONGEST_TEXT
from mediatheque.kit.statements import Query
from mediatheque.kit.wire import Wire

USERS = Wire(User, UserSchema())

_CALLER = Query(
    lambda: (
        select(User.id, User.is_admin, Session.id)
        .join(Session, Session.user_id == User.id)
        .where(Session.id == bindparam("session_id"), Session.expires_at > func.now())
    )
)


class Caller(NamedTuple):
    """Who is asking: ``current_user``."""

    id: int
    is_admin: bool
    session_id: int

    def may(self, permission: Permission) -> bool:
        return permission in GRANTED["admin" if self.is_admin else "member"]


def caller(session_id: int) -> Caller | None:
    """The user of that session, if it goes on."""
    rows = _CALLER.rows(db.session.connection(), {"session_id": session_id})
    return Caller(*rows[0]) if rows else None


def user_by_email(address: str) -> User | None:
    """The user with that address, in any spelling of it; None if there is none, or it is no address."""
    return user_named(address)[1]


def user_named(address: str) -> tuple[str, User | None]:
    """What the database takes all spellings of that address for, and its user, if there is one."""
    email = _normalised(address)
    if email is None:
        return address[:LONGEST_TEXT], None
    spelling = select(func.lower(literal(email)).label("lower")).subquery()
    statement = select(spelling.c.lower, User).outerjoin(User, func.lower(User.email) == spelling.c.lower)
    lower, user = db.session.execute(statement).one()
    return lower, user


def renew_password(user: User, hashed: str) -> None:
    """Replace the hash that *user* was read with, unless it has been changed meanwhile."""
    unchanged = update(User).where(User.id == user.id, User.password == user.password)
    db.session.execute(unchanged.values(password=hashed), execution_options={"synchronize_session": False})
    user.password = hashed


def _normalised(address: str) -> str | None:
    try:
        return normalised(address[:LONGEST_TEXT].strip())
    except EmailNotValidError:
        return None
