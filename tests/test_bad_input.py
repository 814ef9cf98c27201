"""Nasty values, for every writable member and every parameter: never a 5xx, and what is refused changes nothing."""

import json
import random
import re
import time
from itertools import product
from urllib.parse import quote

import pytest

from contract.resources import DOCUMENT, FACTORIES, LISTINGS, all_rows
from factories.auth import PASSWORD, UserFactory
from mediatheque.auth import sessions
from mediatheque.auth.models import Session
from mediatheque.extensions import db
from mediatheque.kit.models import BIGINT_MAX, INTEGER_MAX, Base

OPTIONAL = {"is_open": True, "email": "ada@example.org", "password": "a long password"}
LEAKS = ("psycopg", "sqlalchemy", "SELECT ", "INSERT ", "UPDATE ", "Traceback", ".py", "_folded", "ck_", "fk_", "uq_")
SHOWN = 80  # characters of a value in an error's body
FULL = 1000  # values for each member and parameter
SLOWEST = 0.2  # seconds


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


# What takes long if it is looked through, normalised or repeated. For bodies, since servers take no such addresses, and
# for the full form, since it takes long to send, too.
LARGE = (
    "x" * 1_000_000, "\0" * 150_000, "\u0301" * 80_000 + "\u0323" * 80_000, "ﷺ" * 170_000, "😀" * 80_000,
    "a" * 64 + "@" * 900_000, "9" * 900_000, [1] * 300_000, [""] * 250_000, [[]] * 3000,
    {str(n): n for n in range(70_000)}, Raw("9" * 900_000), Raw("1." + "9" * 900_000), Raw("1e" + "9" * 900_000),
    Raw("[" * 900_000),
)  # fmt: skip
CEILINGS = (0x80, 0x800, 0xD800, 0x110000)


