"""Vector indexes on disk: whole or not at all, and every damage noticed before FAISS sees it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import StoreDamagedError, StoreUnwritableError
from indexer.types import Float32, Int64
from indexer.vectors.backends.faiss_files import manifest as files
from indexer.vectors.backends.faiss_files import tuning
from indexer.vectors.backends.faiss_files import writer as draft
from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex
from indexer.vectors.base import INDEX_TYPES, IndexType
from tests.fixtures.paths import ROOT

IDS: Int64 = np.arange(400, dtype=np.int64) + 2**33
VECTORS: Float32 = np.random.default_rng(0).standard_normal((400, 16)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")


def built(kind: IndexType = "flat", count: int = 400) -> FaissIndex:
    return FaissIndex.build(kind, 16, lambda: iter([(IDS[:count], VECTORS[:count])]), count)


def saved(folder: Path, kind: IndexType = "flat", generation: int = 7, count: int = 400) -> files.IndexStamp:
    return draft.save(folder, "image", built(kind, count), generation=generation, encoder="key")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", INDEX_TYPES)
def test_what_is_saved_is_loaded(tmp_path: Path, kind: IndexType) -> None:
    index = built(kind)
    index.remove(IDS[10:30])
    stamp = draft.save(tmp_path / "new" / "folder", "text", index, generation=12, encoder="key")
    loaded = files.load(tmp_path / "new" / "folder", "text", encoder="key")
    assert loaded is not None
    assert loaded[1] == stamp == files.read_stamp(tmp_path / "new" / "folder", "text")
    assert (stamp.generation, stamp.encoder, stamp.index_type) == (12, "key", kind)
    assert (stamp.dimension, stamp.count) == (16, 380)
    assert stamp.size == (tmp_path / "new" / "folder" / stamp.file).stat().st_size
    assert (loaded[0].ids == index.ids).all()
    for mine, theirs in zip(index.search(VECTORS[:9], 5), loaded[0].search(VECTORS[:9], 5), strict=True):
        assert (mine == theirs).all()
    assert files.verify(tmp_path / "new" / "folder", "text") == []


def test_missing_is_none(tmp_path: Path) -> None:
    assert files.load(tmp_path, "image", encoder="key") is None
    assert files.load(tmp_path / "nowhere", "image", encoder="key") is None
    assert files.read_stamp(tmp_path, "image") is None
    assert files.verify(tmp_path, "image") == []
    files.discard(tmp_path / "nowhere", "image")


def test_another_encoder_is_none(tmp_path: Path) -> None:
    saved(tmp_path)
    assert files.load(tmp_path, "image", encoder="another") is None


@pytest.mark.parametrize("number", [1, 3])
def test_another_format_is_none(tmp_path: Path, number: int) -> None:
    (tmp_path / "image.json").write_text(f'{{"format": {number}, "shards": []}}')
    assert files.load(tmp_path, "image", encoder="key") is None
    assert files.read_stamp(tmp_path, "image") is None
    assert files.verify(tmp_path, "image") == []


def test_kinds_and_strangers_are_left_alone(tmp_path: Path) -> None:
    saved(tmp_path)
    text = draft.save(tmp_path, "text", built(), generation=3, encoder="key")
    strangers = ["notes.faiss", "image-7.faiss", "image.faiss.bak", ".image.tmp"]
    for stranger in strangers:
        (tmp_path / stranger).write_bytes(b"x")
    stamp = saved(tmp_path, generation=8)
    assert names(tmp_path) == sorted([*strangers, "image.json", "text.json", text.file, stamp.file])
    files.discard(tmp_path, "image")
    assert names(tmp_path) == sorted([*strangers, "text.json", text.file])


def test_earlier_files_and_leftovers_are_deleted(tmp_path: Path) -> None:
    first = saved(tmp_path)
    (tmp_path / ".image-9-0123abcd.faiss.tmp").write_bytes(b"half")
    (tmp_path / ".image-0123abcd.json.tmp").write_bytes(b"half")
    second = saved(tmp_path, generation=8)
    assert first.file != second.file
    assert names(tmp_path) == sorted([second.file, "image.json"])


def test_an_open_index_outlives_its_file(tmp_path: Path) -> None:
    saved(tmp_path)
    loaded = files.load(tmp_path, "image", encoder="key")
    assert loaded is not None
    saved(tmp_path, generation=8, count=20)
    assert loaded[0].search(VECTORS[300:301], 1)[1][0, 0] == IDS[300]


# --- damage --------------------------------------------------------------------------------------------------------


def index_file(folder: Path) -> Path:
    return next(folder.glob("image-*.faiss"))


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


def manifest(**changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = json.loads((folder / "image.json").read_bytes())
        content.update(changes)
        content = {name: value for name, value in content.items() if changes.get(name, 0) is not None}
        (folder / "image.json").write_text(json.dumps(content))

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
    "manifest cut": replaced(b'{"format": 2, "generation": 7'),
    "manifest a list": replaced(b"[]"),
    "manifest nested": replaced(b"[" * 100_000),
    "no format": manifest(format=None),
    "no generation": manifest(generation=None),
    "generation a text": manifest(generation="7"),
    "generation true": manifest(generation=True),
    "negative count": manifest(count=-1),
    "another count": manifest(count=399),
    "another dimension": manifest(dimension=17),
    "another size": manifest(size=5),
    "no checksum": manifest(checksum=None),
    "another checksum": manifest(checksum="0" * 64),
    "encoder a number": manifest(encoder=5),
    "unknown type": manifest(index_type="annoy"),
    "no tuning": manifest(tuned=None),
    "half a tuning": manifest(tuned={"target": 0.95, "recall": 0.96}),
    "tuned to no share": manifest(tuned={"target": 95, "recall": 0.9, "width": 3, "proposals": 12, "queries": 9}),
    "a width of text": manifest(tuned={"target": 0.9, "recall": 0.9, "width": "3", "proposals": 12, "queries": 9}),
    "asked for nothing": manifest(asked=None),
    "file elsewhere": manifest(file="../image-7-00.faiss"),
    "file of another kind": manifest(file="text-7-00.faiss"),
    "file a list": manifest(file=["image-7-00.faiss"]),
}


@pytest.mark.parametrize("name", list(DAMAGES))
@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf-sq8"])
def test_damage_is_named(tmp_path: Path, kind: IndexType, name: str) -> None:
    saved(tmp_path, kind)
    DAMAGES[name](tmp_path)
    with pytest.raises(StoreDamagedError, match=r"image.* is damaged \(.+\); the next `search index` builds it again"):
        files.load(tmp_path, "image", encoder="key")
    assert len(files.verify(tmp_path, "image")) == 1
    saved(tmp_path, kind, generation=8)  # and the next build mends it
    assert files.verify(tmp_path, "image") == []
    assert files.load(tmp_path, "image", encoder="key") is not None


@pytest.mark.parametrize("wrong", INDEX_TYPES[1:])
def test_the_wrong_type_is_noticed(tmp_path: Path, wrong: IndexType) -> None:
    saved(tmp_path, "hnsw" if wrong != "hnsw" else "ivf-flat")
    manifest(index_type=wrong)(tmp_path)
    with pytest.raises(StoreDamagedError, match=f"where {wrong} was written"):
        files.load(tmp_path, "image", encoder="key")


def test_large_files_are_sampled_and_verified_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHECKED_WHOLE", 1_000)
    monkeypatch.setattr(files, "EDGE", 1_000)
    monkeypatch.setattr(files, "BLOCK", 64)
    saved(tmp_path)
    assert files.load(tmp_path, "image", encoder="key") is not None
    flipped(0.03)(tmp_path)  # within the first megabyte
    with pytest.raises(StoreDamagedError, match="checksum"):
        files.load(tmp_path, "image", encoder="key")
    flipped(0.03)(tmp_path)
    flipped(0.1)(tmp_path)  # between two blocks: a vector's digits, which FAISS reads without harm
    assert files.load(tmp_path, "image", encoder="key") is not None
    assert "checksum" in files.verify(tmp_path, "image")[0]


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_damage(tmp_path: Path) -> None:
    saved(tmp_path)
    index_file(tmp_path).chmod(0)
    with pytest.raises(StoreDamagedError, match="ermission"):
        files.load(tmp_path, "image", encoder="key")


def test_a_file_replaced_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader has read the manifest; the writer replaces the index and deletes the old one; the reader opens."""
    saved(tmp_path)
    read_stamp, calls = files.read_stamp, []

    def slow(folder: Path, kind: str) -> files.IndexStamp | None:
        stamp = read_stamp(folder, kind)
        if not calls:
            calls.append(saved(tmp_path, generation=8))
        return stamp

    monkeypatch.setattr(files, "read_stamp", slow)
    loaded = files.load(tmp_path, "image", encoder="key")
    assert loaded is not None
    assert loaded[1].generation == 8


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
    loaded = files.load(tmp_path, "image", encoder="key")
    assert loaded is not None
    assert loaded[1] == first
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
        from indexer.vectors.backends.faiss_files import writer as draft
        from indexer.vectors.backends.faiss_files import manifest as files
        from indexer.vectors.backends.faiss_files.faiss_index import FaissIndex
        folder = Path(sys.argv[1])
        def save(count, generation):
            rows = np.random.default_rng(count).standard_normal((count, 64)).astype(np.float32)
            index = FaissIndex.build("flat", 64, lambda: iter([(np.arange(count), rows)]), count)
            return draft.save(folder, "image", index, generation=generation, encoder="key")
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
        assert files.load(folder, "image", encoder="key")[1].generation == 1
        save(60, 3)
        print(files.load(folder, "image", encoder="key")[1].generation, len(list(folder.iterdir())))
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
    loaded = files.load(folder, "image", encoder="key")
    assert loaded is not None
    index, stamp = loaded
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
    assert files.load(folder, "image", encoder="key") is not None


