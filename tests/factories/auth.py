"""Rows of auth."""

import factory
from factory.alchemy import SQLAlchemyModelFactory

from factories.session import factory_session
from mediatheque.auth.models import User

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
