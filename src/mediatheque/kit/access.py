"""Who is asking, and what they may do. auth registers the one statement that loads ``current_user``."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from flask import g
from flask_jwt_extended import current_user, verify_jwt_in_request
from flask_jwt_extended.exceptions import InvalidHeaderError
from flask_smorest import abort

from mediatheque.kit.models import Base, no_row

View = TypeVar("View", bound=Callable[..., Any])


class Permission(StrEnum):
    """What not everybody may; auth/permissions.py says who may."""

    CHANGE_FOREIGN = "change what others own"
    DELETE = "delete what stands in the library"


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
    """401 without a valid token, 403 unless its user may delete; *rows* is what they want to delete."""
    authenticate()
    if not current_user.may(Permission.DELETE):
        refuse(403, f"You must have admin permissions to delete {rows}.")
