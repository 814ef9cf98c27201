"""The tables of auth and library."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def folded(name: str, *, nullable: bool) -> sa.Column[str]:
    """The stored folded form of a column (kit/models.py, as it was when this was written)."""
    lower = f"lower(regexp_replace(normalize({name}, NFKD), '[\\u0300-\\u036f]', '', 'g'))"
    form = f"replace({lower}, '\u03c2', '\u03c3')"
    return sa.Column(f"{name}_folded", sa.Text(collation="C"), sa.Computed(form, persisted=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "formats",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("format", sa.String(length=100), nullable=False),
        folded("format", nullable=False),
        sa.CheckConstraint("char_length(format) >= 2", name=op.f("ck_formats_format")),
        sa.CheckConstraint("octet_length(format_folded) <= 2600", name=op.f("ck_formats_format_folded")),
        sa.PrimaryKeyConstraint("id", name="pk_formats"),
    )
    op.create_index("uq_formats_format", "formats", ["format_folded"], unique=True)
    op.create_table(
        "formatsmovie",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("format", sa.String(length=100), nullable=False),
        folded("format", nullable=False),
        sa.CheckConstraint("char_length(format) >= 2", name=op.f("ck_formatsmovie_format")),
        sa.CheckConstraint("octet_length(format_folded) <= 2600", name=op.f("ck_formatsmovie_format_folded")),
        sa.PrimaryKeyConstraint("id", name="pk_formatsmovie"),
    )
    op.create_index("uq_formatsmovie_format", "formatsmovie", ["format_folded"], unique=True)
    op.create_table(
        "genres",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("genre", sa.String(length=100), nullable=False),
        folded("genre", nullable=False),
        sa.CheckConstraint("char_length(genre) >= 2", name=op.f("ck_genres_genre")),
        sa.CheckConstraint("octet_length(genre_folded) <= 2600", name=op.f("ck_genres_genre_folded")),
        sa.PrimaryKeyConstraint("id", name="pk_genres"),
    )
    op.create_index("uq_genres_genre", "genres", ["genre_folded"], unique=True)
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password", sa.String(length=60), nullable=False),
        sa.Column("is_admin", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("char_length(name) >= 2", name=op.f("ck_users_name")),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
    )
    op.create_index("uq_users_email", "users", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "collections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        folded("name", nullable=False),
        sa.Column("is_open", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_collections_user_id", ondelete="CASCADE"),
        sa.CheckConstraint("char_length(name) >= 2", name=op.f("ck_collections_name")),
        sa.CheckConstraint("octet_length(name_folded) <= 2600", name=op.f("ck_collections_name_folded")),
        sa.PrimaryKeyConstraint("id", name="pk_collections"),
    )
    op.create_index("ix_collections_created_at", "collections", ["created_at", "id"], unique=False)
    op.create_index("ix_collections_is_open", "collections", ["is_open", "id"], unique=False)
    op.create_index("ix_collections_name", "collections", ["name_folded", "id"], unique=False)
    op.create_index("ix_collections_user_id", "collections", ["user_id", "id"], unique=False)
    op.create_table(
        "books",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        folded("title", nullable=False),
        sa.Column("author", sa.String(length=255), nullable=True),
        folded("author", nullable=True),
        sa.Column("isbn", sa.String(length=13), nullable=True),
        sa.Column("page_count", sa.Integer(), nullable=False),
        sa.Column("published_year", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("genre_id", sa.BigInteger(), nullable=True),
        sa.Column("format_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_books_collection_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["format_id"], ["formats.id"], name="fk_books_format_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["genre_id"], ["genres.id"], name="fk_books_genre_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_books_user_id", ondelete="CASCADE"),
        sa.CheckConstraint("char_length(title) >= 1", name=op.f("ck_books_title")),
        sa.CheckConstraint("octet_length(title_folded) <= 2600", name=op.f("ck_books_title_folded")),
        sa.CheckConstraint("char_length(author) >= 1", name=op.f("ck_books_author")),
        sa.CheckConstraint("octet_length(author_folded) <= 2600", name=op.f("ck_books_author_folded")),
        sa.CheckConstraint("char_length(isbn) = 13", name=op.f("ck_books_isbn")),
        sa.CheckConstraint("page_count BETWEEN 1 AND 2147483647", name=op.f("ck_books_page_count")),
        sa.CheckConstraint("published_year BETWEEN -3000 AND 2100", name=op.f("ck_books_published_year")),
        sa.PrimaryKeyConstraint("id", name="pk_books"),
    )
    op.create_index("ix_books_author", "books", ["author_folded", "id"], unique=False)
    op.create_index("ix_books_collection_id", "books", ["collection_id", "id"], unique=False)
    op.create_index("ix_books_created_at", "books", ["created_at", "id"], unique=False)
    op.create_index("ix_books_format_id", "books", ["format_id", "id"], unique=False)
    op.create_index("ix_books_genre_id", "books", ["genre_id", "id"], unique=False)
    op.create_index("ix_books_isbn", "books", ["isbn", "id"], unique=False)
    op.create_index("ix_books_page_count", "books", ["page_count", "id"], unique=False)
    op.create_index("ix_books_published_year", "books", ["published_year", "id"], unique=False)
    op.create_index("ix_books_title", "books", ["title_folded", "id"], unique=False)
    op.create_index("ix_books_user_id", "books", ["user_id", "id"], unique=False)
    op.create_table(
        "movies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        folded("title", nullable=False),
        sa.Column("director", sa.String(length=255), nullable=True),
        folded("director", nullable=True),
        sa.Column("run_time", sa.Integer(), nullable=False),
        sa.Column("release_year", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("genre_id", sa.BigInteger(), nullable=True),
        sa.Column("format_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_movies_collection_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["format_id"], ["formatsmovie.id"], name="fk_movies_format_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["genre_id"], ["genres.id"], name="fk_movies_genre_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_movies_user_id", ondelete="CASCADE"),
        sa.CheckConstraint("char_length(title) >= 1", name=op.f("ck_movies_title")),
        sa.CheckConstraint("octet_length(title_folded) <= 2600", name=op.f("ck_movies_title_folded")),
        sa.CheckConstraint("char_length(director) >= 1", name=op.f("ck_movies_director")),
        sa.CheckConstraint("octet_length(director_folded) <= 2600", name=op.f("ck_movies_director_folded")),
        sa.CheckConstraint("run_time BETWEEN 1 AND 2147483647", name=op.f("ck_movies_run_time")),
        sa.CheckConstraint("release_year BETWEEN -3000 AND 2100", name=op.f("ck_movies_release_year")),
        sa.PrimaryKeyConstraint("id", name="pk_movies"),
    )
    op.create_index("ix_movies_collection_id", "movies", ["collection_id", "id"], unique=False)
    op.create_index("ix_movies_created_at", "movies", ["created_at", "id"], unique=False)
    op.create_index("ix_movies_director", "movies", ["director_folded", "id"], unique=False)
    op.create_index("ix_movies_format_id", "movies", ["format_id", "id"], unique=False)
    op.create_index("ix_movies_genre_id", "movies", ["genre_id", "id"], unique=False)
    op.create_index("ix_movies_release_year", "movies", ["release_year", "id"], unique=False)
    op.create_index("ix_movies_run_time", "movies", ["run_time", "id"], unique=False)
    op.create_index("ix_movies_title", "movies", ["title_folded", "id"], unique=False)
    op.create_index("ix_movies_user_id", "movies", ["user_id", "id"], unique=False)


def downgrade() -> None:
    for table in ("movies", "books", "collections", "users", "genres", "formatsmovie", "formats"):
        op.drop_table(table)
