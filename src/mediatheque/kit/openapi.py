"""The OpenAPI document: flask-smorest's, with wire shapes, inputs and errors described as they are."""

from http import HTTPStatus
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask
from flask_smorest import Api as SmorestApi
from marshmallow import Schema as MarshmallowSchema
from marshmallow import fields
from werkzeug.routing import IntegerConverter

from mediatheque.kit.schemas import Schema

PROBLEM = "application/problem+json"
HEADERS = {
    "UNAUTHORIZED": "WWW-Authenticate",
    "METHOD_NOT_ALLOWED": "Allow",
    "TOO_MANY_REQUESTS": "Retry-After",
    "SERVICE_UNAVAILABLE": "Retry-After",
}


class IdConverter(IntegerConverter):
    """An id in a path. Longer ones than any row has are no path at all, so that nobody converts 5,000 digits."""

    regex = "[0-9]{1,19}"


class ProblemSchema(MarshmallowSchema):
    """The one body of every error: RFC 9457 with ``error``, which repeats ``detail``."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    error = fields.String(required=True)
    request_id = fields.String(required=True)
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "With 422: what is wrong with each member or parameter."},
    )
    msg = fields.String(metadata={"description": "With 401: why the token was not taken."})


def component_name(schema: Any) -> str:
    """``Book`` for a wire shape, ``NewBook`` for what a POST takes, ``BookChanges`` for a PATCH."""
    kind = schema if isinstance(schema, type) else type(schema)
    name = str(kind.__name__).removesuffix("Schema")
    if getattr(schema, "only", None) is None:
        return name
    return f"{name}Changes" if schema.partial else f"New{name}"


class Converter(OpenAPIConverter):
    """Says of a wire shape that every member is there, which may be null, and that there are no others."""

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        if not isinstance(schema, Schema):
            return dict(super().schema2jsonschema(schema))  # type: ignore[no-untyped-call]
        if schema.only is not None:
            described = dict(super().schema2jsonschema(schema))  # type: ignore[no-untyped-call]
            return described | ({"minProperties": 1 + len(described.get("required", ()))} if schema.partial else {})
        properties = {name: self._member(schema, name) for name in schema.dump_fields}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def _member(self, schema: Schema, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.field2property(schema.fields[name])
        described.pop("readOnly", None)
        if schema.may_be_null(name):
            if "$ref" in described:
                return {"anyOf": [described, {"type": "null"}]}
            if isinstance(described["type"], str):
                described["type"] = [described["type"], "null"]
        return described


class Plugin(MarshmallowPlugin):
    Converter = Converter


HOW_TO_SIGN_IN = "What needs a token: `POST /auth/login`, and paste the `token` of its answer under *Authorize*."


class Api(SmorestApi):
    """flask-smorest's Api with our converter and our error body. errors.py registers the handlers."""

    ERROR_SCHEMA = ProblemSchema

    def init_app(self, app: Flask, **options: Any) -> None:
        self.register_converter(IdConverter, _id_parameter)
        spec = {
            "marshmallow_plugin": Plugin(schema_name_resolver=component_name),
            "info": {"description": HOW_TO_SIGN_IN},
        }
        super().init_app(app, spec_kwargs=spec, **options)
        scheme = {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The `token` that POST /auth/login answers.",
        }
        self.spec.components.security_scheme("bearer", scheme)

    # What follows would put the library's own error body, ETags and paging in place of ours.

    def _register_error_handlers(self) -> None:
        pass

    def _register_responses(self) -> None:
        descriptions = {status.name: status.phrase for status in HTTPStatus}
        descriptions[self.DEFAULT_ERROR_RESPONSE_NAME] = "Any other error"
        self.spec.components.response("NOT_MODIFIED", {"description": descriptions.pop("NOT_MODIFIED")})
        for name, description in descriptions.items():
            response: dict[str, Any] = {"description": description, "content": {PROBLEM: {"schema": self.ERROR_SCHEMA}}}
            if name in HEADERS:
                response["headers"] = {HEADERS[name]: {"schema": {"type": "string"}}}
            self.spec.components.response(name, response, lazy=True)

    def _register_etag_headers(self) -> None:
        pass

    def _register_pagination_header(self) -> None:
        pass


def _id_parameter(_: IdConverter) -> dict[str, Any]:
    return {"type": "integer", "format": "int64", "minimum": 0, "examples": [1]}
