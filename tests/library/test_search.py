"""Search that forgives: where nothing contains the text, words like it are found, if the database has pg_trgm."""

import pytest
from sqlalchemy import text

from factories.library import BookFactory, CollectionFactory, GenreFactory, MovieFactory
from mediatheque.kit.orders import Cursor


@pytest.fixture
def found(client, connection):
    """What a search finds, as the ids of a list; without pg_trgm, a misspelt word finds nothing."""
    knows = connection.scalar(text("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'"))

    def search(path, expected, **parameters):
        answer = client.get(path, query_string=parameters)
        assert answer.status_code == 200
        assert [row["id"] for row in answer.json] == ([row.id for row in expected] if knows else [])
        return answer

    return search


def test_finds_the_title_of_a_misspelt_word(found):
    book = BookFactory(title="The Magic Mountain")
    BookFactory(title="The Container")
    found("/books", [book], q="montain")
    found("/books", [book], q="MONTÀIN")


def test_finds_an_author_and_a_director(found):
    book = BookFactory(author="Thomas Mann, Fjodor Dostojewski")
    movie = MovieFactory(director="Jean-Pierre Jeunet")
    found("/books", [book], q="Dostojevski")
    found("/movies", [movie], q="Jean-Piere")


def test_finds_a_collection(found):
    found("/collections", [CollectionFactory(name="Living room")], q="livin rooom")


def test_does_not_guess_while_something_contains_the_text(client):
    book = BookFactory(title="Montaigne, montain")
    BookFactory(title="The Magic Mountain")
    assert [row["id"] for row in client.get("/books?q=montain").json] == [book.id]


def test_does_not_guess_behind_the_last_page(client):
    book = BookFactory(title="Montain")
    BookFactory(title="The Magic Mountain")
    last = Cursor("title", "montain", book.id).encode()
    assert client.get("/books", query_string={"q": "montain", "sort": "title", "cursor": last}).json == []


@pytest.mark.parametrize("q", ["thx", "????", "% _ ."])
def test_does_not_guess_at_less_than_four_letters(client, q):
    BookFactory(title="The Magic Mountain")
    assert client.get("/books", query_string={"q": q}).json == []


def test_keeps_the_filters_the_order_and_the_count(found):
    genre = GenreFactory()
    first = BookFactory(title="A Mountain", genre=genre)
    second = BookFactory(title="The Mountain", genre=genre)
    BookFactory(title="Mountains")
    answer = found("/books", [first, second], q="montain", genre_id=genre.id, sort="title", count="true")
    assert answer.headers["X-Total-Count"] == str(len(answer.json))


def test_finds_what_an_export_asks_for(found, client):
    BookFactory(title="The Container")
    books = [BookFactory(title="The Magic Mountain"), BookFactory(title="Mountains")]
    answer = found("/books/export", [books[0]], q="montain")
    assert answer.headers["X-Total-Count"] == str(len(answer.json))


@pytest.mark.parametrize("sort", [{}, {"sort": "title"}])
def test_goes_on_over_the_pages(client, found, sort):
    books = [BookFactory(title=f"Mountain {letter}") for letter in "cba"]
    walked, address = [], "/books"
    parameters = {"q": "montain", "limit": 1, **sort}
    while address:
        answer = client.get(address, query_string=parameters)
        walked += [row["id"] for row in answer.json]
        address, parameters = answer.headers.get("Link", "").partition(">")[0].removeprefix("<"), None
    found("/books", books[::-1], q="montain", **sort)
    assert walked in ([book.id for book in reversed(books)], [])


def test_goes_on_when_something_comes_to_contain_the_text(client, found):
    books = [BookFactory(title=f"Mountain {letter}") for letter in "abc"]
    first = found("/books", [books[2]], q="montain", limit=1)
    if first.json:
        BookFactory(title="Montain")
        address = first.headers["Link"].partition(">")[0].removeprefix("<")
        assert [row["id"] for row in client.get(address).json] == [books[1].id]


def test_takes_a_cursor_of_a_guess_only_where_there_are_guesses(client, connection):
    knows = connection.scalar(text("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'"))
    cursor = Cursor("similar -id", 9, 9).encode()
    assert client.get("/books", query_string={"q": "montain", "cursor": cursor}).status_code == (200 if knows else 422)
    assert client.get("/books", query_string={"q": "????", "cursor": cursor}).status_code == 422
    assert client.get("/books", query_string={"cursor": cursor}).status_code == 422
