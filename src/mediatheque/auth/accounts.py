"""Accounts as the command line manages them. These functions do not commit."""

from collections.abc import Sequence
from datetime import datetime

from marshmallow import ValidationError
from sqlalchemy import Row, and_, func, select
from sqlalchemy.exc import IntegrityError

from mediatheque.auth import passwords, sessions
from mediatheque.auth.models import Session, User
from mediatheque.auth.queries import user_by_email
from mediatheque.auth.schemas import UserSchema
from mediatheque.extensions import db
from mediatheque.kit.schemas import sentence

SEEDED = (("Admin 1", "admin1@admin.com", "admin1", True), ("User 1", "user1@user.com", "user1", False))


class AccountError(ValueError):
    """What cannot be done to an account, as a sentence."""


def create(name: str, email: str, password: str, *, is_admin: bool) -> User:
    """A new account; AccountError if the input is not valid or the address is in use."""
    try:
        account = UserSchema.new().load({"name": name, "email": email, "password": password})
    except ValidationError as error:
        member, (message, *_) = next(iter(error.messages_dict.items()))
        raise AccountError(sentence(member, message)) from error
    account["password"] = passwords.hashed(account["password"])
    user = User(**account, is_admin=is_admin)
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError as error:
        raise AccountError(f"The address {account['email']} is in use already.") from error
    return user


def find(email: str) -> User:
    """The account with that address; AccountError if there is none."""
    user = user_by_email(email)
    if user is None:
        raise AccountError(f"No account has the address {email}; flask users list shows them all.")
    return user


def everybody() -> Sequence[Row[User, datetime | None]]:
    """All accounts, each with the moment when a session of it that goes on was begun or last renewed."""
    going_on = and_(Session.user_id == User.id, Session.expires_at > func.now())
    active = func.max(Session.used_at)
    return db.session.execute(
        select(User, active).outerjoin(Session, going_on).group_by(User.id).order_by(User.id)
    ).all()


def has_admin() -> bool:
    return db.session.scalar(select(User.id).where(User.is_admin).limit(1)) is not None


def set_password(user: User, password: str) -> None:
    """End all sessions as well; AccountError if the password cannot be taken."""
    try:
        user.password = passwords.hashed(passwords.accepted(password))
    except ValidationError as error:
        raise AccountError(sentence("password", str(error.messages[0]))) from error
    sessions.end(user.id)


def seed() -> User:
    """The reference's two accounts; the admin is returned."""
    users = [User(name=n, email=e, password=passwords.hashed(p), is_admin=a) for n, e, p, a in SEEDED]
    db.session.add_all(users)
    return users[0]


def with_published_password() -> list[str]:
    """The addresses of seeded accounts whose password is still the published one."""
    users = ((user_by_email(email), password) for _, email, password, _ in SEEDED)
    return [user.email for user, password in users if user and passwords.matches(user.password, password)]
