"""Every route says who may use it, and it is who the table below says."""

import pytest

from contract.resources import DOCUMENT, LISTINGS, ROUTES
from factories.auth import UserFactory
from mediatheque.kit.blueprint import Blueprint

TABLE = """
/auth/register           POST public
/auth/login              POST public
/register                POST public
/login                   POST public
/auth/refresh            POST public
/auth/logout             POST member
/auth/logout-everywhere  POST member
/auth/sessions           GET member
/auth/sessions/<int:id>  DELETE member
/auth/me                 GET member   PUT member   PATCH member   DELETE member
/collections             GET public   POST member
/collections/<int:id>    GET public   PUT member   PATCH member   DELETE admin
/collections/<int:id>/export GET public
/books                   GET public   POST member
/books/<int:id>          GET public   PUT member   PATCH member   DELETE admin
/books/export            GET public
/movies                  GET public   POST member
/movies/<int:id>         GET public   PUT member   PATCH member   DELETE admin
/movies/export           GET public
/formats                 GET public   POST member
/formats/<int:id>        GET public   PUT member   PATCH member   DELETE admin
/movie_formats           GET public   POST member
/movie_formats/<int:id>  GET public   PUT member   PATCH member   DELETE admin
/genres                  GET public   POST member
/genres/<int:id>         GET public   PUT member   PATCH member   DELETE admin
/health/live             GET public
/health/ready            GET public
/openapi.json            GET public
/docs                    GET public
/docs/start.js           GET public
/docs/<path:name>        GET public
"""

ACCESS = {
    (method, path): access
    for path, *cells in (line.split() for line in TABLE.strip().splitlines())
    for method, access in zip(cells[::2], cells[1::2], strict=True)
}


def routes(*accesses: str) -> list[tuple[str, str]]:
    """The methods and addresses of the routes with that access; the id is one that no row has."""
    return [
        (method, path.replace("<int:id>", "999999999"))
        for (method, path), access in ACCESS.items()
        if access in accesses and "<path" not in path
    ]


def test_of_every_route_is_in_the_table():
    assert {route: getattr(view, "access", None) for route, view in ROUTES.items()} == ACCESS


def test_of_every_list_is_in_the_table():
    assert {("GET", path) for path in LISTINGS} == {
        route for route in ACCESS if route[0] == "GET" and ("GET", f"{route[1]}/<int:id>") in ACCESS
    }


@pytest.mark.parametrize(("method", "path"), routes("member", "admin"))
def test_without_a_token_is_401(client, method, path):
    assert client.open(path, method=method).status_code == 401


@pytest.mark.parametrize(("method", "path"), routes("admin"))
def test_of_admins_is_not_for_members(client, sign_in, method, path):
    answer = client.open(path, method=method, headers=sign_in(UserFactory()))
    rows = path.split("/")[1].replace("_", " ")
    assert (answer.status_code, answer.json["detail"]) == (403, f"You must have admin permissions to delete {rows}.")


TAKE_BODIES = {
    (method.upper(), path.replace("{id}", "999999999"))
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if "requestBody" in operation
}


@pytest.mark.parametrize(("method", "path"), [route for route in routes("member") if route in TAKE_BODIES])
def test_of_members_is_settled_before_the_body_is_read(client, sign_in, method, path):
    headers = sign_in(UserFactory())
    assert client.open(path, method=method, data="{", content_type="application/json").status_code == 401
    answer = client.open(path, method=method, data="{", content_type="application/json", headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(("method", "path"), routes("public"))
def test_of_everybody_needs_no_token(client, method, path):
    assert client.open(path, method=method).status_code not in (401, 403)


def test_must_be_stated_by_a_route():
    blueprint = Blueprint("shelves", __name__)
    with pytest.raises(TypeError, match=r"^shelves\.list_shelves does not state who may use it\.$"):

        @blueprint.route("/shelves")
        def list_shelves():
            return "[]"
