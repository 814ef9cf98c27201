"""Load a CSV file of books or movies into a collection of yours on a Mediatheque server.

    python load_csv.py books.csv --url http://127.0.0.1:8080 --email you@example.org --collection "My books"

The password is asked for, or taken from the environment variable MEDIATHEQUE_PASSWORD. The file is UTF-8 with a header
line; COLUMNS says which columns are read, all others are ignored. A file that the server has exported can be loaded as
it is: if it holds both books and movies, its column type says which a row is. A row without a genre, or with one that
the server does not take, gets the genre of --genre; one without a format, or with one that the server does not have,
the first there is, or that of --format. An isbn, a year or a person that the server does not take is left out, and the
summary says so; a row whose title, page count or run time it does not take is refused. A row that the collection holds
already is not added again: it does no harm to load a file twice, and of two equal rows one is added. Needs Python 3.11
and nothing else.
"""

import argparse
import base64
import csv
import getpass
import io
import json
import os
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

# The members of the API's JSON, and the columns that fill them: the first that holds something.
BOOK = {"title": ["title"], "page_count": ["page_count"], "author": ["authors", "author"], "isbn": ["isbn13", "isbn"]}
MOVIE = {
    "title": ["title"],
    "run_time": ["run_time"],
    "director": ["director"],
    "release_year": ["release_year", "year"],
}
COLUMNS = {
    "books": {
        **BOOK,
        "published_year": ["published_year", "year"],
        "genre": ["category", "genre"],
        "format": ["format"],
    },
    "movies": {**MOVIE, "genre": ["genre"], "format": ["format"]},
}
TYPES = {"book": "books", "movie": "movies"}
LENGTHS = {"books": "page_count", "movies": "run_time"}
NUMBERS = {"page_count", "run_time", "published_year", "release_year"}
FORMATS = {"books": "/formats", "movies": "/movie_formats"}
CAN_BE_LEFT_OUT = {"author", "isbn", "published_year", "director", "release_year"}
LONGEST_AUTHOR = 255
ATTEMPTS = 10

Json = dict[str, Any]


class FailureError(Exception):
    """What ends the loading, as a sentence."""


class AgainError(FailureError):
    """The server could not be reached, or asks for some seconds of patience."""

    def __init__(self, sentence: str, seconds: int = 1) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class RefusedError(Exception):
    """Why a row is not taken, as a sentence."""


@dataclass
class Answer:
    """What the server said: *body* is its JSON, *following* the address of a list's next page."""

    status: int
    body: Any
    following: str | None = None

    @property
    def sentence(self) -> str:
        known = self.body.get("error") if isinstance(self.body, dict) else None
        return str(known or f"The server answered {self.status}.")

    def expect(self, status: int, otherwise: str = "") -> Any:
        """The body; FailureError if the status is another, which begins with *otherwise*."""
        if self.status != status:
            raise FailureError(otherwise + self.sentence)
        return self.body


