"""GET /stats: the library in numbers, which agree with its lists."""

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert

from contract.resources import FACTORIES
from factories.auth import UserFactory
from factories.library import BookFactory, CollectionFactory, FormatFactory, GenreFactory, MovieFactory
from mediatheque import config
from mediatheque.kit.models import BIGINT_MAX, INTEGER_MAX
from mediatheque.library.models import Book, Genre, Movie

NOTHING = {"count": 0, "genres": [], "formats": [], "years": [], "growth": []}
NO_BOOKS = {**NOTHING, "pages": 0, "page_counts": []}
NO_MOVIES = {**NOTHING, "run_time": 0, "run_times": []}

# Of each kind: its name, its model, the members of an item that are a year and a length, the sum, the histogram.
KINDS = [
    ("books", Book, "published_year", "page_count", "pages", "page_counts"),
    ("movies", Movie, "release_year", "run_time", "run_time", "run_times"),
]


def stats(client, **parameters):
    answer = client.get("/stats", query_string=parameters)
    assert answer.status_code == 200, answer.json
    return answer.json


def counted(groups, member):
    """How many items each value of *member* has, as the answer says it."""
    return {group[member]: group["count"] for group in groups}


def steps(client, *page_counts):
    """The histogram of books with so many pages."""
    for page_count in page_counts:
        BookFactory(page_count=page_count)
    return stats(client)["books"]["page_counts"]


def test_of_an_empty_library_is_zeros(client):
    assert stats(client) == {"books": NO_BOOKS, "movies": NO_MOVIES}


def test_of_one_book_and_two_movies_is_this(client):
    january, march = datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    book = BookFactory(page_count=352, published_year=1994, created_at=january)
    movie = MovieFactory(run_time=80, release_year=1931, genre=book.genre, created_at=march)
    MovieFactory(run_time=107, release_year=None, genre=book.genre, format=movie.format, created_at=january)
    genre = {"id": book.genre_id, "genre": book.genre.genre}
    assert stats(client) == {
        "books": {
            "count": 1,
            "genres": [{**genre, "count": 1}],
            "formats": [{"id": book.format_id, "format": book.format.format, "count": 1}],
            "years": [{"year": 1994, "count": 1}],
            "growth": [{"month": "2026-01", "count": 1, "total": 1}],
            "pages": 352,
            "page_counts": [{"from": 350, "to": 359, "count": 1}],
        },
        "movies": {
            "count": 2,
            "genres": [{**genre, "count": 2}],
            "formats": [{"id": movie.format_id, "format": movie.format.format, "count": 2}],
            "years": [{"year": 1931, "count": 1}, {"year": None, "count": 1}],
            "growth": [{"month": "2026-01", "count": 1, "total": 1}, {"month": "2026-03", "count": 1, "total": 2}],
            "run_time": 187,
            "run_times": [
                {"from": 80, "to": 84, "count": 1},
                {"from": 85, "to": 89, "count": 0},
                {"from": 90, "to": 94, "count": 0},
                {"from": 95, "to": 99, "count": 0},
                {"from": 100, "to": 104, "count": 0},
                {"from": 105, "to": 109, "count": 1},
            ],
        },
    }


def test_of_the_books_in_the_documentation_is_what_stands_there(client):
    genre, april = GenreFactory(id=10, genre="Solarpunk"), datetime(2026, 4, 1, tzinfo=UTC)
    paperback, hardcover = FormatFactory(id=1, format="Paperback"), FormatFactory(id=2, format="Hardcover")
    november = datetime(2026, 11, 1, tzinfo=UTC)
    BookFactory(genre=genre, format=paperback, page_count=181, published_year=1975, created_at=april)
    BookFactory(genre=genre, format=hardcover, page_count=160, published_year=2021, created_at=april)
    BookFactory(genre=None, format=hardcover, page_count=185, published_year=None, created_at=november)
    documented = (config.ROOT / "docs/api.md").read_text().partition("## Statistics")[2]
    assert stats(client) == json.loads(documented.partition("```json")[2].partition("```")[0])


