"""A read answers, byte for byte, what Marshmallow's own dump of the row would be."""

from datetime import UTC, datetime

import orjson
import psycopg
import pytest
from flask_migrate import upgrade
from marshmallow import Schema as MarshmallowSchema
from marshmallow import fields, post_dump
from sqlalchemy import delete, event, insert, select
from sqlalchemy.orm import Session, selectinload, undefer

from contract.resources import FACTORIES, LISTINGS, SCRIPTS, columns, filled, make_many, nulls, texts
from factories.auth import UserFactory
from factories.library import BookFactory, CollectionFactory, MovieFactory
from factories.session import factory_session
from mediatheque.extensions import db
from mediatheque.kit.models import BIGINT_MAX
from mediatheque.kit.statements import read
from mediatheque.kit.wire import Wire
from mediatheque.library.models import Book, Genre, Movie

WITH_LISTS = [
    path
    for path, listing in LISTINGS.items()
    if any(isinstance(field, fields.List) for field in listing.wire.schema.dump_fields.values())
]


def loaders(schema, model):
    """What loads all that *schema* shows of *model*, whose relations and counts do not load by themselves."""
    for name, field in schema.dump_fields.items():
        attribute = getattr(model, field.attribute or name)
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            target = attribute.property.mapper.class_
            yield selectinload(attribute).options(*loaders(inner.schema, target))
        elif attribute.property.deferred:
            yield undefer(attribute)


def dumped(connection, path, most=100):
    """The dump of all rows of the list at *path*, the newest first, with at most that many of each nested list."""
    wire = LISTINGS[path].wire
    with Session(connection) as session:
        rows = session.scalars(
            select(wire.model).order_by(wire.model.id.desc()).options(*loaders(wire.schema, wire.model))
        )
        dump = wire.schema.dump(rows, many=True)
    return [{name: value[:most] if isinstance(value, list) else value for name, value in row.items()} for row in dump]


def is_dumped(client, connection, path):
    """Whether the list, and each row by itself, are the bytes of the dump."""
    listed = client.get(path)
    assert (listed.status_code, listed.data) == (200, orjson.dumps(dumped(connection, path)))
    for row in dumped(connection, path, most=1000):
        assert client.get(f"{path}/{row['id']}").data == orjson.dumps(row)
    return True


@pytest.fixture(scope="session")
def reading(make_database, make_app):
    """The application on a database of its own that holds two rows of each resource."""
    app = make_app(make_database("reader"))
    with app.app_context():
        upgrade()
        with db.engine.connect() as connection:
            factory_session.configure(bind=connection)
            for listing in LISTINGS.values():
                model = listing.wire.model
                for values in (nulls(model), filled(model)):
                    FACTORIES[model](**values)
            factory_session.remove()
            connection.commit()
    return app


@pytest.mark.parametrize("path", LISTINGS)
class TestResource:
    def test_of_no_rows_is_the_dump(self, client, connection, path):
        assert client.get(path).data == b"[]" == orjson.dumps(dumped(connection, path))

    def test_with_every_member_null_is_the_dump(self, client, connection, path):
        model = LISTINGS[path].wire.model
        FACTORIES[model](**nulls(model))
        assert is_dumped(client, connection, path)

    def test_with_every_member_at_its_largest_is_the_dump(self, client, connection, path):
        model = LISTINGS[path].wire.model
        FACTORIES[model](**filled(model), id=BIGINT_MAX)
        assert is_dumped(client, connection, path)

    def test_with_every_member_at_its_smallest_is_the_dump(self, client, connection, path):
        model = LISTINGS[path].wire.model
        smallest = {column.name: column.info["range"][0] for column in columns(model) if "range" in column.info}
        moments = {name: datetime(1, 1, 1, tzinfo=UTC) for name in ("created_at", "updated_at") if hasattr(model, name)}
        FACTORIES[model](**smallest, **moments, id=0)
        assert is_dumped(client, connection, path)

    def test_in_every_script_is_the_dump(self, client, connection, path):
        model = LISTINGS[path].wire.model
        for script in SCRIPTS:
            FACTORIES[model](**texts(model, script))
        assert is_dumped(client, connection, path)

    def test_of_1001_rows_is_the_dump_page_by_page(self, client, connection, path):
        make_many(connection, LISTINGS[path].wire.model, 1001)
        expected = dumped(connection, path)
        first = client.get(path)
        rest = client.get(first.headers["Link"].partition(">")[0].removeprefix("<"))
        assert first.data == orjson.dumps(expected[:1000])
        assert rest.data == orjson.dumps(expected[1000:])
        assert "Link" not in rest.headers


