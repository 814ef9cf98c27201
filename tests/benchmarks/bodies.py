"""Before the clock starts: do all servers give the same answers, with the same headers, and log the same?"""

import json
import random
import re
from datetime import datetime
from typing import Any

from benchmarks.database import BenchmarkError, Database
from benchmarks.load import Request
from benchmarks.servers import Server

SAMPLE = 300  # ids
OWN = {"date", "server", "x-request-id"}  # headers that differ from answer to answer, or from server to server
MADE = {"id", "created_at", "updated_at"}  # members that differ from row to row
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def addresses(request: Request, database: Database) -> list[str]:
    """The paths to compare: the one asked for, or a sample of them, the first and the last included."""
    if request.ids is None:
        return [request.path]
    first, last = request.ids
    count = min(SAMPLE, database.books)
    ids = {first, last, *random.Random(1).sample(range(first, last + 1), count)}
    return [request.path % id for id in sorted(ids)]


def compare(application: Server, limits: list[Server], peers: list[Server], paths: list[str]) -> None:
    """Raises BenchmarkError, which names path and difference, unless the limits and the peers answer alike."""
    for path in paths:
        status, headers, body = application.get(path)
        for other in limits:
            answer = other.get(path)
            _equal(path, other, "status", status, answer[0])
            _equal(path, other, "headers", _comparable(headers), _comparable(answer[1]))
            _equal(path, other, "body", body, answer[2])
        for other in peers:
            answer = other.get(path)
            _equal(path, other, "status", status, answer[0])
            _equal(path, other, "body", _parsed(body), _parsed(answer[2]))
    for other in limits:
        _equal(paths[-1], other, "log line", _logged(application), _logged(other))


def compare_posts(application: Server, limit: Server, request: Request) -> None:
    """The same of a POST: of one that makes a row, and of some that are refused."""
    given = json.loads(request.body)
    refused = [
        (401, None, given),
        (401, "not.a.token", given),
        (400, request.token, None),
        *((422, request.token, given | change) for change in REFUSED),
        (422, request.token, {name: value for name, value in given.items() if name != "title"}),
    ]
    for expected, token, body in refused:
        for server in (application, limit):
            status = _post(server, request.path, token, b"{" if body is None else json.dumps(body).encode())[0]
            if status != expected:
                raise BenchmarkError(f"{server.name} answers {status}, not {expected}, to a POST of {body}.")
    answers = []
    for server in (application, limit):
        status, headers, body = _post(server, request.path, request.token, request.body)
        made = json.loads(body)
        _equal(request.path, server, "status", 201, status)
        _equal(request.path, server, "address", f"{request.path}/{made['id']}", headers["location"])
        _equal(request.path, server, "row read again", body, server.get(headers["location"])[2])
        del headers["location"]
        answers.append([(name, value) for name, value in made.items() if name not in MADE])
        answers.append(sorted(_comparable(headers)))
    _equal(request.path, limit, "row", answers[0], answers[2])
    _equal(request.path, limit, "headers", answers[1], answers[3])


REFUSED: list[dict[str, Any]] = [
    {"title": " "},
    {"title": "a\x07b"},
    {"title": 1},
    {"page_count": 0},
    {"page_count": True},
    {"isbn": "978-0-8125-5070-3"},
    {"published_year": 2101},
    {"collection_id": 2**40},
    {"genre_id": 2**30},
    {"id": 1},
]


def _post(server: Server, path: str, token: str | None, body: bytes) -> tuple[int, dict[str, str], bytes]:
    authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
    return server.ask("POST", path, body, {"Content-Type": "application/json", **authorization})


def _comparable(headers: dict[str, str]) -> dict[str, str]:
    return {name: "" if name in OWN else value for name, value in headers.items()}


def _parsed(body: bytes) -> Any:
    """The JSON of *body*, its moments as moments: pydantic writes Z where others write +00:00."""
    return json.loads(body, object_hook=_with_moments)


def _with_moments(members: dict[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value) if isinstance(value, str) and MOMENT.fullmatch(value) else value
        for name, value in members.items()
    }


def _logged(server: Server) -> dict[str, Any]:
    """The last line of the access log, without what differs from request to request."""
    lines = server.lines.read_bytes().splitlines()
    line = json.loads(lines[-1]) if lines else {}
    own = {"time": MOMENT, "request_id": re.compile("[0-9a-f]{32}"), "milliseconds": re.compile(r"\d+\.\d+")}
    return {
        name: own[name].pattern if name in own and own[name].fullmatch(str(value)) else value
        for name, value in line.items()
    }


def _equal(path: str, other: Server, what: str, ours: Any, theirs: Any) -> None:
    if ours == theirs:
        return
    one, two = str(ours), str(theirs)
    place = next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    start = max(0, place - 40)
    raise BenchmarkError(
        f"{path}: the {what} of {other.name} is not the application's: "
        f"… {two[start : place + 80]} … instead of … {one[start : place + 80]} …"
    )
