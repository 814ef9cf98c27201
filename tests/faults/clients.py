"""Clients of a server: single requests, many at once, so many a second."""

import http.client
import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import count
from typing import NamedTuple
from uuid import UUID

from processes import wait_for

LOST = 0  # the status where no answer came: the connection was refused or broke, or it took too long
THREADS = 8


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def says_when_to_come_again(self):
        return self.status == 503 and 1 <= int(self.headers.get("retry-after", "0")) <= 5


def ask(port, method, path, body=None, headers=None, *, timeout=10, source="127.0.0.1"):
    """The answer to one request over a connection of its own; *body* is bytes, or what becomes JSON."""
    begun = time.monotonic()
    given = {"Connection": "close", **(headers or {})}
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        given.setdefault("Content-Type", "application/json")
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout, source_address=(source, 0))
        with closing(connection) as client:
            with suppress(BrokenPipeError, ConnectionResetError):  # who refuses a body answers before it is sent
                client.request(method, path, body, given)
            response = client.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read(), time.monotonic() - begun)
    except (OSError, http.client.HTTPException):
        return Answer(LOST, {}, b"", time.monotonic() - begun)


def together(number, call):
    """The answers of *call*, with each of so many numbers, which begin at the same moment."""
    ready = threading.Barrier(number)

    def wait_and_call(one):
        ready.wait()
        return call(one)

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(wait_and_call, range(number)))


def statuses(answers):
    """How many of each, as a text."""
    counted = sorted(Counter(answer.status for answer in answers).items())
    return ", ".join(f"{number} times {status or 'no answer'}" for status, number in counted)


class Sample(NamedTuple):
    method: str
    name: str
    begun: float
    answer: Answer

    @property
    def succeeded(self):
        return self.answer.status in (200, 201)


class Load:
    """Clients that make genres, each with an Idempotency-Key, and read them if *reading*: so many requests a second.

    They keep to the pace whatever comes back, unless all of them wait for answers.
    """

    def __init__(self, port, headers, *, rate, reading=False, timeout=10):
        self.port, self.headers, self.rate = int(port), headers, rate
        self.reading, self.timeout = reading, timeout
        self.samples, self.numbers, self.over = [], count(), threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(THREADS)]

    def __enter__(self):
        self.begun = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def run(self):
        for number in self.numbers:
            if self.over.wait(max(0, self.begun + number / self.rate - time.monotonic())):
                return
            begun = time.monotonic()
            name = str(UUID(int=random.getrandbits(128)))
            if self.reading and number % 2:
                method, answer = "GET", ask(self.port, "GET", "/genres?limit=1", timeout=self.timeout)
            else:
                method, headers = "POST", {**self.headers, "Idempotency-Key": name}
                answer = ask(self.port, "POST", "/genres", {"genre": name}, headers, timeout=self.timeout)
            self.samples.append(Sample(method, name, begun, answer))

    @property
    def acknowledged(self):
        return {sample.name for sample in self.samples if sample.method == "POST" and sample.succeeded}

    def wait_for_writes(self, number):
        """Until so many more were acknowledged."""
        enough = len(self.acknowledged) + number
        wait_for(lambda: len(self.acknowledged) >= enough)
