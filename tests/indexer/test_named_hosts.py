"""A password of the environment goes to no server that a file in a store alone names."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.errors import UsageError
from indexer.named_hosts import check_host
from indexer.settings import ADDRESS_NAME
from indexer.store import Store
from indexer.store_address import address_in, store_folder

PLACE = Path("/given/store.toml")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("PGPASSWORD", "PGHOST", "MILVUS_TOKEN", "MILVUS_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("scheme", "secret", "names", "other"),
    [
        ("postgresql", "PGPASSWORD", "PGHOST", ", or write the password into ~/.pgpass"),
        ("milvus", "MILVUS_TOKEN", "MILVUS_HOST", ""),
        ("milvus+tls", "MILVUS_TOKEN", "MILVUS_HOST", ""),
    ],
)
def test_a_secret_goes_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, scheme: str, secret: str, names: str, other: str
) -> None:
    server = f"{scheme}://db.example/photos"
    check_host(PLACE, server, scheme, "db.example")  # there is none
    monkeypatch.setenv(secret, "secret")
    for host in ("", "localhost", "127.0.0.1", "[::1]", "/run/postgresql"):
        check_host(PLACE, server, scheme, host)
    monkeypatch.setenv(names, "other.example")
    with pytest.raises(UsageError) as caught:
        check_host(PLACE, server, scheme, "db.example")
    assert str(caught.value) == (
        f"/given/store.toml names the server {server}, and the {secret} of your environment would go there; if you "
        f"trust it, set {names}=db.example as well{other}, else delete the file."
    )
    monkeypatch.setenv(names, "other.example,DB.example")
    check_host(PLACE, server, scheme, "db.example")


def test_a_store_that_names_one_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.create(tmp_path / "store").close()
    (tmp_path / "store" / "store.toml").write_text('[vectors]\nurl = "postgresql://db.example/photos"')
    monkeypatch.setenv("PGPASSWORD", "secret")
    with pytest.raises(UsageError, match=r"store\.toml names the server postgresql://db\.example/photos"):
        Store.open(tmp_path / "store")
    monkeypatch.setenv("PGHOST", "db.example")
    Store.open(tmp_path / "store").close()


@pytest.mark.parametrize(
    "address",
    ["postgresql://me@db.example/photos", "postgresql:///photos?host=db.example",
     "postgresql://me@localhost/photos?hostaddr=10.0.0.1", "postgresql:///photos?host=localhost,db.example"],
)  # fmt: skip
def test_the_address_of_a_catalog_is_believed_where_it_was_given_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    assert address_in(store_folder(address)) is not None
    given = tmp_path / "given.search"
    given.mkdir()
    (given / ADDRESS_NAME).write_text(address)
    with pytest.raises(UsageError, match=r"catalog\.url names the server .*PGPASSWORD"):
        Store.open(given)
