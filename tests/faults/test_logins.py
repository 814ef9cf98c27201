"""Who guesses passwords neither gets far, nor keeps others out, nor learns who has an account."""

from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from faults.clients import ask, statuses, together
from faults.figures import Figure, demand
from faults.servers import running

GUESSES = Figure(
    13,
    "1,000 parallel wrong passwords for one account with made-up X-Forwarded-For",
    "at most 10 hashes computed; 10 parallel right logins of others from another address all 200",
)
TIMES = Figure(14, "login times, 300 samples each, known and unknown address", "medians within 10 %")
PASSWORD = "a long password"
OTHERS = 10
MOST_HASHES = 10


def register(port, name):
    """The address of a new account."""
    email = f"{name}@example.org"
    answer = ask(port, "POST", "/auth/register", {"name": "Ada", "email": email, "password": PASSWORD})
    assert answer.status == 201
    return email


def login(port, email, password, source="127.0.0.1", **headers):
    body = {"email": email, "password": password}
    return ask(port, "POST", "/auth/login", body, headers, source=source, timeout=120)


def computes_few_hashes(database, guesses, cost, *patches):
    """The others sign in while the guesses are being answered."""
    with TemporaryDirectory() as folder:
        hashes = Path(folder) / "hashes"
        with running(database, "counts_hashes", *patches, HASHES=str(hashes), BCRYPT_LOG_ROUNDS=str(cost)) as server:
            victim, *others = (register(server.port, f"user{number}") for number in range(OTHERS + 1))

            def attempt(number):
                if number < guesses:
                    forged = f"198.51.{number // 250}.{number % 250}"
                    return login(server.port, victim, f"guess {number}", **{"X-Forwarded-For": forged})
                return login(server.port, others[number - guesses], PASSWORD, source="127.0.0.2")

            answers = together(guesses + OTHERS, attempt)
            wrong, right = answers[:guesses], answers[guesses:]
            computed = len(hashes.read_bytes()) - OTHERS
    demand(all(answer.status == 200 for answer in right), f"of the others {statuses(right)}")
    demand(computed <= MOST_HASHES, f"{computed} hashes for {guesses} guesses")
    demand({answer.status for answer in wrong} <= {401, 429}, statuses(wrong))
    return f"{computed} hashes; {statuses(wrong)}; of the others {statuses(right)}"


def takes_equally_long(database, samples, cost, apart, *patches):
    """Each guess comes from another address, and no account is guessed at often enough to be closed."""
    clients = count()
    with running(database, *patches, BCRYPT_LOG_ROUNDS=str(cost), TRUSTED_PROXIES="1") as server:
        known = [register(server.port, f"known{number}") for number in range(samples // 40 + 1)]

        def seconds(email):
            number = next(clients)
            client = f"198.51.{number // 250}.{number % 250}"
            answer = login(server.port, email, "not the password", **{"X-Forwarded-For": client})
            assert answer.status == 401
            return answer.seconds

        pairs = [
            (seconds(known[number % len(known)]), seconds(f"unknown{number % len(known)}@example.org"))
            for number in range(samples)
        ]
    one, other = (median(times) for times in zip(*pairs, strict=True))
    difference = abs(one - other) / max(one, other)
    said = f"{one * 1000:.1f} ms known, {other * 1000:.1f} ms unknown, {difference:.1%} apart"
    demand(difference <= apart, said)
    return f"medians of {samples}: {said}"


def test_guessing_costs_few_hashes_and_nobody_else_a_login(database, choose, reached):
    reached(GUESSES, computes_few_hashes(database, choose(100, 1000), choose(4, 12)))


def test_counting_no_logins_costs_a_hash_for_each(database, missed):
    with missed(GUESSES, "failed logins not counted"):
        computes_few_hashes(database, 50, 4, "counts_no_logins")


def test_login_times_do_not_tell_who_has_an_account(database, choose, reached):
    reached(TIMES, takes_equally_long(database, choose(20, 300), choose(9, 10), choose(0.3, 0.1)))


def test_computing_no_hash_for_strangers_tells_them_apart(database, missed):
    with missed(TIMES, "no hash computed for unknown addresses"):
        takes_equally_long(database, 10, 9, 0.3, "computes_no_hash_for_strangers")
