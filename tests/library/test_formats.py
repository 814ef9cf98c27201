"""What /formats promises."""

import pytest

from factories.auth import UserFactory
from factories.library import BookFactory, FormatFactory

WRONG = [
    ("format", " x ", "Must have 2 to 100 characters, not 1."),
    ("format", "x" * 101, "Must have 2 to 100 characters, not 101."),
    ("format", "a\0b", "Must not contain control characters."),
    ("format", 77, "Must be text."),
    ("format", None, "Must not be null."),
    ("id", 5, "Must not be given: there is no such writable member."),
    ("name", "Carton", "Must not be given: there is no such writable member."),
]


class TestList:
    def test_gives_the_newest_first(self, client):
        older, newer = FormatFactory(), FormatFactory()
        assert [format["id"] for format in client.get("/formats").json] == [newer.id, older.id]

    def test_answers_with_a_slash_behind_too(self, client):
        format = FormatFactory()
        assert client.get("/formats/").json == [{"id": format.id, "format": format.format}]

    def test_is_an_empty_array_without_formats(self, client):
        assert client.get("/formats").json == []

    def test_finds_part_of_a_name_without_its_accents(self, client):
        wanted, _ = FormatFactory(format="Édition reliée"), FormatFactory()
        assert [format["id"] for format in client.get("/formats?q=EDITION").json] == [wanted.id]

    def test_sorts_by_name(self, client):
        for name in ("Écrin", "carton", "Folio"):
            FormatFactory(format=name)
        assert [format["format"] for format in client.get("/formats?sort=format").json] == ["carton", "Écrin", "Folio"]
        assert [format["format"] for format in client.get("/formats?sort=-format").json] == ["Folio", "Écrin", "carton"]

    @pytest.mark.parametrize("query", ["format=Carton", "user_id=1", "sort=created_at"])
    def test_with_a_parameter_that_is_none_of_its_own_is_422(self, client, query):
        assert client.get(f"/formats?{query}").status_code == 422


class TestGet:
    def test_gives_the_whole_shape(self, client):
        format = FormatFactory()
        assert client.get(f"/formats/{format.id}").json == {"id": format.id, "format": format.format}

    @pytest.mark.parametrize("id", [0, 999999, 2**63 - 1, 2**63])
    def test_of_an_absent_one_is_404(self, client, id):
        answer = client.get(f"/formats/{id}")
        assert (answer.status_code, answer.json["detail"]) == (404, f"A format with the id {id} does not exist.")


class TestCreate:
    def test_without_a_token_is_401(self, client):
        assert client.post("/formats", json={"format": "Pocket book"}).status_code == 401
        assert client.get("/formats").json == []

    def test_by_any_member_makes_it(self, client, sign_in):
        answer = client.post("/formats", json={"format": "Pocket book"}, headers=sign_in(UserFactory()))
        assert answer.status_code == 201
        assert answer.json == {"id": answer.json["id"], "format": "Pocket book"}
        assert answer.headers["Location"] == f"/formats/{answer.json['id']}"
        assert client.get(answer.headers["Location"]).json == answer.json

    def test_with_nothing_names_what_is_missing(self, client, sign_in):
        answer = client.post("/formats", json={}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["errors"]) == (422, {"format": ["Must be given."]})

    @pytest.mark.parametrize(("member", "value", "message"), WRONG)
    def test_with_a_wrong_value_is_422(self, client, sign_in, member, value, message):
        answer = client.post("/formats", json={"format": "Pocket book", member: value}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["errors"]) == (422, {member: [message]})
        assert client.get("/formats").json == []

    @pytest.mark.parametrize("name", ["3D", "文庫本", "{format} 100 %", "x" * 100])
    def test_keeps_a_name_of_any_script(self, client, sign_in, name):
        answer = client.post("/formats", json={"format": f" {name}  "}, headers=sign_in(UserFactory()))
        assert answer.json["format"] == name

    def test_with_a_name_too_long_once_it_is_decomposed_is_422(self, client, sign_in):
        answer = client.post("/formats", json={"format": "ﷺ" * 100}, headers=sign_in(UserFactory()))
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["format"])

    @pytest.mark.parametrize(
        ("stored", "given"), [("Pocket book", " POCKET Book"), ("RELIÉ", "relié"), ("Обложка", "ОБЛОЖКА")]
    )
    def test_of_a_name_that_exists_in_another_case_is_409(self, client, sign_in, stored, given):
        format = FormatFactory(format=stored)
        answer = client.post("/formats", json={"format": given}, headers=sign_in(UserFactory()))
        assert answer.status_code == 409
        assert answer.json["error"] == f"The format {given.strip()} exists already."
        assert client.get("/formats").json == [{"id": format.id, "format": stored}]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
