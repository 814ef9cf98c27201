"""/openapi.json and /docs: the contract for machines, and for people who want to try it."""

from importlib.util import find_spec
from pathlib import Path

import orjson
from flask import Blueprint, Flask, Response, current_app, send_from_directory

from mediatheque.kit.access import public
from mediatheque.kit.openapi import Api

blueprint = Blueprint("docs", __name__)

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Mediatheque: the API</title>
  <link rel="icon" href="/docs/favicon-32x32.png">
  <link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
"""

# Swagger UI sets styles of its own and shows icons that it brings as data.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
"""


def rendered(api: Api) -> bytes:
    """The OpenAPI document as it is served."""
    document = api.spec.to_dict()
    ordered = {name: document[name] for name in ("openapi", "info", "tags", "paths", "components")}
    return orjson.dumps(ordered, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def swagger_ui() -> Path:
    """The folder of Swagger UI's files in the package that brings them."""
    spec = find_spec("flask_swagger_ui")
    if spec is None or spec.origin is None:
        raise RuntimeError("flask-swagger-ui is not installed: pip install -r requirements.txt")
    return Path(spec.origin).parent / "dist"


@blueprint.get("/openapi.json")
@public
def openapi() -> Response:
    """Describe the API in OpenAPI 3.1."""
    return Response(current_app.extensions["openapi"], mimetype="application/json")


@blueprint.get("/docs")
@public
def docs() -> Response:
    """Show the API in a browser."""
    return Response(PAGE, mimetype="text/html", headers={"Content-Security-Policy": POLICY})


@blueprint.get("/docs/start.js")
@public
def start() -> Response:
    """Get what starts Swagger UI."""
    return Response(START, mimetype="text/javascript")


@blueprint.get("/docs/<path:name>")
@public
def asset(name: str) -> Response:
    """Get a file of Swagger UI."""
    return send_from_directory(swagger_ui(), name, max_age=86400)


def init_app(app: Flask, api: Api) -> None:
    app.extensions["openapi"] = rendered(api)
    app.register_blueprint(blueprint)
