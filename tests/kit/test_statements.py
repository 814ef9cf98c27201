"""The reader's connections: one that died is replaced, a value that no column holds is an error of SQLAlchemy's."""

from contextlib import closing

import pytest
from flask_migrate import upgrade
from sqlalchemy import bindparam, column, literal_column, select, text
from sqlalchemy.exc import DataError, InterfaceError, OperationalError

from factories.auth import signed_in
from mediatheque.auth.models import User
from mediatheque.extensions import db
from mediatheque.kit import statements
from mediatheque.kit.statements import Query, read
from mediatheque.library.models import Genre


@pytest.fixture(scope="session")
def serving(make_database, make_app):
    """The application on a database of its own, so that its connections are its own."""
    app = make_app(make_database("wire"))
    with app.app_context():
        upgrade()
    return app


def end_all_others(engine):
    """End every connection to the database but the one of *engine*'s that does it."""
    with engine.connect() as connection:
        ended = connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )
        return len(ended.all())


@pytest.mark.parametrize("path", ["/genres", "/genres?q=a", "/genres?count=true&limit=1", "/collections"])
def test_a_read_is_tried_once_more_on_a_new_connection(serving, path):
    client = serving.test_client()
    assert client.get(path).status_code == 200
    with serving.app_context():
        assert end_all_others(db.engine) >= 1
    assert client.get(path).status_code == 200


def test_a_read_is_not_tried_a_third_time(serving):
    tries = []

    def work(connection):
        tries.append(connection)
        with db.engine.connect() as other:
            other.execute(
                text("SELECT pg_terminate_backend(:pid)"),
                {"pid": connection.connection.driver_connection.info.backend_pid},
            )
        return Query(lambda: select(Genre.id)).rows(connection, {})

    with serving.app_context(), pytest.raises((InterfaceError, OperationalError)):
        read(work)
    assert len(tries) == 2


@pytest.mark.parametrize("inline", [False, True])
def test_a_value_beyond_its_column_is_an_error_of_sqlalchemy(serving, inline):
    query = Query(lambda: select(Genre.id).where(Genre.id == bindparam("id")), inline=inline)
    with serving.app_context():
        with pytest.raises(DataError):
            read(lambda connection: query.rows(connection, {"id": "x"}))
        assert read(lambda connection: query.rows(connection, {"id": 1})) == []


def test_a_query_is_rendered_once(serving):
    query = Query(lambda: select(Genre.id).where(Genre.id == bindparam("id")))
    with serving.app_context():
        for values in ({"id": 1}, {"id": 2}):
            assert read(lambda connection, values=values: query.rows(connection, values)) == []
    assert len(query._rendered) == 1


def test_a_connection_keeps_the_statements_used_last(serving, server_url, monkeypatch):
    monkeypatch.setattr(statements, "PREPARED", 2)
    queries = [Query(lambda number=number: select(literal_column(str(number)))) for number in range(4)]
    known = select(column("statement")).select_from(text("pg_prepared_statements")).order_by(column("prepare_time"))
    ours = known.where(column("name").like("mediatheque%"))

    def work(connection):
        for number in (0, 1, 0, 2, 0, 3):
            assert queries[number].rows(connection, {}) == [(number,)]
        return Query(lambda: ours, inline=True).rows(connection, {})

    with serving.app_context():
        db.engines["reader"].dispose()
        prepares = server_url.get_driver_name() == "psycopg"
        assert [statement for (statement,) in read(work)] == (["SELECT 0", "SELECT 3"] if prepares else [])


@pytest.mark.parametrize("change", ["DEALLOCATE ALL", "ALTER TABLE kept ALTER n TYPE bigint"])
def test_a_statement_that_the_server_knows_no_more_is_prepared_anew(serving, change):
    query = Query(lambda: select(column("n")).select_from(text("kept")))

    def work(connection):
        before = query.rows(connection, {})
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(change)
        return before, query.rows(connection, {})

    with serving.app_context():
        db.session.execute(text("CREATE TABLE kept AS SELECT 5 AS n"))
        db.session.commit()
        try:
            assert read(work) == ([(5,)], [(5,)])
        finally:
            db.session.execute(text("DROP TABLE kept"))
            db.session.commit()


def test_a_request_whose_connection_dies_as_it_ends_is_answered(serving, make_app):
    app = make_app(serving.config["SQLALCHEMY_DATABASE_URI"])

    @app.after_request
    def kill(response):
        pid = db.session.scalar(text("SELECT pg_backend_pid()"))
        with db.engines["reader"].connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        return response

    client = app.test_client()
    assert [client.get("/nothing").status_code for _ in range(3)] == [404] * 3
    with app.app_context():
        assert not db.session.registry.has()


def test_a_write_finds_a_whole_pool_dead_at_once(serving):
    client = serving.test_client()
    with serving.app_context():
        db.engine.dispose()  # of what other tests have left
        somebody = User(name="Somebody", email="somebody@example.org", password="-")
        db.session.add(somebody)
        db.session.commit()
        headers = signed_in(somebody)
        db.session.close()
        with db.engine.connect() as one, db.engine.connect() as two:
            assert one.scalar(text("SELECT 1")) == two.scalar(text("SELECT 1"))
        assert end_all_others(db.engines["reader"]) >= 2
    answers = [client.post("/formats", json={"format": f"Format {n}"}, headers=headers) for n in range(3)]
    assert [answer.status_code for answer in answers] == [503, 201, 201]
