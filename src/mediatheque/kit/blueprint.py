"""A blueprint whose decorators guard, validate and document: each route says who may, what comes in, what goes out."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from http import HTTPStatus
from typing import Any

import orjson
from flask import Request, request
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema as MarshmallowSchema
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from mediatheque.kit import access
from mediatheque.kit.pages import Listing

DEEPEST = 32

View = Callable[..., Any]


class Parser(FlaskParser):
    """webargs' parser, reading bodies with orjson, which never raises anything but its own error."""

    def load_json(self, req: Request, schema: MarshmallowSchema) -> Any:
        if req.mimetype != "application/json":
            raise UnsupportedMediaType("The body must be JSON: send it with Content-Type: application/json.")
        return super().load_json(req, schema)

    def _raw_load_json(self, req: Request) -> Any:
        data = req.get_data()
        # Werkzeug cuts a chunked body off at the limit, silently.
        if req.content_length is None and req.max_content_length and len(data) >= req.max_content_length:
            raise RequestEntityTooLarge
        if len(data) < (req.content_length or 0):
            raise BadRequest(f"The body broke off after {len(data)} of {req.content_length} bytes.")
        try:
            content = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"The body is not valid JSON: {error}.") from None
        if _deeper(content, DEEPEST):
            raise BadRequest(f"The body is nested deeper than {DEEPEST} levels.")
        return content


def _deeper(content: Any, levels: int) -> bool:
    """Whether *content* has more than *levels* of objects and arrays within each other."""
    if not isinstance(content, dict | list):
        return False
    inside = content.values() if isinstance(content, dict) else content
    return levels == 0 or any(_deeper(one, levels - 1) for one in inside)


class Blueprint(SmorestBlueprint):
    """flask-smorest's Blueprint, on which a route that states no access cannot be registered."""

    ARGUMENTS_PARSER = Parser()

    def public(self, view: View) -> View:
        """Anybody may."""
        return access.public(view)

    def member(self, view: View) -> View:
        """Anybody with a valid token may."""
        return _guarded(view, "member", access.authenticate)

    def authorise_admin(self, view: View) -> View:
        """Only an admin may; the refusal names this blueprint's rows."""
        return _guarded(view, "admin", lambda: access.authorise_admin(self.name.replace("_", " ")))

    def lists(self, listing: Listing) -> Callable[[View], View]:
        """The route answers a page of *listing*: documents its parameters, its body and its headers."""
        headers = {
            "Link": {"schema": {"type": "string"}, "description": 'The next page: `<…>; rel="next"`.'},
            "X-Total-Count": {"schema": {"type": "integer"}, "description": "All matches, with `count=true`."},
        }
        body = type(listing.wire.schema)(many=True)

        def decorate(view: View) -> View:
            documented: View = self.response(200, body, headers=headers)(view)
            parameters = [{"in": "query", "schema": listing.parameters}]
            documented._apidoc["arguments"] = {"parameters": parameters}  # type: ignore[attr-defined]  # noqa: SLF001
            return self.refuses(422)(documented)

        return decorate

    def exports(self, parameters: MarshmallowSchema, rows: Any) -> Callable[[View], View]:
        """The route answers a file of *rows*, a schema, in the formats of exports.py, which are documented."""
        headers = {
            "X-Total-Count": {
                "schema": {"type": "integer"},
                "description": "How many rows there were at the beginning.",
            },
            "Content-Disposition": {"schema": {"type": "string"}, "description": "The name of the file."},
        }
        content = {
            "application/json": {"schema": {"type": "array", "items": rows}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
        }

        def decorate(view: View) -> View:
            answer = {"description": HTTPStatus.OK.phrase, "headers": headers, "content": content}
            view.__dict__["answers"] = {"200": answer}
            view.__dict__["_apidoc"] = {"arguments": {"parameters": [{"in": "query", "schema": parameters}]}}
            return self.refuses(422)(view)

        return decorate

    @staticmethod
    def refuses(*statuses: int) -> Callable[[View], View]:
        """Documents errors of the route's own rules; what access and input may answer is known without."""

        def decorate(view: View) -> View:
            view.__dict__.setdefault("refusals", set()).update(statuses)
            return view

        return decorate

    def add_url_rule(self, rule: str, endpoint: Any = None, view_func: Any = None, *rest: Any, **options: Any) -> None:
        if not hasattr(view_func, "access"):
            raise TypeError(f"{self.name}.{view_func.__name__} does not state who may use it.")
        super().add_url_rule(rule, endpoint, view_func, *rest, **options)
        self._document(rule, self._endpoints[-1], view_func)

    def _document(self, rule: str, endpoint: str, view: View) -> None:
        """Adds what follows from the rule and the access: operationId, security, errors."""
        statuses = {503, *getattr(view, "refusals", ())}
        operation: dict[str, Any] = {}
        if view.access != "public":  # type: ignore[attr-defined]
            operation["security"] = [{"bearer": []}]
            statuses.add(401)
        if view.access == "admin":  # type: ignore[attr-defined]
            statuses.add(403)
        if "<int:id>" in rule:
            statuses.add(404)
        methods = {name: doc for name, doc in self._docs[endpoint].items() if isinstance(doc, dict)}
        for method, doc in methods.items():
            inputs = doc.get("arguments", {}).get("parameters", [])
            takes_body = any(one["in"] == "json" for one in inputs)
            errors = statuses | ({400, 413, 415, 422} if takes_body else set())
            name = endpoint if method != "put" or len(methods) == 1 else f"{endpoint}_by_put"
            doc["manual_doc"] = {
                **operation,
                "operationId": name,
                "responses": {
                    **getattr(view, "answers", {}),
                    **{str(status): HTTPStatus(status).name for status in sorted(errors)},
                },
            }


def _guarded(view: View, name: str, check: Callable[[], None]) -> View:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        # The body is received before the caller is looked up, or a slow client would hold a connection of the
        # database; it is judged afterwards.
        with suppress(RequestEntityTooLarge):
            request.get_data()
        check()
        return view(*args, **kwargs)

    guarded.access = name  # type: ignore[attr-defined]
    return guarded
