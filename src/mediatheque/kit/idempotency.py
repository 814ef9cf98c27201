"""Idempotency-Key: a POST that is sent again, because its answer was lost, gets the first answer and writes nothing.

The key is written in the transaction of the row, so both are there or neither. Who comes at the same time waits for it.
"""

import hashlib
from datetime import datetime, timedelta

from flask import Response, g, request
from flask_jwt_extended import current_user
from sqlalchemy import ForeignKey, Index, LargeBinary, SmallInteger, String, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from mediatheque.extensions import db
from mediatheque.kit.access import refuse
from mediatheque.kit.models import Base
from mediatheque.kit.wire import tag

HEADER = "Idempotency-Key"
LONGEST = 200  # characters
SCHEMA = {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[ -~]*$"}
KEPT = timedelta(hours=24)
SWEPT = 10  # keys that are too old, deleted with each new one


class IdempotencyKey(Base):
    """The answer of a POST. ``status`` is null only until its transaction ends."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    route: Mapped[str] = mapped_column(String(200))
    key: Mapped[str] = mapped_column(String(LONGEST))
    request: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    status: Mapped[int | None] = mapped_column(SmallInteger)
    location: Mapped[str | None] = mapped_column(String(200))
    body: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("uq_idempotency_keys_user_id_route_key", "user_id", "route", "key", unique=True),
        {"info": {"noun": "idempotency key"}},
    )


def replayed() -> Response | None:
    """The first answer, if this POST was sent before; else its key is written, if it has one. 422 for another body."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (key.isascii() and key.isprintable() and 1 <= len(key) <= LONGEST):
        refuse(422, errors={HEADER: [f"Must have 1 to {LONGEST} printable ASCII characters."]})
    digest = hashlib.sha256(request.get_data()).digest()
    place = {"user_id": current_user.id, "route": request.url_rule.rule, "key": key}  # type: ignore[union-attr]
    anew = insert(IdempotencyKey).values(**place, request=digest)
    written = anew.on_conflict_do_update(
        index_elements=[IdempotencyKey.user_id, IdempotencyKey.route, IdempotencyKey.key],
        set_={"request": digest, "created_at": func.now(), "status": None, "location": None, "body": None},
        where=IdempotencyKey.created_at < func.now() - KEPT,
    ).returning(IdempotencyKey.id)
    g.idempotency_id = db.session.scalar(written)
    if g.idempotency_id is not None:
        old = select(IdempotencyKey.id).where(IdempotencyKey.created_at < func.now() - KEPT)
        swept = delete(IdempotencyKey).where(IdempotencyKey.id.in_(old.limit(SWEPT).with_for_update(skip_locked=True)))
        db.session.execute(swept, execution_options={"synchronize_session": False})
        return None
    first = db.session.scalars(select(IdempotencyKey).filter_by(**place)).one()
    if first.request != digest:
        refuse(422, errors={HEADER: ["Must not be used again with another body."]})
    body = first.body or b""
    response = Response(body, first.status, {"ETag": f'"{tag(body)}"'}, content_type="application/json")
    if first.location:
        response.headers["Location"] = first.location
    response.headers["Idempotency-Replayed"] = "true"
    return response


def kept(response: Response) -> Response:
    """*response*, kept for who sends this request again."""
    id = g.get("idempotency_id")
    if id is not None:
        values = {
            "status": response.status_code,
            "location": response.headers.get("Location"),
            "body": response.get_data(),
        }
        db.session.execute(
            update(IdempotencyKey).where(IdempotencyKey.id == id).values(values),
            execution_options={"synchronize_session": False},
        )
    return response
