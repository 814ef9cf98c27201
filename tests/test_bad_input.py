"""Nasty values, for every writable member and every parameter: never a 5xx, and what is refused changes nothing."""

import json
import random
from itertools import product
from urllib.parse import quote

import pytest

from contract.resources import DOCUMENT, FACTORIES, LISTINGS, row_counts
from factories.auth import PASSWORD, UserFactory
from mediatheque.auth import sessions
from mediatheque.extensions import db
from mediatheque.kit.models import BIGINT_MAX, INTEGER_MAX, Base

LEAKS = ("psycopg", "sqlalchemy", "SELECT ", "INSERT ", "UPDATE ", "Traceback", ".py", "_folded", "ck_", "fk_", "uq_")
SHOWN = 80  # characters of a value in an error's body


class Raw(str):
    """JSON as it is sent, which Python's own writer would not write."""

    __slots__ = ()


OTHERS = (None, True, False, [], {}, [1], ["x"], [None], {"id": 1}, {"$ne": None})
NUMBERS = (
    0, 1, -1, -3000, -3001, 2100, 2101, INTEGER_MAX, INTEGER_MAX + 1, -INTEGER_MAX - 1, -INTEGER_MAX - 2, BIGINT_MAX,
    BIGINT_MAX + 1, -BIGINT_MAX - 1, -BIGINT_MAX - 2, 2**64 - 1, 2**64, 10**30, 1.0, 1.5, -0.0, 1e308, 5e-324,
    Raw("1e400"), Raw("NaN"), Raw("Infinity"), Raw("-Infinity"), Raw("9" * 90), Raw("9" * 400), Raw("-" + "9" * 5000),
    "", " ", "1", "-1", "1.0", "NaN", "\u0661", "0x1", "1 OR 1=1", "x" * 100_000,
)  # fmt: skip
TEXTS = (
    "", " ", "\u00a0", "x", "xx", "x" * 100, "x" * 101, "x" * 255, "x" * 256, "x" * 100_000, "\0", "a\0b", "\n", "\x7f",
    "\x85", "\ud800", "\udfff\ud800", "\ufeff", "\u200b" * 3, "\u0300", "a" + "\u0301" * 254, "ﬁ" * 255, "ﷺ" * 100,
    "ﷺ" * 255, "가" * 255, "😀" * 255, "\U0010ffff" * 2, "\ufffe\uffff", "\ue000\ue001", "%", "%s%n%(id)s", "{0}{a}{",
    "\\", "'; DROP TABLE books; --", '"', "$1", ":title", "null", "2026-01-01", "9780306406157", "978-0-306-40615-8",
    "9" * 500, "a@b.example", "a@" + "b" * 250 + ".example", "ö@ö.example", "a@[127.0.0.1]", '"a b"@example.org',
    0, -1, 1.5, 2**64, Raw("NaN"),
)  # fmt: skip


def nasty(name, kind):
    """Values for a member or parameter of that JSON type: the worst we know, and some at random, the same each time."""
    choose = random.Random(name)  # noqa: S311
    yield from OTHERS
    yield from NUMBERS if "integer" in kind else TEXTS
    for ceiling in (0x80, 0x800, 0xD800, 0x110000):
        yield "".join(chr(choose.randrange(ceiling)) for _ in range(choose.randrange(1, 120)))
        yield choose.randrange(-(2**70), 2**70)


def as_json(value):
    return str(value) if isinstance(value, Raw) else json.dumps(value)


def as_parameter(value):
    return quote(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else as_json(value))


def is_proper(answer, value=""):
    """Whether it is a success, or a refusal that leaks nothing and shows no more than the beginning of *value*."""
    if answer.status_code < 300:
        return True
    body = answer.get_data(as_text=True)
    return (
        answer.status_code < 500
        and answer.mimetype == "application/problem+json"
        and not any(leak in body for leak in LEAKS)
        and (len(str(value)) <= SHOWN or str(value)[: SHOWN + 1] not in body)
    )


def bodies():
    """Method, path, member and its JSON type, for every member of every body but those of PUT, which PATCH's are."""
    for path, item in DOCUMENT["paths"].items():
        for method in [name for name in ("post", "patch", "delete") if "requestBody" in item.get(name, {})]:
            reference = item[method]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            schema = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
            for name, one in schema["properties"].items():
                yield pytest.param(method, path, name, one["type"], id=f"{method} {path} {name}")


