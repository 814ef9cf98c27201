"""Failed logins are counted in the database, before a hash is computed: no restart, no second worker forgets them.

A login counts as failed from its beginning; one that succeeds is taken off again. Refused ones count for nothing.
"""

import hashlib
import math
from datetime import timedelta

from flask import current_app
from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from mediatheque.auth.models import LoginCount
from mediatheque.extensions import db
from mediatheque.kit.rates import client

WINDOW = timedelta(minutes=15)
OF_BOTH, OF_ACCOUNT, OF_CLIENT = 5, 50, 100  # failures in a WINDOW
SWEPT = 100  # counts that are over, deleted with one login


def reserve(account: str) -> int:
    """Count a login to *account*, an address as it is looked up, by the client that asks.

    0, or after how many seconds it may be tried again; then nothing was counted if the caller rolls back.
    """
    most = dict(zip(_keys(account), (OF_BOTH, OF_ACCOUNT, OF_CLIENT), strict=True))
    counting = insert(LoginCount).values(
        [{"key": key, "failures": 1, "ends_at": func.now() + WINDOW} for key in sorted(most)]
    )
    is_over = LoginCount.ends_at <= func.now()
    counted = counting.on_conflict_do_update(
        index_elements=[LoginCount.key],
        set_={
            "failures": case((is_over, 1), else_=LoginCount.failures + 1),
            "ends_at": case((is_over, counting.excluded.ends_at), else_=LoginCount.ends_at),
        },
    ).returning(LoginCount.key, LoginCount.failures, func.extract("epoch", LoginCount.ends_at - func.now()))
    waits = [seconds for key, failures, seconds in db.session.execute(counted) if failures > most[key]]
    # Whoever sweeps has all locks that they wait for.
    over = select(LoginCount.id).where(LoginCount.ends_at < func.now()).limit(SWEPT).with_for_update(skip_locked=True)
    db.session.execute(
        delete(LoginCount).where(LoginCount.id.in_(over)), execution_options={"synchronize_session": False}
    )
    return math.ceil(max(waits, default=0))


def succeeded(account: str) -> None:
    """Take the login off again, and forget this client's failures with this account."""
    keys = _keys(account)
    locked = select(LoginCount.id).where(LoginCount.key.in_(keys)).order_by(LoginCount.key).with_for_update().cte()
    left = case((LoginCount.key == keys[0], 0), else_=func.greatest(LoginCount.failures - 1, 0))
    db.session.execute(
        update(LoginCount).where(LoginCount.id == locked.c.id).values(failures=left),
        execution_options={"synchronize_session": False},
    )


def _keys(account: str) -> list[bytes]:
    """What both, the account, and this client are counted under; nobody can tell without the secret."""
    secret = current_app.config["JWT_SECRET_KEY"].encode()[:64]
    names = (f"both {client()} {account}", f"account {account}", f"client {client()}")
    return [hashlib.blake2b(name.encode(), key=secret, digest_size=16).digest() for name in names]
