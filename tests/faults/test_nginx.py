"""Behind the nginx file that is shipped, slow clients keep nobody else from being served; its own words are ours."""

import asyncio
import http.client
import json
import socket
import ssl
import threading
from contextlib import closing, nullcontext, suppress
from statistics import quantiles

from faults.clients import Answer, Load, ask, statuses
from faults.figures import Figure, demand, within
from faults.proxy import proxied
from faults.servers import running
from mediatheque.config import LARGEST_BODY
from processes import wait_for

SLOW = Figure(
    11,
    "300 silent and 100 byte-a-second connections (headers and bodies) for 60 s, through the shipped nginx file",
    "good clients 100 % served, p99 at most 3 times the unloaded",
)
RATE = 40  # requests a second of the good clients
HEADERS = b"POST /auth/refresh HTTP/1.1\r\nHost: localhost\r\n"
BODY = HEADERS + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
PATIENCE = 2  # seconds of the good clients
SLOW_HEADER = HEADERS + b"X-Slow: "


class SlowClients:
    """Connections, each from an address of its own, of which some say nothing, and some a byte a second.

    Half of these are slow with their headers, half with their body. Who is hung up on comes again.
    """

    def __init__(self, port, silent, dripping):
        self.port, self.silent, self.number, self.connected = port, silent, silent + dripping, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.go_on()))

    def __enter__(self):
        self.thread.start()
        wait_for(lambda: self.connected == self.number)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    async def go_on(self):
        await asyncio.gather(*map(self.come_again, range(self.number)))

    async def come_again(self, number):
        address = f"127.1.{number // 250}.{number % 250 + 1}"
        beginning = SLOW_HEADER if number % 2 else BODY
        while not self.over.is_set():
            with suppress(OSError):
                await self.connect(address, *((b"", b"") if number < self.silent else (beginning, b"1")))

    async def connect(self, address, beginning, byte):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        self.connected += 1
        try:
            writer.write(beginning)
            while not (reader.at_eof() or self.over.is_set()):
                writer.write(byte)
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await reader.read(4096)
        finally:
            self.connected -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def slowest_percent(database, port, seconds):
    """The seconds within which 99 % of good clients were served, who all must be."""
    number = RATE * seconds

    with Load(port, database.headers, rate=RATE, reading=True, timeout=PATIENCE) as load:

        def failed():
            return [sample.answer for sample in load.samples if not sample.succeeded]

        within(2 * seconds + PATIENCE, lambda: len(load.samples) >= number or failed())
    demand(not failed(), f"of {len(load.samples)} good clients some were not served: {statuses(failed())}")
    return quantiles([sample.answer.seconds for sample in load.samples], n=100)[-1]


def serves_good_clients(database, silent, dripping, seconds, times, front=proxied):
    with running(database, TRUSTED_PROXIES="1") as server, front(server) as port:
        unloaded = slowest_percent(database, port, seconds)
        with SlowClients(port, silent, dripping):
            loaded = slowest_percent(database, port, seconds)
    said = f"p99 {unloaded * 1000:.1f} ms unloaded, {loaded * 1000:.1f} ms beside {silent + dripping} slow clients"
    demand(loaded <= times * unloaded, said)
    return f"{RATE * seconds} good clients, all served; {said}"


def test_slow_clients_keep_nobody_from_being_served(database, choose, reached):
    crowd = choose(60, 300), choose(40, 100)
    reached(SLOW, serves_good_clients(database, *crowd, choose(2, 60), choose(20, 3)))


def test_without_nginx_slow_clients_keep_others_from_being_served(database, missed):
    with missed(SLOW, "no nginx"):
        serves_good_clients(database, 0, 40, 1, 20, front=lambda server: nullcontext(server.port))


def problem(answer):
    """Status and sentence of an error body as the application has it (RFC 9457)."""
    body = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(body) >= {"type", "title", "status", "detail", "error", "request_id"}
    assert (body["status"], body["error"]) == (answer.status, body["detail"])
    return answer.status, body["detail"]


def test_a_body_is_as_large_with_nginx_as_without(database):
    with running(database) as server, proxied(server) as port:
        for size in (LARGEST_BODY, LARGEST_BODY + 1):
            body = b'{"refresh_token": "' + b"a" * (size - 21) + b'"}'
            direct, behind = (
                ask(to, "POST", "/auth/refresh", body, {"Content-Type": "application/json"})
                for to in (server.port, port)
            )
            assert problem(behind) == problem(direct)


def test_what_nginx_refuses_itself_is_a_problem_as_well(database):
    refused = {
        "GET /%00 HTTP/1.1": 400,
        "GET /books HTTP/1.1\r\nX: " + "x" * 20_000: 400,
        "GET /" + "x" * 20_000 + " HTTP/1.1": 414,
        "TRACE /books HTTP/1.1": 405,
        "GET /books HTTP/7.1": 505,
        "POST /books HTTP/1.1\r\nTransfer-Encoding: gzip": 501,
    }
    with running(database, WORKERS="1") as server, proxied(server) as port:
        for line, status in refused.items():
            with socket.create_connection(("127.0.0.1", int(port)), timeout=5) as client:
                client.sendall(f"{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                response = http.client.HTTPResponse(client)
                response.begin()
                headers = {name.lower(): value for name, value in response.getheaders()}
                assert problem(Answer(response.status, headers, response.read(), 0))[0] == status


def test_where_the_application_is_gone_nginx_says_when_to_come_again(database):
    with running(database) as server, proxied(server) as port:
        server.kill()
        answer = ask(port, "GET", "/genres")
        assert answer.says_when_to_come_again
        assert problem(answer) == (503, "The server cannot be reached at the moment. Please try again.")


def test_a_client_is_who_nginx_says_it_is(database):
    """After five wrong passwords a client is refused, whatever it says of its address."""
    with running(database, TRUSTED_PROXIES="1", BCRYPT_LOG_ROUNDS="4") as server, proxied(server) as port:
        wrong = {"email": "ada@example.org", "password": "wrong"}
        statuses = [
            ask(port, "POST", "/auth/login", wrong, {"X-Forwarded-For": f"198.51.100.{number}"}).status
            for number in range(6)
        ]
        assert statuses == [401] * 5 + [429]
        assert ask(port, "POST", "/auth/login", wrong, source="127.0.0.2").status == 401


def test_it_speaks_tls_and_tells_browsers_to_stay_with_it(database):
    with running(database) as server, proxied(server, tls="ssl") as (port, folder):
        trusting = ssl.create_default_context(cafile=folder / "ca.pem")
        with closing(http.client.HTTPSConnection("localhost", port, context=trusting)) as client:
            client.request("GET", "/health/ready")
            answer = client.getresponse()
            assert (answer.status, answer.read()) == (200, b'{"status":"ready"}')
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(folder / "redirects"))
            client.sendall(b"POST /auth/login?a=b HTTP/1.0\r\nHost: library.example.org\r\n\r\n")
            head = client.makefile(newline="\r\n").read().partition("\r\n\r\n")[0].split("\r\n")
        assert head[0] == "HTTP/1.1 308 Permanent Redirect"
        assert "Location: https://library.example.org/auth/login?a=b" in head
