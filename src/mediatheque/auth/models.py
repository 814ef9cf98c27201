"""The tables of auth."""

from sqlalchemy import Index, String, func
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
