"""The JSON of the library. A schema without a suffix method is the wire shape; see kit/schemas.py for its inputs."""

import re
from typing import Any

from marshmallow import ValidationError, fields, validate
from marshmallow_sqlalchemy import auto_field

from mediatheque.auth.schemas import UserReference
from mediatheque.kit.schemas import Schema, TextField, shown
from mediatheque.library.models import Book, Collection, Format, FormatMovie, Genre, Movie


class IsbnField(TextField):
    """An ISBN-10 or ISBN-13, with or without hyphens, taken as the ISBN-13 (ISO 2108)."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        code = re.sub(r"[\s-]", "", text).upper()
        if re.fullmatch(r"[0-9]{9}[0-9X]", code):
            digits = [10 if digit == "X" else int(digit) for digit in code]
            if sum(weight * digit for weight, digit in zip(range(10, 0, -1), digits, strict=True)) % 11 == 0:
                body = f"978{code[:9]}"
                return body + str(-_weighted(body) % 10)
        elif re.fullmatch(r"97[89][0-9]{10}", code) and _weighted(code) % 10 == 0:
            return code
        raise ValidationError(f"Must be an ISBN-10 or ISBN-13 with a right check digit, not {shown(text)}.")


def _weighted(code: str) -> int:
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(code))


class GenreSchema(Schema):
    class Meta(Schema.Meta):
        model = Genre

    id = auto_field(dump_only=True)
    genre = auto_field()


class FormatSchema(Schema):
    class Meta(Schema.Meta):
        model = Format

    id = auto_field(dump_only=True)
    format = auto_field()


class MovieFormatSchema(Schema):
    class Meta(Schema.Meta):
        model = FormatMovie

    id = auto_field(dump_only=True)
    format = auto_field()


class GenreReference(Schema):
    class Meta(Schema.Meta):
        model = Genre

    genre = auto_field(dump_only=True)


class FormatReference(Schema):
    class Meta(Schema.Meta):
        model = Format

    format = auto_field(dump_only=True)


class MovieFormatReference(Schema):
    class Meta(Schema.Meta):
        model = FormatMovie

    format = auto_field(dump_only=True)


class BookReference(Schema):
    class Meta(Schema.Meta):
        model = Book

    id = auto_field(dump_only=True)
    title = auto_field(dump_only=True)


class MovieReference(Schema):
    class Meta(Schema.Meta):
        model = Movie

    id = auto_field(dump_only=True)
    title = auto_field(dump_only=True)


class CollectionReference(Schema):
    class Meta(Schema.Meta):
        model = Collection

    id = auto_field(dump_only=True)
    name = auto_field(dump_only=True)
    user = fields.Nested(UserReference, dump_only=True)


class CollectionSchema(Schema):
    class Meta(Schema.Meta):
        model = Collection

    id = auto_field(dump_only=True)
    name = auto_field()
    user = fields.Nested(UserReference, dump_only=True)
    movies = fields.List(fields.Nested(MovieReference), dump_only=True)
    books = fields.List(fields.Nested(BookReference), dump_only=True)
    is_open = auto_field()
    movies_count = fields.Integer(dump_only=True)
    books_count = fields.Integer(dump_only=True)
    created_at = auto_field(dump_only=True)
    updated_at = auto_field(dump_only=True)


class BookSchema(Schema):
    class Meta(Schema.Meta):
        model = Book

    id = auto_field(dump_only=True)
    user = fields.Nested(UserReference, dump_only=True)
    title = auto_field()
    genre = fields.Nested(GenreReference, dump_only=True)
    page_count = auto_field()
    format = fields.Nested(FormatReference, dump_only=True)
    collection = fields.Nested(CollectionReference, dump_only=True)
    collection_id = auto_field()
    genre_id = auto_field(required=True, allow_none=False)
    format_id = auto_field(required=True, allow_none=False)
    user_id = auto_field(dump_only=True)
    author = auto_field()
    isbn = IsbnField(allow_none=True, metadata={"description": "ISBN-10 or ISBN-13; answered as ISBN-13."})
    published_year = auto_field()
    created_at = auto_field(dump_only=True)
    updated_at = auto_field(dump_only=True)


class CollectedBookSchema(BookSchema):
    """A book among the movies of an export."""

    type = fields.String(dump_only=True, validate=validate.Equal("book"))


class MovieSchema(Schema):
    class Meta(Schema.Meta):
        model = Movie

    id = auto_field(dump_only=True)
    user = fields.Nested(UserReference, dump_only=True)
    title = auto_field()
    genre = fields.Nested(GenreReference, dump_only=True)
    run_time = auto_field()
    format = fields.Nested(MovieFormatReference, dump_only=True)
    collection = fields.Nested(CollectionReference, dump_only=True)
    collection_id = auto_field()
    genre_id = auto_field(required=True, allow_none=False)
    format_id = auto_field(required=True, allow_none=False)
    user_id = auto_field(dump_only=True)
    director = auto_field()
    release_year = auto_field()
    created_at = auto_field(dump_only=True)
    updated_at = auto_field(dump_only=True)


class CollectedMovieSchema(MovieSchema):
    """A movie among the books of an export."""

    type = fields.String(dump_only=True, validate=validate.Equal("movie"))
