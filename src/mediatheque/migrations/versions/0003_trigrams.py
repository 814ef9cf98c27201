"""Indexes for searching in parts of words, where pg_trgm can be had. Nothing depends on them but speed.

Their names begin with ``trgm_``: the models do not know them, and neither does ``flask db check`` (env.py).
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("""
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
                CREATE EXTENSION IF NOT EXISTS pg_trgm;
                CREATE INDEX trgm_books ON books
                    USING gin (title_folded gin_trgm_ops, author_folded gin_trgm_ops);
                CREATE INDEX trgm_movies ON movies
                    USING gin (title_folded gin_trgm_ops, director_folded gin_trgm_ops);
                CREATE INDEX trgm_collections ON collections
                    USING gin (name_folded gin_trgm_ops);
            ELSE
                RAISE NOTICE 'pg_trgm is not installed: search reads whole tables.';
            END IF;
        EXCEPTION
            WHEN insufficient_privilege OR undefined_object THEN
                RAISE NOTICE 'pg_trgm cannot be used: search reads whole tables. %', SQLERRM;
        END
        $$
    """)


def downgrade() -> None:
    """The extension stays: somebody else may use it."""
    op.execute("DROP INDEX IF EXISTS trgm_books, trgm_movies, trgm_collections")
