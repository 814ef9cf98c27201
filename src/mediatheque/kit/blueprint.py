"""A blueprint whose decorators guard, validate and document: each route says who may, what comes in, what goes out."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from http import HTTPStatus
from itertools import islice
from typing import Any

import orjson
from flask import Request, current_app, request
from flask_jwt_extended import current_user
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema as MarshmallowSchema
from sqlalchemy import func, select
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from mediatheque.extensions import db
from mediatheque.kit import access, idempotency, rates, watch
from mediatheque.kit.pages import Listing
from mediatheque.kit.schemas import MOST_ERRORS

DEEPEST = 32
LONGEST_DELETE = 60  # seconds
MOST_BRACKETS = 10_000

View = Callable[..., Any]


class Parser(FlaskParser):
    """webargs' parser, reading bodies with orjson, which never raises anything but its own error."""

    def load_json(self, req: Request, schema: MarshmallowSchema) -> Any:
        if req.mimetype != "application/json":
            raise UnsupportedMediaType("The body must be JSON: send it with Content-Type: application/json.")
        content = super().load_json(req, schema)
        if isinstance(content, dict) and len(content) > len(schema.fields) + MOST_ERRORS:
            # 95,000 unknown members fit into a body, and take Marshmallow a third of a second to refuse.
            known = {name: content[name] for name in schema.fields if name in content}
            unknown = islice((name for name in content if name not in schema.fields), MOST_ERRORS)
            return known | {name: content[name] for name in unknown}
        return content

    def _raw_load_json(self, req: Request) -> Any:
        data = req.get_data()
        # Werkzeug cuts a chunked body off at the limit, silently.
        if req.content_length is None and req.max_content_length and len(data) >= req.max_content_length:
            raise RequestEntityTooLarge
        if len(data) < (req.content_length or 0):
            raise BadRequest(f"The body broke off after {len(data)} of {req.content_length} bytes.")
        # 350,000 arrays fit into a body, which would keep the garbage collector busy for a second.
        brackets = data.count(b"[") + data.count(b"{")
        if brackets > MOST_BRACKETS:
            raise BadRequest(f"The body is made of more than {MOST_BRACKETS} objects, arrays or brackets.")
        try:
            content = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"The body is not valid JSON: {error}.") from None
        if brackets > DEEPEST and _deeper(content, DEEPEST):
            raise BadRequest(f"The body is nested deeper than {DEEPEST} levels.")
        return content


def _deeper(content: Any, levels: int) -> bool:
    """Whether *content* has more than *levels* of objects and arrays within each other."""
    if not isinstance(content, dict | list):
        return False
    inside = content.values() if isinstance(content, dict) else content
    return levels == 0 or any(_deeper(one, levels - 1) for one in inside)