class TestUpdate:
    def test_without_a_token_is_401(self, client, method):
        format = FormatFactory()
        assert client.open(f"/formats/{format.id}", method=method, json={"format": "New"}).status_code == 401
        assert client.get(f"/formats/{format.id}").json["format"] == format.format

    @pytest.mark.parametrize("id", [999999, 2**63])
    def test_of_an_absent_one_is_404(self, client, sign_in, method, id):
        answer = client.open(f"/formats/{id}", method=method, json={"format": "New"}, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["detail"]) == (404, f"A format with the id {id} does not exist.")

    def test_with_nothing_is_422(self, client, sign_in, method):
        format = FormatFactory()
        answer = client.open(f"/formats/{format.id}", method=method, json={}, headers=sign_in(UserFactory()))
        assert answer.status_code == 422

    @pytest.mark.parametrize(("member", "value", "message"), WRONG)
    def test_with_a_wrong_value_changes_nothing(self, client, sign_in, method, member, value, message):
        format = FormatFactory()
        body = {"format": "New", member: value}
        answer = client.open(f"/formats/{format.id}", method=method, json=body, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["errors"]) == (422, {member: [message]})
        assert client.get(f"/formats/{format.id}").json["format"] == format.format

    def test_by_any_member_renames_it(self, client, sign_in, method):
        format = FormatFactory()
        answer = client.open(
            f"/formats/{format.id}", method=method, json={"format": "New"}, headers=sign_in(UserFactory())
        )
        assert (answer.status_code, answer.json) == (200, {"id": format.id, "format": "New"})
        assert client.get(f"/formats/{format.id}").json == answer.json

    def test_changes_the_case_of_its_name(self, client, sign_in, method):
        format, body = FormatFactory(format="pocket book"), {"format": "Pocket Book"}
        answer = client.open(f"/formats/{format.id}", method=method, json=body, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["format"]) == (200, "Pocket Book")

    def test_to_a_name_that_exists_in_another_case_is_409(self, client, sign_in, method):
        FormatFactory(format="Pocket book")
        format, body = FormatFactory(), {"format": "POCKET BOOK"}
        answer = client.open(f"/formats/{format.id}", method=method, json=body, headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["error"]) == (409, "The format POCKET BOOK exists already.")
        assert client.get(f"/formats/{format.id}").json["format"] == format.format


class TestDelete:
    def test_without_a_token_is_401(self, client):
        format = FormatFactory()
        assert client.delete(f"/formats/{format.id}").status_code == 401
        assert client.get(f"/formats/{format.id}").status_code == 200

    def test_by_a_member_is_403(self, client, sign_in):
        format = FormatFactory()
        answer = client.delete(f"/formats/{format.id}", headers=sign_in(UserFactory()))
        assert (answer.status_code, answer.json["error"]) == (
            403,
            "You must have admin permissions to delete formats.",
        )
        assert client.get(f"/formats/{format.id}").status_code == 200

    @pytest.mark.parametrize("id", [999999, 2**63])
    def test_of_an_absent_one_is_404(self, client, sign_in, id):
        answer = client.delete(f"/formats/{id}", headers=sign_in(UserFactory(is_admin=True)))
        assert (answer.status_code, answer.json["detail"]) == (404, f"A format with the id {id} does not exist.")

    def test_by_an_admin_removes_it_alone(self, client, sign_in):
        format, other = FormatFactory(), FormatFactory()
        answer = client.delete(f"/formats/{format.id}", headers=sign_in(UserFactory(is_admin=True)))
        assert (answer.status_code, answer.json) == (
            200,
            {"message": f"Format {format.format} has been deleted successfully."},
        )
        assert [one["id"] for one in client.get("/formats").json] == [other.id]

    def test_leaves_its_books_without_one(self, client, sign_in):
        book, other = BookFactory(), BookFactory()
        before = client.get(f"/books/{book.id}").json
        client.delete(f"/formats/{book.format_id}", headers=sign_in(UserFactory(is_admin=True)))
        assert client.get(f"/books/{book.id}").json == before | {"format": None, "format_id": None}
        assert client.get(f"/books/{other.id}").json["format_id"] == other.format_id
