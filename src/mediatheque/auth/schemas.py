"""The JSON of auth: accounts and logins."""

from typing import Any, Self

from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError, fields, validates_schema
from marshmallow_sqlalchemy import auto_field

from mediatheque.auth import passwords
from mediatheque.auth.models import Session, User
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
            "maxLength": passwords.LONGEST,
            "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
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


class GivenField(fields.String):
    """Any text. Whether it is an address, a password or a token is no business of an error message."""

    default_error_messages = PasswordField.default_error_messages


class CredentialsSchema(StrictSchema):
    """What a login takes."""

    email = GivenField(required=True)
    password = GivenField(required=True)


class TokensSchema(StrictSchema):
    """``token`` goes into the Authorization header, behind ``Bearer``; ``refresh_token`` gets the next ones."""

    token = fields.String(required=True)
    refresh_token = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds that `token` is good for."})


class LoginSchema(TokensSchema):
    """What a login answers."""

    message = fields.String(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True)
    is_admin = fields.Boolean(required=True)

    class Meta(TokensSchema.Meta):
        fields = ("message", "name", "email", "token", "is_admin", "refresh_token", "expires_in")


class RefreshSchema(StrictSchema):
    """What a refresh takes."""

    refresh_token = GivenField(required=True)


class ConfirmationSchema(StrictSchema):
    """What the end of an account takes."""

    current_password = GivenField(required=True)


class ProfileSchema(UserSchema):
    """What one may change of one's own account; each change needs the password."""

    current_password = GivenField(required=True, load_only=True)

    @classmethod
    def changes(cls) -> Self:
        return cls(only=cls.writable(), partial=("name", "email", "password"))

    @validates_schema
    def refuse_no_changes(self, data: dict[str, Any], **_: Any) -> None:
        if not data.keys() - {"current_password"}:
            raise ValidationError("Must hold at least one of: name, email, password.")


class SessionSchema(Schema):
    """A login that goes on."""

    class Meta(Schema.Meta):
        model = Session

    id = auto_field(dump_only=True)
    agent = auto_field(dump_only=True)
    created_at = auto_field(dump_only=True)
    used_at = auto_field(dump_only=True)
    expires_at = auto_field(dump_only=True)
    is_current = fields.Boolean(dump_only=True, metadata={"description": "Whether it is the one that asks."})
