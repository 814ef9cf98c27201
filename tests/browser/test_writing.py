"""Signing in, and adding, changing and deleting what the API allows."""

import re
from datetime import UTC, datetime

from playwright.sync_api import expect

from browser.conftest import ADMIN, MEMBER, Api, cards, look_up, sign_in


def fill_book(page, title, **fields):
    """Opens the form of a new book and fills it in."""
    page.get_by_role("button", name="Add a book").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill(title)
    for label, value in {"Pages": "352", **fields}.items():
        dialog.get_by_label(label).fill(value)
    for label in ("Genre", "Format", "Collection"):
        dialog.get_by_label(label, exact=True).select_option(index=1)
    return dialog


class TestSigningIn:
    def test_a_wrong_password_is_told_and_can_be_mended(self, page):
        page.watch.expected.add(401)
        page.goto("/")
        page.get_by_role("button", name="Sign in").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_label("E-mail address")).to_be_focused()
        dialog.get_by_label("E-mail address").fill(MEMBER["email"])
        dialog.get_by_label("Password").fill("wrong!")
        dialog.get_by_label("Password").press("Enter")
        alert = dialog.get_by_role("alert")
        expect(alert).to_have_text("You have entered the wrong email or the wrong password. Please try again.")
        expect(alert).to_be_focused()
        dialog.get_by_label("Password").fill(MEMBER["password"])
        dialog.get_by_label("Password").press("Enter")
        expect(page.get_by_role("banner")).to_contain_text("User 1")

    def test_whoever_registers_is_signed_in_and_stays_so(self, page):
        page.watch.expected.add(422)
        page.goto("/")
        page.get_by_role("button", name="Register").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill("Ada Lovelace")
        dialog.get_by_label("E-mail address").fill(f"ada{datetime.now(UTC).timestamp()}@example.org")
        dialog.get_by_label("Password").fill("short")
        dialog.get_by_role("button", name="Register").click()
        expect(dialog.get_by_label("Password")).to_be_focused()
        expect(dialog.get_by_label("Password")).to_have_accessible_description(re.compile("6"))
        dialog.get_by_label("Password").fill("a long password")
        dialog.get_by_role("button", name="Register").click()
        expect(page.get_by_role("banner")).to_contain_text("Ada Lovelace")
        page.reload()
        expect(page.get_by_role("banner")).to_contain_text("Ada Lovelace")

    def test_an_expired_token_is_exchanged_unseen(self, signed_in):
        page = signed_in()
        before = page.evaluate("JSON.parse(localStorage['mediatheque.session'])")
        page.evaluate(
            """() => { const session = JSON.parse(localStorage['mediatheque.session']);
                       localStorage['mediatheque.session'] = JSON.stringify({...session, until: 0}); }"""
        )
        fill_book(page, "Written After a Day").get_by_role("button", name="Add the book").click()
        expect(page.get_by_text("Written After a Day has been added.").first).to_be_attached()
        after = page.evaluate("JSON.parse(localStorage['mediatheque.session'])")
        assert after["refresh_token"] != before["refresh_token"]

    def test_a_session_that_was_ended_elsewhere_costs_nothing_that_was_typed(self, signed_in):
        page = signed_in()
        page.watch.expected.add(401)
        dialog = fill_book(page, "Typed With Care")
        token = page.evaluate("JSON.parse(localStorage['mediatheque.session']).token")
        page.request.post("/auth/logout", headers={"Authorization": f"Bearer {token}"})
        dialog.get_by_role("button", name="Add the book").click()
        alert = dialog.get_by_role("alert")
        expect(alert).to_contain_text("Your session has ended. Please sign in again.")
        alert.get_by_role("button", name="Sign in").click()
        again = page.get_by_role("dialog", name="Sign in")
        again.get_by_label("E-mail address").fill(MEMBER["email"])
        again.get_by_label("Password").fill(MEMBER["password"])
        again.get_by_role("button", name="Sign in").click()
        expect(dialog.get_by_label("Title")).to_have_value("Typed With Care")
        dialog.get_by_role("button", name="Add the book").click()
        expect(page.get_by_text("Typed With Care has been added.").first).to_be_attached()

    def test_signing_out_ends_the_session_in_every_tab(self, signed_in):
        page = signed_in()
        page.watch.expected.add(401)
        token = page.evaluate("JSON.parse(localStorage['mediatheque.session']).token")
        other = page.context.new_page()
        other.goto("/")
        expect(other.get_by_role("button", name="Add a book")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You have signed out.").first).to_be_attached()
        expect(other.get_by_role("button", name="Sign in")).to_be_visible()
        expect(other.get_by_role("button", name="Add a book")).to_have_count(0)
        assert page.evaluate("localStorage.length") == 0
        assert page.request.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).status == 401


