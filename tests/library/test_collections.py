"""What /collections promises."""

from datetime import UTC, datetime
from operator import attrgetter

import pytest
from sqlalchemy import Integer, delete, func, insert, select

from factories.auth import UserFactory
from factories.library import BookFactory, CollectionFactory, MovieFactory
from mediatheque.auth.models import User
from mediatheque.library.models import Book, Movie

ITEMS = 1001


@pytest.fixture
def full(connection):
    """A collection with 1,001 books and as many movies."""
    collection = CollectionFactory()
    for model, size in ((Book, "page_count"), (Movie, "run_time")):
        number = func.generate_series(1, ITEMS, type_=Integer)
        rows = select(func.concat("Item ", number), number, collection.id, collection.user_id)
        connection.execute(insert(model).from_select(["title", size, "collection_id", "user_id"], rows))
    return collection


class TestList:
    def test_gives_the_newest_first(self, client):
        older, newer = CollectionFactory(), CollectionFactory()
        assert [collection["id"] for collection in client.get("/collections").json] == [newer.id, older.id]

    def test_answers_with_a_slash_behind_too(self, client):
        collection = CollectionFactory()
        assert [one["id"] for one in client.get("/collections/").json] == [collection.id]

    def test_is_an_empty_array_without_collections(self, client):
        assert client.get("/collections").json == []

    def test_gives_each_its_own_items(self, client):
        book, movie = BookFactory(), MovieFactory()
        assert client.get("/collections").json == [
            client.get(f"/collections/{movie.collection_id}").json,
            client.get(f"/collections/{book.collection_id}").json,
        ]

    @pytest.mark.parametrize("items", ["books", "movies"])
    def test_nests_the_newest_100_items_and_counts_all(self, client, full, items):
        newest = [item["id"] for item in client.get(f"/{items}?limit=100").json]
        (collection,) = client.get("/collections").json
        assert [item["id"] for item in collection[items]] == newest
        assert collection[f"{items}_count"] == ITEMS

    def test_filters_by_user(self, client):
        wanted, _ = CollectionFactory(), CollectionFactory()
        found = client.get(f"/collections?user_id={wanted.user_id}").json
        assert [collection["id"] for collection in found] == [wanted.id]

    @pytest.mark.parametrize("value", ["true", "false"])
    def test_filters_by_being_open(self, client, value):
        collections = {"true": CollectionFactory(is_open=True), "false": CollectionFactory(is_open=False)}
        found = client.get(f"/collections?is_open={value}").json
        assert [collection["id"] for collection in found] == [collections[value].id]

    def test_of_a_user_who_does_not_exist_is_empty(self, client):
        CollectionFactory()
        assert client.get("/collections?user_id=999999").json == []

    def test_finds_part_of_a_name_without_its_accents(self, client):
        wanted, _ = CollectionFactory(name="Chez Amélie"), CollectionFactory()
        assert [collection["id"] for collection in client.get("/collections?q=AMELIE").json] == [wanted.id]

    def test_puts_the_names_that_fit_best_first(self, client):
        contains = CollectionFactory(name="My Shelf")
        begins = CollectionFactory(name="Shelf one")
        equal = CollectionFactory(name="shelf")
        newer = CollectionFactory(name="Shelf two")
        CollectionFactory(name="Attic")
        found = [collection["id"] for collection in client.get("/collections?q=Shelf").json]
        assert found == [equal.id, newer.id, begins.id, contains.id]

    @pytest.mark.parametrize("key", ["id", "name", "created_at"])
    def test_sorts_by(self, client, key):
        collections = [
            CollectionFactory(name=f"Name {n}", created_at=datetime(2024, 1, n, tzinfo=UTC)) for n in (2, 1, 3)
        ]
        expected = [collection.id for collection in sorted(collections, key=attrgetter(key))]
        found = client.get(f"/collections?sort={key}").json
        assert [collection["id"] for collection in found] == expected
        found = client.get(f"/collections?sort=-{key}").json
        assert [collection["id"] for collection in found] == expected[::-1]

    @pytest.mark.parametrize("query", ["is_open=yes", "is_open=1", "genre_id=1", "sort=is_open", "name=Shelf"])
    def test_with_a_parameter_that_is_none_of_its_own_is_422(self, client, query):
        assert client.get(f"/collections?{query}").status_code == 422


