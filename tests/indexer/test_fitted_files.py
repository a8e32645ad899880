"""What was fitted lies in a catalog on a server, and in the folder of each machine that comes to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from indexer import fitted_files
from indexer.catalog.catalog import Catalog
from indexer.catalog.fitted import PIECE
from indexer.catalog.meta import SETTLED, Meta
from indexer.catalog.migrations import m0008_several_machines
from indexer.catalog.postgres_first import SCHEMA
from indexer.errors import StoreDamagedError, StoreUnwritableError
from indexer.fitted_files import NOTED, FittedFiles, copy_fitted, fitted_in, is_fitted
from tests.fixtures.postgres_server import PASSWORD, PostgresServer

#: Of more than one piece.
WEIGHTS = bytes(range(256)) * (PIECE // 256) + b"and more"
FITTED = {
    "calibration.json": b"{}",
    "reranker/reranker.json": b'{"file": "fusion-0.safetensors"}',
    "reranker/fusion-0.safetensors": WEIGHTS,
    "probes/Hund und Katze é.safetensors": b"probe",
    "adapted/0123456789ab/adapted.json": b"{}",
    "adapted/0123456789ab/graphs-0123456789abcdef/image.bin": b"",
}


class Machine:
    """A machine that comes to a catalog: a folder of its own."""

    def __init__(self, folder: Path, address: URL) -> None:
        folder.mkdir()
        self.folder, self.catalog = folder, Catalog.open(address)
        self.fitted = FittedFiles(folder, self.catalog)

    def look(self) -> dict[str, bytes]:
        with self.catalog.snapshot() as snapshot:
            self.fitted.follow(snapshot)
        return {name: (self.folder / name).read_bytes() for name in fitted_in(self.folder)}

    def put(self, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(data)

    def fit(self, files: dict[str, bytes], *gone: str) -> None:
        with self.fitted.changing():
            self.put(files)
            for name in gone:
                (self.folder / name).unlink()


@pytest.fixture
def address(postgres_server: PostgresServer) -> URL:
    found = postgres_server.new_database()
    Catalog.create(found).close()
    return found


@pytest.fixture
def machine(tmp_path: Path, address: URL) -> Callable[[str], Machine]:
    return lambda name: Machine(tmp_path / name, address)


def test_what_one_machine_fits_another_has_with_its_next_look(machine: Callable[[str], Machine]) -> None:
    one, two = machine("one"), machine("two")
    assert two.look() == {}
    one.fit(FITTED)
    assert two.look() == FITTED == machine("three").look()
    two.fit({"calibration.json": b"[]", "reranker/fusion-1.safetensors": b"new"}, "reranker/fusion-0.safetensors")
    assert one.look() == two.look()
    assert one.look()["calibration.json"] == b"[]"
    assert "reranker/fusion-0.safetensors" not in one.look()


def test_nothing_that_was_settled_is_looked_at_again(machine: Callable[[str], Machine]) -> None:
    one = machine("one")
    with one.catalog.batch() as batch:
        Meta(batch).set(SETTLED, str(batch.generation))
    one.fit(FITTED)
    with one.catalog.snapshot() as snapshot:
        assert Meta(snapshot).get(SETTLED) == str(snapshot.generation)


def test_a_folder_that_lost_its_files_or_what_is_noted_of_them_has_them_again(
    machine: Callable[[str], Machine], address: URL
) -> None:
    one, two = machine("one"), machine("two")
    one.fit(FITTED)
    two.look()
    (two.folder / NOTED).unlink()
    two.put({"calibration.json": b"older, of a version that kept it here"})
    again = FittedFiles(two.folder, two.catalog)
    two.fitted = again
    assert two.look() == FITTED


def test_what_was_changed_or_deleted_here_is_told_with_the_next_fit(machine: Callable[[str], Machine]) -> None:
    one, two = machine("one"), machine("two")
    one.fit(FITTED)
    two.look()
    two.put({"calibration.json": b"mine"})
    (two.folder / "probes/Hund und Katze é.safetensors").unlink()
    one.fit({"calibration.json": b"theirs"})
    found = two.look()
    assert found["calibration.json"] == b"mine"
    assert "probes/Hund und Katze é.safetensors" not in found
    two.fit({})
    assert one.look() == found


def test_files_that_came_before_a_kill_are_not_taken_for_ones_own(
    machine: Callable[[str], Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = machine("one"), machine("two")
    one.fit(FITTED)
    two.look()
    one.fit({"calibration.json": b"second"})
    note, called = two.fitted._note, []

    def killed(noted: dict[str, Any]) -> None:
        called.append(noted)
        if len(called) > 1:
            raise KeyboardInterrupt
        note(noted)

    with monkeypatch.context() as patch:
        patch.setattr(two.fitted, "_note", killed)
        with pytest.raises(KeyboardInterrupt):
            two.look()
    assert (two.folder / "calibration.json").read_bytes() == b"second"
    one.fit({"calibration.json": b"third"})
    assert two.look()["calibration.json"] == b"third"


@pytest.mark.parametrize(
    "name",
    ["../evil.json", "reranker/../../evil.json", "/etc/evil.json", "probes/.evil.safetensors", "store.toml",
     "catalog.url", "reranker/evil.pt", "probes/a/b.safetensors", "reranker/a\\b.json", "fitted.json"],
)  # fmt: skip
def test_a_name_of_something_else_is_damage(
    machine: Callable[[str], Machine], name: str, postgres_server: PostgresServer, address: URL
) -> None:
    one = machine("one")
    assert not is_fitted(name)
    postgres_server.execute(f"INSERT INTO {SCHEMA}.fitted VALUES ('{name}', '', 0)", str(address.database))
    with pytest.raises(StoreDamagedError, match=r"names among what was fitted a file .*delete the row"):
        one.look()
    assert sorted(os.listdir(one.folder)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [("fitted_piece SET data = 'x'", "not what was written"), ("fitted SET size = 5000000000", "more than fits")],
)
def test_other_bytes_than_were_written_are_damage_and_nothing_is_put_in_place(
    machine: Callable[[str], Machine], change: str, said: str, postgres_server: PostgresServer, address: URL
) -> None:
    machine("one").fit({"calibration.json": b"{}"})
    two = machine("two")
    postgres_server.execute(f"UPDATE {SCHEMA}.{change}", str(address.database))
    with pytest.raises(StoreDamagedError, match=said):
        two.look()
    assert fitted_in(two.folder) == []


def test_a_file_that_is_too_large_is_said(machine: Callable[[str], Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitted_files, "MOST_BYTES", 1_000)
    with pytest.raises(StoreUnwritableError, match=r"fusion-0.safetensors has 0.0 GB, and a catalog takes up to"):
        machine("one").fit(FITTED)


def test_links_lead_nowhere(machine: Callable[[str], Machine], tmp_path: Path) -> None:
    one, two, outside = machine("one"), machine("two"), tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.safetensors").write_bytes(b"secret")
    (two.folder / "probes").symlink_to(outside)
    two.fit({})
    assert one.look() == {}
    one.fit(FITTED)
    with pytest.raises(StoreUnwritableError, match=r"probes is a link and may lead anywhere"):
        two.look()
    assert os.listdir(outside) == ["secret.safetensors"]


def test_who_may_only_read_has_it_and_fits_nothing(
    machine: Callable[[str], Machine], tmp_path: Path, postgres_server: PostgresServer, address: URL
) -> None:
    """Also where the rights were given before there was something to be read."""
    database = str(address.database)
    postgres_server.execute(f"CREATE ROLE reading LOGIN PASSWORD '{PASSWORD}'")
    try:
        for right in (f"USAGE ON SCHEMA {SCHEMA}", f"SELECT ON ALL TABLES IN SCHEMA {SCHEMA}"):
            postgres_server.execute(f"GRANT {right} TO reading", database)
        one = machine("one")
        for table in ("claim", "fitted", "fitted_piece"):
            postgres_server.execute(f"DROP TABLE {SCHEMA}.{table}", database)
        with one.catalog.batch() as batch:
            m0008_several_machines.apply(batch.connection)
        one.fit(FITTED)
        two = Machine(tmp_path / "two", address.set(username="reading"))
        assert two.look() == FITTED
        with pytest.raises(StoreUnwritableError, match=r"this user may only read it; ask its owner"):
            two.fit({"calibration.json": b"no"})
        assert two.look() == FITTED
        postgres_server.execute(f"REVOKE SELECT ON {SCHEMA}.fitted FROM reading", database)
        with pytest.raises(StoreUnwritableError, match=r"permission denied for table fitted.*\(GRANT\)"):
            Machine(tmp_path / "three", address.set(username="reading")).look()
    finally:
        postgres_server.execute("DROP OWNED BY reading", database)
        postgres_server.execute("DROP ROLE reading")


def test_a_folder_that_takes_no_file_is_said(machine: Callable[[str], Machine]) -> None:
    machine("one").fit(FITTED)
    two = machine("two")
    (two.folder / "reranker").write_text("in the way")
    with pytest.raises(StoreUnwritableError, match=r"cannot be kept at .*reranker.*make room for it"):
        two.look()


def test_all_of_it_is_copied_into_another_folder(tmp_path: Path, machine: Callable[[str], Machine]) -> None:
    one = machine("one")
    one.put({**FITTED, "reranker/.half.json.01234567.tmp": b"", "reranker.work/pass.json": b""})
    (tmp_path / "copy").mkdir()
    assert sorted(copy_fitted(one.folder, tmp_path / "copy")) == sorted(FITTED)
    assert {name: (tmp_path / "copy" / name).read_bytes() for name in fitted_in(tmp_path / "copy")} == FITTED
