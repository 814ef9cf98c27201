"""The README tells the truth: its tour runs, its tables are complete, its links lead somewhere."""

import json
import os
import re
import subprocess
import sys
from threading import Thread

import pytest
from werkzeug.serving import make_server

from mediatheque import config

README = config.ROOT / "README.md"
DOCUMENTS = sorted([*config.ROOT.glob("*.md"), *config.ROOT.glob("docs/**/*.md")])

# What the tour uses of curl, for machines without it.
CURL = """import argparse, http.client, urllib.parse
parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("-s", action="store_true")
parser.add_argument("-X")
parser.add_argument("-H", action="append", default=[])
parser.add_argument("-d")
given = parser.parse_args()
url = urllib.parse.urlsplit(given.url)
connection = http.client.HTTPConnection(url.netloc)
method = given.X or ("GET" if given.d is None else "POST")
headers = dict(header.split(": ", 1) for header in given.H)
connection.request(method, given.url.partition(url.netloc)[2], given.d and given.d.encode(), headers)
print(connection.getresponse().read().decode(), end="")
connection.close()
"""


def write_curl(folder):
    (folder / "curl.py").write_text(CURL)
    (folder / "curl").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{folder}/curl.py" "$@"\n')
    (folder / "curl").chmod(0o755)


@pytest.fixture(scope="module")
def readme():
    return README.read_text(encoding="utf-8")


def section(document, title):
    return re.split(rf"^## {title}$", document, flags=re.MULTILINE)[1].partition("\n## ")[0]


def rows(text):
    """The cells of a Markdown table, without its head."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def codes(text):
    return re.findall("`(.+?)`", text)


@pytest.fixture(scope="module")
def address(make_database, make_app):
    """The address of a server on a seeded database."""
    app = make_app(make_database("readme"), MEDIATHEQUE_ENV="development")
    for command in ("create", "seed"):
        app.test_cli_runner().invoke(args=["db", command], catch_exceptions=False)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_tour_does_what_it_says(readme, address, tmp_path):
    tour = "\n".join(re.findall(r"^```sh\n(.*?)^```$", section(readme, "A two-minute tour"), re.MULTILINE | re.DOTALL))
    write_curl(tmp_path)
    script = tour.replace("http://127.0.0.1:8080", address)
    assert script != tour
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}{os.pathsep}{tmp_path}", "no_proxy": "*"}
    done = subprocess.run(["sh", "-e", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    genre, longer, shorter, by_genre, by_title, refused, deleted = map(json.loads, done.stdout.splitlines())
    assert genre["genre"] == "Solarpunk"
    assert shorter["collection"]["name"] == "Living room"
    assert by_genre == [shorter, longer]
    assert by_title == [shorter]
    for answer in (refused.get("error"), deleted.get("message")):
        assert answer in codes(section(readme, "A two-minute tour").replace("\n", " "))


def test_the_table_of_routes_is_that_of_the_application(readme, app):
    access = {"anybody": "public", "member": "member", "owner": "member", "admin": "admin"}
    methods = (["GET"], ["POST"], ["PUT", "PATCH"], ["DELETE"])
    described = {
        (method, path.replace("<id>", "<int:id>"), access[who])
        for paths, *cells in rows(section(readme, "Routes"))
        for path in codes(paths)
        for names, who in zip(methods, cells, strict=True)
        for method in names
        if who
    }
    assert described == {
        (method, rule.rule, getattr(app.view_functions[rule.endpoint], "access", "public"))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/docs/")
    }


def test_the_settings_are_those_of_the_sample(readme):
    sample = re.findall("^([A-Z_]+)=", (config.ROOT / ".env.sample").read_text(), re.MULTILINE)
    assert [codes(name) for name, *_ in rows(section(readme, "Configuration"))] == [[name] for name in sample]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(config.ROOT)))
def test_every_link_leads_to_a_file(document):
    links = re.findall(r"\]\((?!\w+:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
