"""Every route says who may use it, and answers everybody as access.txt says."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from contract.resources import DOCUMENT, FACTORIES, LISTINGS, ROUTES, Key, all_rows
from factories.auth import PASSWORD, UserFactory
from factories.library import CollectionFactory
from mediatheque.auth import sessions, tokens
from mediatheque.auth.models import Session, User
from mediatheque.extensions import db
from mediatheque.kit.blueprint import Blueprint
from mediatheque.kit.models import Base
from mediatheque.library.models import Collection

MISSING = 999_999_999  # an id that no row has
LEFT_OUT = "·"


class Line(NamedTuple):
    """A line of access.txt about one method."""

    access: str
    method: str
    path: str
    whose: str
    answers: dict[str, str]  # by who asks
    does: set[str]


def lines() -> Iterator[Line]:
    """The lines of access.txt, each for one of its methods."""
    _legend, _, table = (Path(__file__).parent / "access.txt").read_text().partition("\naccess  methods ")
    head, *rows = table.splitlines()
    _path, _whose, *who, _does = head.split()
    for row in filter(None, rows):
        access, methods, path, whose, *cells = row.split()
        for method in methods.split(","):
            answers = dict(zip(who, cells[: len(who)], strict=True))
            yield Line(access, method, path, whose, answers, set(cells[len(who) :]))


LINES = list(lines())

ACCESS = {(line.method, line.path): line.access for line in LINES}

MODELS = {path: listing.wire.model for path, listing in LISTINGS.items()} | {"/auth/sessions": Session}


def model_of(path: str) -> type[Base] | None:
    """The model of the rows that a path is about."""
    return MODELS.get(path.removesuffix("/export").removesuffix("/<int:id>"))


def routes(*accesses: str) -> list[tuple[str, str]]:
    """The methods and addresses of the routes with that access; the id is one that no row has."""
    return [
        (method, path.replace("<int:id>", str(MISSING)))
        for (method, path), access in ACCESS.items()
        if access in accesses and "<path" not in path
    ]


def example(method: str, path: str) -> dict[str, Any]:
    """The example of a body that the document gives for the operation."""
    operation = DOCUMENT["paths"].get(path.replace("<int:id>", "{id}"), {}).get(method.lower(), {})
    return dict(operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example", {}))


class TestTable:
    def test_has_every_route_as_it_states_its_access(self):
        assert {route: getattr(view, "access", None) for route, view in ROUTES.items()} == ACCESS

    def test_has_every_list(self):
        assert {("GET", path) for path in LISTINGS} == {
            route for route in ACCESS if route[0] == "GET" and ("GET", f"{route[1]}/<int:id>") in ACCESS
        }

    def test_has_every_line_of_a_route_once(self):
        expected = []
        for method, path in ROUTES:
            kinds = {"-"}
            if "<int:id>" in path:
                kinds = {"own", "foreign", "missing"} if hasattr(model_of(path), "user_id") else {"shared", "missing"}
            if hasattr(model_of(path), "collection_id") and method == "POST":
                kinds = {"own", "foreign", "closed", "missing"}
            if hasattr(model_of(path), "collection_id") and method in ("PUT", "PATCH"):
                kinds |= {"closed"}
            expected += [(method, path, whose) for whose in kinds]
        assert sorted((line.method, line.path, line.whose) for line in LINES) == sorted(expected)

    def test_leaves_out_only_what_nobody_owns(self):
        left_out = {(one.whose, who) for one in LINES for who, status in one.answers.items() if status == LEFT_OUT}
        assert left_out <= {(whose, who) for whose in ("own", "closed") for who in ("anonymous", "member")}

    def test_says_what_a_write_does(self):
        for line in LINES:
            writes = line.method != "GET" and any(status.startswith("2") for status in line.answers.values())
            assert bool(line.does) == writes, line


@dataclass
class Asker:
    """Who sends a request: the user, unless it is nobody, and the rows that are theirs.

    There is a session and another one of the same user; those of somebody for nobody.
    """

    user: User | None
    session: sessions.Started
    other_session: sessions.Started
    headers: dict[str, str]
    rows: dict[type[Base], Any]


@dataclass
class Asked:
    """A request, and the rows that are changed or deleted if it is granted; None if it makes one."""

    path: str
    body: dict[str, Any]
    touched: set[Key] | None = None


# What rows are made with, so that the changes below change them.
BEFORE = {"collections": {"is_open": False}, "books": {"page_count": 1}, "movies": {"run_time": 1}}


@pytest.fixture
def asker(app, client):
    """Makes who is called that."""

    def make(who: str) -> Asker:
        user = UserFactory(is_admin=who == "admin")
        with app.app_context():
            session, other_session = sessions.begin(user, "the tests"), sessions.begin(user, "the tests")
            db.session.commit()
            headers = {"Authorization": f"Bearer {tokens.issue(session)}"}
        if who == "anonymous":
            return Asker(None, session, other_session, {}, {})
        rows = {Session: other_session}
        if who != "member":
            shelf = rows[Collection] = CollectionFactory(user=user, is_open=False)
            for model, factory in FACTORIES.items():
                if hasattr(model, "collection_id"):
                    rows[model] = factory(user=user, collection=shelf, **BEFORE.get(model.__tablename__, {}))
        if who == "ended":
            assert client.post("/auth/logout", headers=headers).status_code == 200
        return Asker(user, session, other_session, headers, rows)

    return make


def of_account(line: Line, asker: Asker) -> Asked:
    """The request of a line that is about the asker's account or session, or about a new one."""
    body = example(line.method, line.path)
    action = line.path.rpartition("/")[2]
    if action == "register":
        return Asked(line.path, body)
    if action == "login":
        return Asked(line.path, {"email": UserFactory().email, "password": PASSWORD})
    if action == "refresh":
        return Asked(line.path, {"refresh_token": asker.session.refresh_token}, {("sessions", asker.session.id)})
    if action == "logout":
        return Asked(line.path, body, {("sessions", asker.session.id)})
    if action == "logout-everywhere":
        return Asked(line.path, body, {("sessions", id) for id in (asker.session.id, asker.other_session.id)})
    if "current_password" in body:
        body["current_password"] = PASSWORD
    return Asked(line.path, body, {("users", asker.user.id)} if asker.user else set())


