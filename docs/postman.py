"""Writes the Postman collection, from openapi.json and the flow below, and its environment: ``make docs``."""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import parse_qsl

FOLDER = Path(__file__).parent
OPENAPI = FOLDER / "openapi.json"
COLLECTION = FOLDER / "mediatheque.postman_collection.json"
ENVIRONMENT = FOLDER / "mediatheque.postman_environment.json"

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
DESCRIPTION = (
    "Choose the environment that comes with this collection. Signing in, in the flow or in the folder auth, puts the "
    "token where the other requests take it from."
)
FLOW_DESCRIPTION = (
    "From an account to a collection that is deleted again, to be run in this order and as often as one likes: of all "
    "that it makes, only the account stays. It needs an admin's address and password in the environment, and a genre "
    "and a format in the library."
)

# What somebody sets, and below it what the requests set.
VARIABLES = {
    "baseUrl": "http://127.0.0.1:8080",
    "memberName": "Postman",
    "memberEmail": "postman@example.org",
    "memberPassword": "a long password",
    "adminEmail": "admin1@admin.com",
    "adminPassword": "admin1",
    "token": "",
    "adminToken": "",
    "genreId": "",
    "formatId": "",
    "collectionId": "",
    "bookId": "",
}
PLACES = ("path", "query", "header")
SECRET = {"memberPassword", "adminPassword", "token", "adminToken"}


@dataclass(frozen=True)
class Step:
    """A request of the flow: what is sent, with the token of that variable, and what may come back.

    *script* is Postman's JavaScript: it has the answer's JSON as ``body``, and comes after the check of the status.
    """

    name: str
    request: str
    statuses: list[int]
    bearer: str = ""
    body: str = ""
    script: str = ""


