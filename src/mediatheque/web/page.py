"""/ and /web/…: the page that shows the library in a browser: static files, which use the API as any client does."""

from pathlib import Path

from flask import Blueprint, Response, abort, send_from_directory

from mediatheque.kit.access import public

blueprint = Blueprint("web", __name__)

FILES = Path(__file__).parent / "static"
YEAR = 365 * 24 * 3600  # seconds

# What a system knows of types differs, and nosniff makes a script of the wrong type no script.
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}

# Nothing comes from elsewhere, nothing stands inline, no text becomes markup, and no form is sent but by our scripts:
# a password does not end up in an address when they fail to load.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)


@blueprint.get("/")
@public
def page() -> Response:
    """Show the library in a browser."""
    answer = asset("index.html")
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


@blueprint.get("/web/<path:name>")
@public
def asset(name: str) -> Response:
    """Get a file of the page.

    What others have made carries its version in its name; ours is asked for again (ETag)."""
    kind = TYPES.get(Path(name).suffix)
    if kind is None:
        abort(404)
    return send_from_directory(FILES, name, mimetype=kind, max_age=YEAR if name.startswith("vendor/") else None)
