"""The OpenAPI document is valid, complete and true: its examples are accepted and every answer is as it says."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from uuid import uuid4

import pytest
from flask_migrate import upgrade
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from contract.resources import DOCUMENT, FACTORIES, LISTINGS, ROUTES, filled, nulls
from factories.auth import PASSWORD, UserFactory, signed_in
from factories.library import CollectionFactory
from factories.session import factory_session
from mediatheque import config
from mediatheque.auth import accounts
from mediatheque.auth.models import User
from mediatheque.cli.database import seed_if_empty

# operationId, and the answers of the operation.
OPERATIONS = """
register                    201 400 409 413 415 422 429 503
register_at_root            201 400 409 413 415 422 429 503
login                       200 400 401 413 415 422 429 503
login_at_root               200 400 401 413 415 422 429 503
refresh                     200 400 401 413 415 422 503
logout                      200 401 429 503
logout_everywhere           200 401 429 503
list_sessions               200 401 503
delete_session              200 401 404 429 503
get_me                       200 304 401 503
update_me                    200 400 401 409 412 413 415 422 429 503
update_me_by_put             200 400 401 409 412 413 415 422 429 503
delete_me                    200 400 401 412 413 415 422 429 503
list_collections            200 422 503
get_collection              200 304 404 503
create_collection           201 400 401 413 415 422 429 503
update_collection           200 400 401 403 404 412 413 415 422 429 503
update_collection_by_put    200 400 401 403 404 412 413 415 422 429 503
delete_collection           200 401 403 404 412 429 503
export_collection           200 404 422 503
list_books                  200 422 503
get_book                    200 304 404 503
create_book                 201 400 401 403 413 415 422 429 503
update_book                 200 400 401 403 404 412 413 415 422 429 503
update_book_by_put          200 400 401 403 404 412 413 415 422 429 503
delete_book                 200 401 403 404 412 429 503
export_books                200 422 503
list_movies                 200 422 503
get_movie                   200 304 404 503
create_movie                201 400 401 403 413 415 422 429 503
update_movie                200 400 401 403 404 412 413 415 422 429 503
update_movie_by_put         200 400 401 403 404 412 413 415 422 429 503
delete_movie                200 401 403 404 412 429 503
export_movies               200 422 503
list_formats                200 422 503
get_format                  200 304 404 503
create_format               201 400 401 409 413 415 422 429 503
update_format               200 400 401 404 409 412 413 415 422 429 503
update_format_by_put        200 400 401 404 409 412 413 415 422 429 503
delete_format               200 401 403 404 412 429 503
list_movie_formats          200 422 503
get_movie_format            200 304 404 503
create_movie_format         201 400 401 409 413 415 422 429 503
update_movie_format         200 400 401 404 409 412 413 415 422 429 503
update_movie_format_by_put  200 400 401 404 409 412 413 415 422 429 503
delete_movie_format         200 401 403 404 412 429 503
list_genres                 200 422 503
get_genre                   200 304 404 503
create_genre                201 400 401 409 413 415 422 429 503
update_genre                200 400 401 404 409 412 413 415 422 429 503
update_genre_by_put         200 400 401 404 409 412 413 415 422 429 503
delete_genre                200 401 403 404 412 429 503
get_stats                   200 304 422 503
get_live                     200
get_ready                   200 503
"""

STATUSES = {name: statuses for name, *statuses in (line.split() for line in OPERATIONS.strip().splitlines())}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each operation."""
    for path, item in DOCUMENT["paths"].items():
        for method in item.keys() - {"parameters"}:
            yield method.upper(), path, item[method]


def parameters(path: str, operation: dict[str, Any]) -> list[dict[str, Any]]:
    return DOCUMENT["paths"][path].get("parameters", []) + operation.get("parameters", [])


def resolved(item: dict[str, Any]) -> dict[str, Any]:
    """*item*, or what its ``$ref`` points to."""
    found = DOCUMENT
    for name in item["$ref"].split("/")[1:] if "$ref" in item else ():
        found = found[name]
    return found if "$ref" in item else item


def objects(item: Any) -> Iterator[dict[str, Any]]:
    """Every object within *item*, at any depth."""
    if isinstance(item, dict):
        yield item
    for one in item.values() if isinstance(item, dict) else item if isinstance(item, list) else ():
        yield from objects(one)


