"""Access tokens: whose they are, how they are signed, and what is said of those that are not valid."""

import hashlib
from typing import Any

from flask import Response, current_app, request
from flask_jwt_extended import create_access_token

from mediatheque.auth.queries import Caller, caller
from mediatheque.auth.sessions import Started
from mediatheque.errors import NOT_VALID, unauthorised
from mediatheque.extensions import jwt
from mediatheque.kit.models import BIGINT_MAX

CLAIMS = {"exp", "iat", "nbf", "jti", "iss", "aud"}  # whose values the library checks, but not that they are there


def issue(session: Started) -> str:
    """A token for the user of *session*: the subject is their id as a string (RFC 7519)."""
    return str(
        create_access_token(
            str(session.user_id),
            additional_claims={"sid": session.id},
            additional_headers={"kid": _name(current_app.config["JWT_SECRET_KEY"])},
        )
    )


def lifetime() -> int:
    """For how many seconds a token is good."""
    return int(current_app.config["JWT_ACCESS_TOKEN_EXPIRES"].total_seconds())


@jwt.decode_key_loader
def key(header: dict[str, Any], _claims: dict[str, Any]) -> str:
    """The secret that the token names, if it is the one before; else the one in use."""
    previous: str | None = current_app.config["JWT_PREVIOUS_SECRET_KEY"]
    named = previous is not None and header.get("kid") == _name(previous)
    return str(previous if named else current_app.config["JWT_SECRET_KEY"])


def _name(secret: str) -> str:
    return hashlib.sha256(f"kid {secret}".encode()).hexdigest()[:8]


@jwt.user_lookup_loader
def load_caller(_header: dict[str, Any], claims: dict[str, Any]) -> Caller | None:
    """The user whom the token names, if its session goes on: one statement, on each request that carries a token."""
    session_id = claims.get("sid")
    if type(session_id) is not int or not 0 <= session_id <= BIGINT_MAX:
        return None
    found = caller(session_id)
    return found if found and claims["sub"] == str(found.id) else None


@jwt.token_verification_loader
def is_access_token(_header: dict[str, Any], claims: dict[str, Any]) -> bool:
    """Whether it is a token that `issue` made; the library alone takes any type but a refresh token's, and no end."""
    return claims["type"] == "access" and all(claims.get(name) is not None for name in CLAIMS)


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
