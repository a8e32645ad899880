"""Vector indexes in files: whole or not at all, and every damage noticed before FAISS sees it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import StoreDamagedError, StoreUnwritableError
from indexer.types import Float32, Int64
from indexer.vectors.backend import BuildPlan
from indexer.vectors.backends.faiss_files import file_backend
from indexer.vectors.backends.faiss_files.blocks import BLOCK
from indexer.vectors.backends.faiss_files.file_backend import FaissFiles
from indexer.vectors.backends.faiss_files.manifest import Manifest, read_manifest
from indexer.vectors.base import INDEX_TYPES, IndexType, SearchParameters
from tests.fixtures.paths import ROOT
from tests.fixtures.vectors import batches_of

IDS: Int64 = np.arange(400, dtype=np.int64) + 2**33
VECTORS: Float32 = np.random.default_rng(0).standard_normal((400, 16)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
#: Takes a field out of a manifest.
GONE = object()
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")


def saved(
    folder: Path, index_type: IndexType = "flat", generation: int = 7, count: int = 400, kind: str = "image"
) -> Manifest:
    plan = BuildPlan(index_type, count, 16, 0.95, generation, "key")
    FaissFiles(folder).build(kind, plan, batches_of(IDS[:count], VECTORS[:count]))
    manifest = read_manifest(folder, kind)
    assert manifest is not None
    return manifest


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_the_manifest_says_what_the_file_is(tmp_path: Path, index_type: IndexType) -> None:
    manifest = saved(tmp_path / "new" / "folder", index_type)
    file = tmp_path / "new" / "folder" / manifest.file
    assert (manifest.key, manifest.dimension, manifest.state.bytes) == ("key", 16, file.stat().st_size)
    assert manifest.checksum == hashlib.sha256(file.read_bytes()).hexdigest()
    assert file.suffix == (".npy" if index_type == "flat" else ".faiss")
    assert names(tmp_path / "new" / "folder") == sorted([manifest.file, "image.json"])


@pytest.mark.parametrize("number", [1, 2, 5])
def test_another_format_is_none(tmp_path: Path, number: int) -> None:
    (tmp_path / "image.json").write_text(f'{{"format": {number}, "shards": []}}')
    backend = FaissFiles(tmp_path)
    assert backend.open("image", "key") is None
    assert backend.state("image", "key") is None
    assert backend.verify("image") == []


def test_kinds_and_strangers_are_left_alone(tmp_path: Path) -> None:
    saved(tmp_path)
    text = saved(tmp_path, kind="text")
    strangers = ["notes.faiss", "image-7.faiss", "image.npy", "image.faiss.bak", ".image.tmp"]
    for stranger in strangers:
        (tmp_path / stranger).write_bytes(b"x")
    image = saved(tmp_path, generation=8)
    assert names(tmp_path) == sorted([*strangers, "image.json", "text.json", text.file, image.file])
    FaissFiles(tmp_path).discard("image")
    assert names(tmp_path) == sorted([*strangers, "text.json", text.file])


def test_earlier_files_and_leftovers_are_deleted(tmp_path: Path) -> None:
    first = saved(tmp_path)
    for left in (".image-9-0123abcd.faiss.89abcdef.tmp", ".image.json.0123abcd.tmp"):
        (tmp_path / left).write_bytes(b"half")
    (tmp_path / "image-6-0123abcd.faiss").write_bytes(b"of an earlier format")
    second = saved(tmp_path, generation=8)
    assert first.file != second.file
    assert names(tmp_path) == sorted([second.file, "image.json"])


def test_what_killed_builds_left_beside_an_index_that_is_kept_is_deleted(tmp_path: Path) -> None:
    text, image = saved(tmp_path, kind="text"), saved(tmp_path)
    (tmp_path / "image-6-0123abcd.npy").write_bytes(b"killed before it was deleted")
    (tmp_path / ".image-9-0123abcd.faiss.89abcdef.tmp").write_bytes(b"half")
    (tmp_path / ".image-building.0123abcd.tmp").mkdir()
    (tmp_path / ".text-9-0123abcd.npy.89abcdef.tmp").write_bytes(b"of another kind")
    assert FaissFiles(tmp_path).keep("image")
    assert names(tmp_path) == sorted(["image.json", "text.json", text.file, image.file])
    assert FaissFiles(tmp_path).verify("image") == []


# --- damage --------------------------------------------------------------------------------------------------------


def index_file(folder: Path) -> Path:
    return next(folder.glob("image-*.*"))


def flipped(place: float) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        data = bytearray(index_file(folder).read_bytes())
        data[min(len(data) - 1, int(place * len(data)))] ^= 0x41
        index_file(folder).write_bytes(data)

    return damage


def cut(share: float) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        data = index_file(folder).read_bytes()
        index_file(folder).write_bytes(data[: int(share * len(data))])

    return damage


def changed(**changes: object) -> Callable[[Path], None]:
    """Fields of the manifest with other values; GONE takes one out."""

    def damage(folder: Path) -> None:
        content = json.loads((folder / "image.json").read_bytes())
        for part in (content, content["state"]):
            part.update({name: value for name, value in changes.items() if name in part})
            for name in [name for name, value in part.items() if value is GONE]:
                del part[name]
        (folder / "image.json").write_text(json.dumps(content))

    return damage


def resealed(**changes: object) -> Callable[[Path], None]:
    """The same, by a program that gets the digest right."""

    def damage(folder: Path) -> None:
        changed(**changes)(folder)
        content = json.loads((folder / "image.json").read_bytes())
        content.update(changes)
        del content["digest"]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        (folder / "image.json").write_text(json.dumps({**content, "digest": digest}))

    return damage


def replaced(content: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / "image.json").write_bytes(content)

    return damage


def longer(folder: Path) -> None:
    path = index_file(folder)
    path.write_bytes(path.read_bytes() + b"x")


def a_folder(folder: Path) -> None:
    path = index_file(folder)
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "first byte": flipped(0.0),
    "header": flipped(0.0002),
    "middle": flipped(0.5),
    "last byte": flipped(1.0),
    "half": cut(0.5),
    "empty": cut(0.0),
    "longer": longer,
    "index gone": lambda folder: index_file(folder).unlink(),
    "index a folder": a_folder,
    "manifest empty": replaced(b""),
    "manifest garbage": replaced(os.urandom(300)),
    "manifest cut": replaced(b'{"format": 4, "generation": 7'),
    "manifest a list": replaced(b"[]"),
    "manifest nested": replaced(b"[" * 100_000),
    "no format": changed(format=GONE),
    "format a text": changed(format="3"),
    "no generation": changed(generation=GONE),
    "another generation": changed(generation=8),
    "another count": changed(count=399),
    "another dimension": changed(dimension=17),
    "another size": changed(bytes=5),
    "another checksum": changed(checksum="0" * 64),
    "another type": changed(index_type="ivf-pq"),
    "another tuning": changed(tuned=None),
    "another file": changed(file="../image-7-00.npy"),
    "no digest": changed(digest=GONE),
    "a digest of nothing": changed(digest=""),
    "no state": changed(state=GONE),
    "other sums": changed(sums="AAAAAAAAAAA="),
    "no sums": changed(sums=""),
    "state a list": resealed(state=[]),
    "no file named": resealed(file=None),
    "another folder": resealed(file="../image-7-00.npy"),
    "a size below zero": resealed(dimension=-1),
    "sums that do not read": resealed(sums="?"),
    "sums of another size": resealed(sums="A" * 88),
    "lists of one end": resealed(lists=[1]),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Callable[[IndexType], Path]:
    """The folder of an index of 400 vectors, built once. To be copied."""

    @cache
    def built(kind: IndexType) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        saved(folder, kind)
        return folder

    return built


@pytest.mark.parametrize("name", list(DAMAGES))
@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf-sq8"])
def test_damage_is_named(tmp_path: Path, sound: Callable[[IndexType], Path], kind: IndexType, name: str) -> None:
    shutil.copytree(sound(kind), tmp_path, dirs_exist_ok=True)
    DAMAGES[name](tmp_path)
    backend = FaissFiles(tmp_path)
    for once in (False, True):
        said = r"image.* is damaged \(.+\); `repair\(\)` or the next `index\(\)` builds it again"
        with pytest.raises(StoreDamagedError, match=said):
            backend.open("image", "key", once=once)
    assert len(backend.verify("image")) == 1
    saved(tmp_path, kind, generation=8)  # and the next build mends it
    assert backend.verify("image") == []
    assert backend.open("image", "key") is not None


@pytest.mark.parametrize("once", [False, True])
def test_lists_of_large_files_are_compared_when_they_are_probed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, once: bool
) -> None:
    monkeypatch.setattr(file_backend, "CHECKED_WHOLE", 1_000)
    rows = np.random.default_rng(3).standard_normal((3_000, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    backend, ids = FaissFiles(tmp_path), np.arange(3_000)
    backend.build("image", BuildPlan("ivf-sq8", 3_000, 64, 0.9, 7, "key"), batches_of(ids, rows))
    manifest = read_manifest(tmp_path, "image")
    assert manifest is not None
    assert manifest.lists is not None
    first, last = manifest.lists
    assert 0 < first < last == manifest.state.bytes - 8 - 8 * 3_000
    path = index_file(tmp_path)
    good = path.read_bytes()

    def damaged_at(place: int) -> None:
        data = bytearray(good)
        data[place] ^= 0x10
        path.write_bytes(data)

    wide = SearchParameters(effort=1_000)  # every list
    for place in (first + BLOCK, (first + last) // 2, last - BLOCK):  # among codes and positions
        damaged_at(place)
        opened = backend.open("image", "key", once=once)
        assert opened is not None
        with pytest.raises(StoreDamagedError, match="its checksum is wrong"):
            opened.index.search(rows[:1], 10, wide)
        with pytest.raises(StoreDamagedError, match="its checksum is wrong"):  # and again
            opened.index.search(rows[:3], 10, wide)
        assert not backend.keep("image")
        assert "checksum" in backend.verify("image")[0]
    for place in (3, first - 5_000, last + BLOCK, manifest.state.bytes - 1):  # headers, cells, ids
        damaged_at(place)
        with pytest.raises(StoreDamagedError, match="its checksum is wrong"):
            backend.open("image", "key", once=once)
    path.write_bytes(good)
    opened = backend.open("image", "key", once=once)
    assert opened is not None
    assert opened.index.search(rows[:1], 1, wide)[1].tolist() == [[0]]
    assert backend.keep("image")


def test_a_filter_looks_into_no_list_that_was_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the lists that tell whether a filter goes against the query too, positions are read."""
    monkeypatch.setattr(file_backend, "CHECKED_WHOLE", 1_000)
    rows = np.random.default_rng(3).standard_normal((3_000, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    backend = FaissFiles(tmp_path)
    backend.build("image", BuildPlan("ivf-sq8", 3_000, 64, 0.5, 7, "key"), batches_of(np.arange(3_000), rows))
    manifest = read_manifest(tmp_path, "image")
    assert manifest is not None
    assert manifest.lists is not None
    path = index_file(tmp_path)
    data = bytearray(path.read_bytes())
    first, last = manifest.lists[0] + BLOCK, manifest.lists[1] - BLOCK
    data[first:last] = b"\xff" * (last - first)
    path.write_bytes(data)
    opened = backend.open("image", "key")
    assert opened is not None
    with pytest.raises(StoreDamagedError, match="its checksum is wrong"):
        opened.index.search(rows[:1], 10, SearchParameters(only=np.arange(0, 3_000, 2)))


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_an_index_of_the_version_before_is_read_whole_and_given_sums(tmp_path: Path, index_type: IndexType) -> None:
    new = saved(tmp_path, index_type)
    content = json.loads((tmp_path / "image.json").read_bytes())
    for name in ("digest", "sums", "lists"):
        del content[name]
    content |= {"format": 3, "sampled": "0" * 64}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    old = json.dumps({**content, "digest": digest})
    (tmp_path / "image.json").write_text(old)
    backend = FaissFiles(tmp_path)
    opened = backend.open("image", "key")
    assert opened is not None
    assert (opened.state, backend.state("image", "key"), backend.verify("image")) == (new.state, new.state, [])
    flipped(0.5)(tmp_path)
    with pytest.raises(StoreDamagedError, match="its checksum is wrong"):
        backend.open("image", "key")
    assert not backend.keep("image")
    assert (tmp_path / "image.json").read_text() == old
    flipped(0.5)(tmp_path)
    assert backend.keep("image")
    kept = read_manifest(tmp_path, "image")
    assert kept is not None
    assert (kept.file, kept.sums, kept.state) == (new.file, new.sums, new.state)
    assert kept.lists == (new.lists if index_type == "ivf-sq8" else None)


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_damage(tmp_path: Path) -> None:
    saved(tmp_path)
    index_file(tmp_path).chmod(0)
    with pytest.raises(StoreDamagedError, match="ermission"):
        FaissFiles(tmp_path).open("image", "key")


def test_a_file_replaced_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader has read the manifest; the writer replaces the index and deletes the old one; the reader opens."""
    saved(tmp_path)
    calls: list[Manifest] = []

    def slow(folder: Path, kind: str) -> Manifest | None:
        manifest = read_manifest(folder, kind)
        if not calls:
            calls.append(saved(tmp_path, generation=8))
        return manifest

    monkeypatch.setattr(file_backend, "read_manifest", slow)
    opened = FaissFiles(tmp_path).open("image", "key")
    assert opened is not None
    assert opened.state.generation == 8


# --- writing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["replace", "fsync"])
@pytest.mark.parametrize("turn", [0, 1, 2])
def test_a_failure_at_any_step_keeps_the_old_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, turn: int
) -> None:
    first = saved(tmp_path)
    real, calls = getattr(os, where), []

    def failing(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) - 1 == turn:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    if where == "replace" and turn == 2:
        pytest.skip("two moves only")
    with monkeypatch.context() as patch, pytest.raises(StoreUnwritableError, match="No space left"):
        patch.setattr(os, where, failing)
        saved(tmp_path, generation=8)
    assert read_manifest(tmp_path, "image") == first
    assert FaissFiles(tmp_path).verify("image") == []
    assert not [name for name in names(tmp_path) if name.endswith(".tmp")]
    saved(tmp_path, generation=9)
    assert len(names(tmp_path)) == 2


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritableError, match="image index cannot be written"):
        saved(tmp_path / "file" / "vectors")


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    prelude = """
        import sys
        from pathlib import Path
        import numpy as np
        from indexer.vectors.backend import BuildPlan
        from indexer.vectors.backends.faiss_files.file_backend import FaissFiles
        folder = Path(sys.argv[1])
        backend = FaissFiles(folder)
        def save(count, generation):
            rows = np.random.default_rng(count).standard_normal((count, 64)).astype(np.float32)
            plan = BuildPlan("flat", count, 64, 0.95, generation, "key")
            return backend.build("image", plan, lambda: iter([(np.arange(count), rows)]))
    """
    code = textwrap.dedent(prelude) + textwrap.dedent(script)
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


@POSIX
def test_a_full_disk_keeps_the_old_index(tmp_path: Path) -> None:
    process = child(
        """
        import resource
        from indexer.errors import StoreUnwritableError
        save(50, 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            save(5_000, 2)
        except StoreUnwritableError as error:
            print(error)
        assert backend.open("image", "key").state.generation == 1
        save(60, 3)
        print(backend.open("image", "key").state.generation, len(list(folder.iterdir())))
        """,
        tmp_path,
    )
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors == ""
    assert "cannot be written" in out
    assert "File too large" in out
    assert out.splitlines()[-1] == "3 2"


@POSIX
def test_killed_at_random_moments(tmp_path: Path) -> None:
    """The reader finds the old index or the new one, while the writer lives and after it is killed."""
    moments = random.Random(0)
    seen: set[int] = set()
    for round_number in range(5):
        process = child(
            """
            generation = int(sys.argv[2])
            while True:
                save(100 + generation % 7 * 400, generation)
                print("saved", flush=True)
                generation += 1
            """,
            tmp_path,
            1_000 * round_number,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "saved\n"
        end = time.monotonic() + moments.uniform(0.02, 0.4)
        while time.monotonic() < end:
            seen.add(_whole(tmp_path))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen.add(_whole(tmp_path))
    assert len(seen) > 5
    saved(tmp_path, generation=10**6)
    assert len(names(tmp_path)) == 2  # what the killed ones left is gone


def _whole(folder: Path) -> int:
    opened = FaissFiles(folder).open("image", "key")
    assert opened is not None
    index, stamp = opened.index, opened.state
    assert stamp.count == len(index) == 100 + stamp.generation % 7 * 400
    rows = np.random.default_rng(stamp.count).standard_normal((stamp.count, 64)).astype(np.float32)
    last = rows[-1:] / np.linalg.norm(rows[-1])
    scores, _ = index.search(last, 1)
    assert scores[0, 0] == pytest.approx(float((rows @ last[0]).max()), rel=1e-5)
    return stamp.generation


@POSIX
def test_a_folder_whose_name_is_not_utf8(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 \n"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    saved(folder)
    assert FaissFiles(folder).open("image", "key") is not None
