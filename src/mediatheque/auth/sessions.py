"""Sessions: a login that goes on by refresh tokens, until it is ended, unused for a month, or its token was stolen.

A refresh token is the session's family (16 random bytes, the same in all its tokens) and a secret (32, new each time).
Each use gives a new one. The one before is good for another 10 seconds and gets the same new one: a client that did not
receive its answer asks again, and two tabs ask at once. For this the new secret is kept, sealed with the one before,
which only the client has. An older one means that somebody has a copy of it: the session ends.
"""

import hashlib
import hmac
import logging
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import NamedTuple

from flask import current_app
from sqlalchemy import delete, func, insert, select

from mediatheque.auth.models import Session, User
from mediatheque.extensions import db
from mediatheque.kit.models import BIGINT_MAX

GRACE = timedelta(seconds=10)
MOST = 100  # sessions of one user; a login beyond ends the oldest
FAMILY, SECRET = 16, 32  # bytes
LONGEST_AGENT = 200  # characters

log = logging.getLogger(__name__)


class Started(NamedTuple):
    """A session that was begun or continued, and the refresh token that continues it."""

    id: int
    user_id: int
    refresh_token: str


def begin(user: User, agent: str) -> Started | None:
    """A new session of *user*, unless their password was changed, or they were deleted, since *user* was read."""
    family, secret = os.urandom(FAMILY), os.urandom(SECRET)
    unchanged = select(
        User.id,
        db.literal(agent[:LONGEST_AGENT] or None, Session.agent.type),
        func.now() + _lifetime(),
        db.literal(_hash(family)),
        db.literal(_hash(secret)),
    ).where(User.id == user.id, User.password == user.password)
    unchanged = unchanged.with_for_update(read=True)  # or a change that is not committed yet would be missed
    names = ["user_id", "agent", "expires_at", "family", "secret"]
    id = db.session.scalar(insert(Session).from_select(names, unchanged).returning(Session.id))
    if id is None:
        return None
    newest = select(Session.id).where(Session.user_id == user.id).order_by(Session.id.desc()).limit(MOST)
    over = select(Session.id).where(Session.expires_at <= func.now()).limit(MOST).with_for_update(skip_locked=True)
    for gone in (
        delete(Session).where(Session.user_id == user.id, Session.id.not_in(newest)),
        delete(Session).where(Session.id.in_(over)),
    ):
        db.session.execute(gone, execution_options={"synchronize_session": False})
    return Started(id, user.id, _token(family, secret))


def proceed(token: str) -> Started | None:
    """The session goes on with a new refresh token. None if *token* does not stand for one that is alive."""
    parts = _parts(token)
    if parts is None:
        return None
    family, secret = parts
    session = db.session.scalar(
        select(Session).where(Session.family == _hash(family), Session.expires_at > func.now()).with_for_update()
    )
    if session is None:
        return None
    now = db.session.scalars(select(func.clock_timestamp())).one()
    if hmac.compare_digest(session.secret, _hash(secret)):
        following = os.urandom(SECRET)
        session.previous_secret, session.secret = session.secret, _hash(following)
        session.sealed = _sealed(following, secret)
        session.used_at, session.expires_at = now, now + _lifetime()
    elif session.previous_secret == _hash(secret) and session.sealed and now - session.used_at < GRACE:
        following = _sealed(session.sealed, secret)
    else:
        log.warning("Session %s of user %s has ended: an old refresh token was used.", session.id, session.user_id)
        db.session.delete(session)
        return None
    return Started(session.id, session.user_id, _token(family, following))


def of(user_id: int) -> list[Session]:
    """The sessions of a user, the newest first."""
    mine = select(Session).where(Session.user_id == user_id, Session.expires_at > func.now())
    return list(db.session.scalars(mine.order_by(Session.id.desc()).limit(MOST)))


def end(user_id: int, *, only: int | None = None, but: int | None = None) -> int:
    """End the sessions of a user, or *only* that one, or all *but* that one; how many there were."""
    if only is not None and only > BIGINT_MAX:
        return 0
    ended = delete(Session).where(Session.user_id == user_id)
    if only is not None:
        ended = ended.where(Session.id == only)
    if but is not None:
        ended = ended.where(Session.id != but)
    return db.session.execute(ended, execution_options={"synchronize_session": False}).rowcount  # type: ignore[attr-defined, no-any-return]


def _lifetime() -> timedelta:
    lifetime: timedelta = current_app.config["JWT_REFRESH_TOKEN_EXPIRES"]
    return lifetime


def _hash(part: bytes) -> bytes:
    return hashlib.sha256(part).digest()


def _sealed(secret: bytes, key: bytes) -> bytes:
    """*secret* as nobody can read it without *key*; and back."""
    pad = hmac.digest(key, b"the secret that follows", "sha256")
    return bytes(one ^ other for one, other in zip(secret, pad, strict=True))


def _token(family: bytes, secret: bytes) -> str:
    return urlsafe_b64encode(family + secret).decode()


def _parts(token: str) -> tuple[bytes, bytes] | None:
    try:
        content = urlsafe_b64decode(token.encode("ascii"))
    except ValueError:
        return None
    return (content[:FAMILY], content[FAMILY:]) if len(content) == FAMILY + SECRET else None
