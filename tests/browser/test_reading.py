"""Looking at a library in a browser, as anybody."""

import re

import pytest
from playwright.sync_api import expect

from browser.conftest import BOOKS, cards, look_up, titles
from processes import wait_for


def scroll_until(page, number):
    """Scrolls to the end of the page again and again, until so many covers are there."""
    while (before := cards(page).count()) < number:
        page.mouse.wheel(0, 1_000_000)
        wait_for(lambda before=before: cards(page).count() > before)


class TestShelf:
    def test_shows_the_newest_books_and_how_many_there_are(self, page):
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Books")
        expect(page).to_have_title("Books · Mediatheque")
        expect(page.get_by_text(re.compile(r"^10,\d{3} books$")).first).to_be_visible()
        expect(cards(page)).not_to_have_count(0)
        newest = [book["title"] for book in look_up(page, "/books?limit=20")]
        assert titles(page)[:20] == newest

    def test_filters_by_genre_and_format_and_keeps_the_address_in_step(self, page):
        page.goto("/")
        page.get_by_label("Genre").select_option("Fantasy")
        page.get_by_label("Format").select_option("Hardcover")
        expect(page).to_have_url(re.compile(r"#/books\?genre_id=\d+&format_id=\d+$"))
        expect(page.locator(".cards .genre").first).to_have_text("Fantasy")
        expect(page.locator(".cards .foot").first).to_contain_text("Hardcover")
        assert set(page.locator(".cards .genre").all_text_contents()) == {"Fantasy"}
        page.go_back()
        expect(page).to_have_url(re.compile(r"#/books\?genre_id=\d+$"))
        expect(page.get_by_label("Format")).to_have_value("")
        page.get_by_role("button", name="Clear filters").click()
        expect(page.get_by_label("Genre")).to_have_value("")
        expect(page).to_have_url(re.compile("#/books$"))

    def test_a_link_shows_what_its_address_says(self, page):
        page.goto("/#/movies?sort=-run_time&min_run_time=100&max_run_time=120")
        expect(page.get_by_label("Sort")).to_have_value("-run_time")
        expect(page.get_by_label("Minutes from")).to_have_value("100")
        expect(cards(page)).not_to_have_count(0)
        found = look_up(page, "/movies?sort=-run_time&min_run_time=100&max_run_time=120&limit=60")
        assert titles(page)[:60] == [movie["title"] for movie in found]
        assert found[0]["run_time"] == 120

    @pytest.mark.parametrize(("label", "sort"), [("Fewest pages first", "page_count"), ("Title, Z to A", "-title")])
    def test_sorts(self, page, label, sort):
        page.goto("/")
        page.get_by_label("Sort").select_option(label)
        sorted_ones = [book["title"] for book in look_up(page, f"/books?sort={sort}&limit=10")]
        expect(page.locator(".cards strong").first).to_have_text(sorted_ones[0])
        assert titles(page)[:10] == sorted_ones

    def test_searches_as_one_types_and_asks_less_often_than_one_types(self, page, member):
        member.book("Zanzibarische Nächte")
        member.book("Zanzibar, a Guide")
        asked = []
        page.on("request", lambda request: asked.append(request.url) if "/books?" in request.url else None)
        page.goto("/")
        expect(cards(page)).not_to_have_count(0)
        page.get_by_label("Search").press_sequentially("zanzibarische nachte", delay=20)
        expect(cards(page)).to_have_count(1)
        expect(page.locator(".cards strong")).to_have_text("Zanzibarische Nächte")
        expect(page).to_have_url(re.compile(r"#/books\?q=zanzibarische\+nachte$"))
        assert len([url for url in asked if "q=" in url]) < 10
        expect(page.get_by_label("Search")).to_be_focused()
        page.get_by_label("Search").press("Escape")
        page.go_back()
        expect(page.get_by_label("Search")).to_have_value("")
        expect(cards(page)).not_to_have_count(1)

    def test_an_answer_that_nobody_waits_for_any_more_is_given_up(self, page, member):
        member.book("Quaggas of the Karoo")
        given_up = []
        page.on("requestfailed", lambda request: given_up.append(request.url))
        page.route("**/books?q=qua&*", lambda route: None)  # never answered
        page.goto("/")
        page.get_by_label("Search").fill("qua")
        expect(page).to_have_url(re.compile("q=qua$"))
        page.get_by_label("Search").fill("quaggas")
        expect(cards(page)).to_have_count(1)
        assert [url for url in given_up if "q=qua&" in url]

    def test_fetches_further_pages_as_one_scrolls(self, page):
        page.goto("/#/books?sort=title")
        expect(cards(page)).not_to_have_count(0)
        scroll_until(page, 300)
        shown = titles(page)
        assert shown == [book["title"] for book in look_up(page, f"/books?sort=title&limit={len(shown)}")]

    def test_back_leads_to_where_one_was(self, page):
        page.goto("/#/books?sort=title")
        expect(cards(page)).not_to_have_count(0)
        scroll_until(page, 180)
        cover = cards(page).nth(130).get_by_role("link")
        title = cover.locator("strong").text_content()
        cover.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        page.go_back()
        expect(cover).to_be_in_viewport()
        expect(cover).to_be_focused()

    def test_says_when_nothing_is_like_that(self, page):
        page.goto("/#/books?q=qqqqqqqqqqqqqq")
        expect(page.get_by_text("No book is like that.")).to_be_visible()
        page.get_by_role("button", name="Show all books").click()
        expect(cards(page)).not_to_have_count(0)

    def test_shows_the_sentence_of_the_api_at_the_filter(self, page):
        page.watch.expected.add(422)
        page.goto("/")
        page.get_by_label("Pages from").fill("many")
        page.get_by_label("Pages from").press("Enter")
        expect(page.get_by_label("Pages from")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("Pages from")).to_have_accessible_description("Must be a whole number.")

    def test_is_quick_with_all_of_ten_thousand(self, page):
        page.goto("/#/books")
        expect(cards(page)).not_to_have_count(0)
        scroll_until(page, BOOKS)
        took = page.evaluate(
            """() => { const start = performance.now(); scrollTo(0, 100000); document.body.offsetHeight;
                       return performance.now() - start; }"""
        )
        assert took < 100  # milliseconds, with everything laid out anew


