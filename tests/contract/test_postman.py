"""The Postman collection and its environment say what openapi.json says."""

import json
import re
import runpy

import pytest

from contract.test_openapi import operations
from mediatheque import config

POSTMAN = runpy.run_path(str(config.ROOT / "docs/postman.py"))
COLLECTION = json.loads(POSTMAN["COLLECTION"].read_text(encoding="utf-8"))
FLOW, *FOLDERS = COLLECTION["item"]


@pytest.mark.parametrize("path", POSTMAN["written"](), ids=lambda path: path.name)
def test_the_file_is_what_the_document_makes_of_it(path):
    assert path.read_text(encoding="utf-8") == POSTMAN["written"]()[path], f"docs/{path.name} is stale: make docs"


def test_has_every_operation_in_the_folder_of_its_tag():
    there = {
        (folder["name"], item["request"]["method"], "/" + "/".join(item["request"]["url"]["path"]))
        for folder in FOLDERS
        for item in folder["item"]
    }
    assert there == {
        (operation["tags"][0], method, re.sub(r"{(\w+)}", r":\1", path)) for method, path, operation in operations()
    }


def test_sends_the_example_with_a_token_and_nothing_that_may_be_left_out():
    (books,) = (folder["item"] for folder in FOLDERS if folder["name"] == "books")
    requests = {(item["request"]["method"], item["request"]["url"]["raw"]): item["request"] for item in books}
    create, update = requests["POST", "{{baseUrl}}/books"], requests["PATCH", "{{baseUrl}}/books/:id"]
    assert json.loads(create["body"]["raw"])["title"] == "Ender's Game"
    assert [one["value"] for one in create["auth"]["bearer"]] == ["{{token}}"]
    assert [(one["key"], one["disabled"]) for one in create["header"]] == [("Idempotency-Key", True)]
    assert update["url"]["variable"] == [{"key": "id", "value": "1"}]
    listed = requests["GET", "{{baseUrl}}/books"]
    assert "auth" not in listed
    assert {"q", "genre_id", "sort"} <= {one["key"] for one in listed["url"]["query"] if one["disabled"]}


def test_the_environment_has_the_variables_that_are_used():
    text = json.dumps(COLLECTION)
    used = {*re.findall(r"{{(\w+)}}", text), *re.findall(r'environment\.[gs]et\(\\"(\w+)\\"', text)}
    assert used == POSTMAN["VARIABLES"].keys()
