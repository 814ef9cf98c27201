"""What /movies promises."""

from datetime import UTC, datetime
from operator import attrgetter

import pytest

from factories.auth import UserFactory
from factories.library import CollectionFactory, FormatMovieFactory, GenreFactory, MovieFactory


@pytest.fixture
def valid():
    """The body of a movie that can be created."""
    return {
        "title": "Alien³",
        "run_time": 114,
        "genre_id": GenreFactory().id,
        "format_id": FormatMovieFactory().id,
        "collection_id": CollectionFactory().id,
    }


class TestList:
    def test_gives_the_newest_first(self, client):
        older, newer = MovieFactory(), MovieFactory()
        assert [movie["id"] for movie in client.get("/movies").json] == [newer.id, older.id]

    def test_answers_with_a_slash_behind_too(self, client):
        movie = MovieFactory()
        assert [one["id"] for one in client.get("/movies/").json] == [movie.id]

    def test_is_an_empty_array_without_movies(self, client):
        assert client.get("/movies").json == []

    def test_gives_the_shape_of_a_single_one(self, client):
        movie = MovieFactory()
        assert client.get("/movies").json == [client.get(f"/movies/{movie.id}").json]

    @pytest.mark.parametrize("name", ["genre_id", "format_id", "collection_id", "user_id"])
    def test_filters_by(self, client, name):
        wanted, _ = MovieFactory(), MovieFactory()
        found = client.get(f"/movies?{name}={getattr(wanted, name)}").json
        assert [movie["id"] for movie in found] == [wanted.id]

    @pytest.mark.parametrize("name", ["genre_id", "format_id", "collection_id", "user_id"])
    def test_of_an_id_that_points_nowhere_is_empty(self, client, name):
        MovieFactory()
        assert client.get(f"/movies?{name}=999999").json == []

    def test_filters_by_a_range_of_run_times(self, client):
        for minutes in (1, 2, 3, 4):
            MovieFactory(run_time=minutes)
        found = client.get("/movies?min_run_time=2&max_run_time=3").json
        assert [movie["run_time"] for movie in found] == [3, 2]

    @pytest.mark.parametrize("q", ["AMELIE", "jeunet"])
    def test_finds_part_of_a_title_or_of_a_director(self, client, q):
        wanted, _ = MovieFactory(title="Le fabuleux destin d'Amélie", director="Jean-Pierre Jeunet"), MovieFactory()
        assert [movie["id"] for movie in client.get(f"/movies?q={q}").json] == [wanted.id]

    def test_puts_the_titles_that_fit_best_first(self, client):
        director = MovieFactory(title="Other", director="Emma Stone")
        contains = MovieFactory(title="My Emma")
        begins = MovieFactory(title="Emma and I")
        equal = MovieFactory(title="emma")
        newer = MovieFactory(title="Emma B")
        found = [movie["id"] for movie in client.get("/movies?q=Emma").json]
        assert found == [equal.id, newer.id, begins.id, contains.id, director.id]

    @pytest.mark.parametrize("key", ["id", "title", "director", "run_time", "release_year", "created_at"])
    def test_sorts_by(self, client, key):
        movies = [
            MovieFactory(
                title=f"Title {n}",
                director=f"Director {n}",
                run_time=n,
                release_year=n,
                created_at=datetime(2024, 1, n, tzinfo=UTC),
            )
            for n in (2, 1, 3)
        ]
        expected = [movie.id for movie in sorted(movies, key=attrgetter(key))]
        assert [movie["id"] for movie in client.get(f"/movies?sort={key}").json] == expected
        assert [movie["id"] for movie in client.get(f"/movies?sort=-{key}").json] == expected[::-1]

    @pytest.mark.parametrize("key", ["director", "release_year"])
    def test_sorts_rows_without_a_value_last_and_descending_first(self, client, key):
        without, with_one = MovieFactory(), MovieFactory(director="Somebody", release_year=2000)
        assert [movie["id"] for movie in client.get(f"/movies?sort={key}").json] == [with_one.id, without.id]
        assert [movie["id"] for movie in client.get(f"/movies?sort=-{key}").json] == [without.id, with_one.id]

    @pytest.mark.parametrize("query", ["isbn=0306406152", "min_page_count=1", "sort=author", "genre_id=1&genre_id=2"])
    def test_with_a_parameter_that_is_none_of_its_own_is_422(self, client, query):
        assert client.get(f"/movies?{query}").status_code == 422


