"""What /books promises."""

import pytest

from factories.auth import UserFactory
from factories.library import BookFactory, CollectionFactory, FormatFactory, GenreFactory

MISSING = {"page_count": ["Must be given."], "title": ["Must be given."]}


@pytest.fixture
def valid():
    """The body of a book that can be created."""
    return {
        "title": "Ender's Game",
        "page_count": 352,
        "genre_id": GenreFactory().id,
        "format_id": FormatFactory().id,
        "collection_id": CollectionFactory().id,
    }


class TestList:
    def test_gives_the_newest_first(self, client):
        older, newer = BookFactory(), BookFactory()
        assert [book["id"] for book in client.get("/books").json] == [newer.id, older.id]

    def test_answers_with_a_slash_behind_too(self, client):
        book = BookFactory()
        assert [one["id"] for one in client.get("/books/").json] == [book.id]

    def test_is_an_empty_array_without_books(self, client):
        assert client.get("/books").json == []

    @pytest.mark.parametrize("name", ["genre_id", "format_id", "collection_id", "user_id"])
    def test_filters_by(self, client, name):
        wanted, _ = BookFactory(), BookFactory()
        found = client.get(f"/books?{name}={getattr(wanted, name)}").json
        assert [book["id"] for book in found] == [wanted.id]

    def test_filters_by_an_isbn_in_any_spelling(self, client):
        wanted, _ = BookFactory(isbn="9780306406157"), BookFactory()
        for spelling in ("0-306-40615-2", "978-0-306-40615-7", "0306406152"):
            assert [book["id"] for book in client.get(f"/books?isbn={spelling}").json] == [wanted.id]

    def test_filters_by_a_range_of_page_counts(self, client):
        for pages in (1, 2, 3, 4):
            BookFactory(page_count=pages)
        found = client.get("/books?min_page_count=2&max_page_count=3").json
        assert [book["page_count"] for book in found] == [3, 2]

    def test_of_a_genre_that_does_not_exist_is_empty(self, client):
        BookFactory()
        assert client.get("/books?genre_id=999999").json == []

    def test_finds_part_of_a_title_without_its_accents(self, client):
        wanted, _ = BookFactory(title="Le fabuleux destin d'Amélie"), BookFactory()
        assert [book["id"] for book in client.get("/books?q=AMELIE").json] == [wanted.id]

    def test_finds_a_greek_title_in_capitals(self, client):
        wanted, _ = BookFactory(title="ΟΔΥΣΣΕΥΣ"), BookFactory()
        assert [book["id"] for book in client.get("/books?q=Ὀδυσσεύς").json] == [wanted.id]

    def test_puts_the_titles_that_fit_best_first(self, client):
        author = BookFactory(title="Other", author="Emma Stone")
        contains = BookFactory(title="My Emma")
        begins = BookFactory(title="Emma and I")
        equal = BookFactory(title="emma")
        newer = BookFactory(title="Emma B")
        found = [book["id"] for book in client.get("/books?q=Emma").json]
        assert found == [equal.id, newer.id, begins.id, contains.id, author.id]


class TestGet:
    def test_gives_the_whole_shape(self, client):
        book = BookFactory(author="Ursula K. Le Guin", isbn="9780306406157", published_year=1974)
        assert client.get(f"/books/{book.id}").json == {
            "id": book.id,
            "user": {"id": book.user.id, "name": book.user.name},
            "title": book.title,
            "genre": {"genre": book.genre.genre},
            "page_count": book.page_count,
            "format": {"format": book.format.format},
            "collection": {
                "id": book.collection.id,
                "name": book.collection.name,
                "user": {"id": book.collection.user.id, "name": book.collection.user.name},
            },
            "collection_id": book.collection_id,
            "genre_id": book.genre_id,
            "format_id": book.format_id,
            "user_id": book.user_id,
            "author": "Ursula K. Le Guin",
            "isbn": "9780306406157",
            "published_year": 1974,
            "created_at": book.created_at.isoformat(),
            "updated_at": book.updated_at.isoformat(),
        }

    @pytest.mark.parametrize("id", [999999, 2**63 - 1, 2**63])
    def test_of_an_absent_one_is_404(self, client, id):
        answer = client.get(f"/books/{id}")
        assert (answer.status_code, answer.json["detail"]) == (404, f"A book with the id {id} does not exist.")


