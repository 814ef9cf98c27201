"""Lists: whatever the order, the filters and the page size, every row comes exactly once; what is wrong is 422."""

import base64
import random
import re
import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

import orjson
import pytest
from sqlalchemy import Boolean, DateTime, Integer, insert, update

from contract.resources import LISTINGS, columns, make_many
from mediatheque.kit.models import BIGINT_MAX, INTEGER_MAX
from mediatheque.kit.orders import RELEVANCE, Cursor

ROWS = 17
SMALL = 5
WORDS = ["Amy", "amy", "Amélie", "Tommy", "my", "Österreich", "osterreich", "Zebra", "ämy my", "九百", "100 % my", "éé"]

SORTS = [(path, f"{sign}{key}") for path, listing in LISTINGS.items() for key in ("id", *listing.sort) for sign in "+-"]
PARAMETERS = [(path, name) for path, listing in LISTINGS.items() for name in listing.parameters.fields]


def folded(text):
    """*text* as the database folds it, said once more in Python."""
    lower = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text)).lower()
    return lower.replace("\u03c2", "\u03c3")


def unique_text(model):
    """The column whose texts must differ, if there is one."""
    indexes = (index for index in model.__table__.indexes if index.unique)
    return next((next(iter(index.columns)).name.removesuffix("_folded") for index in indexes), None)


def searched(path):
    """The members that `q` looks in, the title first."""
    return [column.key.removesuffix("_folded") for column in LISTINGS[path].search]


@pytest.fixture
def rows(connection, path):
    """Rows with many ties and nulls: few different values, of which None is one where it may be."""
    model = LISTINGS[path].wire.model
    choose = random.Random(path)  # noqa: S311
    first = make_many(connection, model, 1)
    others = make_many(connection, model, 1)
    names = {column.name: column for column in columns(model)}

    def value(column):
        if column.name == unique_text(model):
            return f"{choose.choice(WORDS)} {choose.randrange(10**9)}"
        values = [None] if column.nullable else []
        if "length" in column.info:
            values += WORDS
        elif isinstance(column.type, DateTime):
            values += [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=n) for n in range(3)]
        elif isinstance(column.type, Integer):
            values += [1, 2, 3]
        elif isinstance(column.type, Boolean):
            values += [True, False]
        else:
            values += [getattr(first, column.name)]
        return choose.choice(values)

    keys = [column.name for column in model.__table__.columns if column.foreign_keys]
    connection.execute(
        insert(model),
        [
            {name: getattr(choose.choice([first, others]), name) for name in keys}
            | {name: value(column) for name, column in names.items()}
            for _ in range(ROWS)
        ],
    )


def walked(client, path, **parameters):
    """All rows of a list, and their ids page by page, from page to page by way of the Link header."""
    onward = f"{path}?" + "&".join(f"{name}={quote(str(value))}" for name, value in parameters.items())
    total, found = None, []
    while onward:
        answer = client.get(onward)
        assert answer.status_code == 200, answer.json
        assert len(answer.json) == parameters["limit"] or "Link" not in answer.headers
        total = total or answer.headers["X-Total-Count"]
        assert answer.headers["X-Total-Count"] == total
        found += answer.json
        onward = next_page(answer, path, parameters)
    assert len(found) == int(total)
    return found


def next_page(answer, path, parameters):
    """The address that the Link header gives: an absolute path that keeps all parameters; None on the last page."""
    if "Link" not in answer.headers:
        return None
    link = re.fullmatch(r'<(/[^>]*)>; rel="next"', answer.headers["Link"])[1]
    address = urlsplit(link)
    kept = dict(parse_qsl(address.query, keep_blank_values=True))
    assert (address.scheme, address.netloc, address.path) == ("", "", path)
    assert kept == {name: str(value) for name, value in parameters.items()} | {"cursor": kept["cursor"]}
    return link


def variants(path):
    """Parameters to walk a list with: none, a search, a filter, all together; ``{…}`` is a row's own."""
    listing = LISTINGS[path]
    shown = [name for name in listing.equal if name in listing.wire.schema.fields]
    equal = [{name: f"{{{name}}}"} for name in shown][:1]
    bounds = {f"min_{name}": "2" for name in listing.ranges}
    return [{}, {"q": "my"}, *equal, *([{"q": "my"} | equal[0] | bounds] if equal else [])]


def is_asked_for(row, name, value):
    """Whether *row* is one that the parameter asks for."""
    if name == "q":
        return any(value in folded(text) for text in row.values() if isinstance(text, str))
    if name.startswith("min_"):
        return row[name.removeprefix("min_")] >= int(value)
    return str(row[name]).lower() == value


