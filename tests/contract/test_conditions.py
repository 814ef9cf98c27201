"""ETag, If-None-Match and If-Match: what has not changed is not sent again, and what has is not overwritten unseen."""

import pytest

from contract.resources import FACTORIES, LISTINGS
from factories.auth import UserFactory
from factories.library import BookFactory, CollectionFactory, GenreFactory

CHANGES = {
    "/books": {"title": "Emma"},
    "/movies": {"title": "Emma"},
    "/collections": {"name": "Emma's"},
    "/genres": {"genre": "Emma"},
    "/formats": {"format": "Emma"},
    "/movie_formats": {"format": "Emma"},
}


@pytest.fixture
def admin(sign_in):
    return sign_in(UserFactory(is_admin=True))


@pytest.fixture
def row(connection, path):
    """The address of a row."""
    return f"{path}/{FACTORIES[LISTINGS[path].wire.model]().id}"


def test_every_resource_is_changed_below():
    assert CHANGES.keys() == LISTINGS.keys()


@pytest.mark.parametrize("path", CHANGES)
class TestResource:
    def test_has_the_same_tag_in_every_answer(self, client, admin, path, row):
        changed = client.patch(row, json=CHANGES[path], headers=admin)
        tag = changed.headers["ETag"]
        assert tag.startswith('"')
        assert [client.get(row).headers["ETag"] for _ in range(2)] == [tag, tag]
        assert client.patch(row, json=CHANGES[path], headers=admin).status_code == 200

    def test_is_not_sent_to_who_has_it(self, client, admin, path, row):
        tag = client.get(row).headers["ETag"]
        for given in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            answer = client.get(row, headers={"If-None-Match": given})
            assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
        assert client.head(row, headers={"If-None-Match": tag}).status_code == 304
        assert client.get(row, headers={"If-None-Match": '"x"'}).status_code == 200
        client.patch(row, json=CHANGES[path], headers=admin)
        assert client.get(row, headers={"If-None-Match": tag}).status_code == 200

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    def test_is_changed_by_who_has_seen_it_as_it_is(self, client, admin, path, row, method):
        tag = client.get(row).headers["ETag"]
        answer = client.open(row, method=method, json=CHANGES[path], headers=admin | {"If-Match": tag})
        assert answer.status_code == 200

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    def test_is_not_changed_by_who_has_seen_it_otherwise(self, client, admin, path, row, method):
        tag = client.get(row).headers["ETag"]
        assert client.patch(row, json=CHANGES[path], headers=admin).status_code == 200
        now = client.get(row)
        answer = client.open(row, method=method, json=CHANGES[path], headers=admin | {"If-Match": tag})
        assert answer.status_code == 412
        assert "has changed meanwhile: get it again, then repeat your change." in answer.json["detail"]
        assert client.get(row).data == now.data

    def test_is_changed_by_who_asks_for_no_more_than_that_it_is_there(self, client, admin, path, row):
        assert client.patch(row, json=CHANGES[path], headers=admin | {"If-Match": "*"}).status_code == 200
        assert client.patch(f"{path}/0", json=CHANGES[path], headers=admin | {"If-Match": "*"}).status_code == 404


def test_what_is_nested_changes_the_tag(client, admin):
    book = BookFactory(genre=GenreFactory(), collection=CollectionFactory())
    tags = [client.get(f"/books/{book.id}").headers["ETag"]]
    client.patch(f"/genres/{book.genre_id}", json={"genre": "Film noir"}, headers=admin)
    tags.append(client.get(f"/books/{book.id}").headers["ETag"])
    client.patch(f"/collections/{book.collection_id}", json={"name": "Attic"}, headers=admin)
    tags.append(client.get(f"/books/{book.id}").headers["ETag"])
    assert len(set(tags)) == 3


def test_who_may_not_change_a_row_is_told_that_first(client, sign_in):
    book = BookFactory()
    headers = sign_in(UserFactory()) | {"If-Match": '"x"'}
    assert client.patch(f"/books/{book.id}", json={"title": "Emma"}, headers=headers).status_code == 403
