"""The peer: FastAPI, SQLAlchemy's async ORM with joined loading, asyncpg's prepared statements, pydantic.

It is spared what the application and the limits do besides: request ids, log lines, Link headers. Its reads are in
autocommit, its connections have the same options as theirs, and each worker has one for every connection of wrk's.
"""

import os
from datetime import datetime
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import BigInteger, DateTime, ForeignKey, bindparam, make_url, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, registry, relationship

from benchmarks import shared


class Base(DeclarativeBase):
    registry = registry(type_annotation_map={int: BigInteger(), datetime: DateTime(timezone=True)})

    id: Mapped[int] = mapped_column(primary_key=True)


class User(Base):
    __tablename__ = "users"
    name: Mapped[str]


class Genre(Base):
    __tablename__ = "genres"
    genre: Mapped[str]


class Format(Base):
    __tablename__ = "formats"
    format: Mapped[str]


class Collection(Base):
    __tablename__ = "collections"
    name: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship()


class Book(Base):
    __tablename__ = "books"
    title: Mapped[str]
    author: Mapped[str | None]
    isbn: Mapped[str | None]
    page_count: Mapped[int]
    published_year: Mapped[int | None]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id"))
    genre_id: Mapped[int | None] = mapped_column(ForeignKey("genres.id"))
    format_id: Mapped[int | None] = mapped_column(ForeignKey("formats.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    user: Mapped[User] = relationship()
    collection: Mapped[Collection] = relationship()
    genre: Mapped[Genre | None] = relationship()
    format: Mapped[Format | None] = relationship()


class Shape(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class UserReference(Shape):
    id: int
    name: str


class GenreReference(Shape):
    genre: str


class FormatReference(Shape):
    format: str


class CollectionReference(Shape):
    id: int
    name: str
    user: UserReference


class BookShape(Shape):
    id: int
    user: UserReference
    title: str
    genre: GenreReference | None
    page_count: int
    format: FormatReference | None
    collection: CollectionReference
    collection_id: int
    genre_id: int | None
    format_id: int | None
    user_id: int
    author: str | None
    isbn: str | None
    published_year: int | None
    created_at: datetime
    updated_at: datetime


engine = create_async_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg"),
    isolation_level="AUTOCOMMIT",
    pool_size=int(os.environ["CONNECTIONS"]),
    pool_reset_on_return=None,
    connect_args={
        "server_settings": dict(option.split("=") for option in shared.OPTIONS.removeprefix("-c ").split(" -c "))
    },
)
new_session = async_sessionmaker(engine, expire_on_commit=False)

BOOKS = select(Book).options(
    joinedload(Book.user, innerjoin=True),
    joinedload(Book.collection, innerjoin=True).joinedload(Collection.user, innerjoin=True),
    joinedload(Book.genre),
    joinedload(Book.format),
)
ONE_BOOK = BOOKS.where(Book.id == bindparam("id"))
PAGE_OF_BOOKS = BOOKS.order_by(Book.id.desc()).limit(bindparam("most"))
app = FastAPI()


@app.get("/books/{id}")
async def get_book(id: int) -> BookShape:
    async with new_session() as session:
        book = await session.scalar(ONE_BOOK, {"id": id})
    if book is None:
        raise HTTPException(404)
    return book


@app.get("/books")
async def list_books(limit: Annotated[int, Query(ge=1, le=shared.PAGE)] = shared.PAGE) -> list[BookShape]:
    async with new_session() as session:
        return (await session.scalars(PAGE_OF_BOOKS, {"most": limit})).all()
