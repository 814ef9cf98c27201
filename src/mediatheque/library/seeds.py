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


def seed_names() -> tuple[Genre, Format, FormatMovie]:
    """Genres and formats; the first of each."""
    genres = [Genre(genre=name) for name in GENRES]
    formats = [Format(format=name) for name in FORMATS]
    movie_formats = [FormatMovie(format=name) for name in MOVIE_FORMATS]
    db.session.add_all([*genres, *formats, *movie_formats])
    return genres[0], formats[0], movie_formats[0]


def seed_samples(owner: User, genre: Genre, format: Format, movie_format: FormatMovie) -> None:
    """A collection of *owner* with a movie and a book."""
    shelf = Collection(name="Test Collection", user=owner)
    movie = Movie(title="Test Movie", run_time=120, genre=genre, format=movie_format, collection=shelf, user=owner)
    book = Book(title="Test Book", page_count=120, genre=genre, format=format, collection=shelf, user=owner)
    db.session.add_all([shelf, movie, book])
