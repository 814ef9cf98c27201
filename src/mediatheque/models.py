"""Every model of every area, so that mappers and migrations see them all."""

from mediatheque.auth.models import User
from mediatheque.library.models import Book, Collection, Format, FormatMovie, Genre, Movie

__all__ = ["Book", "Collection", "Format", "FormatMovie", "Genre", "Movie", "User"]