class Blueprint(SmorestBlueprint):
    """flask-smorest's Blueprint, on which a route that states no access cannot be registered.

    A POST by somebody takes an Idempotency-Key (idempotency.py), unless the blueprint *remembers* no answers. With
    *single* its routes are about one thing, without an id.
    """

    ARGUMENTS_PARSER = Parser()

    def __init__(self, *arguments: Any, remembers: bool = True, single: bool = False, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.remembers = remembers
        self.single = single

    def public(self, view: View) -> View:
        """Anybody may."""
        return access.public(view)

    def member(self, view: View) -> View:
        """Anybody with a valid token may."""
        return self._guarded(view, "member", access.authenticate)

    def limited(self, words: str) -> Callable[[View], View]:
        """A client may ask at that rate, such as ``20 per hour``."""
        return lambda view: self.refuses(429)(rates.limited(words)(view))

    def authorise_admin(self, view: View) -> View:
        """Only an admin may, who gets more time; the refusal names this blueprint's rows."""

        def check() -> None:
            access.authorise_admin(self.name.replace("_", " "))
            db.session.execute(select(func.set_config("statement_timeout", f"{LONGEST_DELETE}s", True)))
            watch.allow(db.session.connection().connection, LONGEST_DELETE + watch.LONGEST)

        return self._guarded(view, "admin", check)

    def _guarded(self, view: View, name: str, check: Callable[[], None]) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            # The body is received before the caller is looked up, or a slow client would hold a connection of the
            # database; it is judged afterwards.
            with suppress(RequestEntityTooLarge):
                request.get_data()
            check()
            if request.method not in ("GET", "HEAD"):
                rates.spend(current_app.config["RATELIMIT_WRITES"], "writes", str(current_user.id))
            first = idempotency.replayed() if self.remembers and request.method == "POST" else None
            return view(*args, **kwargs) if first is None else first

        guarded.access = name  # type: ignore[attr-defined]
        return guarded

    def lists(self, listing: Listing[Any]) -> Callable[[View], View]:
        """The route answers a page of *listing*: documents its parameters, its body and its headers."""
        headers = {
            "Link": {"schema": {"type": "string"}, "description": 'The next page: `<…>; rel="next"`.'},
            "X-Total-Count": {"schema": {"type": "integer"}, "description": "All matches, with `count=true`."},
        }
        body = type(listing.wire.schema)(many=True)

        def decorate(view: View) -> View:
            return self.takes(listing.parameters)(self.response(200, body, headers=headers)(view))

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
            return self.takes(parameters)(view)

        return decorate

    def takes(self, parameters: MarshmallowSchema) -> Callable[[View], View]:
        """Documents the *parameters* that the route reads from its query string."""

        def decorate(view: View) -> View:
            documented = view.__dict__.setdefault("_apidoc", {})
            documented["arguments"] = {"parameters": [{"in": "query", "schema": parameters}]}
            return self.refuses(422)(view)

        return decorate

    @staticmethod
    def refuses(*statuses: int) -> Callable[[View], View]:
        """Documents errors of the route's own rules; what access and input may answer is known without."""

        def decorate(view: View) -> View:
            view.__dict__.setdefault("refusals", set()).update(statuses)
            return view

        return decorate

    @staticmethod
    def needs_no_database(view: View) -> View:
        """Documents that the route never answers 503."""
        view.__dict__["needs_database"] = False
        return view

    def add_url_rule(self, rule: str, endpoint: Any = None, view_func: Any = None, *rest: Any, **options: Any) -> None:
        if not hasattr(view_func, "access"):
            raise TypeError(f"{self.name}.{view_func.__name__} does not state who may use it.")
        super().add_url_rule(rule, endpoint, view_func, *rest, **options)
        self._document(rule, self._endpoints[-1], view_func)

    def _document(self, rule: str, endpoint: str, view: View) -> None:
        """Adds what follows from the rule and the access: operationId, security, errors."""
        statuses = {*getattr(view, "refusals", ())} | ({503} if getattr(view, "needs_database", True) else set())
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
            if view.access != "public" and method != "get":  # type: ignore[attr-defined]
                errors |= {429}
            condition = self._condition(rule, method, view)
            if condition:
                # These take the place of those that the decorators have documented.
                asked = [one for one in inputs if one["in"] == "query"]
                operation["parameters"] = [*asked, {"in": "header", "schema": {"type": "string"}} | condition]
                errors |= {"get": {304}, "post": {422}}.get(method, {412})
            name = endpoint if method != "put" or len(methods) == 1 else f"{endpoint}_by_put"
            doc["manual_doc"] = {
                **operation,
                "operationId": name,
                "responses": {
                    **getattr(view, "answers", {}),
                    **{str(status): HTTPStatus(status).name for status in sorted(errors)},
                },
            }

    def _condition(self, rule: str, method: str, view: View) -> dict[str, Any] | None:
        """The header that a request of a single row, or for a new one, may be made conditional by."""
        if self.single or (self.remembers and rule.endswith("<int:id>")):
            if method == "get":
                return {"name": "If-None-Match", "description": "The ETag of what the client has: 304 if it is that."}
            return {"name": "If-Match", "description": "The ETag of what the client has seen: 412 if it has changed."}
        if self.remembers and method == "post" and view.access != "public":  # type: ignore[attr-defined]
            description = "Any text of the client's: the same request with the same key is made once in 24 hours."
            return {"name": idempotency.HEADER, "description": description, "schema": idempotency.SCHEMA}
        return None