@pytest.mark.parametrize(("path", "sort"), SORTS)
def test_a_walk_gives_every_row_once_in_order(client, rows, path, sort):
    everything = client.get(path).json
    key, down = sort.lstrip("+-"), sort.startswith("-")

    def place(row):
        value = row[key]
        return (value is None, folded(value) if isinstance(value, str) else value or 0, row["id"])

    ordered = sorted(everything, key=place, reverse=down)
    assert len(ordered) > ROWS
    for variant in variants(path):
        wanted = {name: value.format(**everything[0]).lower() for name, value in variant.items()}
        found = walked(client, path, limit=SMALL, count="true", sort=sort.lstrip("+"), **wanted)
        assert found == [row for row in ordered if all(is_asked_for(row, *one) for one in wanted.items())], wanted
        assert found == client.get(path, query_string={"sort": sort.lstrip("+"), **wanted}).json


@pytest.mark.parametrize("path", LISTINGS)
class TestSearch:
    @pytest.mark.parametrize("words", ["my", "AMY", "amelie", "é", "%", "_", "\\", "zzz", "九"])
    def test_without_a_sort_gives_every_match_once_the_best_first(self, client, rows, path, words):
        title, *others = searched(path)
        looked = folded(words)

        def rank(row):
            text = folded(row[title])
            return (text != looked) + (not text.startswith(looked)) + (looked not in text)

        expected = [
            row
            for row in client.get(path).json
            if any(looked in folded(row[name]) for name in (title, *others) if row[name] is not None)
        ]
        expected.sort(key=rank)
        assert walked(client, path, limit=SMALL, count="true", q=words) == expected

    @pytest.mark.parametrize("blank", ["", " ", "\u0300", "\u0301\u036f", "\u3000"])
    def test_for_nothing_is_no_filter(self, client, rows, path, blank):
        found = walked(client, path, limit=SMALL, count="true", q=blank)
        assert sorted(row["id"] for row in found) == sorted(row["id"] for row in client.get(path).json)

    @pytest.mark.parametrize("words", ["x" * 255, "ﷺ" * 78, "ﬁ", "%_\\" * 85, "😀", "'; --", "\u202e", "%(q)s %s {q}"])
    def test_takes_any_text_of_255_characters(self, client, path, words):
        for sort in ({}, {"sort": "-id"}):
            assert client.get(path, query_string={"q": words, **sort}).json == []

    @pytest.mark.parametrize("words", ["x" * 256, "ﷺ" * 79, "a\0b", "\0", "a\nb", "\x7f"])
    def test_refuses_what_is_too_long_and_control_characters(self, client, path, words):
        answer = client.get(path, query_string={"q": words})
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["q"])

    def test_finds_what_is_written_with_ligatures(self, client, connection, path):
        model = LISTINGS[path].wire.model
        title = searched(path)[0]
        first, text = make_many(connection, model, 1), "Oﬃcer ﷺ 100 \uff05"
        connection.execute(update(model).where(model.id == first.id).values({title: text}))
        for words in ("officer", "OFFI", "ﬁ", "ﷺ", "صلى", "100 %", "\uff05"):
            found = client.get(path, query_string={"q": words}).json
            assert [row[title] for row in found] == [text], words


