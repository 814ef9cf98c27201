"""The JSON of the library. A schema without a suffix method is the wire shape; see kit/schemas.py for its inputs."""

import re
from typing import Any

from marshmallow import ValidationError, fields, validate
from marshmallow_sqlalchemy import auto_field

from mediatheque.auth.schemas import UserReference
from mediatheque.kit.schemas import Schema, StrictSchema, TextField, shown
from mediatheque.library.models import Book, Collection, Format, FormatMovie, Genre, Movie

HISTOGRAM = "At most 40 equal steps without a gap; where some items are much longer than most, one more without an end."


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


class GenreCountSchema(StrictSchema):
    id = fields.Integer(required=True, allow_none=True)
    genre = fields.String(required=True, allow_none=True, metadata={"description": "`null`: those without a genre."})
    count = fields.Integer(required=True)


class FormatCountSchema(StrictSchema):
    id = fields.Integer(required=True, allow_none=True)
    format = fields.String(required=True, allow_none=True, metadata={"description": "`null`: those without a format."})
    count = fields.Integer(required=True)


class YearCountSchema(StrictSchema):
    year = fields.Integer(required=True, allow_none=True, metadata={"description": "`null`: those without a year."})
    count = fields.Integer(required=True)


class MonthCountSchema(StrictSchema):
    month = fields.String(required=True, metadata={"description": "In UTC.", "examples": ["2026-11"]})
    count = fields.Integer(required=True, metadata={"description": "Items that were added in that month."})
    total = fields.Integer(required=True, metadata={"description": "Items that had been added at its end."})


class StepSchema(StrictSchema):
    """A step of a histogram."""

    first = fields.Integer(required=True, data_key="from", metadata={"description": "The least number in it."})
    last = fields.Integer(
        required=True,
        allow_none=True,
        data_key="to",
        metadata={"description": "The largest number in it; `null`: there is no end."},
    )
    count = fields.Integer(required=True)


class ItemStatsSchema(StrictSchema):
    count = fields.Integer(required=True, metadata={"description": "How many there are."})
    genres = fields.List(
        fields.Nested(GenreCountSchema),
        required=True,
        metadata={"description": "The 1,000 that most items have, the most frequent first, those without one last."},
    )
    formats = fields.List(
        fields.Nested(FormatCountSchema),
        required=True,
        metadata={"description": "The 1,000 that most items have, the most frequent first, those without one last."},
    )
    years = fields.List(
        fields.Nested(YearCountSchema),
        required=True,
        metadata={"description": "The years that items are of, the earliest first, those without one last."},
    )
    growth = fields.List(
        fields.Nested(MonthCountSchema),
        required=True,
        metadata={"description": "The months in which items were added, of those that still are there."},
    )


class BookStatsSchema(ItemStatsSchema):
    pages = fields.Integer(required=True, metadata={"description": "The pages of all of them together."})
    page_counts = fields.List(fields.Nested(StepSchema), required=True, metadata={"description": HISTOGRAM})


class MovieStatsSchema(ItemStatsSchema):
    run_time = fields.Integer(required=True, metadata={"description": "The minutes of all of them together."})
    run_times = fields.List(fields.Nested(StepSchema), required=True, metadata={"description": HISTOGRAM})


class StatsSchema(StrictSchema):
    books = fields.Nested(BookStatsSchema, required=True)
    movies = fields.Nested(MovieStatsSchema, required=True)
