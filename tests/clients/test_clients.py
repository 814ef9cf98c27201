"""The collection in clients that people have: newman, which is Postman's own runner, and Insomnia's importer."""

import json
import subprocess
from collections import Counter
from urllib.request import Request, urlopen

import pytest

from mediatheque import config
from processes import answers, flask, seeded, wait_for

FOLDER = config.ROOT / "tests/clients"
COLLECTION = config.ROOT / "docs/mediatheque.postman_collection.json"
ENVIRONMENT = config.ROOT / "docs/mediatheque.postman_environment.json"
OPENAPI = json.loads((config.ROOT / "docs/openapi.json").read_text())

# In this order nothing is deleted that a later request needs.
RUNS = [
    ("books", "movies"),
    ("collections", "formats", "movie_formats", "genres", "stats", "health"),
    ("auth",),
    ("me",),
]
# What cannot succeed as it is in the document: an account that is there from the request before, a token that is made
# up, and requests of a session that the one before has ended.
REFUSED = {
    "POST {{baseUrl}}/auth/register": 409,
    "POST {{baseUrl}}/auth/refresh": 401,
    "POST {{baseUrl}}/auth/logout-everywhere": 401,
    "GET {{baseUrl}}/auth/sessions": 401,
    "DELETE {{baseUrl}}/auth/sessions/:id": 401,
}


def node(*command):
    return subprocess.run(["node", *command], cwd=FOLDER, capture_output=True, text=True, check=False)


@pytest.fixture
def server(make_database, make_app, port, tmp_path):
    """The address of ``flask serve`` on a seeded database."""
    url = make_database(f"clients{port}")
    seeded(url, make_app)
    settings = {"DATABASE_URL": url.render_as_string(hide_password=False), "PORT": port}
    with (tmp_path / "log").open("w") as log, flask("serve", instance="", log=log, **settings):
        wait_for(lambda: answers(port))
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def newman(server, tmp_path):
    """Runs folders of the collection; what newman said, and each request with the status of its answer."""

    def run(*folders, times=1, **variables):
        path = tmp_path / "report.json"
        settings = [("baseUrl", server), *variables.items()]
        done = node(
            *("node_modules/newman/bin/newman.js", "run", COLLECTION, "--environment", ENVIRONMENT, "--color", "off"),
            *("--reporters", "cli,json", "--reporter-json-export", path, "--iteration-count", str(times)),
            *(word for folder in folders for word in ("--folder", folder)),
            *(word for name, value in settings for word in ("--env-var", f"{name}={value}")),
        )
        report = json.loads(path.read_text())
        lines = {item["id"]: line(item["request"]) for item in flat(report["collection"]["item"])}
        return done, [(lines[one["item"]["id"]], one["response"]["code"]) for one in report["run"]["executions"]]

    return run


def flat(items):
    """Every request within *items*, which may be folders."""
    for item in items:
        yield from flat(item["item"]) if "item" in item else [item]


def line(request):
    """A request's method and address, as the collection has it."""
    url = request["url"]
    return f"{request['method']} {'/'.join([*url['host'], *url['path']])}"


def admins_token(server):
    body = json.dumps({"email": "admin1@admin.com", "password": "admin1"}).encode()
    request = Request(f"{server}/auth/login", body, {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return json.load(answer)["token"]


class TestFlow:
    def test_runs_as_often_as_one_likes(self, newman):
        done, ran = newman("flow", times=21)
        assert done.returncode == 0, done.stdout
        registered = Counter(status for request, status in ran if request.endswith("/register"))
        assert registered == {201: 1, 409: 19, 429: 1}

    def test_fails_when_an_answer_is_another_one(self, newman):
        done, _ = newman("flow", adminEmail="user1@user.com", adminPassword="user1")
        assert done.returncode == 1
        assert "An admin is signed in" in done.stdout


def test_every_operation_of_the_document_answers_as_documented(newman, server):
    """Each request checks that its status is a documented one; here, that all which can succeed do."""
    ran = {}
    for folders in RUNS:
        done, answered = newman(*folders, token=admins_token(server))
        assert done.returncode == 0, done.stdout
        ran |= dict(answered)
    assert len(ran) == sum(len(operations.keys() - {"parameters"}) for operations in OPENAPI["paths"].values())
    assert {request: status for request, status in ran.items() if not 200 <= status < 300} == REFUSED


class TestInsomnia:
    def imported(self, path):
        done = node("import.js", path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def test_imports_every_request(self):
        made = self.imported(COLLECTION)
        requests = [one for one in made["resources"] if one["_type"] == "request"]
        sent = list(flat(json.loads(COLLECTION.read_text())["item"]))
        assert made["type"] == "postman"
        for one, item in zip(requests, sent, strict=True):
            request = item["request"]
            assert (one["name"], one["method"]) == (item["name"], request["method"])
            assert one["url"] == request["url"]["raw"]
            assert one["body"].get("text") == request.get("body", {}).get("raw")
            tokens = [given["value"] for given in request.get("auth", {}).get("bearer", [])]
            assert [one["authentication"][name] for name in ("token",) if one["authentication"]] == tokens

    def test_imports_the_environment(self):
        made = self.imported(ENVIRONMENT)
        values = json.loads(ENVIRONMENT.read_text())["values"]
        assert made["type"] == "postman-environment"
        assert [one["data"] for one in made["resources"]] == [{one["key"]: one["value"] for one in values}]