class Api:
    """A connection to the server, kept open from request to request."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            connect = {"http": HTTPConnection, "https": HTTPSConnection}[parts.scheme]
            self.connection = connect(parts.hostname or "", parts.port, timeout=60)
        except (KeyError, ValueError, HTTPException):
            raise FailureError(f"The URL must be like http://127.0.0.1:8080, not {url}.") from None
        self.server = f"The server at {url}"
        self.headers = {"Content-Type": "application/json"}
        self.attempts = 1

    def sign_in(self, email: str, password: str, register_as: str | None) -> int:
        """Send a token from now on; gives the account's id. *register_as* names an account that may have to be made."""
        credentials = {"email": email, "password": password}
        login = self.send("POST", "/auth/login", credentials)
        if login.status == HTTPStatus.UNAUTHORIZED and register_as is not None:
            account = self.send("POST", "/auth/register", {"name": register_as, **credentials})
            if account.status != HTTPStatus.CONFLICT:  # the account was there: the password is wrong
                account.expect(HTTPStatus.CREATED, "Signing in failed, and the account cannot be made: ")
                login = self.send("POST", "/auth/login", credentials)
        token = login.expect(HTTPStatus.OK)["token"]
        self.headers["Authorization"] = f"Bearer {token}"
        self.attempts = ATTEMPTS
        return int(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["sub"])

    def walk(self, path: str, **parameters: Any) -> Iterator[Json]:
        """All rows of a list, page after page."""
        address: str | None = f"{path}?{urlencode(parameters)}"
        while address:
            answer = self.send("GET", address)
            yield from answer.expect(HTTPStatus.OK)
            address = answer.following

    def send(
        self, method: str, path: str, content: Json | None = None, done: Callable[[], bool] | None = None
    ) -> Answer:
        """The answer, if need be after some attempts.

        A request whose answer was lost may have done its work: *done* finds out before the request is sent once more.
        """
        attempt = 1
        while True:
            try:
                return self.send_once(method, path, content)
            except AgainError as again:
                if attempt >= self.attempts:
                    raise
                print(f"\n{again} Trying again in {again.seconds} s.", file=sys.stderr)
                time.sleep(again.seconds)
            if done is not None and done():
                return Answer(HTTPStatus.CREATED, content)
            attempt += 1

    def send_once(self, method: str, path: str, content: Json | None) -> Answer:
        body = None if content is None else json.dumps(content).encode()
        try:
            self.connection.request(method, path, body, self.headers)
            response = self.connection.getresponse()
            text = response.read()
        except (OSError, HTTPException, UnicodeError) as error:
            self.connection.close()
            raise AgainError(f"{self.server} does not answer: {error}.") from error
        said = f"{response.status} {response.reason}"
        if response.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
            seconds = response.getheader("Retry-After", "")
            raise AgainError(f"{self.server} answers {said}.", int(seconds) if seconds.isdecimal() else 1)
        following = re.search(r'<([^>]*)>; *rel="next"', response.getheader("Link", ""))
        try:
            return Answer(response.status, json.loads(text), following[1] if following else None)
        except ValueError:
            raise FailureError(f"{self.server} does not speak like Mediatheque: {said}.") from None


class Shelf:
    """What is in the collection: recognised by the ISBN, or where one has none, by all but the genre and the format."""

    def __init__(self, kind: str, items: Iterable[Json]) -> None:
        self.members = COLUMNS[kind].keys() - {"isbn", "genre", "format"}
        self.isbns: dict[tuple[Any, ...], set[str | None]] = {}
        for item in items:
            self.add(item)

    def key(self, item: Json) -> tuple[Any, ...]:
        return tuple(item.get(name) for name in self.members)

    def add(self, item: Json) -> None:
        for key in (self.key(item), ()):  # (): those of all items
            self.isbns.setdefault(key, set()).add(isbn13(item))

    def holds(self, item: Json) -> bool:
        isbn, alike = isbn13(item), self.isbns.get(self.key(item), set())
        return None in alike or (bool(alike) if isbn is None else isbn in self.isbns.get((), set()))


def isbn13(item: Json) -> str | None:
    """The item's ISBN as the server stores it; whether the check digit is right is the server's business."""
    code = re.sub(r"[\s-]", "", item.get("isbn") or "")
    if re.fullmatch(r"[0-9]{9}[0-9Xx]", code):
        code = f"978{code[:9]}"
        code += str(-sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(code)) % 10)
    return code or None


class Loader:
    """Puts rows into one collection; *notes* tell what was left out of them."""

    def __init__(self, api: Api, kind: str, options: argparse.Namespace, collection_id: int) -> None:
        self.api, self.kind, self.genre, self.collection_id = api, kind, tidy(options.genre), collection_id
        self.format, self.formats = find_format(api, kind, options.format)
        self.formats = {} if options.format else self.formats  # the option's is the format of all rows
        self.genres = {one["genre"].casefold(): int(one["id"]) for one in api.walk("/genres")}
        self.notes: list[str] = []
        self.look()

    def look(self) -> None:
        items = self.api.walk(f"/{self.kind}", collection_id=self.collection_id)
        self.shelf = Shelf(self.kind, items)

    def add(self, item: Json) -> bool:
        """Whether the item was added; if not, it was there. RefusedError if the server does not take it."""
        left_out: list[str] = []
        genre, format = item.pop("genre", self.genre), item.pop("format", "").casefold()
        item |= {"collection_id": self.collection_id, "format_id": self.formats.get(format, self.format)}
        if format and self.formats and format not in self.formats:
            left_out.append(f"in the first format: the server has none called {format}.")
        item["genre_id"] = self.genre_id(genre, left_out)

        def is_there() -> bool:
            self.look()
            return self.shelf.holds(item)

        while not self.shelf.holds(item):
            answer = self.api.send("POST", f"/{self.kind}", item, is_there)
            if answer.status == HTTPStatus.CREATED:
                self.shelf.add(item)
                self.notes += [f"Accepted {item['title']}, {reason}" for reason in left_out]
                return True
            if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise FailureError(f"{answer.sentence} The same command goes on from here.")
            errors = answer.body.get("errors", {})
            wrong = CAN_BE_LEFT_OUT & errors.keys() & item.keys()
            if not wrong:
                raise RefusedError(answer.sentence)
            left_out += [f"without its {name} {item.pop(name)}: {errors[name][0]}" for name in sorted(wrong)]
        return False

    def genre_id(self, name: str, left_out: list[str]) -> int:
        """The genre's id; it is made if there is none of that name."""
        if name.casefold() in self.genres:
            return self.genres[name.casefold()]
        answer = self.api.send("POST", "/genres", {"genre": name})
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and name != self.genre:
            left_out.append(f"in the genre {self.genre}: {answer.sentence}")
            return self.genre_id(self.genre, left_out)
        if answer.status == HTTPStatus.CONFLICT:
            # Somebody has just made it, or only its accents differ: of what the server finds, the first is equal.
            answer = self.api.send("GET", f"/genres?{urlencode({'q': name, 'limit': 1})}")
            genre = answer.expect(HTTPStatus.OK)[0]
        else:
            genre = answer.expect(HTTPStatus.CREATED, f"The genre {name} cannot be made: ")
        return self.genres.setdefault(name.casefold(), int(genre["id"]))