def validator(operation: dict[str, Any], status: int, content_type: str) -> Draft202012Validator:
    """The validator of the operation's answers with that status; its references point into the document."""
    schema = resolved(operation["responses"][str(status)])["content"][content_type]["schema"]
    return Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def is_valid(answer, operation: dict[str, Any]) -> bool:
    validator(operation, answer.status_code, answer.mimetype).validate(answer.json)
    return True


ALL = {operation["operationId"]: (method, path, operation) for method, path, operation in operations()}
WITH_BODY = {name: one for name, one in ALL.items() if "requestBody" in one[2]}


@pytest.fixture(scope="session")
def app(make_database, make_app):
    """The application as a newcomer has it: a new database, seeded."""
    app = make_app(make_database("openapi"))
    for command in ("create", "seed"):
        result = app.test_cli_runner().invoke(args=["db", command])
        assert result.exit_code == 0, result.output
    return app


@pytest.fixture
def admin(app, connection, sign_in):
    """The headers of the seeded admin, who owns the seeded rows."""
    return sign_in(factory_session.get(User, 1))


@pytest.fixture(scope="session")
def away(make_app, server_url):
    """The application when nobody listens where its database should be."""
    return make_app(server_url.set(host="127.0.0.1", port=1))


@pytest.fixture(scope="session")
def limited(make_database, make_app):
    """The application with limits of what one may ask, on a seeded database of its own."""
    app = make_app(make_database("limited"), RATELIMIT_ENABLED="1", RATELIMIT_WRITES="1 per day")
    with app.app_context():
        upgrade()
        seed_if_empty()
    return app


@pytest.fixture
def eager(limited):
    """A client of it, and the headers of somebody who has written all that they may."""
    with limited.app_context():
        user = accounts.create("Eager", f"{uuid4()}@example.org", PASSWORD, is_admin=True)
        headers = signed_in(user)
    client = limited.test_client()
    assert client.post("/collections", json={"name": "Attic"}, headers=headers).status_code == 201
    return client, headers


@pytest.fixture
def send(client, admin):
    """Sends an operation its own example, as an admin unless told otherwise."""

    def send(name: str, *, id: int = 1, to=client, headers=admin, **options):
        method, path, operation = ALL[name]
        if "requestBody" in operation and not {"data", "json", "content_type"} & options.keys():
            options["json"] = example(operation)
            if name == "refresh" and to is client:  # no example can be a token that is alive
                login = client.post("/login", json=example(ALL["login"][2]))
                options["json"] = {"refresh_token": login.json["refresh_token"]}
        if name == "delete_session" and id == 1 and to is client:
            id = client.get("/auth/sessions", headers=admin).json[0]["id"]
        return to.open(path.replace("{id}", str(id)), method=method, headers=headers, **options)

    return send


def example(operation: dict[str, Any]) -> dict[str, Any]:
    return operation["requestBody"]["content"]["application/json"]["example"]


class TestDocument:
    def test_is_valid(self):
        OpenAPIV31SpecValidator(DOCUMENT).validate()

    def test_is_what_the_application_serves(self, client):
        answer = client.get("/openapi.json")
        assert (answer.mimetype, answer.json) == ("application/json", DOCUMENT)

    def test_stands_in_the_folder_docs_as_served(self):
        written = json.loads((config.ROOT / "docs/openapi.json").read_text())
        assert written == DOCUMENT, "make docs writes it again"

    def test_has_every_route_and_nothing_else(self):
        assert {(method, path) for method, path, _ in operations()} == {
            (method, path.replace("<int:id>", "{id}"))
            for method, path in ROUTES
            if path != "/" and not path.startswith(("/openapi", "/docs", "/web"))
        }

    def test_has_nothing_unused_and_points_to_nothing_missing(self):
        used = {item["$ref"] for item in objects(DOCUMENT) if "$ref" in item}
        components = DOCUMENT["components"]
        there = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in components[kind]}
        assert used == there

    def test_names_each_operation_once_and_lists_its_answers(self):
        assert len(ALL) == len(list(operations()))
        assert {name: sorted(one["responses"].keys() - {"default"}) for name, (_, _, one) in ALL.items()} == STATUSES

    @pytest.mark.parametrize("name", ALL)
    def test_says_what_an_operation_is_and_who_may(self, name):
        method, path, operation = ALL[name]
        assert operation["summary"].endswith(".")
        assert operation["tags"] in ([path.split("/")[1]], ["auth"], ["me"])
        assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}
        access = ROUTES[method, path.replace("{id}", "<int:id>")].access
        assert operation.get("security", []) == ([] if access == "public" else [{"bearer": []}])

    @pytest.mark.parametrize("name", ALL)
    def test_gives_every_parameter_a_schema(self, send, name):
        _, path, operation = ALL[name]
        described = {(one["in"], one["name"]): one["schema"] for one in parameters(path, operation)}
        assert all("type" in schema for schema in described.values())
        known = known_parameters(send, name)
        statuses = operation["responses"].keys()
        conditions = {"304": "If-None-Match", "412": "If-Match"}
        headers = {header for status, header in conditions.items() if status in statuses}
        if name.startswith("create_"):
            headers = {"Idempotency-Key"}
        assert set(described) == {("query", parameter) for parameter in known} | (
            {("path", "id")} if "{id}" in path else set()
        ) | {("header", header) for header in headers}

    @pytest.mark.parametrize("name", ALL)
    def test_promises_all_members_of_an_answer_and_no_others(self, name):
        _, _, operation = ALL[name]
        for status in operation["responses"].keys() - {"default"}:
            for schema in answered(operation, status):
                optional = {"errors", "msg"} if "request_id" in schema["properties"] else set()
                assert schema["additionalProperties"] is False
                assert set(schema["required"]) == schema["properties"].keys() - optional


