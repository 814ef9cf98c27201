"""/books: the books in the collections."""

from typing import Any

from flask import Response
from flask_jwt_extended import current_user

from mediatheque.extensions import db
from mediatheque.kit import exports, pages, wire, writes
from mediatheque.kit.blueprint import Blueprint
from mediatheque.kit.schemas import MessageSchema
from mediatheque.library.queries import BOOKS, may_put_into
from mediatheque.library.schemas import BookSchema

blueprint = Blueprint("books", __name__, url_prefix="/books", description="Books, each in a collection.")

EXPORT = exports.ExportParameters.with_members(BOOKS.selection)
EXAMPLE = {
    "title": "Ender's Game",
    "author": "Orson Scott Card",
    "isbn": "978-0-8125-5070-2",
    "page_count": 352,
    "published_year": 1994,
    "genre_id": 9,
    "format_id": 1,
    "collection_id": 1,
}


@blueprint.route("")
@blueprint.public
@blueprint.lists(BOOKS)
def list_books() -> Response:
    """List books, the newest first."""
    return pages.page(BOOKS)


@blueprint.route("/<int:id>")
@blueprint.public
@blueprint.response(200, BookSchema)
def get_book(id: int) -> Response:
    """Get a book."""
    return wire.row(BOOKS.wire, id)


@blueprint.route("", methods=["POST"])
@blueprint.member
@blueprint.refuses(403)
@blueprint.arguments(BookSchema.new(), example=EXAMPLE)
@blueprint.response(201, BookSchema, headers=wire.LOCATION)
def create_book(values: dict[str, Any]) -> Response:
    """Add a book to a collection."""
    may_put_into(values["collection_id"])
    answer = writes.created(BOOKS.wire, values | {"user_id": current_user.id}, "books.get_book")
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["PUT", "PATCH"])
@blueprint.member
@blueprint.refuses(403)
@blueprint.arguments(BookSchema.changes(), example={"page_count": 384})
@blueprint.response(200, BookSchema)
def update_book(values: dict[str, Any], id: int) -> Response:
    """Change a book, or move it to another collection."""
    book = writes.fetch_owned(BOOKS.wire, id)
    if values.get("collection_id", book.collection_id) != book.collection_id:
        may_put_into(values["collection_id"])
    book.assign(values)
    answer = writes.changed(BOOKS.wire, book)
    db.session.commit()
    return answer


@blueprint.route("/<int:id>", methods=["DELETE"])
@blueprint.authorise_admin
@blueprint.response(200, MessageSchema)
def delete_book(id: int) -> Response:
    """Delete a book."""
    book = writes.fetch(BOOKS.wire, id)
    answer = writes.deleted(f"Book {book.title}")
    db.session.delete(book)
    db.session.commit()
    return answer


@blueprint.route("/export")
@blueprint.public
@blueprint.exports(EXPORT, BookSchema)
def export_books() -> Response:
    """Export books, the newest first."""
    filters = EXPORT.read()
    return exports.export("books", filters.pop("format"), [exports.Part(BOOKS, filters)])