def of_row(line: Line, asker: Asker, model: type[Base]) -> Asked:
    """The request of a line that is about rows of *model*."""
    body = example(line.method, line.path)
    for name in body:
        for key in model.__table__.c[name].foreign_keys:
            (made,) = (one for one in FACTORIES if one.__table__ is key.column.table)
            body[name] = collection(line.whose, asker) if made is Collection else FACTORIES[made]().id
    if "<int:id>" not in line.path:
        return Asked(line.path, body)
    if line.whose == "closed":
        body = {"collection_id": collection(line.whose, asker)}
    id = MISSING if line.whose == "missing" else row(line.whose, asker, model)
    return Asked(line.path.replace("<int:id>", str(id)), body, {(model.__tablename__, id)})


def collection(whose: str, asker: Asker) -> int:
    """The id of the collection that a line puts something into."""
    if whose == "missing":
        return MISSING
    return asker.rows[Collection].id if whose == "own" else CollectionFactory(is_open=whose == "foreign").id


def row(whose: str, asker: Asker, model: type[Base]) -> int:
    """The id of the row of *model* that a line is about."""
    if whose in ("own", "closed"):
        return asker.rows[model].id
    options = dict(BEFORE.get(model.__tablename__, {}))
    if hasattr(model, "collection_id") and Collection in asker.rows:
        options["collection"] = asker.rows[Collection]
    return FACTORIES[model](**options).id


def request_of(line: Line, asker: Asker) -> Asked:
    """The valid request of a line of the table."""
    model = model_of(line.path)
    if model is not None and (model is not Session or "<int:id>" in line.path):
        return of_row(line, asker, model)
    if example(line.method, line.path) or line.access == "member":
        return of_account(line, asker)
    return Asked(FILES.get(line.path, line.path), {})


def with_what_hangs_on(rows: dict[Key, dict[str, Any]], keys: set[Key]) -> set[Key]:
    """The rows with those keys, and those that the database deletes with them."""
    for table in Base.metadata.tables.values():
        for constraint in table.foreign_key_constraints:
            if constraint.ondelete == "CASCADE":
                name = constraint.columns[0].name
                parent = constraint.referred_table.name
                hanging = {key for key, row in rows.items() if key[0] == table.name and (parent, row[name]) in keys}
                if hanging - keys:
                    return with_what_hangs_on(rows, keys | hanging)
    return keys


FILES = {"/docs/<path:name>": "/docs/swagger-ui.css", "/web/<path:name>": "/web/js/main.js"}
NOT_AS_GIVEN = {"isbn", "password", "current_password", "refresh_token"}  # stored otherwise, or not at all

CELLS = [
    pytest.param(line, who, id=f"{who} {line.method} {line.path} {line.whose} is {line.answers[who]}")
    for line in LINES
    for who in line.answers
    if line.answers[who] != LEFT_OUT
]


@pytest.mark.parametrize(("line", "who"), CELLS)
def test_answers_as_the_table_says_and_changes_what_it_says(client, connection, asker, record_property, line, who):
    record_property("cells", 1)
    someone = asker(who)
    asked = request_of(line, someone)
    before = all_rows(connection)
    body = {"json": asked.body} if asked.body else {}
    answer = client.open(asked.path, method=line.method, headers=someone.headers, **body)
    assert str(answer.status_code) == line.answers[who], answer.get_data(as_text=True)
    after = all_rows(connection)
    made, deleted = after.keys() - before.keys(), before.keys() - after.keys()
    changed = {key for key in after.keys() & before.keys() if after[key] != before[key]}
    if answer.status_code >= 300 or line.method == "GET":
        assert not made | deleted | changed
        return
    signs = {f"{sign}{table}" for sign, keys in (("+", made), ("~", changed), ("-", deleted)) for table, _ in keys}
    assert signs
    assert signs <= line.does
    if made:
        (key,) = made
        assert not changed | deleted
        assert after[key].get("user_id") in (None, getattr(someone.user, "id", None)) or line.path.endswith("login")
    else:
        assert changed | deleted == (with_what_hangs_on(before, asked.touched) if deleted else asked.touched)
    written = {name: value for name, value in asked.body.items() if name not in NOT_AS_GIVEN}
    for key in made | changed:
        assert after[key].items() >= (written.items() if key[0] != "sessions" else set())


@pytest.mark.parametrize(("method", "path"), routes("member", "admin"))
def test_without_a_token_is_401(client, method, path):
    assert client.open(path, method=method).status_code == 401


@pytest.mark.parametrize(("method", "path"), routes("admin"))
def test_of_admins_is_not_for_members(client, sign_in, method, path):
    answer = client.open(path, method=method, headers=sign_in(UserFactory()))
    rows = path.split("/")[1].replace("_", " ")
    assert (answer.status_code, answer.json["detail"]) == (403, f"You must have admin permissions to delete {rows}.")


TAKE_BODIES = {
    (method.upper(), path.replace("{id}", str(MISSING)))
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
