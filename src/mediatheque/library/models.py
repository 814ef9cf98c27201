"""The tables of the library: collections, the items in them, and the names that items are sorted under."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, select
from sqlalchemy.orm import ColumnProperty, Mapped, column_property, mapped_column, relationship

from mediatheque.auth.models import User
from mediatheque.kit.models import Base, Timestamps, folded_column, integer_column, text_column

YEARS = (-3000, 2100)


class Genre(Base):
    """A genre of books and movies."""

    __tablename__ = "genres"

    genre: Mapped[str] = text_column("genre", 2, 100)
    genre_folded: Mapped[str] = folded_column("genre")

    __table_args__ = (
        Index("uq_genres_genre", "genre_folded", unique=True, info={"sentence": "The genre {genre} exists already."}),
        {"info": {"noun": "genre"}},
    )


class Format(Base):
    """A format of books: paperback, hardcover, …."""

    __tablename__ = "formats"

    format: Mapped[str] = text_column("format", 2, 100)
    format_folded: Mapped[str] = folded_column("format")

    __table_args__ = (
        Index(
            "uq_formats_format", "format_folded", unique=True, info={"sentence": "The format {format} exists already."}
        ),
        {"info": {"noun": "format"}},
    )


class FormatMovie(Base):
    """A format of movies: DVD, Blu-Ray, …."""

    __tablename__ = "formatsmovie"

    format: Mapped[str] = text_column("format", 2, 100)
    format_folded: Mapped[str] = folded_column("format")

    __table_args__ = (
        Index(
            "uq_formatsmovie_format",
            "format_folded",
            unique=True,
            info={"sentence": "The movie format {format} exists already."},
        ),
        {"info": {"noun": "movie format"}},
    )


class Collection(Timestamps, Base):
    """A shelf: books and movies put together by its owner, or by everybody while it is open."""

    __tablename__ = "collections"

    name: Mapped[str] = text_column("name", 2, 100)
    name_folded: Mapped[str] = folded_column("name")
    is_open: Mapped[bool] = mapped_column(server_default="true")
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))

    user: Mapped[User] = relationship(lazy="raise")
    books: Mapped[list["Book"]] = relationship(
        back_populates="collection", lazy="raise", passive_deletes="all", order_by="Book.id.desc()"
    )
    movies: Mapped[list["Movie"]] = relationship(
        back_populates="collection", lazy="raise", passive_deletes="all", order_by="Movie.id.desc()"
    )

    __table_args__ = (
        Index("ix_collections_user_id", "user_id", "id"),
        Index("ix_collections_is_open", "is_open", "id"),
        Index("ix_collections_name", "name_folded", "id"),
        Index("ix_collections_created_at", "created_at", "id"),
        {"info": {"noun": "collection"}},
    )


class Book(Timestamps, Base):
    """A book that somebody owns; ``page_count`` in pages, ``isbn`` an ISBN-13 without hyphens."""

    __tablename__ = "books"

    title: Mapped[str] = text_column("title", 1, 255)
    title_folded: Mapped[str] = folded_column("title")
    author: Mapped[str | None] = text_column("author", 1, 255)
    author_folded: Mapped[str | None] = folded_column("author")
    isbn: Mapped[str | None] = mapped_column(String(13), CheckConstraint("char_length(isbn) = 13", name="isbn"))
    page_count: Mapped[int] = integer_column("page_count", 1)
    published_year: Mapped[int | None] = integer_column("published_year", *YEARS)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    genre_id: Mapped[int | None] = mapped_column(ForeignKey("genres.id", ondelete="SET NULL"))
    format_id: Mapped[int | None] = mapped_column(ForeignKey("formats.id", ondelete="SET NULL"))

    user: Mapped[User] = relationship(lazy="raise")
    collection: Mapped[Collection] = relationship(back_populates="books", lazy="raise")
    genre: Mapped[Genre | None] = relationship(lazy="raise")
    format: Mapped[Format | None] = relationship(lazy="raise")

    __table_args__ = (
        Index("ix_books_title", "title_folded", "id"),
        Index("ix_books_author", "author_folded", "id"),
        Index("ix_books_isbn", "isbn", "id"),
        Index("ix_books_page_count", "page_count", "id"),
        Index("ix_books_published_year", "published_year", "id"),
        Index("ix_books_created_at", "created_at", "id"),
        Index("ix_books_user_id", "user_id", "id"),
        Index("ix_books_collection_id", "collection_id", "id"),
        Index("ix_books_genre_id", "genre_id", "id"),
        Index("ix_books_genre_id_page_count", "genre_id", "page_count", "id"),
        Index("ix_books_format_id", "format_id", "id"),
        {"info": {"noun": "book"}},
    )


class Movie(Timestamps, Base):
    """A movie that somebody owns; ``run_time`` in minutes."""

    __tablename__ = "movies"

    title: Mapped[str] = text_column("title", 1, 255)
    title_folded: Mapped[str] = folded_column("title")
    director: Mapped[str | None] = text_column("director", 1, 255)
    director_folded: Mapped[str | None] = folded_column("director")
    run_time: Mapped[int] = integer_column("run_time", 1)
    release_year: Mapped[int | None] = integer_column("release_year", *YEARS)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    genre_id: Mapped[int | None] = mapped_column(ForeignKey("genres.id", ondelete="SET NULL"))
    format_id: Mapped[int | None] = mapped_column(ForeignKey("formatsmovie.id", ondelete="SET NULL"))

    user: Mapped[User] = relationship(lazy="raise")
    collection: Mapped[Collection] = relationship(back_populates="movies", lazy="raise")
    genre: Mapped[Genre | None] = relationship(lazy="raise")
    format: Mapped[FormatMovie | None] = relationship(lazy="raise")

    __table_args__ = (
        Index("ix_movies_title", "title_folded", "id"),
        Index("ix_movies_director", "director_folded", "id"),
        Index("ix_movies_run_time", "run_time", "id"),
        Index("ix_movies_release_year", "release_year", "id"),
        Index("ix_movies_created_at", "created_at", "id"),
        Index("ix_movies_user_id", "user_id", "id"),
        Index("ix_movies_collection_id", "collection_id", "id"),
        Index("ix_movies_genre_id", "genre_id", "id"),
        Index("ix_movies_genre_id_run_time", "genre_id", "run_time", "id"),
        Index("ix_movies_format_id", "format_id", "id"),
        {"info": {"noun": "movie"}},
    )


def _count(items: type[Book | Movie]) -> ColumnProperty[int]:
    of_the_collection = select(func.count()).where(items.collection_id == Collection.id)
    return column_property(of_the_collection.correlate_except(items).scalar_subquery(), deferred=True, raiseload=True)


Collection.books_count = _count(Book)
Collection.movies_count = _count(Movie)