def parameters():
    for path in LISTINGS:
        for one in DOCUMENT["paths"][path]["get"]["parameters"]:
            yield path, one["name"], one["schema"]["type"]


def is_of_auth(path):
    return path.endswith(("login", "/auth/me"))


def valid(path):
    """The address and a whole body that would be accepted: the POST's example, with ids that are there."""
    if path.endswith("login"):
        return path, {"email": UserFactory().email, "password": PASSWORD}
    if path == "/auth/refresh":
        return path, {"refresh_token": sessions.begin(UserFactory(), "the tests").refresh_token}
    if path == "/auth/me":
        return path, {"name": "Ada", "current_password": PASSWORD}
    collection = path.removesuffix("/{id}")
    content = DOCUMENT["paths"][collection]["post"]["requestBody"]["content"]["application/json"]["example"]
    if collection not in LISTINGS:
        return path, content
    model = LISTINGS[collection].wire.model
    keys = {name: key.column.table.name for name in content for key in model.__table__.c[name].foreign_keys}
    factories = {model.__tablename__: factory for model, factory in FACTORIES.items()}
    body = content | {name: factories[table]().id for name, table in keys.items()}
    return path.replace("{id}", str(FACTORIES[model]().id) if path != collection else ""), body


@pytest.mark.parametrize(("method", "path", "member", "kind"), list(bodies()))
def test_in_a_body(app, client, connection, sign_in, method, path, member, kind):
    headers = sign_in(UserFactory(is_admin=True))
    with app.app_context():
        address, body = valid(path)
        db.session.commit()
    rest = {name: value for name, value in body.items() if name != member and (method == "post" or is_of_auth(path))}
    if method == "delete":
        rest.pop("name")
    before = row_counts(connection)
    accepted = []
    for value in [*nasty(member, kind), body.get(member, True)]:
        data = "{" + ",".join(f'"{name}":{as_json(one)}' for name, one in [*rest.items(), (member, value)]) + "}"
        savepoint = connection.begin_nested()
        answer = client.open(address, method=method, data=data, content_type="application/json", headers=headers)
        assert is_proper(answer, value), (as_json(value)[:99], answer.data[:999])
        accepted.append(answer.status_code < 300)
        savepoint.rollback() if accepted[-1] or is_of_auth(path) else savepoint.commit()  # logins are counted
    assert {True, False} == set(accepted)
    assert row_counts(connection) == before


@pytest.mark.parametrize(
    ("method", "path", "member", "kind"),
    [
        one
        for one in bodies()
        if "string" in one.values[3]
        and not one.values[1].endswith("login")
        and one.values[2] not in ("refresh_token", "current_password")
    ],
)
def test_with_a_control_character_is_named(client, sign_in, method, path, member, kind):
    headers = sign_in(UserFactory(is_admin=True))
    address, body = valid(path)
    rest = body if method == "post" or is_of_auth(path) else {}
    answer = client.open(address, method=method, json=rest | {member: "a bell\arings"}, headers=headers)
    assert (answer.status_code, answer.json["errors"]) == (422, {member: ["Must not contain control characters."]})


@pytest.mark.parametrize(("path", "name", "kind"), list(parameters()))
def test_in_a_parameter(client, connection, path, name, kind):
    FACTORIES[LISTINGS[path].wire.model]()
    for value in nasty(name, kind):
        with connection.begin_nested():
            answer = client.get(f"{path}?{name}={as_parameter(value)}")
        assert is_proper(answer, value), (as_json(value)[:99], answer.data[:999])


@pytest.mark.parametrize(
    "id", [0, -1, 2**63 - 1, 2**63, 10**19, "9" * 5000, "x", "1.0", "%00", "\u0661", "1;", "1'", "é", "%ff"]
)
@pytest.mark.parametrize(
    ("method", "path"), [*product(("GET", "PATCH", "DELETE"), LISTINGS), ("DELETE", "/auth/sessions")]
)
def test_as_an_id(client, sign_in, path, id, method):
    headers = sign_in(UserFactory(is_admin=True))
    body = valid(path)[1] if path in LISTINGS else {}
    answer = client.open(f"{path}/{id}", method=method, json=body, headers=headers)
    assert answer.status_code == 404
    assert is_proper(answer)


def test_covers_every_table():
    assert {model.__table__ for model in FACTORIES} == set(Base.metadata.tables.values())
