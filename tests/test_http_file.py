"""docs/mediatheque.http does what it says, read as REST Client and as JetBrains' client read it.

Neither runs outside its editor, and httpYac knows no request variables. What is relied on of either is in `Editor`.
"""

import json
import re
from http.client import HTTPConnection

import pytest

from mediatheque import config
from processes import seeded, served

FILE = (config.ROOT / "docs/mediatheque.http").read_text(encoding="utf-8")
_, *BLOCKS = re.split(r"^### ", FILE, flags=re.MULTILINE)
REQUESTS = dict(block.split("\n", 1) for block in BLOCKS)
JETBRAINS = [title for title in REQUESTS if title.startswith("In JetBrains")]
DELETE = next(title for title in REQUESTS if title.startswith("Delete"))


class Editor:
    """Sends requests of the file, by title, and works their variables out as it does.

    REST Client takes values from the answers of requests that have a name, JetBrains' client those that the handler
    behind a request has set, before those of the file.
    """

    def __init__(self, port, *, jetbrains=False, **changes):
        self.port = port
        self.jetbrains = jetbrains
        self.variables = dict(re.findall(r"^@(\w+) = (.+)$", FILE, re.MULTILINE)) | changes
        self.answers = {}
        self.set = {}

    def filled(self, text):
        return re.sub(r"{{(.+?)}}", lambda found: str(self.value(found[1])), text)

    def value(self, name):
        if name in self.set:
            return self.set[name]
        if name in self.variables:
            return self.filled(self.variables[name])
        request, member = re.fullmatch(r"(\w+)\.response\.body\.\$\.(\w+)", name).groups()
        return self.answers[request][member]

    def send(self, title):
        """The status and the text of the answer."""
        block, *handlers = re.split(r"^> ", REQUESTS[title], flags=re.MULTILINE)
        names = re.findall(r"^# @name (\w+)$", block, re.MULTILINE)
        head, _, body = re.sub(r"^[#@].*\n", "", block, flags=re.MULTILINE).strip().partition("\n\n")
        line, *headers = self.filled(head).splitlines()
        method, address = line.split(" ")
        connection = HTTPConnection("127.0.0.1", self.port)
        path = address.removeprefix(f"http://127.0.0.1:{self.port}")
        connection.request(method, path, self.filled(body) or None, dict(header.split(": ") for header in headers))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert self.jetbrains or not handlers, "REST Client takes a handler for a part of the body"
        if not self.jetbrains:
            self.answers |= {name: json.loads(text) for name in names}
        for handler in handlers:
            name, first, member = re.fullmatch(
                r'{% client\.global\.set\("(\w+)", response\.body(\[0])?\.(\w+)\); %}\s*', handler
            ).groups()
            self.set[name] = (json.loads(text)[0] if first else json.loads(text))[member]
        return answer.status, text


@pytest.fixture(scope="module")
def port(make_database, make_app):
    """Of a server on a seeded database."""
    with served(seeded(make_database("http_file"), make_app)) as port:
        yield port


@pytest.fixture
def editor(port):
    return lambda **changes: Editor(port, baseUrl=f"http://127.0.0.1:{port}", **changes)


def test_everything_works_in_rest_client(editor):
    client = editor()
    answers = {title: client.send(title) for title in REQUESTS if title not in JETBRAINS}
    assert {title: status for title, (status, _) in answers.items() if status not in {200, 201}} == {DELETE: 403}
    book = json.loads(answers["Change the book"][1])
    assert (book["title"], book["published_year"], book["collection"]["name"]) == ("Ecotopia", 1975, "Living room")
    assert book["genre"] == {"genre": "Science Fiction"}
    for title in REQUESTS:
        if title.startswith(("Find", "Search")):
            assert book in json.loads(answers[title][1])
    assert [one["id"] for one in json.loads(answers["Look at the collection"][1])["books"]] == [book["id"]]
    assert "Ecotopia" in answers["Export all books as a table"][1]


def test_an_admin_may_delete(editor):
    client = editor(email="admin1@admin.com", password="admin1")
    for title in ("Sign in", "Make a collection", "Add a book"):
        client.send(title)
    assert client.send(DELETE)[0] == 200


def test_jetbrains_takes_token_and_ids_by_handlers(editor):
    client = editor(jetbrains=True)
    sign_in, take_collection, take_book = JETBRAINS
    steps = [sign_in, "Make a collection", take_collection, "Add a book", take_book, "Change the book"]
    answers = [client.send(title) for title in steps]
    assert [status for status, _ in answers] == [200, 201, 200, 201, 200, 200]
    added, changed = json.loads(answers[3][1]), json.loads(answers[5][1])
    assert changed["id"] == added["id"]
    assert changed["collection_id"] == json.loads(answers[1][1])["id"]