class TestGet:
    def test_gives_the_whole_shape(self, client):
        collection = CollectionFactory()
        books = [BookFactory(collection=collection) for _ in range(2)]
        movies = [MovieFactory(collection=collection) for _ in range(3)]
        BookFactory(), MovieFactory()
        assert client.get(f"/collections/{collection.id}").json == {
            "id": collection.id,
            "name": collection.name,
            "user": {"id": collection.user.id, "name": collection.user.name},
            "movies": [{"id": movie.id, "title": movie.title} for movie in reversed(movies)],
            "books": [{"id": book.id, "title": book.title} for book in reversed(books)],
            "is_open": True,
            "movies_count": 3,
            "books_count": 2,
            "created_at": collection.created_at.isoformat(),
            "updated_at": collection.updated_at.isoformat(),
        }

    @pytest.mark.parametrize("items", ["books", "movies"])
    def test_nests_the_newest_1000_items_and_counts_all(self, client, full, items):
        newest = [item["id"] for item in client.get(f"/{items}?limit=1000").json]
        collection = client.get(f"/collections/{full.id}").json
        assert [item["id"] for item in collection[items]] == newest
        assert collection[f"{items}_count"] == ITEMS

    @pytest.mark.parametrize("items", ["books", "movies"])
    def test_leaves_the_rest_to_the_list_of_items(self, client, full, items):
        first = client.get(f"/{items}?collection_id={full.id}&count=true")
        second = client.get(first.headers["Link"].partition(">")[0].removeprefix("<"))
        assert first.headers["X-Total-Count"] == str(ITEMS)
        assert [len(first.json), len(second.json)] == [1000, 1]
        assert second.json[0]["title"] == "Item 1"

    @pytest.mark.parametrize("id", [0, 999999, 2**63 - 1, 2**63])
    def test_of_an_absent_one_is_404(self, client, id):
        answer = client.get(f"/collections/{id}")
        assert (answer.status_code, answer.json["detail"]) == (404, f"A collection with the id {id} does not exist.")


class TestCreate:
    def test_without_a_token_is_401(self, client):
        assert client.post("/collections", json={"name": "Attic"}).status_code == 401
        assert client.get("/collections").json == []

    def test_makes_an_open_and_empty_collection_of_the_caller(self, client, sign_in):
        user = UserFactory()
        answer = client.post("/collections", json={"name": "Attic"}, headers=sign_in(user))
        assert answer.status_code == 201
        assert answer.json["user"] == {"id": user.id, "name": user.name}
        assert answer.json["is_open"] is True
        assert (answer.json["books"], answer.json["books_count"]) == ([], 0)
        assert (answer.json["movies"], answer.json["movies_count"]) == ([], 0)
        assert answer.headers["Location"] == f"/collections/{answer.json['id']}"
        assert client.get(answer.headers["Location"]).json == answer.json

    def test_makes_a_closed_one(self, client, sign_in):
        body = {"name": "Attic", "is_open": False}
        answer = client.post("/collections", json=body, headers=sign_in(UserFactory()))
        assert client.get(answer.headers["Location"]).json["is_open"] is False

    def test_takes_a_name_that_another_one_has(self, client, sign_in):
        body = {"name": CollectionFactory().name}
        assert client.post("/collections", json=body, headers=sign_in(UserFactory())).status_code == 201

    def test_with_nothing_names_what_is_missing(self, client, sign_in):
        answer = client.post("/collections", json={}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["errors"]) == (422, {"name": ["Must be given."]})

    @pytest.mark.parametrize(
        ("member", "value", "message"),
        [
            ("name", " x ", "Must have 2 to 100 characters, not 1."),
            ("name", "x" * 101, "Must have 2 to 100 characters, not 101."),
            ("name", "a\0b", "Must not contain control characters."),
            ("name", 77, "Must be text."),
            ("name", None, "Must not be null."),
            ("is_open", "yes", "Must be true or false."),
            ("is_open", 1, "Must be true or false."),
            ("is_open", None, "Must not be null."),
            ("id", 5, "Must not be given: there is no such writable member."),
            ("user_id", 5, "Must not be given: there is no such writable member."),
            ("books", [], "Must not be given: there is no such writable member."),
            ("books_count", 5, "Must not be given: there is no such writable member."),
        ],
    )
    def test_with_a_wrong_value_is_422(self, client, sign_in, member, value, message):
        answer = client.post("/collections", json={"name": "Attic", member: value}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["errors"]) == (422, {member: [message]})
        assert client.get("/collections").json == []

    @pytest.mark.parametrize("name", ["TV", "本棚", "Ender's shelf", "x" * 100])
    def test_keeps_a_name_of_any_script(self, client, sign_in, name):
        answer = client.post("/collections", json={"name": f" {name}  "}, headers=sign_in(UserFactory()))
        assert answer.json["name"] == name

    def test_with_a_name_too_long_once_it_is_decomposed_is_422(self, client, sign_in):
        answer = client.post("/collections", json={"name": "ﷺ" * 100}, headers=sign_in(UserFactory()))
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["name"])


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
class TestUpdate:
    def test_without_a_token_is_401(self, client, method):
        collection = CollectionFactory()
        assert client.open(f"/collections/{collection.id}", method=method, json={"name": "New"}).status_code == 401
        assert client.get(f"/collections/{collection.id}").json["name"] == collection.name

    def test_by_somebody_else_is_403(self, client, sign_in, method):
        collection = BookFactory().collection
        headers = sign_in(UserFactory())
        answer = client.open(f"/collections/{collection.id}", method=method, json={"name": "New"}, headers=headers)
        assert answer.status_code == 403
        assert answer.json["error"] == "You must be the owner of the collection in order to edit it."
        assert client.get(f"/collections/{collection.id}").json["name"] == collection.name

    @pytest.mark.parametrize("id", [999999, 2**63])
    def test_of_an_absent_one_is_404(self, client, sign_in, method, id):
        answer = client.open(f"/collections/{id}", method=method, json={"name": "New"}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["detail"]) == (404, f"A collection with the id {id} does not exist.")

    def test_with_nothing_is_422(self, client, sign_in, method):
        collection = CollectionFactory()
        headers = sign_in(collection.user)
        assert client.open(f"/collections/{collection.id}", method=method, json={}, headers=headers).status_code == 422

    @pytest.mark.parametrize(
        ("member", "value"), [("name", None), ("name", "x"), ("is_open", None), ("is_open", "no"), ("user_id", 5)]
    )
    def test_with_a_wrong_value_changes_nothing(self, client, sign_in, method, member, value):
        collection = CollectionFactory()
        before = client.get(f"/collections/{collection.id}").json
        body = {"is_open": False, member: value}
        headers = sign_in(collection.user)
        answer = client.open(f"/collections/{collection.id}", method=method, json=body, headers=headers)
        assert (answer.status_code, list(answer.json["errors"])) == (422, [member])
        assert client.get(f"/collections/{collection.id}").json == before

    @pytest.mark.parametrize("body", [{"name": "New"}, {"is_open": False}])
    def test_changes_what_is_given_and_nothing_else(self, client, sign_in, method, body):
        collection = BookFactory().collection
        before = client.get(f"/collections/{collection.id}").json
        headers = sign_in(collection.user)
        answer = client.open(f"/collections/{collection.id}", method=method, json=body, headers=headers)
        assert answer.status_code == 200
        assert answer.json == before | body | {"updated_at": answer.json["updated_at"]}
        assert client.get(f"/collections/{collection.id}").json == answer.json

    def test_leaves_it_to_its_owner_when_an_admin_changes_it(self, client, sign_in, method):
        collection = CollectionFactory()
        headers = sign_in(UserFactory(is_admin=True))
        answer = client.open(f"/collections/{collection.id}", method=method, json={"name": "New"}, headers=headers)
        assert answer.json["name"] == "New"
        assert answer.json["user"] == {"id": collection.user.id, "name": collection.user.name}


