"""Access tokens: whose they are, and what is said of those that are not valid."""

import re
from typing import Any

from flask import Response, request
from flask_jwt_extended import create_access_token

from mediatheque.auth.models import User
from mediatheque.auth.queries import Caller, caller
from mediatheque.errors import NOT_VALID, unauthorised
from mediatheque.extensions import jwt
from mediatheque.kit.models import BIGINT_MAX


def issue(user: User) -> str:
    """A token for *user*: its subject is their id as a string (RFC 7519)."""
    return str(create_access_token(str(user.id)))


@jwt.user_lookup_loader
def load_caller(_header: dict[str, Any], claims: dict[str, Any]) -> Caller | None:
    """The user whom the token names: one statement, on each request that carries a token."""
    subject = claims["sub"]
    if not re.fullmatch("[0-9]{1,19}", subject) or int(subject) > BIGINT_MAX:
        return None
    return caller(int(subject))


@jwt.token_verification_loader
def is_access_token(_header: dict[str, Any], claims: dict[str, Any]) -> bool:
    """Whether it is a token that `issue` made; the library alone takes any type but a refresh token's, and no end."""
    return claims["type"] == "access" and "exp" in claims


@jwt.unauthorized_loader
def on_missing(_reason: str) -> Response:
    return unauthorised(NOT_VALID if "Authorization" in request.headers else "Missing Authorization Header")


@jwt.expired_token_loader
def on_expired(_header: dict[str, Any], _claims: dict[str, Any]) -> Response:
    return unauthorised("Token has expired")


@jwt.invalid_token_loader
@jwt.token_verification_failed_loader
@jwt.user_lookup_error_loader
@jwt.revoked_token_loader
@jwt.needs_fresh_token_loader
def on_invalid(*_: Any) -> Response:
    return unauthorised(NOT_VALID)