FLOW = [
    Step(
        "Register (409: there is such an account; 429: that was asked twenty times within an hour)",
        "POST /auth/register",
        [201, 409, 429],
        body='{"name": "{{memberName}}", "email": "{{memberEmail}}", "password": "{{memberPassword}}"}',
        script="""
            const made = {name: pm.environment.get("memberName"), is_admin: false};
            const refused = {status: pm.response.code};
            pm.test("A member's account is there", () => pm.expect(body).to.include(body.id ? made : refused));
        """,
    ),
    Step(
        "Sign in",
        "POST /auth/login",
        [200],
        body='{"email": "{{memberEmail}}", "password": "{{memberPassword}}"}',
        script="""
            pm.test("A member is signed in", () => pm.expect(body.is_admin).to.equal(false));
            pm.environment.set("token", body.token);
        """,
    ),
    Step(
        "Make a collection",
        "POST /collections",
        [201],
        bearer="token",
        body='{"name": "Living room"}',
        script="""
            const location = pm.response.headers.get("Location");
            pm.test("It is open, and empty", () => pm.expect(body).to.include({is_open: true, books_count: 0}));
            pm.test("It has an address", () => pm.expect(location).to.equal(`/collections/${body.id}`));
            pm.environment.set("collectionId", body.id);
        """,
    ),
    Step(
        "Find a genre",
        "GET /genres?limit=1",
        [200],
        script="""
            pm.test("There is one", () => pm.expect(body).to.have.lengthOf(1));
            pm.environment.set("genreId", body[0].id);
        """,
    ),
    Step(
        "Find a format",
        "GET /formats?limit=1",
        [200],
        script="""
            pm.test("There is one", () => pm.expect(body).to.have.lengthOf(1));
            pm.environment.set("formatId", body[0].id);
        """,
    ),
    Step(
        "Add a book",
        "POST /books",
        [201],
        bearer="token",
        body="""
            {
              "title": "A Psalm for the Wild-Built",
              "author": "Becky Chambers",
              "page_count": 160,
              "genre_id": {{genreId}},
              "format_id": {{formatId}},
              "collection_id": {{collectionId}}
            }
        """,
        script="""
            pm.test("It is in the collection", () => pm.expect(body.collection.name).to.equal("Living room"));
            pm.environment.set("bookId", body.id);
        """,
    ),
    Step(
        "Add a longer book",
        "POST /books",
        [201],
        bearer="token",
        body="""
            {
              "title": "Ecotopia",
              "author": "Ernest Callenbach",
              "page_count": 181,
              "genre_id": {{genreId}},
              "format_id": {{formatId}},
              "collection_id": {{collectionId}}
            }
        """,
        script="""
            pm.test("It is as it was sent", () => pm.expect(body).to.include({title: "Ecotopia", page_count: 181}));
        """,
    ),
    Step(
        "List the books of the collection",
        "GET /books?collection_id={{collectionId}}",
        [200],
        script="""
            const titles = body.map((book) => book.title);
            const expected = ["Ecotopia", "A Psalm for the Wild-Built"];
            pm.test("Both are there, the newest first", () => pm.expect(titles).to.eql(expected));
        """,
    ),
    Step(
        "Filter by genre, format and pages",
        "GET /books?collection_id={{collectionId}}&genre_id={{genreId}}&format_id={{formatId}}&max_page_count=170",
        [200],
        script="""
            const titles = body.map((book) => book.title);
            pm.test("The shorter one is there", () => pm.expect(titles).to.eql(["A Psalm for the Wild-Built"]));
        """,
    ),
    Step(
        "Search, the shortest first",
        "GET /books?collection_id={{collectionId}}&q=be&sort=page_count",
        [200],
        script="""
            const authors = body.map((book) => book.author);
            pm.test("It looks for a part of a name", () => pm.expect(authors).to.eql(["Becky Chambers"]));
        """,
    ),
    Step(
        "Update the book",
        "PATCH /books/{{bookId}}",
        [200],
        bearer="token",
        body='{"page_count": 147}',
        script="""
            const expected = {author: "Becky Chambers", page_count: 147};
            pm.test("What was sent has changed, and nothing else", () => pm.expect(body).to.include(expected));
        """,
    ),
    Step(
        "Delete the book, which a member may not",
        "DELETE /books/{{bookId}}",
        [403],
        bearer="token",
        script="""
            const sentence = "You must have admin permissions to delete books.";
            pm.test("It says who may", () => pm.expect(body.error).to.equal(sentence));
        """,
    ),
    Step(
        "Sign in as an admin",
        "POST /auth/login",
        [200],
        body='{"email": "{{adminEmail}}", "password": "{{adminPassword}}"}',
        script="""
            pm.test("An admin is signed in", () => pm.expect(body.is_admin).to.equal(true));
            pm.environment.set("adminToken", body.token);
        """,
    ),
    Step(
        "Delete the book as an admin",
        "DELETE /books/{{bookId}}",
        [200],
        bearer="adminToken",
        script="""
            const sentence = "Book A Psalm for the Wild-Built has been deleted successfully.";
            pm.test("It says which", () => pm.expect(body.message).to.equal(sentence));
        """,
    ),
    Step(
        "Look for the deleted book",
        "GET /books/{{bookId}}",
        [404],
        script="""
            const sentence = `A book with the id ${pm.environment.get("bookId")} does not exist.`;
            pm.test("It is gone", () => pm.expect(body.error).to.equal(sentence));
        """,
    ),
    Step(
        "Delete the collection as an admin, and the other book with it",
        "DELETE /collections/{{collectionId}}",
        [200],
        bearer="adminToken",
        script="""
            const sentence = "Collection Living room has been deleted successfully.";
            pm.test("It says which", () => pm.expect(body.message).to.equal(sentence));
        """,
    ),
    Step(
        "Look for the books of the deleted collection",
        "GET /books?collection_id={{collectionId}}",
        [200],
        script='pm.test("There are none", () => pm.expect(body).to.eql([]));',
    ),
    Step("Sign the admin out", "POST /auth/logout", [200], bearer="adminToken"),
    Step("Sign out", "POST /auth/logout", [200], bearer="token"),
    Step(
        "Use the token of the session that has ended",
        "GET /auth/me",
        [401],
        bearer="token",
        script='pm.test("It is worth nothing", () => pm.expect(body.msg).to.equal("Token is not valid"));',
    ),
]


def item(name: str, method: str, url: dict[str, Any], script: list[str], **rest: Any) -> dict[str, Any]:
    """A request of the collection; *script* runs when its answer is there."""
    return {
        "name": name,
        "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": script}}],
        "request": {"method": method, "url": url, **{key: value for key, value in rest.items() if value}},
    }


def address(path: str, query: list[dict[str, Any]], variables: list[dict[str, Any]]) -> dict[str, Any]:
    """Insomnia reads ``raw``, Postman the rest."""
    sent = "&".join(f"{one['key']}={one['value']}" for one in query if not one.get("disabled"))
    raw = f"{{{{baseUrl}}}}{path}{'?' if sent else ''}{sent}"
    url = {"raw": raw, "host": ["{{baseUrl}}"], "path": path[1:].split("/")}
    return url | {key: value for key, value in (("query", query), ("variable", variables)) if value}


