"""Bodies: what is not JSON that we take is refused before any rule sees it, whatever it is."""

import http.client
import io
import json
import time
from contextlib import closing

import pytest

from factories.auth import UserFactory
from processes import served

LIMIT = 1024 * 1024
DEEPEST = 32
GENRE = b'{"genre": "Film noir"}'


@pytest.fixture
def post(client, sign_in):
    """Sends bytes to /genres as somebody who may make one."""
    headers = sign_in(UserFactory())

    def post(body, content_type="application/json", **options):
        options["headers"] = headers | options.get("headers", {})
        return client.post("/genres", data=body, content_type=content_type, **options)

    return post


def largest(part, opening=b"[", closing=b"1]"):
    """A body of almost 1 MiB that holds *part* again and again; ``%d`` in it is a number."""
    count = (LIMIT - 100) // len(part % 100_000 if b"%d" in part else part)
    parts = (part % (100_000 + n) for n in range(count)) if b"%d" in part else [part] * count
    return opening + b"".join(parts) + closing


def nested(levels, kind="[]"):
    opening, closing_ = ('{"a":', "}") if kind == "{}" else ("[", "]")
    return (opening * levels + "1" + closing_ * levels).encode()


class TestUnreadable:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b" ",
            b"{",
            b"genre=Film noir",
            b"{'genre': 'Film noir'}",
            b'{"genre": "Film noir",}',
            b'{"genre": "Film noir"} {}',
            b'{"genre": "Film noir"}\0',
            b'{"genre": NaN}',
            b'{"genre": Infinity}',
            b'{"genre": -Infinity}',
            b'{"genre": "\\ud800"}',
            b'{"genre": "\\udc00\\ud800"}',
            b'{"\\ud800": 1}',
            b'{"genre": "\xff\xfe"}',
            b'{"genre": "\xed\xa0\x80"}',
            b'{"genre": "a\nb"}',
            b'{"genre": 01}',
            b'{"genre": 1e400}',
            b'{"genre": ' + b"9" * 400 + b"}",
            b'{"genre": ' + b"9" * 100_000 + b"}",
            b"\xef\xbb\xbf" + GENRE,
            GENRE.decode().encode("utf-16"),
            GENRE.decode().encode("utf-32"),
            b"[" * 100_000,
            b'{"a":' * 100_000,
            nested(100_000),
            nested(DEEPEST + 1),
            nested(DEEPEST + 1, "{}"),
            b'{"genre": ' + nested(DEEPEST) + b"}",
        ],
        ids=lambda body: f"{len(body)} {body[:24]!r}",
    )
    def test_is_400(self, post, body):
        answer = post(body)
        assert (answer.status_code, answer.json["title"]) == (400, "Bad Request")
        assert answer.json["detail"].startswith("The body is ")

    @pytest.mark.parametrize(
        "body", [nested(DEEPEST), nested(DEEPEST, "{}"), b"[]", b"null", b"1", b'"x"', b"true", b"[{}]", b"{}"]
    )
    def test_is_not_what_is_merely_wrong(self, post, body):
        assert post(body).status_code == 422

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_is_400_for_a_change_too(self, client, sign_in, method):
        headers = sign_in(UserFactory())
        answer = client.open("/genres/1", method=method, data=b"{", content_type="application/json", headers=headers)
        assert answer.status_code == 400


class TestReadable:
    @pytest.mark.parametrize(
        "body",
        [
            GENRE,
            b" \r\n\t" + GENRE + b"\n",
            b'{"genre": "Film\\u0020noir"}',
            b'{"g\\u0065nre": "Film noir"}',
            b'{"genre": "Horror", "genre": "Film noir"}',
        ],
    )
    def test_is_taken_and_of_a_repeated_member_the_last(self, post, body):
        assert post(body).json["genre"] == "Film noir"

    @pytest.mark.parametrize(
        "content_type",
        ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/json;charset=latin-1"],
    )
    def test_is_utf_8_whatever_the_charset_says(self, post, content_type):
        assert post('{"genre": "Žánr"}'.encode(), content_type).json["genre"] == "Žánr"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "json",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/vnd.api+json",
        "application/octet-stream",
        "application/json2",
    ],
)
def test_any_other_content_type_is_415(post, content_type):
    answer = post(GENRE, content_type)
    assert answer.status_code == 415
    assert answer.json["detail"] == "The body must be JSON: send it with Content-Type: application/json."


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_where_no_body_is_expected_any_is_ignored(client, sign_in, method):
    headers = sign_in(UserFactory(is_admin=True))
    answer = client.open("/genres/999999", method=method, data=b"{", content_type="text/plain", headers=headers)
    assert answer.status_code == 404


def padded(size):
    """A genre in a body of *size* bytes."""
    return GENRE + b" " * (size - len(GENRE))


class TestLargest:
    def test_is_taken(self, post):
        assert post(padded(LIMIT)).status_code == 201

    def test_and_one_byte_is_413(self, post):
        answer = post(padded(LIMIT + 1))
        assert (answer.status_code, answer.json["detail"]) == (413, "The body is larger than 1 MiB.")

    @pytest.mark.parametrize(("size", "status"), [(LIMIT - 1, 201), (LIMIT + 1, 413), (3 * LIMIT, 413)])
    def test_is_the_same_without_a_length(self, client, sign_in, size, status):
        chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        answer = client.post(
            "/genres",
            input_stream=io.BytesIO(padded(size)),
            content_type="application/json",
            headers=sign_in(UserFactory()),
            environ_overrides=chunked,
        )
        assert answer.status_code == status


def test_chunked_bodies_are_read_whole_or_refused_by_a_real_server(app):
    account = json.dumps({"email": 1, "password": "x"}).encode()
    with served(app) as port, closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        for padding, status in ((0, 422), (LIMIT // 2, 422), (LIMIT, 413)):
            chunks = iter([account, b" " * padding] if padding else [account])
            headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
            connection.request("POST", "/login", chunks, headers, encode_chunked=True)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["status"]) == (status, status)
            connection.close()


class TestManyMembers:
    @pytest.mark.parametrize(
        ("body", "status", "message"),
        [
            (largest(b'"m%d":1,', b"{", b'"m":1}'), 422, "Must not be given: there is no such writable member."),
            (largest(b'"m%d":1,', b"{", b'"genre":1}'), 422, "Must be text."),
            (largest(b"1,"), 422, "Must be a JSON object."),
            (largest(b'"",'), 422, "Must be a JSON object."),
            (largest(b"[],"), 400, None),
            (largest(b"{},"), 400, None),
            (largest(b"[" * 30 + b"]" * 30 + b","), 400, None),
            (largest(b'{"a":' * 30 + b"1" + b"}" * 30 + b","), 400, None),
            (largest(b'{"genre":["[{"]},'), 400, None),
        ],
        ids=lambda value: value[:40].decode() if isinstance(value, bytes) else None,
    )
    def test_is_refused_in_no_time_with_no_more_than_100_errors(self, post, body, status, message):
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            answer = post(body)
            seconds.append(time.perf_counter() - began)
        assert answer.status_code == status, answer.json
        if status == 422:
            assert [message] in answer.json["errors"].values()
            assert len(answer.json["errors"]) <= 100
        else:
            assert answer.json["detail"] == "The body is made of more than 10000 objects, arrays or brackets."
        assert min(seconds) <= 0.2