class TestGet:
    def test_gives_the_whole_shape(self, client):
        movie = MovieFactory(director="Agnès Varda", release_year=1962)
        assert client.get(f"/movies/{movie.id}").json == {
            "id": movie.id,
            "user": {"id": movie.user.id, "name": movie.user.name},
            "title": movie.title,
            "genre": {"genre": movie.genre.genre},
            "run_time": movie.run_time,
            "format": {"format": movie.format.format},
            "collection": {
                "id": movie.collection.id,
                "name": movie.collection.name,
                "user": {"id": movie.collection.user.id, "name": movie.collection.user.name},
            },
            "collection_id": movie.collection_id,
            "genre_id": movie.genre_id,
            "format_id": movie.format_id,
            "user_id": movie.user_id,
            "director": "Agnès Varda",
            "release_year": 1962,
            "created_at": movie.created_at.isoformat(),
            "updated_at": movie.updated_at.isoformat(),
        }

    def test_answers_with_a_slash_behind_too(self, client):
        movie = MovieFactory()
        assert client.get(f"/movies/{movie.id}/").json["id"] == movie.id

    @pytest.mark.parametrize("id", [0, 999999, 2**63 - 1, 2**63])
    def test_of_an_absent_one_is_404(self, client, id):
        answer = client.get(f"/movies/{id}")
        assert (answer.status_code, answer.json["detail"]) == (404, f"A movie with the id {id} does not exist.")