class TestCreate:
    def test_without_a_token_is_401(self, client, valid):
        assert client.post("/books", json=valid).status_code == 401

    def test_makes_a_book_of_the_caller(self, client, sign_in, valid):
        user = UserFactory()
        answer = client.post("/books", json=valid, headers=sign_in(user))
        assert answer.status_code == 201
        assert answer.json["user"] == {"id": user.id, "name": user.name}
        assert answer.headers["Location"] == f"/books/{answer.json['id']}"
        assert client.get(answer.headers["Location"]).json == answer.json

    def test_with_nothing_names_what_is_missing(self, client, sign_in):
        answer = client.post("/books", json={}, headers=sign_in(UserFactory()))
        assert answer.status_code == 422
        assert answer.json["errors"].items() >= MISSING.items()
        assert answer.json["detail"] == "The title must be given."

    @pytest.mark.parametrize(
        ("member", "value", "message"),
        [
            ("title", "  ", "Must have 1 to 255 characters, not 0."),
            ("title", "x" * 256, "Must have 1 to 255 characters, not 256."),
            ("title", "a\0b", "Must not contain control characters."),
            ("title", 7, "Must be text."),
            ("title", None, "Must not be null."),
            ("page_count", 0, "Must be at least 1, not 0."),
            ("page_count", 2**31, "Must be at most 2147483647, not 2147483648."),
            ("page_count", "300", "Must be a whole number."),
            ("page_count", 300.7, "Must be a whole number."),
            ("page_count", True, "Must be a whole number."),
            ("genre_id", None, "Must not be null."),
            ("genre_id", 2**64, "Must be a whole number."),
            ("genre_id", 999999, "A genre with the id 999999 does not exist."),
            ("format_id", 999999, "A format with the id 999999 does not exist."),
            ("collection_id", 999999, "A collection with the id 999999 does not exist."),
            (
                "isbn",
                "978-0-306-40615-8",
                "Must be an ISBN-10 or ISBN-13 with a right check digit, not 978-0-306-40615-8.",
            ),
            ("published_year", 2101, "Must be at most 2100, not 2101."),
            ("id", 5, "Must not be given: there is no such writable member."),
            ("user_id", 5, "Must not be given: there is no such writable member."),
            ("shelf", "top", "Must not be given: there is no such writable member."),
        ],
    )
    def test_with_a_wrong_value_is_422(self, client, sign_in, valid, member, value, message):
        answer = client.post("/books", json=valid | {member: value}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["errors"]) == (422, {member: [message]})
        assert client.get("/books").json == []

    @pytest.mark.parametrize("title", ["Amélie", "M", "Alien³", "九百九十九", "100 % wolf", "a\\b_c"])
    def test_keeps_a_title_of_any_script(self, client, sign_in, valid, title):
        answer = client.post("/books", json=valid | {"title": f"  {title} "}, headers=sign_in(UserFactory()))
        assert answer.json["title"] == title

    def test_in_the_closed_collection_of_somebody_else_is_403(self, client, sign_in, valid):
        closed = CollectionFactory(is_open=False)
        answer = client.post("/books", json=valid | {"collection_id": closed.id}, headers=sign_in(UserFactory()))
        assert answer.status_code == 403
        assert client.get("/books").json == []

    def test_in_a_closed_collection_is_left_to_its_owner_and_to_admins(self, client, sign_in, valid):
        closed = CollectionFactory(is_open=False)
        for user in (closed.user, UserFactory(is_admin=True)):
            answer = client.post("/books", json=valid | {"collection_id": closed.id}, headers=sign_in(user))
            assert answer.status_code == 201


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
class TestUpdate:
    def test_without_a_token_is_401(self, client, method):
        book = BookFactory(page_count=7)
        assert client.open(f"/books/{book.id}", method=method, json={"page_count": 8}).status_code == 401
        assert client.get(f"/books/{book.id}").json["page_count"] == 7

    def test_by_somebody_else_is_403(self, client, sign_in, method):
        book = BookFactory(page_count=7)
        headers = sign_in(book.collection.user)
        answer = client.open(f"/books/{book.id}", method=method, json={"page_count": 8}, headers=headers)
        assert answer.status_code == 403
        assert answer.json["error"] == "You must be the owner of the book in order to edit it."
        assert client.get(f"/books/{book.id}").json["page_count"] == 7

    def test_of_an_absent_one_is_404(self, client, sign_in, method):
        answer = client.open("/books/999999", method=method, json={"page_count": 8}, headers=sign_in(UserFactory()))
        assert answer.status_code == 404

    def test_with_nothing_is_422(self, client, sign_in, method):
        book = BookFactory()
        answer = client.open(f"/books/{book.id}", method=method, json={}, headers=sign_in(book.user))
        assert answer.status_code == 422

    def test_changes_what_is_given_and_nothing_else(self, client, sign_in, method):
        book = BookFactory(author="Somebody")
        before = client.get(f"/books/{book.id}").json
        answer = client.open(
            f"/books/{book.id}", method=method, json={"page_count": 8, "author": None}, headers=sign_in(book.user)
        )
        assert answer.status_code == 200
        assert answer.json == before | {"page_count": 8, "author": None, "updated_at": answer.json["updated_at"]}
        assert client.get(f"/books/{book.id}").json == answer.json

    def test_is_allowed_to_an_admin(self, client, sign_in, method):
        book = BookFactory()
        headers = sign_in(UserFactory(is_admin=True))
        answer = client.open(f"/books/{book.id}", method=method, json={"title": "New"}, headers=headers)
        assert answer.json["title"] == "New"

    def test_into_the_closed_collection_of_somebody_else_is_403(self, client, sign_in, method):
        book, closed = BookFactory(), CollectionFactory(is_open=False)
        body = {"collection_id": closed.id}
        answer = client.open(f"/books/{book.id}", method=method, json=body, headers=sign_in(book.user))
        assert answer.status_code == 403
        assert client.get(f"/books/{book.id}").json["collection_id"] == book.collection_id

    def test_of_a_book_in_a_collection_that_was_closed_since_is_allowed(self, client, sign_in, method):
        book = BookFactory(collection=CollectionFactory(is_open=False))
        body = {"collection_id": book.collection_id, "page_count": 9}
        answer = client.open(f"/books/{book.id}", method=method, json=body, headers=sign_in(book.user))
        assert (answer.status_code, answer.json["page_count"]) == (200, 9)


class TestDelete:
    def test_without_a_token_is_401(self, client):
        book = BookFactory()
        assert client.delete(f"/books/{book.id}").status_code == 401
        assert client.get(f"/books/{book.id}").status_code == 200

    def test_by_its_owner_is_403(self, client, sign_in):
        book = BookFactory()
        answer = client.delete(f"/books/{book.id}", headers=sign_in(book.user))
        assert (answer.status_code, answer.json["error"]) == (
            403,
            "You must have admin permissions to delete books.",
        )
        assert client.get(f"/books/{book.id}").status_code == 200

    def test_of_an_absent_one_is_404(self, client, sign_in):
        assert client.delete("/books/999999", headers=sign_in(UserFactory(is_admin=True))).status_code == 404

    def test_by_an_admin_removes_it(self, client, sign_in):
        book = BookFactory()
        answer = client.delete(f"/books/{book.id}", headers=sign_in(UserFactory(is_admin=True)))
        assert (answer.status_code, answer.json) == (
            200,
            {"message": f"Book {book.title} has been deleted successfully."},
        )
        assert client.get(f"/books/{book.id}").status_code == 404