def known_parameters(send, name: str) -> set[str]:
    """The parameters, of all that there are, that the operation does not refuse for there being none of that name."""
    if ALL[name][0] != "GET":
        return set()
    all = {one["name"] for _, path, other in operations() for one in parameters(path, other) if one["in"] == "query"}
    answer = send(name, query_string=dict.fromkeys(all, "?"))
    if answer.status_code != 422:
        return set()
    unknown = ["Must not be given: there is no such parameter."]
    return {one for one in all if answer.json["errors"].get(one) != unknown}


def answered(operation: dict[str, Any], status: str) -> Iterator[dict[str, Any]]:
    """The schemas of the objects, at any depth, in an answer."""
    waiting = list(objects(resolved(operation["responses"][status]).get("content", {})))
    while waiting:
        item = waiting.pop()
        if "$ref" in item:
            waiting += objects(resolved(item))
        elif "properties" in item:
            yield item


class TestExample:
    @pytest.mark.parametrize("name", ALL)
    def test_is_accepted_by_a_freshly_seeded_database(self, send, name):
        _, path, operation = ALL[name]
        ids = [one["schema"]["examples"][0] for one in parameters(path, operation) if one["in"] == "path"]
        answer = send(name, id=ids[0] if ids else 0)
        assert answer.status_code in (200, 201), answer.json
        assert is_valid(answer, operation)

    @pytest.mark.parametrize("name", WITH_BODY)
    def test_fits_its_own_schema(self, name):
        content = WITH_BODY[name][2]["requestBody"]["content"]["application/json"]
        Draft202012Validator({**content["schema"], "components": DOCUMENT["components"]}).validate(content["example"])

    def test_is_there_for_every_body(self):
        writes = {name for name, (method, *_) in ALL.items() if method in ("POST", "PUT", "PATCH")}
        assert WITH_BODY.keys() == writes - {"logout", "logout_everywhere"} | {"delete_me"}


