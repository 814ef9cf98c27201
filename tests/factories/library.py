"""Rows of the library. Every role of a row (its owner, its collection's owner, …) is a row of its own."""

import factory
from factory.alchemy import SQLAlchemyModelFactory

from factories.auth import UserFactory
from factories.session import factory_session
from mediatheque.library.models import Book, Collection, Format, FormatMovie, Genre, Movie


class Committed:
    sqlalchemy_session = factory_session
    sqlalchemy_session_persistence = "commit"


class GenreFactory(SQLAlchemyModelFactory):
    class Meta(Committed):
        model = Genre

    genre = factory.Sequence("Genre {}".format)


class FormatFactory(SQLAlchemyModelFactory):
    class Meta(Committed):
        model = Format

    format = factory.Sequence("Format {}".format)


class FormatMovieFactory(SQLAlchemyModelFactory):
    class Meta(Committed):
        model = FormatMovie

    format = factory.Sequence("Movie format {}".format)


class CollectionFactory(SQLAlchemyModelFactory):
    class Meta(Committed):
        model = Collection

    name = factory.Sequence("Collection {}".format)
    user = factory.SubFactory(UserFactory)


class BookFactory(SQLAlchemyModelFactory):
    class Meta(Committed):
        model = Book

    title = factory.Sequence("Book {}".format)
    page_count = factory.Sequence(lambda n: n + 1)
    user = factory.SubFactory(UserFactory)
    genre = factory.SubFactory(GenreFactory)
    format = factory.SubFactory(FormatFactory)
    collection = factory.SubFactory(CollectionFactory)


class MovieFactory(SQLAlchemyModelFactory):
    class Meta(Committed):
        model = Movie

    title = factory.Sequence("Movie {}".format)
    run_time = factory.Sequence(lambda n: n + 1)
    user = factory.SubFactory(UserFactory)
    genre = factory.SubFactory(GenreFactory)
    format = factory.SubFactory(FormatMovieFactory)
    collection = factory.SubFactory(CollectionFactory)