def tidy(text: str) -> str:
    """*text* as the server stores it: on one line, trimmed, in NFC; without the ' that exports put before a formula."""
    return unicodedata.normalize("NFC", re.sub(r"\s*[\t\r\n]\s*", " ", re.sub("^'(?=[=+@-])", "", text)).strip())


def kind_of(row: Json, kinds: list[str]) -> str:
    """Of *kinds*, those of the file, the row's."""
    if len(kinds) == 1:
        return kinds[0]
    kind = TYPES.get(tidy(row["type"]).casefold())
    if kind is None:
        raise RefusedError(f"The type must be book or movie, not {tidy(row['type']) or 'empty'}.")
    return kind


def read(row: Json, kind: str) -> Json:
    """The row in the API's words. What should be a number and is none stays text: the server refuses it."""
    if any(row["beyond the header"]):
        raise RefusedError("The row has more fields than the header: put a text that holds a comma in quotes.")
    item: Json = {}
    for member, columns in COLUMNS[kind].items():
        text = next((value for column in columns if (value := tidy(row.get(column, "")))), "")
        if member in NUMBERS and re.fullmatch(r"-?[0-9]{1,15}(\.0+)?", text):  # spreadsheets make 300.0 of 300
            item[member] = int(float(text))
        elif text:
            item[member] = people(text) if member == "author" else text
    return item


def people(text: str) -> str:
    """The names, which have ``;`` between them in the file, as far as they fit."""
    names = [name.strip() for name in text.split(";") if name.strip()]
    joined = ", ".join(names)
    while len(joined) > LONGEST_AUTHOR and names:
        names.pop()
        joined = f"{', '.join(names)} and others"
    return joined


def read_file(path: Path) -> tuple[list[str], list[str], list[tuple[int, Json]]]:
    """Whether the file holds books, movies or both, its columns, its rows, each with the number of its last line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="beyond the header", restval="")
            reader.fieldnames = columns = [name.strip().lower() for name in reader.fieldnames or []]
            rows: list[tuple[int, Json]] = [(reader.line_num, {"beyond the header": [], **row}) for row in reader]
    except UnicodeDecodeError as error:
        raise FailureError(f"{path} is not UTF-8: save it as “CSV UTF-8”.") from error
    except csv.Error as error:
        raise FailureError(f"{path} is not a CSV file: {error}.") from error
    kinds = [kind for kind, length in LENGTHS.items() if {"title", length} <= set(columns)]
    if len(kinds) == 1 or (kinds and "type" in columns):
        return kinds, columns, rows
    wanted = "title and page_count (books) or title and run_time (movies), and for both type (book or movie)"
    raise FailureError(f"{path} must have the columns {wanted}; it has {', '.join(columns) or 'none'}.")


def find_collection(api: Api, name: str, user_id: int) -> int:
    """The id of the user's collection of that name, which is made if there is none."""
    for collection in api.walk("/collections", user_id=user_id, q=name, sort="id"):
        if collection["name"].casefold() == name.casefold():
            return int(collection["id"])
    made = api.send("POST", "/collections", {"name": name})
    return int(made.expect(HTTPStatus.CREATED, f"The collection {name} cannot be made: ")["id"])