def nasty(name, schema, count, large=()):
    """Values for a member or parameter of that schema, the same each time: the worst we know, then some at random.

    There are at least *count* of them, with *large* ones; a third of those we know if it is 0.
    """
    choose = random.Random(name)  # noqa: S311
    known = NUMBERS if "integer" in schema["type"] else TEXTS
    made = [*OTHERS, *known]
    for ceiling in CEILINGS:
        made += [at_random(choose, ceiling), choose.randrange(-(2**70), 2**70)]
    if count:
        made += [*large, *(TEXTS if known is NUMBERS else NUMBERS)]
    limits = [schema[key] for key in ("minimum", "maximum", "minLength", "maxLength") if key in schema]
    while len(made) < count:
        if known is NUMBERS:
            base = choose.choice([0, *limits, 2 ** choose.randrange(80), -(2 ** choose.randrange(80))])
            number = base + choose.randrange(-3, 4)
            made += [number, choose.choice([float(number), number + 0.5, str(number), [number], {name: number}])]
        else:
            texts = [one for one in TEXTS if isinstance(one, str) and not isinstance(one, Raw)]
            length = choose.choice([1, *limits]) + choose.randrange(-1, 2)
            made += [
                at_random(choose, choose.choice(CEILINGS)),
                "".join(choose.choices(texts, k=3))[:3000],
                "".join(choose.choices(["a", "é", "ﷺ", "\u0301", "\t", " ", "가", "😀", "'", "%"], k=max(0, length))),
            ]
    return made if count else choose.sample(made, len(made) // 3)


def at_random(choose, ceiling):
    """A text of characters below that one."""
    return "".join(chr(choose.randrange(ceiling)) for _ in range(choose.randrange(1, 120)))


def as_json(value):
    return str(value) if isinstance(value, Raw) else json.dumps(value)


def as_parameter(value):
    return quote(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else as_json(value), safe="")


def as_header(value):
    """*value* as the bytes of a header, of which servers take no line ends."""
    text = value if isinstance(value, str) else as_json(value)
    return re.sub(r"[\r\n]", "", text).encode("utf-8", "surrogatepass").decode("latin-1")


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
                yield pytest.param(method, path, name, one, id=f"{method} {path} {name}")


def parameters():
    """Method, path, place, name and schema of every parameter, but for those of PUT, which are PATCH's."""
    for path, item in DOCUMENT["paths"].items():
        for method in item.keys() - {"parameters", "put"}:
            for one in item.get("parameters", []) + item[method].get("parameters", []):
                what = f"{method} {path} {one['in']} {one['name']}"
                yield pytest.param(method, path, one["in"], one["name"], one["schema"], id=what)


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


@pytest.fixture
def count(request):
    """How many values each member and parameter is sent; 0 for a few."""
    return FULL if request.config.getoption("--full") else 0


@pytest.fixture
def send(client, connection, sign_in):
    """Sends a request as an admin: it is proper, and takes 200 ms at most, or did at least once in three times.

    What is refused must have changed nothing, and stays. What is accepted is undone, and so are counts of logins.
    """
    headers = sign_in(UserFactory(is_admin=True))

    def send(path, value, **options):
        options["headers"] = headers | options.get("headers", {})
        for _ in range(3):
            savepoint = connection.begin_nested()
            began = time.perf_counter()
            answer = client.open(path, **options)
            seconds = time.perf_counter() - began
            assert is_proper(answer, value), (as_json(value)[:99], answer.data[:999])
            savepoint.rollback() if answer.status_code < 300 or is_of_auth(path) else savepoint.commit()
            if seconds <= SLOWEST:
                return answer.status_code
        pytest.fail(f"It took {seconds:.3f} s to answer {as_json(value)[:99]}")

    return send


@pytest.fixture
def bystanders(connection):
    """A row of each table that nothing is about; in the end they are as they were."""
    for factory in FACTORIES.values():
        factory()
    before = all_rows(connection)
    yield
    after = all_rows(connection)
    assert {key: after.get(key) for key in before} == before


@pytest.mark.parametrize(("method", "path", "member", "schema"), list(bodies()))
def test_in_a_body(app, connection, send, bystanders, count, record_property, method, path, member, schema):
    with app.app_context():
        address, body = valid(path)
        db.session.commit()
    rest = {name: value for name, value in body.items() if name != member and (method == "post" or is_of_auth(path))}
    if method == "delete":
        rest.pop("name")

    def status(value):
        data = "{" + ",".join(f'"{name}":{as_json(one)}' for name, one in [*rest.items(), (member, value)]) + "}"
        return send(address, value, method=method, data=data, content_type="application/json")

    before = all_rows(connection)
    statuses = [status(value) for value in nasty(member, schema, count, LARGE)]
    assert all_rows(connection) == before
    assert max(statuses) >= 400
    assert len(statuses) >= count
    record_property("values", len(statuses))
    assert status((OPTIONAL | body)[member]) < 300


@pytest.mark.parametrize(
    ("method", "path", "member", "schema"),
    [
        one
        for one in bodies()
        if "string" in one.values[3]["type"]
        and not one.values[1].endswith("login")
        and one.values[2] not in ("refresh_token", "current_password")
    ],
)
def test_with_a_control_character_is_named(client, sign_in, method, path, member, schema):
    headers = sign_in(UserFactory(is_admin=True))
    address, body = valid(path)
    rest = body if method == "post" or is_of_auth(path) else {}
    answer = client.open(address, method=method, json=rest | {member: "a bell\arings"}, headers=headers)
    assert (answer.status_code, answer.json["errors"]) == (422, {member: ["Must not contain control characters."]})


@pytest.mark.parametrize(("method", "path", "place", "name", "schema"), list(parameters()))
def test_in_a_parameter(connection, send, bystanders, count, record_property, method, path, place, name, schema):
    model = next(iter(one.wire.model for prefix, one in LISTINGS.items() if path.startswith(prefix)), Session)
    row = FACTORIES[model]()
    body = valid(path)[1] if "requestBody" in DOCUMENT["paths"][path][method] else None
    options = {"method": method} | ({"json": body} if body else {})
    before = all_rows(connection)
    values = nasty(name, schema, count)
    for value in values:
        address = path.replace("{id}", as_parameter(value) if place == "path" else str(row.id))
        if place == "query":
            send(f"{address}?{name}={as_parameter(value)}", value, **options)
        elif place == "header":
            send(address, value, headers={name: as_header(value)}, **options)
        else:
            send(address, value, **options)
    assert all_rows(connection) == before
    assert len(values) >= count
    record_property("values", len(values))
    if model is not Session:  # whose row is somebody else's
        assert send(path.replace("{id}", str(row.id)), "", **options) < 300


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
