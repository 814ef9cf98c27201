"""What auth asks the database."""

from email_validator import EmailNotValidError
from sqlalchemy import func, select

from mediatheque.auth.models import User
from mediatheque.auth.schemas import UserSchema, normalised
from mediatheque.extensions import db
from mediatheque.kit.schemas import LONGEST_TEXT
from mediatheque.kit.wire import Wire

USERS = Wire(User, UserSchema())


def user_by_email(email: str) -> User | None:
    """The user with that address, in any spelling of it; None if there is none, or it is no address."""
    try:
        email = normalised(email[:LONGEST_TEXT].strip())
    except EmailNotValidError:
        return None
    return db.session.scalar(select(User).where(func.lower(User.email) == func.lower(email)))
