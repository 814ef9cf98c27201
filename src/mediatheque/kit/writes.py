"""What a write is made of: rows locked for a change, and answers read back from the database. The view commits."""

from typing import Any

from flask import Response, request, url_for
from flask_jwt_extended import current_user

from mediatheque.extensions import db
from mediatheque.kit import idempotency
from mediatheque.kit.access import Permission, absent, refuse
from mediatheque.kit.models import BIGINT_MAX, Base, noun
from mediatheque.kit.wire import Model, Wire, answer, dumps, tag, tagged


def fetch(wire: Wire[Model], id: int) -> Model:
    """The row with that id, or 404; 412 if it is not as If-Match demands.

    It is locked for a change, but not against rows that refer to it.
    """
    row = _locked(wire.model, id)
    _match(wire, row)
    return row


def fetch_owned(wire: Wire[Model], id: int) -> Model:
    """The row as `fetch` gives it; 403 unless it is the caller's."""
    row = _locked(wire.model, id)
    if not is_owner(row.user_id):  # type: ignore[attr-defined]
        refuse(403, f"You must be the owner of the {noun(wire.model)} in order to edit it.")
    _match(wire, row)
    return row


def is_owner(user_id: int) -> bool:
    """Whether the caller owns what belongs to *user_id*, or may act as if they did."""
    return bool(user_id == current_user.id or current_user.may(Permission.CHANGE_FOREIGN))


def _locked(model: type[Model], id: int) -> Model:
    row = db.session.get(model, id, with_for_update={"key_share": True}) if id <= BIGINT_MAX else None
    return row if row is not None else absent(model, id)


def _match(wire: Wire[Any], row: Base) -> None:
    """412 unless *row* is still what the request says it has seen (If-Match: RFC 9110, 13.1.1)."""
    if "HTTP_IF_MATCH" in request.environ:
        body = wire.one(db.session.connection(), row.id)
        if not request.if_match.contains_weak(tag(dumps(body))):  # proxies that compress make tags weak
            what = f"The {noun(wire.model)} with the id {row.id}"
            refuse(412, f"{what} has changed meanwhile: get it again, then repeat your change.")


def created(wire: Wire[Any], values: dict[str, Any], endpoint: str | None = None) -> Response:
    """201 with the row that is made of *values*, and its address where it has an *endpoint*."""
    body = wire.new(db.session.connection(), values)
    headers = {"Location": url_for(endpoint, id=body["id"])} if endpoint else None
    return idempotency.kept(tagged(body, 201, headers))


def changed(wire: Wire[Any], instance: Base) -> Response:
    """200 with the changed row."""
    db.session.flush()  # a Connection does not
    return tagged(wire.one(db.session.connection(), instance.id))


def deleted(what: str) -> Response:
    """200 with the reference's sentence."""
    return said(f"{what} has been deleted successfully.")


def said(sentence: str) -> Response:
    """200 with what was done."""
    return answer({"message": sentence})
