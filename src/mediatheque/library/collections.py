"""/collections: the shelves that books and movies are put on."""

from typing import Any

from flask import Response
from flask_jwt_extended import current_user

from mediatheque.extensions import db
from mediatheque.kit import exports, pages, wire, writes
from mediatheque.kit.blueprint import Blueprint
from mediatheque.kit.schemas import MessageSchema
from mediatheque.library.models import Collection
from mediatheque.library.queries import BOOKS, COLLECTIONS, MOVIES
from mediatheque.library.schemas import CollectedBookSchema, CollectedMovieSchema, CollectionSchema

blueprint = Blueprint(
    "collections",
    __name__,
    url_prefix="/collections",
    description="Collections of books and movies. A list shows the newest 100 of each, a single one the newest 1,000.",
)

EXPORT = exports.ExportParameters()


@blueprint.route("")
@blueprint.public
@blueprint.lists(COLLECTIONS)
def list_collections() -> Response:
    """List collections, the newest first."""
    return pages.page(COLLECTIONS)


@blueprint.route("/<int:id>")
@blueprint.public
@blueprint.response(200, CollectionSchema)
def get_collection(id: int) -> Response:
    """Get a collection with its newest books and movies."""
    return wire.row(COLLECTIONS.wire, id)


@blueprint.route("", methods=["POST"])
@blueprint.member
@blueprint.arguments(CollectionSchema.new(), example={"name": "Living room", "is_open": False})
@blueprint.response(201, CollectionSchema, headers=wire.LOCATION)
def create_collection(values: dict[str, Any]) -> Response:
    """Make a collection of one's own."""
    answer = writes.created(COLLECTIONS.wire, values | {"user_id": current_user.id}, "collections.get_collection")
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["PUT", "PATCH"])
@blueprint.member
@blueprint.refuses(403)
@blueprint.arguments(CollectionSchema.changes(), example={"is_open": True})
@blueprint.response(200, CollectionSchema)
def update_collection(values: dict[str, Any], id: int) -> Response:
    """Rename a collection, open it to everybody or close it."""
    collection = writes.fetch_owned(COLLECTIONS.wire, id)
    collection.assign(values)
    answer = writes.changed(COLLECTIONS.wire, collection)
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["DELETE"])
@blueprint.authorise_admin
@blueprint.response(200, MessageSchema)
def delete_collection(id: int) -> Response:
    """Delete a collection and everything in it."""
    collection = writes.fetch(COLLECTIONS.wire, id)
    answer = writes.deleted(f"Collection {collection.name}")
    db.session.delete(collection)
    db.session.commit()
    return answer


@blueprint.route("/<int:id>/export")
@blueprint.public
@blueprint.exports(EXPORT, {"anyOf": [CollectedBookSchema, CollectedMovieSchema]})
def export_collection(id: int) -> Response:
    """Export the books and movies of a collection, each with its type, books first."""
    format = EXPORT.read()["format"]
    wire.require(Collection, id)
    held = {"collection_id": id}
    parts = [exports.Part(BOOKS, held, "book"), exports.Part(MOVIES, held, "movie")]
    return exports.export(f"collection-{id}", format, parts)
