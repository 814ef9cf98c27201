"""/genres: the genres of books and movies. Any member may make and change them."""

from typing import Any

from flask import Response

from mediatheque.extensions import db
from mediatheque.kit import pages, wire, writes
from mediatheque.kit.blueprint import Blueprint
from mediatheque.kit.schemas import MessageSchema
from mediatheque.library.queries import GENRES
from mediatheque.library.schemas import GenreSchema

blueprint = Blueprint("genres", __name__, url_prefix="/genres", description="Genres of books and movies.")


@blueprint.route("")
@blueprint.public
@blueprint.lists(GENRES)
def list_genres() -> Response:
    """List genres, the newest first."""
    return pages.page(GENRES)


@blueprint.route("/<int:id>")
@blueprint.public
@blueprint.response(200, GenreSchema)
def get_genre(id: int) -> Response:
    """Get a genre."""
    return wire.row(GENRES.wire, id)


@blueprint.route("", methods=["POST"])
@blueprint.member
@blueprint.refuses(409)
@blueprint.arguments(GenreSchema.new(), example={"genre": "Film noir"})
@blueprint.response(201, GenreSchema, headers=wire.LOCATION)
def create_genre(values: dict[str, Any]) -> Response:
    """Make a genre."""
    answer = writes.created(GENRES.wire, values, "genres.get_genre")
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["PUT", "PATCH"])
@blueprint.member
@blueprint.refuses(409)
@blueprint.arguments(GenreSchema.changes(), example={"genre": "Action and adventure"})
@blueprint.response(200, GenreSchema)
def update_genre(values: dict[str, Any], id: int) -> Response:
    """Rename a genre."""
    genre = writes.fetch(GENRES.wire, id)
    genre.assign(values)
    answer = writes.changed(GENRES.wire, genre)
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["DELETE"])
@blueprint.authorise_admin
@blueprint.response(200, MessageSchema)
def delete_genre(id: int) -> Response:
    """Delete a genre; its books and movies stay, without one."""
    genre = writes.fetch(GENRES.wire, id)
    answer = writes.deleted(f"Genre {genre.genre}")
    db.session.delete(genre)
    db.session.commit()
    return answer