@pytest.mark.parametrize("path", WITH_LISTS)
class TestNestedList:
    @pytest.mark.parametrize("count", [0, 1, 2, 101, 1001])
    def test_is_the_dump_of_its_newest(self, client, connection, path, count):
        shelf, _ = CollectionFactory(), (BookFactory(), MovieFactory())
        like = {"user_id": shelf.user_id, "collection_id": shelf.id}
        books = [like | {"title": f"Book {n}", "page_count": 1} for n in range(count)]
        movies = [like | {"title": f"Movie {n}", "run_time": 1} for n in range(count)]
        for model, rows in ((Book, books), (Movie, movies)):
            if rows:
                connection.execute(insert(model), rows)
        assert is_dumped(client, connection, path)


class TestReader:
    """On the true reader: an autocommit connection of its own, and rows that are committed."""

    @pytest.mark.parametrize("path", LISTINGS)
    def test_gives_the_dump(self, reading, path):
        with reading.app_context(), db.engine.connect() as connection:
            assert is_dumped(reading.test_client(), connection, path)

    def test_is_in_autocommit(self, reading):
        def status(connection):
            assert LISTINGS["/genres"].wire.one(connection, 0) is None
            return connection.connection.driver_connection.info.transaction_status

        with reading.app_context():
            assert read(status) == psycopg.pq.TransactionStatus.IDLE

    def test_sees_what_others_commit(self, reading):
        client = reading.test_client()
        before = client.get("/genres").json
        with reading.app_context(), db.engine.begin() as connection:
            connection.execute(insert(Genre), {"genre": "Committed by somebody else"})
        assert [row["genre"] for row in client.get("/genres").json if row not in before] == [
            "Committed by somebody else"
        ]
        with reading.app_context(), db.engine.begin() as connection:
            connection.execute(delete(Genre).where(Genre.genre == "Committed by somebody else"))
        assert client.get("/genres").json == before

    def test_is_its_own_engine(self, reading):
        with reading.app_context():
            used = []
            event.listen(db.engines["reader"], "checkout", lambda *_: used.append("reader"))
            event.listen(db.engines[None], "checkout", lambda *_: used.append("writer"))
            reading.test_client().get("/genres")
        assert used == ["reader"]


class Shout(fields.String):
    def _serialize(self, value, *_args, **_kwargs):
        return value.upper()


class TestUnknownField:
    @pytest.mark.parametrize(
        "field",
        [
            Shout(attribute="name"),
            fields.Constant(1, attribute="name"),
            fields.DateTime(format="rfc", attribute="created_at"),
            fields.Decimal(attribute="id"),
            fields.Dict(attribute="name"),
            fields.Function(lambda row: row.name, attribute="name"),
            fields.Integer(as_string=True, attribute="id"),
            fields.IP(attribute="name"),
            fields.List(fields.String(), attribute="name"),
            fields.TimeDelta(attribute="created_at"),
            fields.Tuple([fields.String()], attribute="name"),
        ],
        ids=lambda field: type(field).__name__,
    )
    def test_is_refused_when_the_shape_is_compiled(self, field):
        odd = MarshmallowSchema.from_dict({"odd": field}, name="Odd")
        with pytest.raises(TypeError, match=rf"^Odd\.odd: a {type(field).__name__} cannot be compiled\.$"):
            Wire(UserFactory._meta.model, odd())

    def test_is_refused_when_a_hook_would_change_what_is_dumped(self):
        class Hooked(MarshmallowSchema):
            name = fields.String()

            @post_dump
            def shout(self, data, **_):
                return {"name": data["name"].upper()}

        with pytest.raises(TypeError, match=r"^Hooked: a schema with post_dump hooks cannot be compiled"):
            Wire(UserFactory._meta.model, Hooked())
