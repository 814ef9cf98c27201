"""/movie_formats: the formats of movies. Any member may make and change them."""

from typing import Any

from flask import Response

from mediatheque.extensions import db
from mediatheque.kit import pages, wire, writes
from mediatheque.kit.blueprint import Blueprint
from mediatheque.kit.schemas import MessageSchema
from mediatheque.library.queries import MOVIE_FORMATS
from mediatheque.library.schemas import MovieFormatSchema

blueprint = Blueprint("movie_formats", __name__, url_prefix="/movie_formats", description="Formats of movies.")


@blueprint.route("")
@blueprint.public
@blueprint.lists(MOVIE_FORMATS)
def list_movie_formats() -> Response:
    """List movie formats, the newest first."""
    return pages.page(MOVIE_FORMATS)


@blueprint.route("/<int:id>")
@blueprint.public
@blueprint.response(200, MovieFormatSchema)
def get_movie_format(id: int) -> Response:
    """Get a movie format."""
    return wire.row(MOVIE_FORMATS.wire, id)


@blueprint.route("", methods=["POST"])
@blueprint.member
@blueprint.refuses(409)
@blueprint.arguments(MovieFormatSchema.new(), example={"format": "Laserdisc"})
@blueprint.response(201, MovieFormatSchema, headers=wire.LOCATION)
def create_movie_format(values: dict[str, Any]) -> Response:
    """Make a movie format."""
    answer = writes.created(MOVIE_FORMATS.wire, values, "movie_formats.get_movie_format")
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["PUT", "PATCH"])
@blueprint.member
@blueprint.refuses(409)
@blueprint.arguments(MovieFormatSchema.changes(), example={"format": "DVD, region 2"})
@blueprint.response(200, MovieFormatSchema)
def update_movie_format(values: dict[str, Any], id: int) -> Response:
    """Rename a movie format."""
    format = writes.fetch(MOVIE_FORMATS.wire, id)
    format.assign(values)
    answer = writes.changed(MOVIE_FORMATS.wire, format)
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["DELETE"])
@blueprint.authorise_admin
@blueprint.response(200, MessageSchema)
def delete_movie_format(id: int) -> Response:
    """Delete a movie format; its movies stay, without one."""
    format = writes.fetch(MOVIE_FORMATS.wire, id)
    answer = writes.deleted(f"Movie format {format.format}")
    db.session.delete(format)
    db.session.commit()
    return answer
