"""Registering and signing in. The reference's document also writes /register and /login: both answer."""

from typing import Any

from flask import Response

from mediatheque.auth import passwords, tokens
from mediatheque.auth.queries import USERS, user_by_email
from mediatheque.auth.schemas import CredentialsSchema, LoginSchema, UserSchema
from mediatheque.errors import problem
from mediatheque.extensions import db
from mediatheque.kit import wire
from mediatheque.kit.blueprint import Blueprint

blueprint = Blueprint("auth", __name__, description="Accounts and tokens.")

SOMEBODY = {"name": "Ada Lovelace", "email": "ada@example.org", "password": "a long password"}
SEEDED = {"email": "user1@user.com", "password": "user1"}


@blueprint.route("/auth/register", methods=["POST"])
@blueprint.route("/register", methods=["POST"], endpoint="register_at_root")
@blueprint.public
@blueprint.refuses(409)
@blueprint.arguments(UserSchema.new(), example=SOMEBODY)
@blueprint.response(201, UserSchema)
def register(account: dict[str, Any]) -> Response:
    """Make an account."""
    account["password"] = passwords.hashed(account["password"])
    answer = wire.created(USERS, account)
    db.session.commit()
    return answer


@blueprint.route("/auth/login", methods=["POST"])
@blueprint.route("/login", methods=["POST"], endpoint="login_at_root")
@blueprint.public
@blueprint.refuses(401)
@blueprint.arguments(CredentialsSchema, example=SEEDED)
@blueprint.response(200, LoginSchema)
def login(credentials: dict[str, Any]) -> Response:
    """Get a token for an address and its password."""
    user = user_by_email(credentials["email"])
    db.session.close()  # bcrypt takes its time: others may have the connection meanwhile
    if not passwords.matches(user.password if user else None, credentials["password"]) or user is None:
        return problem(401, "You have entered the wrong email or the wrong password. Please try again.")
    return wire.answer(
        {
            "message": "Login successful",
            "name": user.name,
            "email": user.email,
            "token": tokens.issue(user),
            "is_admin": user.is_admin,
        }
    )
