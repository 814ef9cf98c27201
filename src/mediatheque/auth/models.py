"""The tables of auth."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, SmallInteger, String, func
from sqlalchemy.orm import Mapped, mapped_column

from mediatheque.kit.models import Base, Timestamps, text_column


class User(Timestamps, Base):
    """Somebody with an account. ``password`` is a bcrypt hash."""

    __tablename__ = "users"

    name: Mapped[str] = text_column("name", 2, 100)
    email: Mapped[str] = mapped_column(String(254))
    password: Mapped[str] = mapped_column(String(60))
    is_admin: Mapped[bool] = mapped_column(server_default="false")

    __table_args__ = (
        Index(
            "uq_users_email",
            func.lower(email),
            unique=True,
            info={"sentence": "This email address is already in use."},
        ),
        {"info": {"noun": "user"}},
    )


class Session(Base):
    """A login that goes on. Of its refresh token, only SHA-256 hashes of both parts are kept (see sessions.py)."""

    __tablename__ = "sessions"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    agent: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    family: Mapped[bytes] = mapped_column(LargeBinary)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    previous_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("ix_sessions_user_id", "user_id", "id"),
        Index("ix_sessions_expires_at", "expires_at"),
        Index("uq_sessions_family", "family", unique=True),
        {"info": {"noun": "session"}},
    )


class LoginCount(Base):
    """Failed logins in a quarter of an hour: of an account, a client, or both, which the key does not tell."""

    __tablename__ = "login_counts"

    key: Mapped[bytes] = mapped_column(LargeBinary)
    failures: Mapped[int] = mapped_column(SmallInteger)
    ends_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (Index("uq_login_counts_key", "key", unique=True), {"info": {"noun": "count of logins"}})