class TestAdding:
    def test_a_book(self, signed_in):
        page = signed_in()
        fields = {
            "Author (optional)": "Susanna Clarke",
            "Year (optional)": "2020",
            "ISBN (optional)": "978-1-5266-2242-6",
        }
        fill_book(page, "Piranesi", **fields).get_by_role("button", name="Add the book").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator(".cards strong").first).to_have_text("Piranesi")
        page.get_by_role("link", name="Look at it").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Piranesi")
        expect(page.get_by_role("definition").filter(has_text="9781526622426")).to_be_visible()
        (book,) = look_up(page, "/books?isbn=9781526622426")
        assert (book["author"], book["page_count"], book["published_year"]) == ("Susanna Clarke", 352, 2020)

    def test_says_what_the_api_says_at_the_right_field(self, signed_in):
        page = signed_in()
        page.watch.expected.add(422)
        fields = {"Pages": "many", "ISBN (optional)": "978-1-5266-2242-7"}
        dialog = fill_book(page, "Piranesi", **fields)
        dialog.get_by_role("button", name="Add the book").click()
        pages = dialog.get_by_label("Pages")
        expect(pages).to_be_focused()
        expect(pages).to_have_accessible_description("Must be a whole number.")
        isbn = "With 10 or 13 digits, with or without hyphens. Must be an ISBN-10 or ISBN-13 with a right check digit"
        expect(dialog.get_by_label("ISBN (optional)")).to_have_accessible_description(re.compile(isbn))
        pages.fill("0")
        dialog.get_by_role("button", name="Add the book").click()
        expect(pages).to_have_accessible_description("Must be at least 1, not 0.")
        expect(dialog.get_by_label("Title")).to_have_value("Piranesi")

    def test_a_genre_and_a_collection_on_the_way(self, signed_in):
        page = signed_in()
        dialog = fill_book(page, "Ecotopia")
        for label, name in (("genre", "Ecofiction"), ("collection", "Under the stairs")):
            dialog.get_by_role("button", name=f"New {label}").click()
            inner = page.get_by_role("dialog", name=f"New {label}")
            inner.get_by_label("Name").fill(name)
            inner.get_by_role("button", name="Add").click()
            expect(inner).to_have_count(0)
        dialog.get_by_role("button", name="Add the book").click()
        expect(page.locator(".cards strong").first).to_have_text("Ecotopia")
        (book,) = look_up(page, "/books?limit=1")
        assert (book["genre"]["genre"], book["collection"]["name"]) == ("Ecofiction", "Under the stairs")

    def test_is_done_once_though_the_answer_was_lost(self, signed_in):
        page = signed_in()
        page.watch.expected.add(0)
        dialog = fill_book(page, "Only Once Upon a Time")

        def lose(route):
            route.fetch()  # the server has done it
            route.abort()

        page.route("**/books", lose, times=1)
        dialog.get_by_role("button", name="Add the book").click()
        expect(dialog.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        dialog.get_by_role("button", name="Add the book").click()
        expect(dialog).to_have_count(0)
        assert len(look_up(page, "/books?q=Only+Once+Upon+a+Time")) == 1

    def test_a_movie(self, signed_in):
        page = signed_in()
        page.get_by_role("link", name="Movies").click()
        page.get_by_role("button", name="Add a movie").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Title").fill("Playtime")
        dialog.get_by_label("Director (optional)").fill("Jacques Tati")
        dialog.get_by_label("Minutes").fill("124")
        for label in ("Genre", "Format", "Collection"):
            dialog.get_by_label(label, exact=True).select_option(index=1)
        dialog.get_by_role("button", name="Add the movie").click()
        expect(page.locator(".cards .foot").first).to_contain_text("2 h 4 min")


class TestChanging:
    def test_a_book_of_ones_own(self, signed_in):
        page = signed_in()
        book = Api(page, MEMBER).book("Old Title", author="Somebody")
        page.goto(f"/#/books/{book['id']}")
        page.get_by_role("button", name="Change").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Title").fill("New Title")
        dialog.get_by_label("Author (optional)").fill("")
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("New Title")
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        now = page.request.get(f"/books/{book['id']}").json()
        assert (now["title"], now["author"], now["page_count"]) == ("New Title", None, 100)

    def test_what_somebody_else_has_changed_meanwhile_is_not_overwritten_unseen(self, signed_in):
        page = signed_in()
        page.watch.expected.add(412)
        api = Api(page, MEMBER)
        book = api.book("Both Want It")
        path = f"/books/{book['id']}"
        page.goto(f"/#{path}")
        page.get_by_role("button", name="Change").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Title").fill("Mine")
        api.send("PATCH", path, {"title": "Theirs", "page_count": 222})
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_role("alert")).to_contain_text("has changed meanwhile")
        dialog.get_by_role("button", name="Load what is there now").click()
        expect(dialog.get_by_label("Pages")).to_have_value("222")
        expect(dialog.get_by_label("Title")).to_have_value("Mine")
        expect(dialog.get_by_label("Title")).to_have_accessible_description("Somebody has changed this to: Theirs")
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Mine")
        now = page.request.get(path).json()
        assert (now["title"], now["page_count"]) == ("Mine", 222)

    def test_what_others_have_added_is_theirs(self, signed_in, admin):
        book = admin.book("Of an Admin")
        page = signed_in()
        page.goto(f"/#/books/{book['id']}")
        expect(page.get_by_text("who has added it, and admins may change it.")).to_be_visible()
        expect(page.get_by_role("button", name="Change")).to_have_count(0)

    def test_a_collection_and_a_genre(self, signed_in):
        page = signed_in()
        page.get_by_role("link", name="Collections").click()
        page.get_by_role("button", name="New collection").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill("Guest room")
        dialog.get_by_role("button", name="Add the collection").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Guest room")
        page.get_by_role("button", name="Change").click()
        dialog.get_by_label("Every member may put things into it").uncheck()
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_text("closed: only its owner")).to_be_visible()
        page.get_by_role("link", name="Genres and formats").click()
        page.get_by_role("button", name="New genre: Genres").click()
        dialog.get_by_label("Name").fill("Nature writting")
        dialog.get_by_role("button", name="Add").click()
        page.get_by_role("button", name="Change Nature writting").click()
        dialog.get_by_label("Name").fill("Nature writing")
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_role("button", name="Change Nature writing")).to_be_visible()

    def test_a_name_that_exists_is_refused_in_the_words_of_the_api(self, signed_in):
        page = signed_in()
        page.watch.expected.add(409)
        page.goto("/#/lists")
        page.get_by_role("button", name="New genre: Genres").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill("fantasy")
        dialog.get_by_role("button", name="Add").click()
        expect(dialog.get_by_role("alert")).to_have_text("The genre fantasy exists already.")


