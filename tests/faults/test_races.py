"""Of many who do the same at once, one does it."""

import json
from uuid import uuid4

from faults.clients import ask, statuses, together
from faults.figures import Figure, demand
from faults.servers import running

PATCHES = Figure(15, "50 parallel PATCHes with one ETag", "one 200, 49 times 412")
POSTS = Figure(16, "100 parallel POSTs with one key", "one row, one body")
CHANGES, REPEATS = 50, 100


def lets_one_change(database, rounds, *patches):
    with running(database, *patches) as server:
        for _ in range(rounds):
            made = ask(server.port, "POST", "/genres", {"genre": str(uuid4())}, database.headers)
            path, headers = made.headers["location"], {**database.headers, "If-Match": made.headers["etag"]}

            def rename(number, path=path, headers=headers):
                return ask(server.port, "PATCH", path, {"genre": f"{path} {number}"}, headers)

            answers = together(CHANGES, rename)
            changed = [answer for answer in answers if answer.status == 200]
            refused = [answer for answer in answers if answer.status == 412]
            demand((len(changed), len(refused)) == (1, CHANGES - 1), statuses(answers))
            now = ask(server.port, "GET", path).body
            demand(json.loads(now) == json.loads(changed[0].body), "the row is not what the 200 said")
    return f"{rounds} rounds, each {statuses(answers)}"


def makes_one(database, rounds, *patches):
    with running(database, *patches) as server:
        for _ in range(rounds):
            name = str(uuid4())
            headers = {**database.headers, "Idempotency-Key": name}
            answers = together(
                REPEATS,
                lambda _, name=name, headers=headers: ask(server.port, "POST", "/collections", {"name": name}, headers),
            )
            rows = len(database.ask("SELECT id FROM collections WHERE name = %s", name))
            bodies = {answer.body for answer in answers}
            demand(rows == len(bodies) == 1, f"{rows} rows, {len(bodies)} bodies, {statuses(answers)}")
            demand(all(answer.status == 201 for answer in answers), statuses(answers))
    return f"{rounds} rounds, each {statuses(answers)}, one row, one body"


def test_of_many_changes_with_one_etag_one_is_made(database, choose, reached):
    reached(PATCHES, lets_one_change(database, choose(1, 5)))


def test_ignoring_if_match_lets_all_change(database, missed):
    with missed(PATCHES, "If-Match ignored"):
        lets_one_change(database, 1, "ignores_if_match")


def test_of_many_posts_with_one_key_one_is_made(database, choose, reached):
    reached(POSTS, makes_one(database, choose(1, 5)))


def test_ignoring_keys_makes_many(database, missed):
    with missed(POSTS, "Idempotency-Key ignored"):
        makes_one(database, 1, "ignores_idempotency_keys")
