"""Every page, in both colour schemes, as axe judges it; and what axe does not see."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from browser.conftest import ADMIN, MEMBER, cards, look_up

axe = Axe()
GRAVE = {"serious", "critical"}
# Where to, what must be there before it is judged.
PAGES = {
    "/#/books": ".cards li",
    "/#/movies?sort=title": ".cards li",
    "/#/books?q=qqqqqqqqqqqqqq": ".empty",
    "/#/books/{book}": ".item dl",
    "/#/movies/{movie}": ".item dl",
    "/#/collections": ".collections li",
    "/#/collections/{collection}": ".cards li",
    "/#/stats": "figure canvas",
    "/#/lists": ".lists li",
    "/#/nowhere": ".empty",
}


def grave(page):
    """What axe calls serious or critical."""
    violations = axe.run(page).response["violations"]
    return [
        (one["id"], one["help"], [node["html"] for node in one["nodes"][:3]])
        for one in violations
        if one["impact"] in GRAVE
    ]


def opened(page, path):
    ids = {kind: look_up(page, f"/{kind}s?limit=1&sort=id")[0]["id"] for kind in ("book", "movie", "collection")}
    page.goto(path.format(**ids))
    expect(page.locator(PAGES[path]).first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
class TestAxe:
    @pytest.mark.parametrize("path", PAGES)
    def test_finds_nothing_grave_on_a_page(self, open_page, scheme, path):
        page = open_page(color_scheme=scheme)
        opened(page, path)
        assert grave(page) == []

    def test_finds_nothing_grave_when_signed_in(self, signed_in, scheme):
        page = signed_in(ADMIN, color_scheme=scheme)
        for path in ("/#/books/{book}", "/#/collections/{collection}", "/#/lists"):
            opened(page, path)
            assert grave(page) == []

    @pytest.mark.parametrize("button", ["Sign in", "Register"])
    def test_finds_nothing_grave_in_a_dialog(self, open_page, scheme, button):
        page = open_page(color_scheme=scheme)
        page.watch.expected |= {401, 422}
        page.goto("/")
        page.get_by_role("button", name=button).click()
        assert grave(page) == []
        page.get_by_role("dialog").get_by_role("button", name=button).click()
        expect(page.locator("[aria-invalid]").first).to_be_focused()
        assert grave(page) == []

    def test_finds_nothing_grave_in_a_form(self, signed_in, scheme):
        page = signed_in(MEMBER, color_scheme=scheme)
        page.get_by_role("button", name="Add a book").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert grave(page) == []


@pytest.mark.parametrize("path", PAGES)
def test_a_narrow_phone_shows_everything_without_scrolling_sideways(open_page, path):
    page = open_page(viewport={"width": 320, "height": 640})
    opened(page, path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_filters_of_a_phone_are_behind_a_button(open_page):
    page = open_page(viewport={"width": 320, "height": 640})
    page.goto("/#/books?format_id=1")
    expect(page.get_by_label("Genre")).to_be_hidden()
    button = page.get_by_role("button", name="Filters (1)")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    page.get_by_label("Genre").select_option("Fantasy")
    expect(page.get_by_role("button", name="Filters (2)")).to_be_visible()
    expect(page.locator(".cards .genre").first).to_have_text("Fantasy")


def test_a_page_says_what_it_is_and_what_was_found(page):
    page.goto("/")
    expect(cards(page)).not_to_have_count(0)
    page.get_by_role("link", name="Movies").click()
    expect(page.get_by_role("heading", level=1, name="Movies")).to_be_focused()
    expect(page.locator("nav [aria-current=page]")).to_have_text("Movies")
    page.get_by_label("Search").fill("qqqqqqqqqqqqqq")
    expect(page.get_by_role("status").first).to_have_text("0 movies")


def test_nothing_moves_for_whoever_wants_no_motion(page):
    page.goto("/")
    expect(cards(page)).not_to_have_count(0)
    moving = "getComputedStyle(document.querySelector('.cards a')).transitionDuration"
    assert page.evaluate(moving) == "0s"