class TestCreate:
    def test_without_a_token_is_401(self, client, valid):
        assert client.post("/movies", json=valid).status_code == 401
        assert client.get("/movies").json == []

    def test_makes_a_movie_of_the_caller(self, client, sign_in, valid):
        user = UserFactory()
        answer = client.post("/movies", json=valid, headers=sign_in(user))
        assert answer.status_code == 201
        assert answer.json["user"] == {"id": user.id, "name": user.name}
        assert answer.json.items() >= (valid | {"director": None, "release_year": None}).items()
        assert answer.headers["Location"] == f"/movies/{answer.json['id']}"
        assert client.get(answer.headers["Location"]).json == answer.json

    def test_takes_the_optional_members(self, client, sign_in, valid):
        optional = {"director": "David Fincher", "release_year": 1992}
        answer = client.post("/movies", json=valid | optional, headers=sign_in(UserFactory()))
        assert answer.json.items() >= optional.items()

    def test_with_nothing_names_what_is_missing(self, client, sign_in, valid):
        answer = client.post("/movies", json={}, headers=sign_in(UserFactory()))
        assert answer.status_code == 422
        assert answer.json["errors"] == {member: ["Must be given."] for member in valid}

    @pytest.mark.parametrize(
        ("member", "value", "message"),
        [
            ("title", "  ", "Must have 1 to 255 characters, not 0."),
            ("title", "x" * 256, "Must have 1 to 255 characters, not 256."),
            ("title", "a\0b", "Must not contain control characters."),
            ("title", 7, "Must be text."),
            ("title", None, "Must not be null."),
            ("director", "", "Must have 1 to 255 characters, not 0."),
            ("director", "x" * 256, "Must have 1 to 255 characters, not 256."),
            ("run_time", 0, "Must be at least 1, not 0."),
            ("run_time", 2**31, "Must be at most 2147483647, not 2147483648."),
            ("run_time", "120", "Must be a whole number."),
            ("run_time", 120.5, "Must be a whole number."),
            ("run_time", True, "Must be a whole number."),
            ("run_time", None, "Must not be null."),
            ("release_year", -3001, "Must be at least -3000, not -3001."),
            ("release_year", 2101, "Must be at most 2100, not 2101."),
            ("genre_id", None, "Must not be null."),
            ("genre_id", 2**64, "Must be a whole number."),
            ("genre_id", 999999, "A genre with the id 999999 does not exist."),
            ("format_id", None, "Must not be null."),
            ("format_id", 999999, "A movie format with the id 999999 does not exist."),
            ("collection_id", None, "Must not be null."),
            ("collection_id", 999999, "A collection with the id 999999 does not exist."),
            ("id", 5, "Must not be given: there is no such writable member."),
            ("user_id", 5, "Must not be given: there is no such writable member."),
            ("page_count", 5, "Must not be given: there is no such writable member."),
        ],
    )
    def test_with_a_wrong_value_is_422(self, client, sign_in, valid, member, value, message):
        answer = client.post("/movies", json=valid | {member: value}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["errors"]) == (422, {member: [message]})
        assert client.get("/movies").json == []

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("title", "M"),
            ("title", "羅" * 255),
            ("run_time", 2**31 - 1),
            ("release_year", -3000),
            ("release_year", 2100),
        ],
    )
    def test_takes_the_extremes(self, client, sign_in, valid, member, value):
        answer = client.post("/movies", json=valid | {member: value}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json[member]) == (201, value)

    def test_trims_and_normalises_text(self, client, sign_in, valid):
        body = valid | {"title": "  Ame\u0301lie ", "director": " Jeunet "}
        answer = client.post("/movies", json=body, headers=sign_in(UserFactory()))
        assert (answer.json["title"], answer.json["director"]) == ("Amélie", "Jeunet")

    def test_with_a_title_too_long_once_it_is_decomposed_is_422(self, client, sign_in, valid):
        answer = client.post("/movies", json=valid | {"title": "ﷺ" * 255}, headers=sign_in(UserFactory()))
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["title"])

    def test_in_the_closed_collection_of_somebody_else_is_403(self, client, sign_in, valid):
        closed = CollectionFactory(is_open=False)
        answer = client.post("/movies", json=valid | {"collection_id": closed.id}, headers=sign_in(UserFactory()))
        assert answer.status_code == 403
        assert client.get("/movies").json == []

    def test_in_a_closed_collection_is_left_to_its_owner_and_to_admins(self, client, sign_in, valid):
        closed = CollectionFactory(is_open=False)
        for user in (closed.user, UserFactory(is_admin=True)):
            answer = client.post("/movies", json=valid | {"collection_id": closed.id}, headers=sign_in(user))
            assert answer.status_code == 201


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
class TestUpdate:
    def test_without_a_token_is_401(self, client, method):
        movie = MovieFactory(run_time=7)
        assert client.open(f"/movies/{movie.id}", method=method, json={"run_time": 8}).status_code == 401
        assert client.get(f"/movies/{movie.id}").json["run_time"] == 7

    def test_by_somebody_else_is_403(self, client, sign_in, method):
        movie = MovieFactory(run_time=7)
        headers = sign_in(UserFactory())
        answer = client.open(f"/movies/{movie.id}", method=method, json={"run_time": 8}, headers=headers)
        assert answer.status_code == 403
        assert answer.json["error"] == "You must be the owner of the movie in order to edit it."
        assert client.get(f"/movies/{movie.id}").json["run_time"] == 7

    def test_by_the_owner_of_its_collection_is_403(self, client, sign_in, method):
        movie = MovieFactory(run_time=7)
        headers = sign_in(movie.collection.user)
        answer = client.open(f"/movies/{movie.id}", method=method, json={"run_time": 8}, headers=headers)
        assert answer.status_code == 403
        assert client.get(f"/movies/{movie.id}").json["run_time"] == 7

    @pytest.mark.parametrize("id", [999999, 2**63])
    def test_of_an_absent_one_is_404(self, client, sign_in, method, id):
        answer = client.open(f"/movies/{id}", method=method, json={"run_time": 8}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["detail"]) == (404, f"A movie with the id {id} does not exist.")

    def test_with_nothing_is_422(self, client, sign_in, method):
        movie = MovieFactory()
        answer = client.open(f"/movies/{movie.id}", method=method, json={}, headers=sign_in(movie.user))
        assert answer.status_code == 422

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("title", None),
            ("run_time", 0),
            ("genre_id", None),
            ("format_id", 999999),
            ("collection_id", 999999),
            ("user_id", 5),
            ("created_at", "2024-01-01T00:00:00+00:00"),
        ],
    )
    def test_with_a_wrong_value_changes_nothing(self, client, sign_in, method, member, value):
        movie = MovieFactory()
        before = client.get(f"/movies/{movie.id}").json
        body = {"director": "Somebody", member: value}
        answer = client.open(f"/movies/{movie.id}", method=method, json=body, headers=sign_in(movie.user))
        assert (answer.status_code, list(answer.json["errors"])) == (422, [member])
        assert client.get(f"/movies/{movie.id}").json == before

    def test_changes_what_is_given_and_nothing_else(self, client, sign_in, method):
        movie = MovieFactory(director="Somebody", release_year=2000)
        before = client.get(f"/movies/{movie.id}").json
        body = {"run_time": 8, "director": None}
        answer = client.open(f"/movies/{movie.id}", method=method, json=body, headers=sign_in(movie.user))
        assert answer.status_code == 200
        assert answer.json == before | body | {"updated_at": answer.json["updated_at"]}
        assert client.get(f"/movies/{movie.id}").json == answer.json

    def test_moves_it_to_another_genre_format_and_collection(self, client, sign_in, method):
        movie, genre, format, shelf = MovieFactory(), GenreFactory(), FormatMovieFactory(), CollectionFactory()
        body = {"genre_id": genre.id, "format_id": format.id, "collection_id": shelf.id}
        answer = client.open(f"/movies/{movie.id}", method=method, json=body, headers=sign_in(movie.user))
        assert answer.json["genre"] == {"genre": genre.genre}
        assert answer.json["format"] == {"format": format.format}
        assert answer.json["collection"]["name"] == shelf.name

    def test_leaves_it_to_its_owner_when_an_admin_changes_it(self, client, sign_in, method):
        movie = MovieFactory()
        headers = sign_in(UserFactory(is_admin=True))
        answer = client.open(f"/movies/{movie.id}", method=method, json={"title": "New"}, headers=headers)
        assert (answer.json["title"], answer.json["user_id"]) == ("New", movie.user_id)

    def test_into_the_closed_collection_of_somebody_else_is_403(self, client, sign_in, method):
        movie, closed = MovieFactory(), CollectionFactory(is_open=False)
        body = {"collection_id": closed.id, "run_time": 8}
        before = client.get(f"/movies/{movie.id}").json
        answer = client.open(f"/movies/{movie.id}", method=method, json=body, headers=sign_in(movie.user))
        assert answer.status_code == 403
        assert client.get(f"/movies/{movie.id}").json == before

    def test_into_their_own_closed_collection_is_allowed(self, client, sign_in, method):
        movie = MovieFactory()
        body = {"collection_id": CollectionFactory(is_open=False, user=movie.user).id}
        answer = client.open(f"/movies/{movie.id}", method=method, json=body, headers=sign_in(movie.user))
        assert (answer.status_code, answer.json["collection_id"]) == (200, body["collection_id"])

    def test_into_any_closed_collection_is_allowed_to_an_admin(self, client, sign_in, method):
        movie, headers = MovieFactory(), sign_in(UserFactory(is_admin=True))
        body = {"collection_id": CollectionFactory(is_open=False).id}
        answer = client.open(f"/movies/{movie.id}", method=method, json=body, headers=headers)
        assert (answer.status_code, answer.json["collection_id"]) == (200, body["collection_id"])

    def test_of_a_movie_in_a_collection_that_was_closed_since_is_allowed(self, client, sign_in, method):
        movie = MovieFactory(collection=CollectionFactory(is_open=False))
        body = {"collection_id": movie.collection_id, "run_time": 9}
        answer = client.open(f"/movies/{movie.id}", method=method, json=body, headers=sign_in(movie.user))
        assert (answer.status_code, answer.json["run_time"]) == (200, 9)


