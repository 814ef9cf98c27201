"""A browser on a library with 10,000 books, served by real processes. `make test-browser` brings what it needs."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from processes import answers, flask, free_port, wait_for

expect.set_options(timeout=10_000)  # milliseconds

BOOKS, MOVIES = 10_000, 1_000  # of the made-up library; the seeds add one of each
ADMIN = {"email": "admin1@admin.com", "password": "admin1"}
MEMBER = {"email": "user1@user.com", "password": "user1"}


@pytest.fixture(scope="session")
def address(make_database, make_app) -> Iterator[str]:
    """The address of a library."""
    url = make_database("browser")
    app = make_app(url, MEDIATHEQUE_ENV="development")
    for command in (["create"], ["seed"], ["load-demo", "--books", BOOKS, "--movies", MOVIES]):
        app.test_cli_runner().invoke(args=["db", *map(str, command)], catch_exceptions=False)
    with serve(url) as address:
        yield address


@contextmanager
def serve(url: Any, **settings: str) -> Iterator[str]:
    """A server on that database; its address."""
    port = free_port()
    settings = {"DATABASE_URL": url.render_as_string(hide_password=False), "RATELIMIT_ENABLED": "0", **settings}
    with flask("serve", instance="", PORT=port, WORKERS="2", **settings):
        wait_for(lambda: answers(port))
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "There is no chromium: apt install chromium, or name one in CHROMIUM."
    # As root, which containers often are, its sandbox cannot be set up.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What must not happen while a page is open, and which refusals of the API are part of the test."""

    address: str
    expected: set[int] = field(default_factory=set)  # statuses
    wrong: list[str] = field(default_factory=list)

    def request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.address}/", "data:", "blob:")):
            self.wrong.append(f"{request.method} {request.url} leaves the server")

    def console(self, message: ConsoleMessage) -> None:
        refused = any(f"responded with a status of {status} " in message.text for status in self.expected)
        unreachable = 0 in self.expected and "net::ERR_" in message.text
        if message.type == "error" and not refused and not unreachable:
            self.wrong.append(f"{message.type}: {message.text}")

    def error(self, error: Any) -> None:
        self.wrong.append(f"{error}\n{getattr(error, 'stack', '')}")


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens a page of somebody new; afterwards nothing may have left the server or gone wrong."""
    with ExitStack() as stack:
        watches = []

        def make(at: str = address, **options: Any) -> Page:
            options = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **options}
            context = stack.enter_context(browser.new_context(base_url=at, **options))
            watch = Watch(at)
            watches.append(watch)
            context.on("request", watch.request)
            context.on("console", watch.console)
            context.on("weberror", lambda error: watch.error(error.error))
            page = context.new_page()
            page.watch = watch  # type: ignore[attr-defined]
            return page

        yield make
    assert [wrong for watch in watches for wrong in watch.wrong] == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


@pytest.fixture
def signed_in(open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Opens a page and signs in, as the member unless told otherwise."""

    def make(who: dict[str, str] = MEMBER, **options: Any) -> Page:
        page = open_page(**options)
        sign_in(page, who)
        return page

    return make


def sign_in(page: Page, who: dict[str, str]) -> None:
    page.goto("/")
    page.get_by_role("banner").get_by_role("button", name="Sign in").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("E-mail address").fill(who["email"])
    dialog.get_by_label("Password").fill(who["password"])
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


class Api:
    """The API for what a test needs beforehand, by somebody, not by the page."""

    def __init__(self, page: Page, who: dict[str, str]) -> None:
        self.page = page
        self.headers = {"Authorization": f"Bearer {self.send('POST', '/auth/login', who)['token']}"}

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = getattr(self, "headers", {})
        answer = self.page.request.fetch(path, method=method, data=body, headers=headers)
        assert answer.ok, answer.text()
        return answer.json()

    def book(self, title: str, **members: Any) -> dict[str, Any]:
        body = {"title": title, "page_count": 100, "genre_id": 1, "format_id": 1, "collection_id": 1} | members
        return dict(self.send("POST", "/books", body))


@pytest.fixture
def admin(page: Page) -> Api:
    return Api(page, ADMIN)


@pytest.fixture
def member(page: Page) -> Api:
    return Api(page, MEMBER)


def cards(page: Page) -> Any:
    """The covers that are shown."""
    return page.locator(".cards li")


def titles(page: Page) -> list[str]:
    return page.locator(".cards strong").all_text_contents()


def look_up(page: Page, path: str) -> list[dict[str, Any]]:
    """What the API answers."""
    return list(page.request.get(path).json())