class TestItem:
    def test_shows_what_there_is_and_leads_on(self, page, member):
        genre = look_up(page, "/genres?q=Horror")[0]
        book = member.book("The Well of Piranesi", author="Ödön Tóth", genre_id=genre["id"], published_year=-380)
        page.goto(f"/#/books/{book['id']}")
        expect(page.get_by_role("heading", level=1)).to_have_text("The Well of Piranesi")
        expect(page).to_have_title("The Well of Piranesi · Mediatheque")
        expect(page.get_by_role("definition").filter(has_text="381 BC")).to_be_visible()
        expect(page.get_by_role("definition").filter(has_text="100 pages")).to_be_visible()
        page.get_by_role("link", name="Horror").click()
        expect(page).to_have_url(re.compile(rf"#/books\?genre_id={genre['id']}$"))

    def test_text_stays_text_and_runs_its_way(self, page, member):
        book = member.book("<img src=x onerror=alert(1)> & <b>bold</b>", author="نجيب محفوظ")
        page.goto(f"/#/books/{book['id']}")
        expect(page.get_by_role("heading", level=1)).to_have_text(book["title"])
        assert page.locator("main img, main b").count() == 0
        author = page.locator(".item .by")
        assert author.evaluate("element => getComputedStyle(element).direction") == "rtl"

    def test_says_that_there_is_none(self, page):
        page.watch.expected.add(404)
        page.goto("/#/books/999999999")
        expect(page.get_by_role("alert")).to_contain_text("A book with the id 999999999 does not exist.")

    def test_an_address_of_nothing_says_so(self, page):
        page.goto("/#/shows")
        expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is here")


class TestCollections:
    def test_are_found_and_show_what_stands_in_them(self, page, member):
        collection = member.send("POST", "/collections", {"name": "Küche und Käthe"})
        member.book("Attic Nights", collection_id=collection["id"])
        page.goto("/#/collections")
        page.get_by_label("Search").fill("kuche")
        page.get_by_role("link", name="Küche und Käthe").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Küche und Käthe")
        expect(page.get_by_role("heading", level=2)).to_have_text("1 book")
        page.get_by_role("link", name="Attic Nights").click()
        page.get_by_role("link", name="Küche und Käthe").click()
        page.get_by_role("link", name="Filter and sort").click()
        expect(page.get_by_label("Collection")).to_have_value(str(collection["id"]))
        expect(cards(page)).to_have_count(1)


class TestTrouble:
    def test_a_server_that_is_busy_is_asked_again(self, page):
        page.watch.expected.add(503)
        asked = []

        def answer(route):
            asked.append(route.request.url)
            if len(asked) > 1:
                return route.continue_()
            headers = {"Content-Type": "application/problem+json", "Retry-After": "1"}
            return route.fulfill(
                status=503, headers=headers, body='{"detail": "The server is busy. Please try again."}'
            )

        page.route("**/books?*", answer)
        page.goto("/")
        expect(page.get_by_role("alert")).to_contain_text("The server is busy. Please try again.")
        expect(cards(page)).not_to_have_count(0)

    def test_without_a_network_it_says_so_and_goes_on_when_there_is_one(self, page):
        page.watch.expected.add(0)
        page.goto("/")
        expect(cards(page)).not_to_have_count(0)
        page.context.set_offline(True)
        page.get_by_role("link", name="Movies").click()
        expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        page.context.set_offline(False)
        expect(cards(page)).not_to_have_count(0)
        expect(page.get_by_role("heading", level=1)).to_have_text("Movies")
