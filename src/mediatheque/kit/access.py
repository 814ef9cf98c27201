"""Who is asking, and what they may do. auth registers the one statement that loads ``current_user``."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from flask import g
from flask_jwt_extended import current_user, verify_jwt_in_request
from flask_jwt_extended.exceptions import InvalidHeaderError
from flask_smorest import abort

from mediatheque.extensions import db
from mediatheque.kit.models import BIGINT_MAX, Base, no_row, noun

Row = TypeVar("Row", bound=Base)
View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Marks a view that anybody may use: on a plain Flask blueprint as well."""
    view.access = "public"  # type: ignore[attr-defined]
    return view


def refuse(status: int, message: str | None = None, errors: dict[str, list[str]] | None = None) -> NoReturn:
    """End the request with that status: a sentence, or what is wrong with each member."""
    abort(status, message=message, errors=errors)
    raise AssertionError("abort raises")  # pragma: no cover: for the type checker; flask-smorest has no types


def absent(model: type[Base], id: int) -> NoReturn:
    """404: there is no row of *model* with that id."""
    refuse(404, no_row(model.__table__, id))


def authenticate() -> None:
    """401 unless the request carries a valid token of a user who exists."""
    try:
        verify_jwt_in_request()
    except IndexError as error:  # Flask-JWT-Extended takes a header of nothing but commas apart
        raise InvalidHeaderError("Bad Authorization Header") from error
    g.user_id = current_user.id


def authorise_admin(rows: str) -> None:
    """401 without a valid token, 403 unless it is an admin's; *rows* is what they want to delete."""
    authenticate()
    if not current_user.is_admin:
        refuse(403, f"You must have admin permissions to delete {rows}.")


def is_owner(user_id: int) -> bool:
    """Whether the caller owns what belongs to *user_id*; an admin owns everything."""
    return bool(user_id == current_user.id or current_user.is_admin)


def fetch(model: type[Row], id: int) -> Row:
    """The row with that id, or 404. It is locked for a change, but not against rows that refer to it."""
    row = db.session.get(model, id, with_for_update={"key_share": True}) if id <= BIGINT_MAX else None
    return row if row is not None else absent(model, id)


def fetch_owned(model: type[Row], id: int) -> Row:
    """The row as `fetch` gives it; 403 unless it is the caller's."""
    row = fetch(model, id)
    if not is_owner(row.user_id):  # type: ignore[attr-defined]
        refuse(403, f"You must be the owner of the {noun(model)} in order to edit it.")
    return row