@pytest.mark.parametrize(("name", "model", "year", "length", "total", "histogram"), KINDS)
class TestNumbers:
    @pytest.fixture
    def library(self, connection, model, year, length):
        """Items that differ in everything, some of which lack what they may lack; two collections of two owners."""
        rng = random.Random(7)  # noqa: S311
        factory = FACTORIES[model]
        shelves, owners = CollectionFactory.create_batch(2), UserFactory.create_batch(2)
        genres, formats = GenreFactory.create_batch(3), [factory().format for _ in range(2)]
        rows = [
            {
                "title": "Emma",
                length: rng.choice([1, rng.randrange(1, 900), 2**20]),
                year: rng.choice([None, -3000, 2100, rng.randrange(1900, 2030)]),
                "collection_id": rng.choice(shelves).id,
                "user_id": rng.choice(owners).id,
                "genre_id": rng.choice([None, *(genre.id for genre in genres)]),
                "format_id": rng.choice([None, *(format.id for format in formats)]),
                "created_at": datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=rng.randrange(900)),
            }
            for _ in range(200)
        ]
        connection.execute(insert(model), rows)
        return {"collection_id": shelves[0].id, "user_id": owners[1].id}

    @pytest.mark.parametrize("names", [(), ("collection_id",), ("user_id",), ("collection_id", "user_id")])
    def test_agree_with_the_list(self, client, library, name, model, year, length, total, histogram, names):
        chosen = {filter: library[filter] for filter in names}
        found = stats(client, **chosen)[name]
        items = client.get(f"/{name}", query_string=chosen).json
        assert len(items) == found["count"] > 20
        assert found[total] == sum(item[length] for item in items)
        assert counted(found["genres"], "id") == Counter(item["genre_id"] for item in items)
        assert counted(found["formats"], "id") == Counter(item["format_id"] for item in items)
        assert counted(found["years"], "year") == Counter(item[year] for item in items)
        assert counted(found["growth"], "month") == Counter(item["created_at"][:7] for item in items)
        assert found["growth"][-1]["total"] == found["count"]
        for step in found[histogram]:
            assert step["count"] == sum(step["from"] <= item[length] <= (step["to"] or INTEGER_MAX) for item in items)
        assert sum(step["count"] for step in found[histogram]) == found["count"]

    def test_of_what_is_not_there_are_zeros(self, client, library, name, model, year, length, total, histogram):
        for parameters in ({"user_id": 2**40}, {"collection_id": -1}, {**library, "user_id": BIGINT_MAX}):
            assert stats(client, **parameters) == {"books": NO_BOOKS, "movies": NO_MOVIES}


class TestGroups:
    def test_of_genres_come_with_the_most_frequent_first_and_the_items_without_last(self, client):
        poetry, drama = GenreFactory(genre="Poetry"), GenreFactory(genre="Drama")
        for genre in (poetry, drama, drama, None, None, None):
            BookFactory(genre=genre)
        assert stats(client)["books"]["genres"] == [
            {"id": drama.id, "genre": "Drama", "count": 2},
            {"id": poetry.id, "genre": "Poetry", "count": 1},
            {"id": None, "genre": None, "count": 3},
        ]

    def test_of_formats_that_as_many_items_have_come_by_id(self, client):
        formats = FormatFactory.create_batch(5)
        for format in reversed(formats):
            BookFactory(format=format)
        assert [one["id"] for one in stats(client)["books"]["formats"]] == [format.id for format in formats]

    def test_without_an_item_are_left_out(self, client):
        GenreFactory()
        assert len(stats(client)["books"]["genres"]) == 0

    def test_are_at_most_a_thousand(self, client, connection):
        first = BookFactory(genre=None)
        genres = connection.scalars(insert(Genre).returning(Genre.id), [{"genre": f"Made {n}"} for n in range(1200)])
        like = {name: getattr(first, name) for name in ("title", "page_count", "user_id", "collection_id", "format_id")}
        ids = list(genres)
        connection.execute(insert(Book), [{**like, "genre_id": id} for id in [*ids, ids[-1]]])
        books = stats(client)["books"]
        assert (books["count"], len(books["genres"])) == (1202, 1000)
        assert (books["genres"][0]["id"], books["genres"][0]["count"]) == (ids[-1], 2)
        assert books["genres"][-1] == {"id": None, "genre": None, "count": 1}

    def test_of_years_come_in_their_order(self, client):
        for year in (2100, None, -750, 1994):
            BookFactory(published_year=year)
        assert [one["year"] for one in stats(client)["books"]["years"]] == [-750, 1994, 2100, None]


