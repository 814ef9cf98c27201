"""What /genres promises."""

import pytest

from factories.auth import UserFactory
from factories.library import BookFactory, GenreFactory, MovieFactory

WRONG = [
    ("genre", " x ", "Must have 2 to 100 characters, not 1."),
    ("genre", "x" * 101, "Must have 2 to 100 characters, not 101."),
    ("genre", "a\0b", "Must not contain control characters."),
    ("genre", 77, "Must be text."),
    ("genre", None, "Must not be null."),
    ("id", 5, "Must not be given: there is no such writable member."),
    ("name", "Drama", "Must not be given: there is no such writable member."),
]


class TestList:
    def test_gives_the_newest_first(self, client):
        older, newer = GenreFactory(), GenreFactory()
        assert [genre["id"] for genre in client.get("/genres").json] == [newer.id, older.id]

    def test_answers_with_a_slash_behind_too(self, client):
        genre = GenreFactory()
        assert client.get("/genres/").json == [{"id": genre.id, "genre": genre.genre}]

    def test_is_an_empty_array_without_genres(self, client):
        assert client.get("/genres").json == []

    def test_finds_part_of_a_name_without_its_accents(self, client):
        wanted, _ = GenreFactory(genre="Comédie romantique"), GenreFactory()
        assert [genre["id"] for genre in client.get("/genres?q=COMEDIE").json] == [wanted.id]

    def test_sorts_by_name(self, client):
        for name in ("Épopée", "drama", "Fantasy"):
            GenreFactory(genre=name)
        assert [genre["genre"] for genre in client.get("/genres?sort=genre").json] == ["drama", "Épopée", "Fantasy"]
        assert [genre["genre"] for genre in client.get("/genres?sort=-genre").json] == ["Fantasy", "Épopée", "drama"]

    @pytest.mark.parametrize("query", ["genre=Drama", "user_id=1", "sort=created_at"])
    def test_with_a_parameter_that_is_none_of_its_own_is_422(self, client, query):
        assert client.get(f"/genres?{query}").status_code == 422


class TestGet:
    def test_gives_the_whole_shape(self, client):
        genre = GenreFactory()
        assert client.get(f"/genres/{genre.id}").json == {"id": genre.id, "genre": genre.genre}

    @pytest.mark.parametrize("id", [0, 999999, 2**63 - 1, 2**63])
    def test_of_an_absent_one_is_404(self, client, id):
        answer = client.get(f"/genres/{id}")
        assert (answer.status_code, answer.json["detail"]) == (404, f"A genre with the id {id} does not exist.")


class TestCreate:
    def test_without_a_token_is_401(self, client):
        assert client.post("/genres", json={"genre": "Film noir"}).status_code == 401
        assert client.get("/genres").json == []

    def test_by_any_member_makes_it(self, client, sign_in):
        answer = client.post("/genres", json={"genre": "Film noir"}, headers=sign_in(UserFactory()))
        assert answer.status_code == 201
        assert answer.json == {"id": answer.json["id"], "genre": "Film noir"}
        assert answer.headers["Location"] == f"/genres/{answer.json['id']}"
        assert client.get(answer.headers["Location"]).json == answer.json

    def test_with_nothing_names_what_is_missing(self, client, sign_in):
        answer = client.post("/genres", json={}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["errors"]) == (422, {"genre": ["Must be given."]})

    @pytest.mark.parametrize(("member", "value", "message"), WRONG)
    def test_with_a_wrong_value_is_422(self, client, sign_in, member, value, message):
        answer = client.post("/genres", json={"genre": "Film noir", member: value}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["errors"]) == (422, {member: [message]})
        assert client.get("/genres").json == []

    @pytest.mark.parametrize("name", ["SF", "ジャンル", "{genre} 100 %", "x" * 100])
    def test_keeps_a_name_of_any_script(self, client, sign_in, name):
        answer = client.post("/genres", json={"genre": f" {name}  "}, headers=sign_in(UserFactory()))
        assert answer.json["genre"] == name

    def test_with_a_name_too_long_once_it_is_decomposed_is_422(self, client, sign_in):
        answer = client.post("/genres", json={"genre": "ﷺ" * 100}, headers=sign_in(UserFactory()))
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["genre"])

    @pytest.mark.parametrize(
        ("stored", "given"), [("Film noir", " FILM Noir"), ("ÉPOPÉE", "épopée"), ("Фэнтези", "ФЭНТЕЗИ")]
    )
    def test_of_a_name_that_exists_in_another_case_is_409(self, client, sign_in, stored, given):
        genre = GenreFactory(genre=stored)
        answer = client.post("/genres", json={"genre": given}, headers=sign_in(UserFactory()))
        assert answer.status_code == 409
        assert answer.json["error"] == f"The genre {given.strip()} exists already."
        assert client.get("/genres").json == [{"id": genre.id, "genre": stored}]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
