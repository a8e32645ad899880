"""Milvus as a vector backend, beside the contract: filters in pieces, whose index is whose, and what a server refuses.

What needs a server is of scale."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest

from indexer.errors import StoreDamagedError, StoreError, StoreUnwritableError
from indexer.types import Int64
from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.milvus import collection
from indexer.vectors.backends.milvus.backend import Milvus
from indexer.vectors.backends.milvus.collection import expressions
from indexer.vectors.backends.servers.allowed import Allowed
from indexer.vectors.base import SearchParameters
from tests.fixtures.milvus_backend import collection_of, milvus
from tests.fixtures.milvus_server import is_installed, milvus_process
from tests.fixtures.vectors import DIMENSION, batches_of, clustered

VECTORS = clustered(100, seed=1)
IDS: Int64 = np.arange(100, dtype=np.int64)


def build(backend: Milvus, generation: int = 7, key: str = "key", dimension: int = DIMENSION) -> None:
    vectors = clustered(100, seed=1, dimension=dimension)
    backend.build("image", BuildPlan("flat", 100, dimension, 0.9, generation, key), batches_of(IDS, vectors))


def fitting(expression: str, number: int) -> bool:
    return not expression or bool(eval(expression, {"id": number}))


@pytest.mark.parametrize("way", ["all", "only", "exclude"])
def test_each_item_is_allowed_by_one_piece(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(collection, "PIECE", 3)
    some = np.array([2, 3, 5, 7, 11, 13, 17], np.int64)
    allowed = Allowed(some if way == "only" else None, some if way == "exclude" else None, 20)
    pieces = expressions(allowed)
    assert len(pieces) == (1 if way == "all" else 3)
    for number in range(20):
        right = way == "all" or (number in some) == (way == "only")
        assert sum(fitting(piece, number) for piece in pieces) == right


def test_nobody_listens() -> None:
    pytest.importorskip("pymilvus")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        backend = milvus(f"milvus://127.0.0.1:{taken.getsockname()[1]}")
        assert backend.version("image") is None
        with pytest.raises(StoreError, match=r"cannot be reached .*; start that server"):
            backend.open("image", "key")


@pytest.mark.parametrize(
    ("code", "message", "kind", "said"),
    [
        (1, "[search] Retry timeout: 60s, UNAVAILABLE", StoreError, "was lost .*ask again"),
        (100, "collection not found[collection=a]", StoreDamagedError, "is damaged .*its collection is not there"),
        (65535, "PrivilegeCreateCollection: permission deny", StoreUnwritableError, "cannot be written .*MILVUS_TOKEN"),
        (65535, "out of memory", StoreError, r"does not do what was asked \(out of memory\); see its log"),
    ],
)
def test_what_it_refuses_is_said(code: int, message: str, kind: type[StoreError], said: str) -> None:
    """A lost server is no damage: no query goes around it."""
    exceptions = pytest.importorskip("pymilvus.exceptions")
    with pytest.raises(StoreError, match=said) as error, milvus("milvus://a")._server.saying_why():
        raise exceptions.MilvusException(code, message)
    assert type(error.value) is kind


@pytest.mark.scale
@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_filters_in_pieces_find_the_same(milvus_url: str, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    index = collection_of(milvus_url, kind, IDS, VECTORS)  # type: ignore[arg-type]
    calls = [SearchParameters(only=IDS[::2]), SearchParameters(exclude=IDS[:40]), SearchParameters(only=IDS[5:30])]
    whole = [index.search(VECTORS[:7], 9, each) for each in calls]
    monkeypatch.setattr(collection, "PIECE", 7)
    for each, (scores, ids) in zip(calls, whole, strict=True):
        found = index.search(VECTORS[:7], 9, each)
        assert (found[1] == ids).all()
        assert np.allclose(found[0], scores)


@pytest.mark.scale
def test_the_collection_before_stays_until_the_next_run(milvus_url: str) -> None:
    """Who has it open goes on; later the catalog answers. An index of another dimension takes its place."""
    backend = milvus(milvus_url)
    build(backend)
    old = backend.open("image", "key")
    build(backend, generation=8, key="another", dimension=48)
    assert old is not None
    old.index.search(VECTORS[:1], 3)
    assert backend.keep("image")
    with pytest.raises(StoreDamagedError, match="its collection is not there"):
        old.index.search(VECTORS[:1], 3)
    new = backend.open("image", "another")
    assert new is not None
    assert new.index.dimension == 48


@pytest.mark.scale
def test_names_of_others_are_not_taken(milvus_url: str) -> None:
    name = f"n{secrets.token_hex(4)}"
    build(milvus(milvus_url, store="one", name=name))
    other = milvus(milvus_url, store="another", name=name)
    with pytest.raises(StoreUnwritableError, match="belongs to another store"):
        build(other)
    other.discard("image")
    assert milvus(milvus_url, store="one", name=name).state("image", "key") is not None
    taken = milvus(milvus_url, name=f"{name}x")
    with taken._server.use() as client:
        client.create_collection(f"search_{name}x_image", dimension=8)
    with pytest.raises(StoreUnwritableError, match="that is no index of this product"):
        build(taken)


@pytest.mark.scale
def test_a_server_of_another_age(milvus_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.vectors.backends.milvus.client.VERSION_LEAST", (2, 99))
    with pytest.raises(StoreError, match=r"runs Milvus v2\.3\.5.*upgrade it there"):
        milvus(milvus_url).state("image", "key")


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """The URL of a server that asks who one is: root with the password Milvus."""
    if not is_installed():
        pytest.skip("no milvus or no pymilvus: pip install -e '.[test-scale]'")
    with milvus_process("authorization_enabled=true") as server:
        yield server.url


@pytest.mark.scale
@pytest.mark.parametrize("token", ["", "root:wrong", "nobody:secret", "a-key"])
def test_a_wrong_password(guarded: str, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("MILVUS_TOKEN", token)
    backend = milvus(guarded)
    assert backend.version("image") is None
    with pytest.raises(StoreError, match=r"refuses the user or the password .*; set MILVUS_TOKEN to USER:PASS") as e:
        backend.state("image", "key")
    assert not isinstance(e.value, StoreDamagedError | StoreUnwritableError)
    assert "wrong" not in str(e.value)
    assert "secret" not in str(e.value)


@pytest.mark.scale
def test_the_right_password_and_a_user_without_rights(guarded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILVUS_TOKEN", "root:Milvus")
    owner = milvus(guarded)
    build(owner)
    assert owner.open("image", "key") is not None
    with owner._server.use() as client:
        client.create_user("anna", "secret-of-hers")
    monkeypatch.setenv("MILVUS_TOKEN", "anna:secret-of-hers")
    with pytest.raises(StoreUnwritableError, match=r"cannot be written .*; give the user of MILVUS_TOKEN") as e:
        build(milvus(guarded))
    assert "secret-of-hers" not in str(e.value)


@pytest.mark.scale
def test_what_was_built_is_there_after_the_server_starts_again() -> None:
    """Also its state: of properties that are changed after a collection was made Milvus 2.3 forgets all."""
    if not is_installed():
        pytest.skip("no milvus or no pymilvus: pip install -e '.[test-scale]'")
    with milvus_process() as server:
        name = f"n{secrets.token_hex(4)}"
        build(milvus(server.url, name=name))
        server.kill()
        server.start()
        backend = milvus(server.url, name=name)
        state = backend.state("image", "key")
        assert state is not None
        assert (state.count, state.generation) == (100, 7)
        for _ in range(240):  # it loads its collections
            if backend.verify("image") == []:
                break
            time.sleep(0.5)
        assert backend.verify("image") == []
