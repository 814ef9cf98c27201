"""The base schema and the fields that all areas share: strict in bodies, readable in query strings.

Messages begin with "Must" and are completed by the member's name (see errors.py), or are whole sentences.
"""

import re
import unicodedata
from typing import Any, Self

from marshmallow import RAISE, ValidationError, fields, validate, validates_schema
from marshmallow import Schema as MarshmallowSchema
from marshmallow_sqlalchemy import ModelConverter
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, String, inspect

from mediatheque.extensions import ma
from mediatheque.kit.models import BIGINT_MAX, INTEGER_MAX

MOST_ERRORS = 100  # in one answer
LONGEST_TEXT = 2000  # characters, before they are composed: well beyond all limits of members
REQUIRED = {"required": "Must be given.", "null": "Must not be null."}
_LIMITS = {Integer: (-INTEGER_MAX - 1, INTEGER_MAX), BigInteger: (-BIGINT_MAX - 1, BIGINT_MAX)}


def shown(value: object) -> str:
    """*value* as an error message shows it: at most 80 characters."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004 (api.md, Errors)


def sentence(member: str, message: str) -> str:
    """*message*, which is about *member*, as a sentence that names it."""
    return f"The {member} m{message[1:]}" if message.startswith("Must") else message


def clean(value: str) -> str:
    """*value* in NFC; a ValidationError if it holds a control character, or is of no use at any rate.

    Normalising takes time that grows with the square of the number of combining marks in a row.
    """
    if len(value) > LONGEST_TEXT:
        raise ValidationError(f"Must be shorter: it has {len(value)} characters.")
    if not value.isprintable() and any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise ValidationError("Must not contain control characters.")
    return unicodedata.normalize("NFC", value)


class Length(validate.Length):
    """A number of characters, with a message that counts them."""

    def __call__(self, value: Any) -> Any:
        minimum, maximum = self.min or 0, self.max or len(value)
        if not minimum <= len(value) <= maximum:
            raise ValidationError(f"Must have {minimum} to {maximum} characters, not {len(value)}.")
        return value


class OneOf(validate.OneOf):
    """One of some words, with a message that lists them."""

    default_message = "Must be one of {choices}, not {input}."

    def _format_error(self, value: object) -> str:
        return super()._format_error(shown(value))


class Range(validate.Range):
    """Limits of a number, with messages that name the limit and the value."""

    def __call__(self, value: Any) -> Any:
        if self.min is not None and value < self.min:
            raise ValidationError(f"Must be at least {self.min}, not {shown(value)}.")
        if self.max is not None and value > self.max:
            raise ValidationError(f"Must be at most {self.max}, not {shown(value)}.")
        return value


class TextField(fields.String):
    """Trimmed, normalised (NFC), printable text of any script."""

    default_error_messages = {**REQUIRED, "invalid": "Must be text."}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return clean(super()._deserialize(value, *args, **kwargs).strip())


class IntegerField(fields.Integer):
    """A JSON integer: no text, no fraction, no boolean."""

    default_error_messages = {**REQUIRED, "invalid": "Must be a whole number."}

    def _validated(self, value: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class BooleanField(fields.Boolean):
    """A JSON boolean, and nothing that only looks like one."""

    default_error_messages = {**REQUIRED, "invalid": "Must be true or false."}

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid")
        return value


class IntegerParameter(IntegerField):
    """An integer in a query string, where all is text.

    The least number of a column is left out: PostgreSQL reads ``-2147483648::integer`` as minus a number too large.
    """

    def __init__(self, minimum: int = -BIGINT_MAX, maximum: int = BIGINT_MAX, **kwargs: Any) -> None:
        super().__init__(validate=Range(minimum, maximum), **kwargs)

    def _validated(self, value: Any) -> int:
        if not re.fullmatch(r"-?[0-9]{1,100}", value):
            raise self.make_error("invalid")
        return int(value)


class BooleanParameter(BooleanField):
    """``true`` or ``false`` in a query string."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> bool:
        if value not in ("true", "false"):
            raise self.make_error("invalid")
        return bool(value == "true")


class Converter(ModelConverter):
    """Makes our strict fields of columns, with the limits that the columns carry."""

    SQLA_TYPE_MAPPING = {
        String: TextField,
        Integer: IntegerField,
        Boolean: BooleanField,
        DateTime: fields.DateTime,
    }

    def _add_column_kwargs(self, kwargs: dict[str, Any], column: Column[Any]) -> None:
        super()._add_column_kwargs(kwargs, column)
        info = getattr(column, "info", {})
        if "length" in info:
            kwargs["validate"] = [Length(*info["length"])]
        elif isinstance(column.type, Integer):
            limit = _LIMITS[BigInteger if isinstance(column.type, BigInteger) else Integer]
            kwargs["validate"] = [Range(*info.get("range", limit))]


class StrictSchema(ma.Schema):  # type: ignore[name-defined]
    """A JSON object without members that nobody knows."""

    class Meta:
        unknown = RAISE

    error_messages = {
        "unknown": "Must not be given: there is no such writable member.",
        "type": "Must be a JSON object.",
    }


class Schema(ma.SQLAlchemySchema, StrictSchema):  # type: ignore[name-defined]
    """A resource's wire shape. ``new()`` is what a POST takes, ``changes()`` what PUT and PATCH take."""

    class Meta(StrictSchema.Meta):
        model_converter = Converter

    def load(self, data: Any, **options: Any) -> Any:
        """As Marshmallow does it: marshmallow-sqlalchemy reads the metadata of a package first, which takes 0.3 ms."""
        return MarshmallowSchema.load(self, data, **options)

    @classmethod
    def writable(cls) -> list[str]:
        return [name for name, field in cls().fields.items() if not field.dump_only]

    @classmethod
    def new(cls) -> Self:
        return cls(only=cls.writable())

    @classmethod
    def changes(cls) -> Self:
        return cls(only=cls.writable(), partial=True)

    @validates_schema
    def refuse_no_changes(self, data: dict[str, Any], **_: Any) -> None:
        if self.partial and not data:
            raise ValidationError(f"Must hold at least one of: {', '.join(self.fields)}.")

    def may_be_null(self, name: str) -> bool:
        """Whether the member can be null in an answer: its column, or the column it is joined by, can be."""
        attribute = inspect(self.Meta.model).attrs.get(self.fields[name].attribute or name)  # type: ignore[attr-defined]
        if attribute is None:
            return False
        columns = getattr(attribute, "local_columns", None) or attribute.columns
        return not getattr(attribute, "uselist", False) and any(getattr(c, "nullable", False) for c in columns)


class MessageSchema(StrictSchema):
    """What was done, in a sentence: what a DELETE answers, and what makes no resource."""

    message = fields.String(required=True)
