"""The JSON of auth: accounts and logins."""

from typing import Any

from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError, fields
from marshmallow_sqlalchemy import auto_field

from mediatheque.auth import passwords
from mediatheque.auth.models import User
from mediatheque.kit.schemas import REQUIRED, Schema, StrictSchema, TextField


def normalised(address: str) -> str:
    """*address* as it is stored; EmailNotValidError if it is none. Nobody is asked whether it exists."""
    return validate_email(address, check_deliverability=False).normalized


class EmailField(TextField):
    """An address with a domain, normalised."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        try:
            return normalised(text)
        except EmailNotValidError as error:
            raise ValidationError(f"Must be an email address. {error}") from error


class PasswordField(fields.String):
    """A password: normalised (NFC), never trimmed, long enough to be of use and short enough for bcrypt."""

    default_error_messages = {**REQUIRED, "invalid": "Must be text."}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return passwords.accepted(super()._deserialize(value, *args, **kwargs))


class UserSchema(Schema):
    class Meta(Schema.Meta):
        model = User

    id = auto_field(dump_only=True)
    name = auto_field()
    email = EmailField(required=True, metadata={"format": "email"})
    password = PasswordField(
        required=True,
        load_only=True,
        metadata={
            "format": "password",
            "minLength": passwords.SHORTEST,
            "description": f"At most {passwords.LONGEST} bytes of UTF-8.",
        },
    )
    is_admin = auto_field(dump_only=True)


class UserReference(Schema):
    """A user as others see them: without the address."""

    class Meta(Schema.Meta):
        model = User

    id = auto_field(dump_only=True)
    name = auto_field(dump_only=True)


class CredentialsSchema(StrictSchema):
    """What a login takes: any text. Whether it is an address and a password is no business of an error message."""

    email = fields.String(required=True, error_messages=PasswordField.default_error_messages)
    password = fields.String(required=True, error_messages=PasswordField.default_error_messages)


class LoginSchema(StrictSchema):
    """What a login answers; ``token`` goes into the Authorization header, behind ``Bearer``."""

    message = fields.String(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True)
    token = fields.String(required=True)
    is_admin = fields.Boolean(required=True)