class TestDeleting:
    def test_a_member_is_told_whom_to_ask(self, signed_in):
        page = signed_in()
        book = Api(page, MEMBER).book("It Stays")
        page.goto(f"/#/books/{book['id']}")
        page.get_by_role("button", name="Delete").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("You must have admin permissions to delete books.")
        expect(dialog).to_contain_text("Ask an admin of this library")
        dialog.get_by_role("button", name="Close").click()
        expect(page.get_by_role("button", name="Delete")).to_be_focused()
        assert page.request.get(f"/books/{book['id']}").status == 200

    def test_so_is_whoever_has_been_an_admin(self, signed_in):
        page = signed_in()
        page.watch.expected.add(403)
        book = Api(page, MEMBER).book("It Stays, Too")
        page.evaluate(
            """() => { const session = JSON.parse(localStorage['mediatheque.session']); session.user.is_admin = true;
                       localStorage['mediatheque.session'] = JSON.stringify(session); }"""
        )
        page.goto(f"/#/books/{book['id']}")
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        dialog = page.get_by_role("dialog", name="stays")
        expect(dialog).to_contain_text("You must have admin permissions to delete books.")
        assert page.request.get(f"/books/{book['id']}").status == 200

    def test_an_admin_deletes(self, signed_in):
        page = signed_in(ADMIN)
        book = Api(page, ADMIN).book("It Goes")
        page.goto(f"/#/books/{book['id']}")
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Books")
        expect(page.get_by_text("It Goes has been deleted.").first).to_be_attached()
        assert page.request.get(f"/books/{book['id']}").status == 404

    def test_a_collection_is_deleted_with_a_warning(self, signed_in):
        page = signed_in(ADMIN)
        api = Api(page, ADMIN)
        collection = api.send("POST", "/collections", {"name": "Moving out"})
        api.book("Moves Out", collection_id=collection["id"])
        page.goto(f"/#/collections/{collection['id']}")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("dialog")).to_contain_text("What stands in it is deleted with it: 1 book.")
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Collections")


def test_the_keyboard_is_enough(open_page):
    page = open_page()
    page.goto("/")
    expect(cards(page)).not_to_have_count(0)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Search")).to_be_focused()
    sign_in(page, MEMBER)
    page.get_by_role("button", name="Add a book").press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Add a book")).to_be_focused()
    cards(page).first.get_by_role("link").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