def authorization(variable: str) -> dict[str, Any] | None:
    value = {"key": "token", "value": f"{{{{{variable}}}}}", "type": "string"}
    return {"type": "bearer", "bearer": [value]} if variable else None


def json_body(text: str) -> dict[str, Any] | None:
    return {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}} if text else None


def status_is(statuses: list[int]) -> str:
    listed = " or ".join(", ".join(map(str, part)) for part in (statuses[:-1], statuses[-1:]) if part)
    return f'pm.test("The status is {listed}", () => pm.expect(pm.response.code).to.be.oneOf({statuses}));'


def step_item(step: Step) -> dict[str, Any]:
    method, _, target = step.request.partition(" ")
    path, _, query = target.partition("?")
    lines = dedent(step.script).strip().splitlines()
    return item(
        step.name,
        method,
        address(path, [{"key": key, "value": value} for key, value in parse_qsl(query)], []),
        [status_is(step.statuses), *(["const body = pm.response.json();", *lines] if lines else [])],
        auth=authorization(step.bearer),
        body=json_body(dedent(step.body).strip()),
    )


def parameter(described: dict[str, Any]) -> dict[str, Any]:
    """One of the path, the query or the headers, switched off if it may be left out."""
    schema = described["schema"]
    value = next(iter([*schema.get("examples", []), *schema.get("enum", [])]), schema.get("default", ""))
    return {
        "key": described["name"],
        "value": value if isinstance(value, str) else json.dumps(value),
        **({"description": described["description"]} if "description" in described else {}),
        **({} if described.get("required") else {"disabled": True}),
    }


def operation_item(method: str, path: str, operation: dict[str, Any], shared: list[dict[str, Any]]) -> dict[str, Any]:
    """An operation of the document, with the parameters that it shares with others at its path."""
    described = [*shared, *operation.get("parameters", [])]
    given = {place: [parameter(one) for one in described if one["in"] == place] for place in PLACES}
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    statuses = sorted(int(status) for status in operation["responses"].keys() - {"default"})
    script = [status_is([status for status in statuses if status < HTTPStatus.INTERNAL_SERVER_ERROR])]
    if operation["operationId"] in {"login", "login_at_root"}:
        script.append('if (pm.response.code === 200) pm.environment.set("token", pm.response.json().token);')
    return item(
        operation["summary"].removesuffix("."),
        method.upper(),
        address(re.sub(r"{(\w+)}", r":\1", path), given["query"], given["path"]),
        script,
        header=given["header"],
        auth=authorization("token" if operation.get("security") else ""),
        body=json_body(json.dumps(content["example"], indent=2, ensure_ascii=False) if content else ""),
        description=operation.get("description", ""),
    )


def collection() -> dict[str, Any]:
    """The collection in the form v2.1: the flow, and a folder for each tag with its operations."""
    document = json.loads(OPENAPI.read_text(encoding="utf-8"))
    folders: dict[str, dict[str, Any]] = {
        tag["name"]: {"name": tag["name"], "description": tag["description"], "item": []} for tag in document["tags"]
    }
    for path, operations in document["paths"].items():
        shared = operations.pop("parameters", [])
        for method, operation in operations.items():
            made = operation_item(method, path, operation, shared)
            folders[operation["tags"][0]]["item"].append(made)
    for folder in folders.values():  # what the others ask for is deleted last
        folder["item"].sort(key=lambda made: made["request"]["method"] == "DELETE")
    flow = {"name": "flow", "description": FLOW_DESCRIPTION, "item": [step_item(step) for step in FLOW]}
    info = {"name": document["info"]["title"], "description": DESCRIPTION, "schema": SCHEMA}
    return {"info": info, "item": [flow, *folders.values()]}


def environment() -> dict[str, Any]:
    values = [
        {"key": key, "value": value, "type": "secret" if key in SECRET else "default", "enabled": True}
        for key, value in VARIABLES.items()
    ]
    return {"name": "Mediatheque", "values": values, "_postman_variable_scope": "environment"}


def written() -> dict[Path, str]:
    """The text of each file."""
    files = {COLLECTION: collection(), ENVIRONMENT: environment()}
    return {path: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for path, content in files.items()}


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
