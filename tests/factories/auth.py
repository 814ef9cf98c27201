"""Rows of auth, and requests by them."""

import os
from datetime import UTC, datetime, timedelta

import factory
from factory.alchemy import SQLAlchemyModelFactory

from factories.session import factory_session
from mediatheque.auth import sessions, tokens
from mediatheque.auth.models import LoginCount, Session, User
from mediatheque.extensions import db
from mediatheque.kit.idempotency import IdempotencyKey

PASSWORD = "correct horse"
PASSWORD_HASH = "$2b$04$zqHwi9Y4eQLwPYv//tfN.uuLlDV.HtkYAn5wZDaHx/6C5uVuUfpiq"


class UserFactory(SQLAlchemyModelFactory):
    """A member, whose password is PASSWORD."""

    class Meta:
        model = User
        sqlalchemy_session = factory_session
        sqlalchemy_session_persistence = "commit"

    name = factory.Sequence("User {}".format)
    email = factory.Sequence("user{}@example.org".format)
    password = PASSWORD_HASH
    is_admin = False


class SessionFactory(SQLAlchemyModelFactory):
    """A session that ends in an hour, and whose refresh token nobody has."""

    class Meta:
        model = Session
        sqlalchemy_session = factory_session
        sqlalchemy_session_persistence = "commit"

    user_id = factory.LazyFunction(lambda: UserFactory().id)
    expires_at = factory.LazyFunction(lambda: datetime.now(UTC) + timedelta(hours=1))
    family = factory.LazyFunction(lambda: os.urandom(32))
    secret = factory.LazyFunction(lambda: os.urandom(32))


class LoginCountFactory(SQLAlchemyModelFactory):
    """A login that has failed."""

    class Meta:
        model = LoginCount
        sqlalchemy_session = factory_session
        sqlalchemy_session_persistence = "commit"

    key = factory.LazyFunction(lambda: os.urandom(16))
    failures = 1
    ends_at = factory.LazyFunction(lambda: datetime.now(UTC) + timedelta(minutes=15))


class IdempotencyKeyFactory(SQLAlchemyModelFactory):
    """A POST that was answered."""

    class Meta:
        model = IdempotencyKey
        sqlalchemy_session = factory_session
        sqlalchemy_session_persistence = "commit"

    user_id = factory.LazyFunction(lambda: UserFactory().id)
    route = "/books"
    key = factory.Sequence("key {}".format)
    request = b"-" * 32
    status = 201
    body = b"{}"


def signed_in(user):
    """The headers of a request by that user, in a session of its own. In an app context."""
    session = sessions.begin(user, "the tests")
    db.session.commit()
    return {"Authorization": f"Bearer {tokens.issue(session)}"}
