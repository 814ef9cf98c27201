"""/auth/me: one's own account."""

from typing import Any, NoReturn

from flask import Response
from flask_jwt_extended import current_user
from limits import parse

from mediatheque.auth import passwords, sessions
from mediatheque.auth.auth import NO_STORE, verified
from mediatheque.auth.models import User
from mediatheque.auth.queries import USERS
from mediatheque.auth.schemas import ConfirmationSchema, ProfileSchema, UserSchema
from mediatheque.extensions import db
from mediatheque.kit import rates, wire, writes
from mediatheque.kit.access import refuse
from mediatheque.kit.blueprint import Blueprint
from mediatheque.kit.schemas import MessageSchema

blueprint = Blueprint(
    "me", __name__, url_prefix="/auth/me", description="One's own account.", remembers=False, single=True
)

ADDRESSES = parse("20 per hour")  # the answers tell which are in use


@blueprint.route("")
@blueprint.member
@blueprint.response(200, UserSchema)
def get_me() -> Response:
    """Get one's own account."""
    return wire.tagged(USERS.one(db.session.connection(), current_user.id), headers=NO_STORE)


@blueprint.route("", methods=["PUT", "PATCH"])
@blueprint.member
@blueprint.refuses(409, 429)
@blueprint.arguments(ProfileSchema.changes(), example={"name": "Ada King", "current_password": "admin1"})
@blueprint.response(200, UserSchema)
def update_me(values: dict[str, Any]) -> Response:
    """Change one's name, address or password. A new address or password ends all other sessions."""
    confirmed = _confirmed(values.pop("current_password"))
    if "email" in values:
        rates.spend(ADDRESSES, "addresses", str(current_user.id))
    if "password" in values:
        values["password"] = passwords.hashed(values["password"])
    user = _locked(confirmed)
    user.assign(values)
    if values.keys() & {"email", "password"}:
        sessions.end(user.id, but=current_user.session_id)
    answer = writes.changed(USERS, user)
    db.session.commit()
    return answer


@blueprint.route("", methods=["DELETE"])
@blueprint.member
@blueprint.refuses(429)
@blueprint.arguments(ConfirmationSchema, example={"current_password": "admin1"})
@blueprint.response(200, MessageSchema)
def delete_me(values: dict[str, Any]) -> Response:
    """Delete one's own account, and all collections and items that are one's own, whatever others put into them."""
    user = _locked(_confirmed(values["current_password"]))
    answer = writes.deleted(f"The account of {user.name}")
    db.session.delete(user)
    db.session.commit()
    return answer


def _confirmed(password: str) -> User:
    """The caller; 422 unless *password* is theirs. No connection is held afterwards.

    Wrong ones are counted for the session: who guesses from outside cannot keep the owner from a change.
    """
    user = db.session.get(User, current_user.id)
    confirmed = verified(user, password, f"session {current_user.session_id}")
    db.session.commit()  # whatever becomes of the change, it was no failed login
    return confirmed or _refuse()


def _locked(confirmed: User) -> User:
    """The caller's row, locked; 422 if its password is no longer the one that was confirmed."""
    user = writes.fetch(USERS, current_user.id)
    return user if user.password == confirmed.password else _refuse()


def _refuse() -> NoReturn:
    refuse(422, errors={"current_password": ["Must be the password of your account."]})