# --- sizes ---------------------------------------------------------------------------------------------------------


def test_the_type_follows_the_size() -> None:
    assert tuning.choose_type(0, 512) == "flat"
    assert tuning.choose_type(20_000, 512) == "flat"
    assert tuning.choose_type(90_000, 512) == "ivf-sq8"
    assert tuning.choose_type(1_000_000, 512) == "ivf-sq8"
    assert tuning.choose_type(90_000, 16) == "flat"


@pytest.mark.parametrize("dimension", [1, 64, 384, 512, 4_096])
def test_training_is_bounded_and_enough(dimension: int) -> None:
    for count in (1, 10, 80, 1_000, 100_000, 10_000_000, 10**9):
        settings = tuning.ivf_settings(count, dimension)
        assert settings.training * dimension * 4 <= max(tuning.TRAINING_BYTES, 40 * dimension * 4)
        assert 1 <= settings.probes <= settings.lists
        assert settings.lists == 1 or settings.training >= 39 * settings.lists


def test_product_codes_divide_the_dimension() -> None:
    assert [tuning.product_codes(d) for d in (384, 512, 768, 100, 37, 1)] == [96, 128, 192, 25, 37, 1]
    for dimension in range(1, 300):
        codes = tuning.product_codes(dimension)
        assert dimension % codes == 0
        assert dimension // codes <= 8
