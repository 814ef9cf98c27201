"""What auth asks the database."""

from sqlalchemy import func, select

from mediatheque.auth.models import User
from mediatheque.auth.schemas import UserSchema
from mediatheque.extensions import db
from mediatheque.kit.wire import Wire

USERS = Wire(User, UserSchema())


def user_by_email(email: str) -> User | None:
    """The user with that address, regardless of case."""
    return db.session.scalar(select(User).where(func.lower(User.email) == func.lower(email)))
