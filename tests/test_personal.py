"""flask users export and erase: what is kept of somebody, and its end."""

import json

import pytest
from flask_migrate import upgrade
from sqlalchemy import insert, text

from factories.auth import PASSWORD
from mediatheque.auth import accounts
from mediatheque.extensions import db
from mediatheque.kit.models import Base
from mediatheque.library.models import Book, Collection

ADA, GRACE = "ada@example.org", "grace@example.org"


@pytest.fixture
def runner(make_database, make_app, request):
    """A runner of commands where Ada has a collection, into which she and Grace have put a book each."""
    app = make_app(make_database(f"personal{abs(hash(request.node.name))}"))
    with app.app_context():
        upgrade()
        ada, grace = (accounts.create(email[:5], email, PASSWORD, is_admin=False) for email in (ADA, GRACE))
        db.session.flush()
        shelf = db.session.scalar(insert(Collection).values(name="Attic", user_id=ada.id).returning(Collection.id))
        rest = {"page_count": 1, "collection_id": shelf}
        books = [{"title": user.email, "user_id": user.id, **rest} for user in (ada, grace)]
        db.session.execute(insert(Book), books)
        db.session.commit()
    client = app.test_client()
    token = client.post("/login", json={"email": ADA, "password": PASSWORD}).json["token"]
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "1"}
    assert client.post("/collections", json={"name": "Cellar"}, headers=headers).status_code == 201
    return app.test_cli_runner()


def run(runner, *command, code=0, **options):
    result = runner.invoke(args=["users", *command], **options)
    assert result.exit_code == code, result.output
    return result.output


def rows(runner, column, table):
    with runner.app.app_context():
        return db.session.scalars(text(f"SELECT {column} FROM {table} ORDER BY id")).all()


class TestExport:
    def test_is_all_that_is_kept_of_somebody(self, runner):
        exported = json.loads(run(runner, "export", ADA))
        counts = {table: len(rows) for table, rows in exported.items()}
        assert counts == {
            "users": 1,
            "sessions": 1,
            "idempotency_keys": 1,
            "collections": 2,
            "books": 1,
            "movies": 0,
        }
        assert exported["users"][0]["email"] == ADA
        assert exported["books"][0]["title"] == ADA

    def test_names_every_table_that_belongs_to_somebody(self, runner):
        owned = {table.name for table in Base.metadata.tables.values() if "user_id" in table.columns}
        assert json.loads(run(runner, "export", ADA)).keys() == owned | {"users"}

    def test_holds_neither_hashes_nor_what_is_others(self, runner):
        output = run(runner, "export", ADA)
        assert "$2b$" not in output
        assert GRACE not in output

    def test_of_nobody_is_an_error(self, runner):
        assert "No account has the address x@example.org" in run(runner, "export", "x@example.org", code=1)


class TestErase:
    def test_says_what_goes_and_takes_it(self, runner):
        output = run(runner, "erase", ADA, "--yes")
        assert f"ada@e ({ADA}) has 2 collections, 1 idempotency key, 1 session, 1 book." in output
        assert "Others have put 1 book into these collections: they will be deleted as well." in output
        assert output.endswith(f"{ADA} has been erased.\n")
        assert rows(runner, "email", "users") == [GRACE]
        assert rows(runner, "id", "collections") == rows(runner, "id", "books") == rows(runner, "id", "sessions") == []

    def test_can_hand_the_collections_to_somebody(self, runner):
        output = run(runner, "erase", ADA, "--transfer-to", GRACE, "--yes")
        assert "Others have put 1 book into these collections: they stay, and grace gets these collections." in output
        assert rows(runner, "name", "collections") == ["Attic", "Cellar"]
        assert rows(runner, "title", "books") == [GRACE]
        assert rows(runner, "email", "users") == [GRACE]

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ([], "Without a terminal to answer at, say --yes."),
            (["--transfer-to", ADA, "--yes"], f"{ADA} cannot be the heir of {ADA}."),
            (["--transfer-to", "x@example.org", "--yes"], "No account has the address x@example.org"),
        ],
    )
    def test_takes_nothing_without_a_clear_answer(self, runner, options, sentence):
        assert sentence in run(runner, "erase", ADA, *options, code=1)
        assert rows(runner, "email", "users") == [ADA, GRACE]