class TestDelete:
    def test_without_a_token_is_401(self, client):
        movie = MovieFactory()
        assert client.delete(f"/movies/{movie.id}").status_code == 401
        assert client.get(f"/movies/{movie.id}").status_code == 200

    def test_by_its_owner_is_403(self, client, sign_in):
        movie = MovieFactory()
        answer = client.delete(f"/movies/{movie.id}", headers=sign_in(movie.user))
        assert (answer.status_code, answer.json["error"]) == (
            403,
            "You must have admin permissions to delete movies.",
        )
        assert client.get(f"/movies/{movie.id}").status_code == 200

    @pytest.mark.parametrize("id", [999999, 2**63])
    def test_of_an_absent_one_is_404(self, client, sign_in, id):
        answer = client.delete(f"/movies/{id}", headers=sign_in(UserFactory(is_admin=True)))
        assert (answer.status_code, answer.json["detail"]) == (404, f"A movie with the id {id} does not exist.")

    def test_by_an_admin_removes_it_alone(self, client, sign_in):
        movie, other = MovieFactory(), MovieFactory()
        answer = client.delete(f"/movies/{movie.id}", headers=sign_in(UserFactory(is_admin=True)))
        assert (answer.status_code, answer.json) == (
            200,
            {"message": f"Movie {movie.title} has been deleted successfully."},
        )
        assert [one["id"] for one in client.get("/movies").json] == [other.id]