def find_format(api: Api, kind: str, name: str | None) -> tuple[int, dict[str, int]]:
    """The id of the format of that name, or of the first there is; the ids of all by their names in lower case."""
    formats = {one["format"]: int(one["id"]) for one in api.walk(FORMATS[kind], sort="id")}
    for known, id in formats.items():
        if name is None or known.casefold() == name.casefold():
            return id, {format.casefold(): id for format, id in formats.items()}
    raise FailureError(f"There is no format {name or 'yet'}; there are: {', '.join(formats) or 'none'}.")


def show(done: int, total: int) -> None:
    """How far it is: a bar in a terminal, otherwise a line now and then."""
    if sys.stderr.isatty():
        bar = ("#" * (40 * done // total)).ljust(40, ".")
        print(f"\r[{bar}] {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done % 1000 == 0:
        print(f"{done} of {total}", file=sys.stderr)


def load(options: argparse.Namespace) -> bool:
    """Whether all rows of the file are in the collection now."""
    kinds, columns, rows = read_file(options.file)
    if options.refused and options.refused.exists() and options.refused.samefile(options.file):
        raise FailureError("--refused must name another file than the one that is read.")
    password = os.environ.get("MEDIATHEQUE_PASSWORD", "")
    if not password and not sys.stdin.isatty():
        raise FailureError("Set MEDIATHEQUE_PASSWORD: there is no terminal to ask for the password in.")
    password = password or getpass.getpass(f"Password of {options.email}: ")
    api = Api(options.url)
    name = (options.name or options.email.partition("@")[0]) if options.register else None
    user_id = api.sign_in(options.email, password, name)
    find_format(api, kinds[0], options.format)
    collection_id = find_collection(api, tidy(options.collection), user_id)
    loaders = {kind: Loader(api, kind, options, collection_id) for kind in kinds}
    counts = {True: 0, False: 0}
    refused: list[tuple[int, Json, str]] = []
    begun = time.monotonic()
    try:
        for done, (line, row) in enumerate(rows, 1):
            try:
                kind = kind_of(row, kinds)
                counts[loaders[kind].add(read(row, kind))] += 1
            except RefusedError as reason:
                refused.append((line, row, str(reason)))
            show(done, len(rows))
    finally:
        seconds = time.monotonic() - begun
        print(f"{counts[True]} accepted, {len(refused)} refused, {counts[False]} already there; {seconds:.1f} seconds.")
        for note in (note for loader in loaders.values() for note in loader.notes):
            print(note)
        for line, row, why in refused:
            print(f"Refused line {line}, {tidy(row['title'])}: {why}")
        if options.refused:
            with options.refused.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, [*columns, "reason"], extrasaction="ignore")
                writer.writeheader()
                writer.writerows({**row, "reason": why} for _, row, why in refused)
        sys.stdout.flush()
    return not refused


def main() -> int:
    """The exit status: 0 if all rows of the file are in the collection now, else 1; 130 if it was interrupted."""
    parser = argparse.ArgumentParser(description="Load a CSV file of books or movies into a Mediatheque collection.")
    parser.add_argument("file", type=Path, help="has the columns title and page_count (books) or run_time (movies)")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="where the server is (default: %(default)s)")
    parser.add_argument("--email", required=True, help="of the account; its password comes from MEDIATHEQUE_PASSWORD")
    parser.add_argument("--collection", required=True, help="a collection of yours; made if there is none of that name")
    parser.add_argument("--format", help="of all rows (default: the row's own, or the first there is)")
    parser.add_argument("--genre", default="Unknown", help="of rows that have none (default: %(default)s)")
    parser.add_argument("--register", action="store_true", help="make the account if signing in fails")
    parser.add_argument("--name", help="of an account that is made (default: what stands before the @)")
    parser.add_argument("--refused", type=Path, metavar="FILE", help="write the refused rows there, with the reasons")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a title may have letters that the terminal has not
    try:
        return 0 if load(parser.parse_args()) else 1
    except FailureError as failure:
        print(failure, file=sys.stderr)
    except OSError as error:
        if error.filename is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would try again, at its end
        print(f"{error.filename or 'The output'}: {error.strerror}.", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from here.", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
