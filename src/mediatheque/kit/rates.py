"""Limits of how often a client may ask, which are counted in each worker's memory, or in Redis for all workers.

These are the rates of `limits`, which Flask-Limiter is made of, without its hooks on every request.
"""

import logging
import math
import re
import time
from collections.abc import Callable
from functools import wraps
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, cast

from flask import Flask, current_app, request
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

PATIENCE = 0.3  # seconds

log = logging.getLogger(__name__)

View = Callable[..., Any]


def client() -> str:
    """The client's address; of IPv6 the network, since one client has all of it."""
    given = request.remote_addr or ""
    with_port = re.fullmatch(r"\[(.*)\](?::\d+)?|([^:]+):\d+", given)  # as some proxies write it
    try:
        address = ip_address((with_port[1] or with_port[2]) if with_port else given)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", address))


def spend(rate: RateLimitItem | None, *who: str) -> None:
    """Count a request of *who*; 429 with Retry-After if it is one too many. Without Redis, all are let through."""
    limiter: FixedWindowRateLimiter | None = current_app.extensions["rates"]
    if limiter is None or rate is None:
        return
    try:
        if limiter.hit(rate, *who):
            return
        reset = limiter.get_window_stats(rate, *who).reset_time
    except StorageError as error:
        log.warning("Rates are not limited: %s", error)
        return
    wait = max(1, math.ceil(reset - time.time()))
    raise TooManyRequests(f"More than {rate} are not possible. Please try again later.", retry_after=wait)


def limited(words: str) -> Callable[[View], View]:
    """The view may be asked at that rate (``20 per hour``) by a client."""
    rate = parse(words)

    def decorate(view: View) -> View:
        @wraps(view)
        def counted(*args: Any, **kwargs: Any) -> Any:
            spend(rate, view.__name__, client())
            return view(*args, **kwargs)

        return counted

    return decorate


def init_app(app: Flask) -> None:
    app.extensions["rates"] = None
    if app.config["RATELIMIT_ENABLED"]:
        app.extensions["rates"] = FixedWindowRateLimiter(storage(app.config["RATELIMIT_STORAGE_URI"]))


def storage(uri: str) -> Storage:
    """Where rates are counted. A Redis that does not answer at once is as good as none."""
    patience = {} if uri.startswith("memory:") else {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
    return cast("Storage", storage_from_string(uri, wrap_exceptions=True, **patience))
