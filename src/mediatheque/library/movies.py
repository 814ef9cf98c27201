"""/movies: the movies in the collections."""

from typing import Any

from flask import Response
from flask_jwt_extended import current_user

from mediatheque.extensions import db
from mediatheque.kit import exports, pages, wire, writes
from mediatheque.kit.blueprint import Blueprint
from mediatheque.kit.schemas import MessageSchema
from mediatheque.library.queries import MOVIES, may_put_into
from mediatheque.library.schemas import MovieSchema

blueprint = Blueprint("movies", __name__, url_prefix="/movies", description="Movies, each in a collection.")

EXPORT = exports.ExportParameters.with_members(MOVIES.selection)
EXAMPLE = {
    "title": "Amélie",
    "director": "Jean-Pierre Jeunet",
    "run_time": 122,
    "release_year": 2001,
    "genre_id": 8,
    "format_id": 1,
    "collection_id": 1,
}


@blueprint.route("")
@blueprint.public
@blueprint.lists(MOVIES)
def list_movies() -> Response:
    """List movies, the newest first."""
    return pages.page(MOVIES)


@blueprint.route("/<int:id>")
@blueprint.public
@blueprint.response(200, MovieSchema)
def get_movie(id: int) -> Response:
    """Get a movie."""
    return wire.row(MOVIES.wire, id)


@blueprint.route("", methods=["POST"])
@blueprint.member
@blueprint.refuses(403)
@blueprint.arguments(MovieSchema.new(), example=EXAMPLE)
@blueprint.response(201, MovieSchema, headers=wire.LOCATION)
def create_movie(values: dict[str, Any]) -> Response:
    """Add a movie to a collection."""
    may_put_into(values["collection_id"])
    answer = writes.created(MOVIES.wire, values | {"user_id": current_user.id}, "movies.get_movie")
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["PUT", "PATCH"])
@blueprint.member
@blueprint.refuses(403)
@blueprint.arguments(MovieSchema.changes(), example={"run_time": 129})
@blueprint.response(200, MovieSchema)
def update_movie(values: dict[str, Any], id: int) -> Response:
    """Change a movie, or move it to another collection."""
    movie = writes.fetch_owned(MOVIES.wire, id)
    if values.get("collection_id", movie.collection_id) != movie.collection_id:
        may_put_into(values["collection_id"])
    movie.assign(values)
    answer = writes.changed(MOVIES.wire, movie)
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["DELETE"])
@blueprint.authorise_admin
@blueprint.response(200, MessageSchema)
def delete_movie(id: int) -> Response:
    """Delete a movie."""
    movie = writes.fetch(MOVIES.wire, id)
    answer = writes.deleted(f"Movie {movie.title}")
    db.session.delete(movie)
    db.session.commit()
    return answer


@blueprint.route("/export")
@blueprint.public
@blueprint.exports(EXPORT, MovieSchema)
def export_movies() -> Response:
    """Export movies, the newest first."""
    filters = EXPORT.read()
    return exports.export("movies", filters.pop("format"), [exports.Part(MOVIES, filters)])