class TestUpdate:
    def test_without_a_token_is_401(self, client, method):
        genre = GenreFactory()
        assert client.open(f"/genres/{genre.id}", method=method, json={"genre": "New"}).status_code == 401
        assert client.get(f"/genres/{genre.id}").json["genre"] == genre.genre

    @pytest.mark.parametrize("id", [999999, 2**63])
    def test_of_an_absent_one_is_404(self, client, sign_in, method, id):
        answer = client.open(f"/genres/{id}", method=method, json={"genre": "New"}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["detail"]) == (404, f"A genre with the id {id} does not exist.")

    def test_with_nothing_is_422(self, client, sign_in, method):
        genre = GenreFactory()
        answer = client.open(f"/genres/{genre.id}", method=method, json={}, headers=sign_in(UserFactory()))
        assert answer.status_code == 422

    @pytest.mark.parametrize(("member", "value", "message"), WRONG)
    def test_with_a_wrong_value_changes_nothing(self, client, sign_in, method, member, value, message):
        genre = GenreFactory()
        body = {"genre": "New", member: value}
        answer = client.open(f"/genres/{genre.id}", method=method, json=body, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["errors"]) == (422, {member: [message]})
        assert client.get(f"/genres/{genre.id}").json["genre"] == genre.genre

    def test_by_any_member_renames_it(self, client, sign_in, method):
        genre = GenreFactory()
        answer = client.open(
            f"/genres/{genre.id}", method=method, json={"genre": "New"}, headers=sign_in(UserFactory())
        )
        assert (answer.status_code, answer.json) == (200, {"id": genre.id, "genre": "New"})
        assert client.get(f"/genres/{genre.id}").json == answer.json

    def test_changes_the_case_of_its_name(self, client, sign_in, method):
        genre, body = GenreFactory(genre="film noir"), {"genre": "Film Noir"}
        answer = client.open(f"/genres/{genre.id}", method=method, json=body, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["genre"]) == (200, "Film Noir")

    def test_to_a_name_that_exists_in_another_case_is_409(self, client, sign_in, method):
        GenreFactory(genre="Film noir")
        genre, body = GenreFactory(), {"genre": "FILM NOIR"}
        answer = client.open(f"/genres/{genre.id}", method=method, json=body, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["error"]) == (409, "The genre FILM NOIR exists already.")
        assert client.get(f"/genres/{genre.id}").json["genre"] == genre.genre


class TestDelete:
    def test_without_a_token_is_401(self, client):
        genre = GenreFactory()
        assert client.delete(f"/genres/{genre.id}").status_code == 401
        assert client.get(f"/genres/{genre.id}").status_code == 200

    def test_by_a_member_is_403(self, client, sign_in):
        genre = GenreFactory()
        answer = client.delete(f"/genres/{genre.id}", headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["error"]) == (
            403,
            "You must have admin permissions to delete genres.",
        )
        assert client.get(f"/genres/{genre.id}").status_code == 200

    @pytest.mark.parametrize("id", [999999, 2**63])
    def test_of_an_absent_one_is_404(self, client, sign_in, id):
        answer = client.delete(f"/genres/{id}", headers=sign_in(UserFactory(is_admin=True)))
        assert (answer.status_code, answer.json["detail"]) == (404, f"A genre with the id {id} does not exist.")

    def test_by_an_admin_removes_it_alone(self, client, sign_in):
        genre, other = GenreFactory(), GenreFactory()
        answer = client.delete(f"/genres/{genre.id}", headers=sign_in(UserFactory(is_admin=True)))
        assert (answer.status_code, answer.json) == (
            200,
            {"message": f"Genre {genre.genre} has been deleted successfully."},
        )
        assert [one["id"] for one in client.get("/genres").json] == [other.id]

    @pytest.mark.parametrize(("items", "factory"), [("books", BookFactory), ("movies", MovieFactory)])
    def test_leaves_its_items_without_one(self, client, sign_in, items, factory):
        item, other = factory(), factory()
        before = client.get(f"/{items}/{item.id}").json
        client.delete(f"/genres/{item.genre_id}", headers=sign_in(UserFactory(is_admin=True)))
        assert client.get(f"/{items}/{item.id}").json == before | {"genre": None, "genre_id": None}
        assert client.get(f"/{items}/{other.id}").json["genre_id"] == other.genre_id
