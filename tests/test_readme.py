"""The README tells the truth: its tour and examples run, its tables are complete, its links lead somewhere."""

import json
import os
import re
import subprocess
import sys

import pytest

from mediatheque import config
from processes import seeded, served

README = config.ROOT / "README.md"
DOCUMENTS = sorted([*config.ROOT.glob("*.md"), *config.ROOT.glob("docs/**/*.md")])

# What the documents use of curl, for machines without it.
CURL = """import argparse, http.client, pathlib, sys, urllib.parse
parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("-s", action="store_true")
parser.add_argument("-i", action="store_true")
parser.add_argument("-G", action="store_true")
parser.add_argument("--fail", action="store_true")
parser.add_argument("-X")
parser.add_argument("-H", action="append", default=[])
parser.add_argument("-d")
parser.add_argument("--data-urlencode")
parser.add_argument("-o")
given = parser.parse_args()
url = urllib.parse.urlsplit(given.url)
connection = http.client.HTTPConnection(url.netloc)
method = given.X or ("GET" if given.d is None else "POST")
headers = dict(header.split(": ", 1) for header in given.H)
target = given.url.partition(url.netloc)[2]
if given.G:
    target += "?" + urllib.parse.urlencode([tuple(given.data_urlencode.split("=", 1))])
connection.request(method, target, given.d and given.d.encode(), headers)
answer = connection.getresponse()
head = f"HTTP/1.1 {answer.status} {answer.reason}\\n{answer.headers}" if given.i else ""
text = head + answer.read().decode()
connection.close()
if given.fail and answer.status >= 400:
    sys.exit(22)
if given.o:
    pathlib.Path(given.o).write_text(text)
else:
    print(text, end="")
"""


@pytest.fixture
def shell(address, tmp_path):
    """Runs a script of a document in an empty folder, with a curl at hand."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "curl.py").write_text(CURL)
    (programs / "curl").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{programs}/curl.py" "$@"\n')
    (programs / "curl").chmod(0o755)

    def run(script):
        return subprocess.run(
            ["sh", "-e", "-c", script.replace("http://127.0.0.1:8080", address)],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{os.environ['PATH']}{os.pathsep}{programs}", "no_proxy": "*"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


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
    with served(seeded(make_database("readme"), make_app)) as port:
        yield f"http://127.0.0.1:{port}"


def scripts(text):
    """Its blocks of shell commands."""
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def curls(path):
    """The calls of curl in a document that stand for themselves: lines of blocks, and in the text."""
    text = path.read_text(encoding="utf-8")
    lines = [line for script in scripts(text) for line in script.splitlines() if "http://127.0.0.1:8080" in line]
    return [command for command in [*lines, *codes(text)] if command.startswith("curl ") and "…" not in command]


def test_the_tour_does_what_it_says(readme, shell):
    done = shell("\n".join(scripts(section(readme, "A two-minute tour"))))
    assert (done.returncode, done.stderr) == (0, "")
    genre, longer, shorter, by_genre, by_title, refused, deleted = map(json.loads, done.stdout.splitlines())
    assert genre["genre"] == "Solarpunk"
    assert shorter["collection"]["name"] == "Living room"
    assert by_genre == [shorter, longer]
    assert by_title == [shorter]
    for answer in (refused.get("error"), deleted.get("message")):
        assert answer in codes(section(readme, "A two-minute tour").replace("\n", " "))


@pytest.mark.parametrize("command", [*curls(README), *curls(config.ROOT / "docs/api.md")])
def test_an_example_of_curl_is_answered(command, shell, tmp_path):
    done = shell(f"API=http://127.0.0.1:8080; {command} --fail")
    assert done.returncode == 0, done.stderr
    saved = [(tmp_path / name).read_text() for name in re.findall(r"-o (\S+)", command)]
    assert "".join([done.stdout, *saved])


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
        if not rule.rule.startswith(("/docs/", "/web/"))
    }


def test_the_settings_are_described_as_in_the_whole_table(readme):
    table = section((config.ROOT / "docs/operations.md").read_text(encoding="utf-8"), "Settings")
    described = {name: [name, default, meaning] for name, default, _, meaning in rows(table)}
    shown = rows(section(readme, "Configuration"))
    assert shown == [described[name] for name, *_ in shown]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(config.ROOT)))
def test_every_link_leads_to_a_file(document):
    links = re.findall(r"\]\((?!\w+:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
