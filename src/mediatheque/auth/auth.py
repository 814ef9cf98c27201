"""Registering, signing in and out. The reference's document also writes /register and /login: both answer."""

from typing import Any

from flask import Response, request
from flask_jwt_extended import current_user
from werkzeug.exceptions import TooManyRequests

from mediatheque.auth import logins, passwords, sessions, tokens
from mediatheque.auth.models import Session, User
from mediatheque.auth.queries import USERS, renew_password, user_named
from mediatheque.auth.schemas import (
    CredentialsSchema,
    LoginSchema,
    RefreshSchema,
    SessionSchema,
    TokensSchema,
    UserSchema,
)
from mediatheque.errors import NOT_VALID, problem, unauthorised
from mediatheque.extensions import db
from mediatheque.kit import wire, writes
from mediatheque.kit.access import absent
from mediatheque.kit.blueprint import Blueprint
from mediatheque.kit.schemas import MessageSchema

blueprint = Blueprint("auth", __name__, description="Accounts, sessions and tokens.", remembers=False)

SOMEBODY = {"name": "Ada Lovelace", "email": "ada@example.org", "password": "a long password"}
SEEDED = {"email": "user1@user.com", "password": "user1"}
REFRESH_TOKEN = {"refresh_token": "WcIBDJd8nNNyHbG0qQ0kq1pTmyk9QzBz3rJZ0h2ZbYkYy0o2c7c0uXb1f3gq5Wlz"}
NO_STORE = {"Cache-Control": "no-store"}


@blueprint.route("/auth/register", methods=["POST"])
@blueprint.route("/register", methods=["POST"], endpoint="register_at_root")
@blueprint.public
@blueprint.limited("20 per hour")
@blueprint.refuses(409)
@blueprint.arguments(UserSchema.new(), example=SOMEBODY)
@blueprint.response(201, UserSchema)
def register(values: dict[str, Any]) -> Response:
    """Make an account."""
    values["password"] = passwords.hashed(values["password"])
    answer = writes.created(USERS, values)
    db.session.commit()
    return answer


@blueprint.route("/auth/login", methods=["POST"])
@blueprint.route("/login", methods=["POST"], endpoint="login_at_root")
@blueprint.public
@blueprint.limited("60 per minute")
@blueprint.refuses(401)
@blueprint.arguments(CredentialsSchema, example=SEEDED)
@blueprint.response(200, LoginSchema)
def login(credentials: dict[str, Any]) -> Response:
    """Get a token for an address and its password."""
    spelling, named = user_named(credentials["email"])
    user = verified(named, credentials["password"], f"address {spelling}")
    session = sessions.begin(user, request.user_agent.string) if user else None
    if user is None or session is None:
        return problem(401, "You have entered the wrong email or the wrong password. Please try again.")
    body = {"message": "Login successful", "name": user.name, "email": user.email}
    body |= _tokens(session) | {"is_admin": user.is_admin}
    db.session.commit()
    return wire.answer(body, headers=NO_STORE)


def verified(user: User | None, password: str, counted_as: str) -> User | None:
    """*user*, if it is their password; 429 after too many that were not.

    Failures count against one password: whoever is given another begins anew. Commits the count before the hash is
    computed, which takes its time: others may have the connection. A hash at another cost than is set is replaced.
    """
    counted_as += f" {user.password}" if user else ""
    wait = logins.reserve(counted_as)
    if wait:
        db.session.rollback()
        raise TooManyRequests("There were too many failed logins. Please try again later.", retry_after=wait)
    db.session.expunge_all()  # what was read stays as it was
    db.session.commit()
    if not passwords.matches(user.password if user else None, password) or user is None:
        return None
    renewed = passwords.renewed(user.password, password)
    logins.succeeded(counted_as)
    if renewed:
        renew_password(user, renewed)
    return user


def _tokens(session: sessions.Started) -> dict[str, Any]:
    return {
        "token": tokens.issue(session),
        "refresh_token": session.refresh_token,
        "expires_in": tokens.lifetime(),
    }


@blueprint.route("/auth/refresh", methods=["POST"])
@blueprint.public
@blueprint.refuses(401)
@blueprint.arguments(RefreshSchema, example=REFRESH_TOKEN)
@blueprint.response(200, TokensSchema)
def refresh(given: dict[str, Any]) -> Response:
    """Get the next token and the next refresh token; the one that was used is worth nothing then."""
    session = sessions.proceed(given["refresh_token"])
    db.session.commit()
    return wire.answer(_tokens(session), headers=NO_STORE) if session else unauthorised(NOT_VALID)


@blueprint.route("/auth/logout", methods=["POST"])
@blueprint.member
@blueprint.response(200, MessageSchema)
def logout() -> Response:
    """End this session."""
    sessions.end(current_user.id, only=current_user.session_id)
    db.session.commit()
    return writes.said("You have been signed out.")


@blueprint.route("/auth/logout-everywhere", methods=["POST"])
@blueprint.member
@blueprint.response(200, MessageSchema)
def logout_everywhere() -> Response:
    """End all sessions of one's own."""
    sessions.end(current_user.id)
    db.session.commit()
    return writes.said("You have been signed out everywhere.")


@blueprint.route("/auth/sessions")
@blueprint.member
@blueprint.response(200, SessionSchema(many=True))
def list_sessions() -> Response:
    """List one's own sessions, the newest first."""
    return wire.answer(
        [
            {
                "id": session.id,
                "agent": session.agent,
                "created_at": session.created_at,
                "used_at": session.used_at,
                "expires_at": session.expires_at,
                "is_current": session.id == current_user.session_id,
            }
            for session in sessions.of(current_user.id)
        ],
        headers=NO_STORE,
    )


@blueprint.route("/auth/sessions/<int:id>", methods=["DELETE"])
@blueprint.member
@blueprint.response(200, MessageSchema)
def delete_session(id: int) -> Response:
    """End a session of one's own."""
    if not sessions.end(current_user.id, only=id):
        absent(Session, id)
    db.session.commit()
    return writes.said(f"Session {id} has been ended.")
