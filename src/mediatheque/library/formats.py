"""/formats: the formats of books. Any member may make and change them."""

from typing import Any

from flask import Response

from mediatheque.extensions import db
from mediatheque.kit import pages, wire, writes
from mediatheque.kit.blueprint import Blueprint
from mediatheque.kit.schemas import MessageSchema
from mediatheque.library.queries import FORMATS
from mediatheque.library.schemas import FormatSchema

blueprint = Blueprint("formats", __name__, url_prefix="/formats", description="Formats of books.")


@blueprint.route("")
@blueprint.public
@blueprint.lists(FORMATS)
def list_formats() -> Response:
    """List formats, the newest first."""
    return pages.page(FORMATS)


@blueprint.route("/<int:id>")
@blueprint.public
@blueprint.response(200, FormatSchema)
def get_format(id: int) -> Response:
    """Get a format."""
    return wire.row(FORMATS.wire, id)


@blueprint.route("", methods=["POST"])
@blueprint.member
@blueprint.refuses(409)
@blueprint.arguments(FormatSchema.new(), example={"format": "Audiobook"})
@blueprint.response(201, FormatSchema, headers=wire.LOCATION)
def create_format(values: dict[str, Any]) -> Response:
    """Make a format."""
    answer = writes.created(FORMATS.wire, values, "formats.get_format")
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["PUT", "PATCH"])
@blueprint.member
@blueprint.refuses(409)
@blueprint.arguments(FormatSchema.changes(), example={"format": "Softcover"})
@blueprint.response(200, FormatSchema)
def update_format(values: dict[str, Any], id: int) -> Response:
    """Rename a format."""
    format = writes.fetch(FORMATS.wire, id)
    format.assign(values)
    answer = writes.changed(FORMATS.wire, format)
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["DELETE"])
@blueprint.authorise_admin
@blueprint.response(200, MessageSchema)
def delete_format(id: int) -> Response:
    """Delete a format; its books stay, without one."""
    format = writes.fetch(FORMATS.wire, id)
    answer = writes.deleted(f"Format {format.format}")
    db.session.delete(format)
    db.session.commit()
    return answer
