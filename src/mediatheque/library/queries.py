"""What the library asks the database: its lists, and the rule that several resources share."""

from sqlalchemy import bindparam, select

from mediatheque.extensions import db
from mediatheque.kit.access import refuse
from mediatheque.kit.models import no_row
from mediatheque.kit.pages import Listing
from mediatheque.kit.schemas import BooleanParameter, IntegerParameter
from mediatheque.kit.statements import Query
from mediatheque.kit.wire import Wire
from mediatheque.kit.writes import is_owner
from mediatheque.library.models import Book, Collection, Format, FormatMovie, Genre, Movie
from mediatheque.library.schemas import (
    BookSchema,
    CollectionSchema,
    FormatSchema,
    GenreSchema,
    IsbnField,
    MovieFormatSchema,
    MovieSchema,
)

COLLECTIONS = Listing(
    Wire(Collection, CollectionSchema()),
    sort={"name": Collection.name_folded, "created_at": Collection.created_at},
    search=[Collection.name_folded],
    equal={"user_id": IntegerParameter(), "is_open": BooleanParameter()},
)
BOOKS = Listing(
    Wire(Book, BookSchema()),
    sort={
        "title": Book.title_folded,
        "author": Book.author_folded,
        "page_count": Book.page_count,
        "published_year": Book.published_year,
        "created_at": Book.created_at,
    },
    search=[Book.title_folded, Book.author_folded],
    equal={
        "genre_id": IntegerParameter(),
        "format_id": IntegerParameter(),
        "collection_id": IntegerParameter(),
        "user_id": IntegerParameter(),
        "isbn": IsbnField(),
    },
    ranges=["page_count"],
)
MOVIES = Listing(
    Wire(Movie, MovieSchema()),
    sort={
        "title": Movie.title_folded,
        "director": Movie.director_folded,
        "run_time": Movie.run_time,
        "release_year": Movie.release_year,
        "created_at": Movie.created_at,
    },
    search=[Movie.title_folded, Movie.director_folded],
    equal={
        "genre_id": IntegerParameter(),
        "format_id": IntegerParameter(),
        "collection_id": IntegerParameter(),
        "user_id": IntegerParameter(),
    },
    ranges=["run_time"],
)
GENRES = Listing(Wire(Genre, GenreSchema()), sort={"genre": Genre.genre_folded}, search=[Genre.genre_folded])
FORMATS = Listing(Wire(Format, FormatSchema()), sort={"format": Format.format_folded}, search=[Format.format_folded])
MOVIE_FORMATS = Listing(
    Wire(FormatMovie, MovieFormatSchema()),
    sort={"format": FormatMovie.format_folded},
    search=[FormatMovie.format_folded],
)


_SHELF = Query(
    lambda: select(Collection.name, Collection.is_open, Collection.user_id).where(Collection.id == bindparam("id"))
)


def may_put_into(collection_id: int) -> None:
    """403 unless the collection is open or the caller's (an admin's is every one); 422 if it does not exist."""
    rows = _SHELF.rows(db.session.connection(), {"id": collection_id})
    if not rows:
        refuse(422, errors={"collection_id": [no_row(Collection.__table__, collection_id)]})
    ((name, is_open, owner_id),) = rows
    if not is_open and not is_owner(owner_id):
        refuse(403, f"The collection {name} is closed: only its owner may put items into it.")