class TestAnswer:
    @pytest.mark.parametrize("path", LISTINGS)
    def test_with_every_member_null_and_filled_is_as_documented(self, client, path):
        model = LISTINGS[path].wire.model
        factory = FACTORIES[model]
        empty, full = factory(**nulls(model)), factory(**filled(model))
        listed = client.get(path)
        assert [row["id"] for row in listed.json][:2] == [full.id, empty.id]
        assert is_valid(listed, DOCUMENT["paths"][path]["get"])
        for row in (empty, full):
            assert is_valid(client.get(f"{path}/{row.id}"), DOCUMENT["paths"][f"{path}/{{id}}"]["get"])

    @pytest.mark.parametrize("path", LISTINGS)
    def test_says_which_members_may_be_null_and_which_may_not(self, client, path):
        model = LISTINGS[path].wire.model
        empty = client.get(f"{path}/{FACTORIES[model](**nulls(model)).id}").json
        valid = validator(DOCUMENT["paths"][f"{path}/{{id}}"]["get"], 200, "application/json").is_valid
        full = client.get(f"{path}/{FACTORIES[model](**filled(model)).id}").json
        assert {name: valid(full | {name: None}) for name in full} == {name: empty[name] is None for name in full}

    @pytest.mark.parametrize("name", ALL)
    def test_with_a_member_more_or_less_would_not_pass(self, send, name):
        answer = send(name)
        valid = validator(ALL[name][2], answer.status_code, answer.mimetype).is_valid
        for place, item in enumerate(objects(answer.json)):
            changed = deepcopy(answer.json)
            list(objects(changed))[place]["surprise"] = 1
            assert not valid(changed)
            for member in item:
                changed = deepcopy(answer.json)
                del list(objects(changed))[place][member]
                assert not valid(changed), member

    @pytest.mark.parametrize("path", LISTINGS)
    def test_of_a_list_has_the_headers_that_are_documented(self, client, path):
        model = LISTINGS[path].wire.model
        FACTORIES[model].create_batch(2)
        headers = DOCUMENT["paths"][path]["get"]["responses"]["200"]["headers"]
        assert headers.keys() <= set(client.get(f"{path}?limit=1&count=true").headers.keys())

    @pytest.mark.parametrize("name", [name for name in ALL if name.startswith("create_")])
    def test_of_a_creation_has_the_location_that_is_documented(self, send, name):
        assert "Location" in ALL[name][2]["responses"]["201"]["headers"]
        assert "Location" in send(name).headers


def refusals(*statuses: int) -> list[tuple[str, int]]:
    return [(name, int(status)) for name, all in STATUSES.items() for status in all if int(status) in statuses]


class TestRefusal:
    """Every error that is documented can be had, and has the documented body."""

    WAYS = {
        400: {"data": "{", "content_type": "application/json"},
        401: {"headers": {}, "json": {"email": "nobody@example.org", "password": "wrong"}},
        404: {"id": 999999},
        413: {"data": b" " * (1024 * 1024 + 1), "content_type": "application/json"},
        415: {"data": "{}", "content_type": "text/plain"},
        422: {"json": {}, "query_string": {"limit": 0}},
    }

    def is_documented(self, answer, name, status):
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
        return is_valid(answer, ALL[name][2])

    def test_is_provoked_below_whatever_it_is(self):
        assert {status for _, status in refusals(*range(400, 600))} == {*self.WAYS, 403, 409, 412, 429, 503}

    @pytest.mark.parametrize(("name", "status"), refusals(*WAYS))
    def test_of_a_bad_request_is_as_documented(self, send, name, status):
        options = dict(self.WAYS[status])
        if (name, status) == ("refresh", 401):
            options["json"] = {"refresh_token": "of nobody"}
        assert self.is_documented(send(name, **options), name, status)

    @pytest.mark.parametrize(("name", "status"), refusals(403))
    def test_of_somebody_else_is_as_documented(self, send, sign_in, name, status):
        options = {"headers": sign_in(UserFactory())}
        if name.startswith("create_"):
            options["json"] = example(ALL[name][2]) | {"collection_id": CollectionFactory(is_open=False).id}
        assert self.is_documented(send(name, **options), name, status)

    @pytest.mark.parametrize(("name", "status"), refusals(409))
    def test_of_what_exists_already_is_as_documented(self, send, name, status):
        creation = name.removesuffix("_by_put").replace("update_me", "register").replace("update_", "create_")
        taken = send(creation)
        assert taken.status_code == 201
        again = {member: taken.json.get(member, value) for member, value in example(ALL[name][2]).items()}
        if "current_password" in again:
            again["email"] = taken.json["email"]
        assert self.is_documented(send(name, json=again), name, status)

    @pytest.mark.parametrize(("name", "status"), refusals(412))
    def test_of_what_has_changed_is_as_documented(self, send, admin, name, status):
        assert self.is_documented(send(name, headers=admin | {"If-Match": '"as it was"'}), name, status)

    @pytest.mark.parametrize(("name", "status"), refusals(429))
    def test_of_too_many_is_as_documented(self, send, eager, name, status):
        client, headers = eager
        answers = (send(name, to=client, headers=headers) for _ in range(61))
        answer = next(one for one in answers if one.status_code == 429)
        assert self.is_documented(answer, name, status)
        assert int(answer.headers["Retry-After"]) >= 1

    @pytest.mark.parametrize(("name", "status"), refusals(503))
    def test_without_the_database_is_as_documented(self, send, away, name, status):
        assert self.is_documented(send(name, to=away.test_client()), name, status)