class TestGrowth:
    def test_is_by_month_in_utc(self, client):
        BookFactory(created_at=datetime(2026, 1, 31, 23, tzinfo=timezone(-timedelta(hours=5))))
        BookFactory(created_at=datetime(2026, 1, 1, tzinfo=UTC))
        BookFactory(created_at=datetime(2019, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))
        assert stats(client)["books"]["growth"] == [
            {"month": "2019-12", "count": 1, "total": 1},
            {"month": "2026-01", "count": 1, "total": 2},
            {"month": "2026-02", "count": 1, "total": 3},
        ]

    def test_of_the_collections_items_is_theirs(self, client):
        shelf = CollectionFactory()
        BookFactory(created_at=datetime(2020, 1, 1, tzinfo=UTC))
        BookFactory(created_at=datetime(2021, 1, 1, tzinfo=UTC), collection=shelf)
        growth = stats(client, collection_id=shelf.id)["books"]["growth"]
        assert growth == [{"month": "2021-01", "count": 1, "total": 1}]


class TestHistogram:
    @pytest.mark.parametrize(
        ("page_counts", "size"),
        [((1,), 1), ((39,), 1), ((40,), 2), ((320,), 10), ((100, 399), 10), ((399, 400), 20), ((INTEGER_MAX,), 10**8)],
    )
    def test_has_steps_for_what_there_is(self, client, page_counts, size):
        found = steps(client, *page_counts)
        assert found[0]["from"] == page_counts[0] // size * size
        assert found[-1]["to"] == page_counts[-1] // size * size + size - 1
        assert {step["to"] - step["from"] + 1 for step in found} == {size}

    def test_has_no_gaps(self, client):
        found = steps(client, 30, 60, 1199)
        assert [step["from"] for step in found] == list(range(0, 1200, 50))
        assert [step["to"] for step in found] == list(range(49, 1200, 50))

    @pytest.mark.parametrize("longest", [50_000, INTEGER_MAX])
    def test_is_not_flattened_by_an_outlier(self, client, longest):
        found = steps(client, *range(100, 400, 15), longest)
        assert [step["from"] for step in found] == list(range(100, 801, 20))
        assert [step["count"] for step in found[:3]] == [2, 1, 1]
        assert found[-1] == {"from": 800, "to": None, "count": 1}

    def test_has_at_most_forty_steps_and_an_open_one(self, client):
        for _ in range(10):
            found = steps(client, *(random.randrange(1, 10 ** random.randrange(1, 10)) for _ in range(10)))  # noqa: S311
            assert 1 <= len(found) <= 41
            assert [step["to"] for step in found[:-1]] == [step["from"] - 1 for step in found[1:]]

    def test_has_the_bounds_of_the_list(self, client):
        for step in steps(client, 30, 60, 61, 99, 100, 101, 1199, 1200, 1201, 90_000):
            bounds = {"min_page_count": step["from"], "max_page_count": step["to"]}
            found = client.get("/books", query_string={name: end for name, end in bounds.items() if end is not None})
            assert len(found.json) == step["count"]


class TestRequest:
    @pytest.mark.parametrize(
        ("query", "member", "message"),
        [
            ("limit=1", "limit", "Must not be given: there is no such parameter."),
            ("genre_id=1", "genre_id", "Must not be given: there is no such parameter."),
            ("user_id=1&user_id=2", "user_id", "Must be given only once."),
            ("user_id=x", "user_id", "Must be a whole number."),
            (
                f"collection_id={BIGINT_MAX + 1}",
                "collection_id",
                f"Must be at most {BIGINT_MAX}, not {BIGINT_MAX + 1}.",
            ),
        ],
    )
    def test_with_a_wrong_parameter_is_422(self, client, query, member, message):
        answer = client.get(f"/stats?{query}")
        assert (answer.status_code, answer.json["errors"]) == (422, {member: [message]})

    def test_is_not_answered_again_to_who_has_it(self, client):
        tag = client.get("/stats").headers["ETag"]
        again = client.get("/stats", headers={"If-None-Match": tag})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        BookFactory()
        assert client.get("/stats", headers={"If-None-Match": tag}).status_code == 200

    def test_with_a_slash_at_its_end_is_the_same(self, client):
        assert client.get("/stats/").data == client.get("/stats").data
