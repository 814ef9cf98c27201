"""Every model of every area, so that mappers and migrations see them all."""

from mediatheque.auth.models import LoginCount, Session, User
from mediatheque.kit.idempotency import IdempotencyKey
from mediatheque.library.models import Book, Collection, Format, FormatMovie, Genre, Movie

__all__ = [
    "Book",
    "Collection",
    "Format",
    "FormatMovie",
    "Genre",
    "IdempotencyKey",
    "LoginCount",
    "Movie",
    "Session",
    "User",
]
