"""A genre's books by their page count, and its movies by their run time, each from one index."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("ix_books_genre_id_page_count", "books", ["genre_id", "page_count", "id"])
    op.create_index("ix_movies_genre_id_run_time", "movies", ["genre_id", "run_time", "id"])


def downgrade() -> None:
    op.drop_index("ix_movies_genre_id_run_time", "movies")
    op.drop_index("ix_books_genre_id_page_count", "books")
