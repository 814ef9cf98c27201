"""The rows that a new database begins with; as in the reference. These functions do not commit."""

from sqlalchemy import exists, select

from mediatheque.auth.models import User
from mediatheque.extensions import db
from mediatheque.library.models import Book, Collection, Format, FormatMovie, Genre, Movie

FORMATS = ("Paperback", "Hardcover", "Comic", "Omnibus", "Graphic Novel")
MOVIE_FORMATS = ("DVD", "Blu-Ray", "Ultra HD Blu-ray (4K UHD)")
GENRES = ("Action", "Adventure", "Comedy", "Crime", "Fantasy", "Historical", "Horror", "Romance", "Science Fiction")


def no_names() -> bool:
    """Whether there are neither genres nor formats."""
    return not any(db.session.scalar(select(exists(select(table.id)))) for table in (Genre, Format, FormatMovie))


def nobody() -> bool:
    """Whether there is no user, and hence no collection."""
    return not db.session.scalar(select(exists(select(User.id))))


def seed_names() -> None:
    """Genres and formats."""
    for name in GENRES:
        db.session.add(Genre(genre=name))
    for name in FORMATS:
        db.session.add(Format(format=name))
    for name in MOVIE_FORMATS:
        db.session.add(FormatMovie(format=name))
    db.session.flush()


def seed_samples(owner: User) -> None:
    """A collection of *owner* with a movie and a book, sorted under the first of the names."""
    genre = db.session.scalars(select(Genre).where(Genre.genre == GENRES[0])).one()
    format = db.session.scalars(select(Format).where(Format.format == FORMATS[0])).one()
    movie_format = db.session.scalars(select(FormatMovie).where(FormatMovie.format == MOVIE_FORMATS[0])).one()
    shelf = Collection(name="Test Collection", user=owner)
    movie = Movie(title="Test Movie", run_time=120, genre=genre, format=movie_format, collection=shelf, user=owner)
    book = Book(title="Test Book", page_count=120, genre=genre, format=format, collection=shelf, user=owner)
    db.session.add_all([shelf, movie, book])
