"""The page's files: what they come with, what may not stand in them, and what others have made of them."""

import hashlib
import re
from pathlib import Path

import pytest

from mediatheque.web.page import FILES

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
VENDORED = sorted(path for path in (FILES / "vendor").iterdir() if path.name != "README.md")
OURS = sorted(path for path in FILES.rglob("*") if path.is_file() and path.parent.name != "vendor")
LONGEST = 400  # lines


def name(path: Path) -> str:
    return str(path.relative_to(FILES))


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/web/js/main.js", "text/javascript; charset=utf-8"),
        ("/web/css/base.css", "text/css; charset=utf-8"),
        ("/web/icon.svg", "image/svg+xml; charset=utf-8"),
        ("/web/vendor/literata-5.3.0-latin.woff2", "font/woff2"),
    ],
)
class TestFile:
    def test_has_its_type(self, client, path, content_type):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_is_sent_once(self, client, path, content_type):
        etag = client.get(path).headers["ETag"]
        again = client.get(path, headers={"If-None-Match": etag})
        assert (again.status_code, again.data) == (304, b"")

    def test_answers_head(self, client, path, content_type):
        answer = client.head(path)
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.content_length == client.get(path).content_length


def test_the_page_runs_nothing_but_its_own_scripts(client):
    assert client.get("/").headers["Content-Security-Policy"] == POLICY


def test_ours_is_asked_for_again_and_what_has_a_version_is_not(client):
    assert client.get("/").headers["Cache-Control"] == "no-cache"
    assert client.get("/web/js/main.js").headers["Cache-Control"] == "no-cache"
    (chart,) = (path for path in VENDORED if path.name.startswith("chart") and path.suffix == ".js")
    assert client.get(f"/web/{name(chart)}").headers["Cache-Control"] == "public, max-age=31536000"


@pytest.mark.parametrize("path", ["/web/nothing.js", "/web/js", "/web/../page.py", "/web/%2e%2e/page.py", "/web/"])
def test_nothing_else_is_there(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_the_page_is_no_part_of_the_api(client):
    paths = client.get("/openapi.json").json["paths"]
    assert [path for path in paths if path == "/" or path.startswith("/web")] == []


def test_every_file_has_a_type_and_is_served(client):
    for path in OURS + VENDORED:
        assert client.get(f"/web/{name(path)}").status_code == 200, path


@pytest.mark.parametrize("path", OURS, ids=name)
class TestOurs:
    def test_never_makes_markup_or_code_of_text(self, path):
        forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function|setHTML"
        assert re.findall(forbidden, path.read_text()) == []

    def test_has_nothing_inline_and_nothing_from_elsewhere(self, path):
        text = path.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert re.findall(r"https?://|<style|style=|<script>|javascript:|\bon\w+=\"", text) == []

    def test_is_readable_in_one_go(self, path):
        assert len(path.read_text().splitlines()) <= LONGEST


def test_what_others_have_made_is_what_the_list_says():
    lines = re.findall(
        r"^\| `(.+?)` \|.*\| `([0-9a-f]{64})` \|$", (FILES / "vendor/README.md").read_text(), re.MULTILINE
    )
    assert dict(lines) == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDORED}
