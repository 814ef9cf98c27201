"""The migrations go up, down and up again, and make exactly the schema of the models."""

import pytest
from alembic.script import ScriptDirectory
from flask_migrate import downgrade, upgrade
from sqlalchemy import create_engine, text

from mediatheque import config
from mediatheque.kit.models import Base

SCRIPTS = ScriptDirectory(config.ROOT / "src/mediatheque/migrations")
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]

NOT_OF_AN_EXTENSION = "NOT EXISTS (SELECT FROM pg_depend WHERE objid = oid AND deptype = 'e')"
CATALOGUES = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
               a.attgenerated, l.collname, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
          AND a.attnum > 0 AND NOT a.attisdropped
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    """,
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "relations": "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    "functions": f"""
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND {NOT_OF_AN_EXTENSION}
    """,
    "triggers": "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal",
    "types": f"""
        SELECT typname FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typcategory <> 'A' AND {NOT_OF_AN_EXTENSION}
    """,
}


def schema_of(url) -> dict[str, set[tuple]]:
    """All that stands in the database's catalogues, without Alembic's own table."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            name: {tuple(row) for row in connection.execute(text(query)) if "alembic_version" not in str(row)}
            for name, query in CATALOGUES.items()
        }
    engine.dispose()
    return found


@pytest.fixture(scope="session")
def migrated(make_database, make_app):
    """The application on a database that the migrations made."""
    app = make_app(make_database("migrated"))
    with app.app_context():
        upgrade()
    return app


def url_of(app):
    return app.config["SQLALCHEMY_DATABASE_URI"]


def test_go_up_and_down_step_by_step(make_database, make_app):
    app = make_app(make_database("stairway"))
    seen = [schema_of(url_of(app))]
    with app.app_context():
        for revision in REVISIONS:
            upgrade(revision=revision)
            seen.append(schema_of(url_of(app)))
            downgrade(revision="-1")
            assert schema_of(url_of(app)) == seen[-2]
            upgrade(revision=revision)
            assert schema_of(url_of(app)) == seen[-1]
        downgrade(revision="base")
        assert schema_of(url_of(app)) == seen[0]
        upgrade()
        assert schema_of(url_of(app)) == seen[-1]


def test_leave_nothing_for_alembic_to_add(migrated):
    result = migrated.test_cli_runner().invoke(args=["db", "check"])
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="session")
def modelled(make_database):
    """The address of a database that holds what the models say."""
    url = make_database("modelled")
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
    return url


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_make_what_the_models_say(migrated, modelled, catalogue):
    made = {row for row in schema_of(url_of(migrated))[catalogue] if "trgm_" not in str(row)}
    assert made == schema_of(modelled)[catalogue]


def test_have_one_line_of_history():
    assert len(SCRIPTS.get_heads()) == 1
    assert [int(revision) for revision in REVISIONS] == list(range(1, len(REVISIONS) + 1))
