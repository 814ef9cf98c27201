"""The session of the factories; conftest binds it to the connection of the running test."""

from sqlalchemy.orm import scoped_session, sessionmaker

factory_session = scoped_session(sessionmaker(join_transaction_mode="create_savepoint", expire_on_commit=False))