class TestDelete:
    def test_without_a_token_is_401(self, client):
        collection = CollectionFactory()
        assert client.delete(f"/collections/{collection.id}").status_code == 401
        assert client.get(f"/collections/{collection.id}").status_code == 200

    def test_by_its_owner_is_403(self, client, sign_in):
        collection = CollectionFactory()
        answer = client.delete(f"/collections/{collection.id}", headers=sign_in(collection.user))
        assert (answer.status_code, answer.json["error"]) == (
            403,
            "You must have admin permissions to delete collections.",
        )
        assert client.get(f"/collections/{collection.id}").status_code == 200

    @pytest.mark.parametrize("id", [999999, 2**63])
    def test_of_an_absent_one_is_404(self, client, sign_in, id):
        answer = client.delete(f"/collections/{id}", headers=sign_in(UserFactory(is_admin=True)))
        assert (answer.status_code, answer.json["detail"]) == (404, f"A collection with the id {id} does not exist.")

    def test_by_an_admin_removes_it_alone(self, client, sign_in):
        collection, other = CollectionFactory(), CollectionFactory()
        answer = client.delete(f"/collections/{collection.id}", headers=sign_in(UserFactory(is_admin=True)))
        assert (answer.status_code, answer.json) == (
            200,
            {"message": f"Collection {collection.name} has been deleted successfully."},
        )
        assert [one["id"] for one in client.get("/collections").json] == [other.id]

    @pytest.mark.parametrize(("items", "factory"), [("books", BookFactory), ("movies", MovieFactory)])
    def test_removes_the_items_in_it_whoever_owns_them(self, client, sign_in, items, factory):
        collection = CollectionFactory()
        factory(collection=collection), factory(collection=collection, user=collection.user)
        elsewhere = factory(user=collection.user)
        client.delete(f"/collections/{collection.id}", headers=sign_in(UserFactory(is_admin=True)))
        assert [item["id"] for item in client.get(f"/{items}").json] == [elsewhere.id]


class TestEndOfAUser:
    def test_removes_their_collections_and_what_others_put_there(self, client, connection):
        book, movie, kept = BookFactory(), MovieFactory(), CollectionFactory()
        owners = (book.collection.user_id, movie.collection.user_id)
        connection.execute(delete(User).where(User.id.in_(owners)))
        assert [collection["id"] for collection in client.get("/collections").json] == [kept.id]
        assert (client.get("/books").json, client.get("/movies").json) == ([], [])

    def test_removes_their_items_from_the_collections_of_others(self, client, connection):
        book, movie = BookFactory(), MovieFactory()
        connection.execute(delete(User).where(User.id.in_((book.user_id, movie.user_id))))
        assert (client.get("/books").json, client.get("/movies").json) == ([], [])
        counts = [(one["books_count"], one["movies_count"]) for one in client.get("/collections").json]
        assert counts == [(0, 0), (0, 0)]