def wrong_cursors():
    """Cursors that no page of a list by ``-id`` ever gave."""
    good = Cursor("-id", 5, 5).encode()
    contents = [
        ["id", 5, 5],
        ["-title", "a", 5],
        ["-id", "5", 5],
        ["-id", None, 5],
        ["-id", 5.5, 5],
        ["-id", True, 5],
        ["-id", [5], 5],
        ["-id", {"a": 5}, 5],
        ["-id", 5, "5"],
        ["-id", 5, None],
        ["-id", 5, 5.5],
        ["-id", 5, [5]],
        ["-id", BIGINT_MAX + 1, 5],
        ["-id", 5, BIGINT_MAX + 1],
        ["-id", 5, -BIGINT_MAX - 1],
        ["-id", 5],
        ["-id", 5, 5, 5],
        ["-id"],
        [],
        {},
        5,
        "-id",
        None,
        {"sort": "-id", "value": 5, "id": 5},
        [5, 5, 5],
        [RELEVANCE, 0, 5],
    ]
    yield from (base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=") for content in contents)
    yield from (encoded(text) for text in ("[" * 100_000, '["-id",1' + "0" * 400 + ",5]", '["-id",NaN,5]', '["-id",5,'))
    yield from (encoded(text) for text in ('["-id",5,5', "\ufeff[]", '["-id","\\ud800",5]'))
    yield from (good[:length] for length in range(len(good)))
    noise = random.Random(1)  # noqa: S311
    yield from (base64.urlsafe_b64encode(noise.randbytes(n)).decode() for n in range(1, 50))
    yield from (noise.randbytes(n).decode("latin-1") for n in range(1, 50))
    yield from ("é", "😀", "\0", "A" * 100_000, "=", "====", good + "!", "%", "' OR 1=1 --", " ", "null")


def encoded(text):
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


class TestCursor:
    def test_that_no_page_gave_is_422(self, client):
        for cursor in wrong_cursors():
            answer = client.get("/books", query_string={"cursor": cursor})
            assert (answer.status_code, list(answer.json["errors"])) == (422, ["cursor"]), cursor[:80]

    @pytest.mark.parametrize(
        ("sort", "value"),
        [
            ("title", None),
            ("title", 5),
            ("title", "a\0b"),
            ("title", ["a"]),
            ("page_count", None),
            ("page_count", "5"),
            ("page_count", True),
            ("page_count", 5.0),
            ("page_count", INTEGER_MAX + 1),
            ("page_count", -INTEGER_MAX - 2),
            ("page_count", BIGINT_MAX),
            ("published_year", 2**63),
            ("created_at", None),
            ("created_at", 5),
            ("created_at", "yesterday"),
            ("created_at", "2026-01-01"),
            ("created_at", "2026-01-01T00:00:00"),
            ("created_at", "2026-13-01T00:00:00+00:00"),
            ("created_at", "2026-01-01T00:00:00+25:00"),
            ("created_at", "0001-01-01T00:00:00+23:59"),
            ("created_at", "99999-01-01T00:00:00+00:00"),
            ("created_at", "infinity"),
        ],
    )
    @pytest.mark.parametrize("sign", ["", "-"])
    def test_with_a_value_that_its_key_cannot_have_is_422(self, client, sign, sort, value):
        cursor = base64.urlsafe_b64encode(orjson.dumps([f"{sign}{sort}", value, 5])).decode()
        answer = client.get("/books", query_string={"sort": f"{sign}{sort}", "cursor": cursor})
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["cursor"])

    @pytest.mark.parametrize("rank", [-1, 4, 2**63 - 1, None, "0", 1.5, [0], True, 1.0])
    def test_with_a_rank_that_there_is_not_is_422(self, client, rank):
        cursor = base64.urlsafe_b64encode(orjson.dumps([RELEVANCE, rank, 5])).decode()
        answer = client.get("/books", query_string={"q": "my", "cursor": cursor})
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["cursor"])

    @pytest.mark.parametrize(
        ("sort", "value"),
        [
            ("created_at", "0001-01-01T00:00:00+00:00"),
            ("created_at", "9999-12-31T23:59:59.999999+00:00"),
            ("title", ""),
            ("title", "\U0010ffff" * 1000),
            ("title", "%(id)s %s \\ '"),
            ("page_count", INTEGER_MAX),
            ("page_count", -INTEGER_MAX),
            ("author", None),
        ],
    )
    @pytest.mark.parametrize("more", [{}, {"min_page_count": "1"}])
    def test_at_an_extreme_is_a_place_in_the_list(self, client, sort, value, more):
        for name in (sort, f"-{sort}"):
            for id in (0, BIGINT_MAX):
                cursor = Cursor(name, value, id).encode()
                answer = client.get("/books", query_string={"sort": name, "cursor": cursor, **more})
                assert (answer.status_code, answer.json) == (200, [])


@pytest.mark.parametrize("path", LISTINGS)
class TestParameter:
    @pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "", "1.0", "1e2", "٣", " 5", "0x5", "1" * 5000, "NaN"])
    def test_limit_beyond_1_to_1000_is_422(self, client, path, limit):
        answer = client.get(path, query_string={"limit": limit})
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["limit"])

    @pytest.mark.parametrize("sort", ["", "-", "--id", "+id", "ID", "id,title", "password", "title_folded", "id; --"])
    def test_sort_by_anything_else_is_422(self, client, path, sort):
        answer = client.get(path, query_string={"sort": sort})
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["sort"])

    @pytest.mark.parametrize("count", ["", "1", "yes", "True", "TRUE", "null"])
    def test_count_is_true_or_false(self, client, path, count):
        assert client.get(path, query_string={"count": count}).status_code == 422

    @pytest.mark.parametrize("name", ["page", "offset", "id", "Limit", "limit[]", "", "json", "query", "\0", "é" * 100])
    def test_that_is_unknown_is_422(self, client, path, name):
        answer = client.get(path, query_string={name: "1"})
        assert answer.status_code == 422
        assert list(answer.json["errors"].values()) == [["Must not be given: there is no such parameter."]]


@pytest.mark.parametrize(("path", "name"), PARAMETERS)
def test_a_repeated_parameter_is_422(client, path, name):
    for values in (["1", "1"], ["1", "2"], ["", ""]):
        answer = client.get(path, query_string=[(name, value) for value in values])
        assert (answer.status_code, answer.json["errors"]) == (422, {name: ["Must be given only once."]})


@pytest.mark.parametrize("path", LISTINGS)
def test_the_first_page_with_and_without_a_slash_leads_to_the_same_second(client, connection, path):
    make_many(connection, LISTINGS[path].wire.model, 3)
    first, second = (client.get(f"{address}?limit=2") for address in (path, f"{path}/"))
    assert first.headers["Link"] == second.headers["Link"]
    assert first.json == second.json


def test_ids_are_given_once_although_the_factories_repeat_values(client, connection):
    make_many(connection, LISTINGS["/books"].wire.model, 30)
    counted = Counter(row["id"] for row in walked(client, "/books", limit=7, count="true", sort="page_count"))
    assert set(counted.values()) == {1}
