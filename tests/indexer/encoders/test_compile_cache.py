"""What the runtime compiled is kept, found again, and made anew when it is damaged or of something else."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer.encoders import compile_cache as compiled
from indexer.encoders import runtime
from indexer.encoders.compile_cache import Compilation, CompileCache, let_go
from indexer.encoders.runtime import Graph
from indexer.page_sums import digest
from indexer.settings import models_folder

IDS = {"ids": np.array([[101, 1037, 4937, 102]], np.int64)}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tower of two layers, which compiles in milliseconds."""
    runtime.import_openvino()  # without what reports to its makers
    from openvino import Dimension, Model, Type, opset13, save_model

    chance = np.random.default_rng(3)
    ids = opset13.parameter([1, Dimension()], Type.i64, name="ids")
    table = opset13.constant(chance.standard_normal((5_000, 32), np.float32))
    words = opset13.gather(table, ids, opset13.constant(0))  # (1, n, 32)
    dense = opset13.matmul(words, opset13.constant(chance.standard_normal((32, 64), np.float32)), False, False)
    vectors = opset13.reduce_mean(opset13.tanh(dense), opset13.constant([1]))  # (1, 64)
    ids.output(0).set_names({"ids"})
    vectors.output(0).set_names({"vectors"})
    file = tmp_path_factory.mktemp("graph") / "text.xml"
    save_model(Model([vectors], [ids], "tower"), file)
    return file


@pytest.fixture(scope="module")
def shipped() -> Path:
    """The text tower that ships."""
    return models_folder() / "bundled" / "text.xml"


@pytest.fixture(scope="module")
def kept(graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cache that holds what was compiled of it. Not to be changed."""
    cache = CompileCache(tmp_path_factory.mktemp("kept") / "cache")
    vector(graph, cache)
    return cache.folder


def vector(graph: Path, cache: CompileCache | None) -> list[float]:
    return [float(number) for number in Graph(graph, threads=1, cache=cache).run(IDS, ["vectors"])["vectors"][0]]


@pytest.mark.parametrize("tower", ["graph", "shipped"])
def test_the_same_vector_with_and_without_a_cache(request: pytest.FixtureRequest, tower: str, tmp_path: Path) -> None:
    graph = request.getfixturevalue(tower)
    cache = CompileCache(tmp_path / "cache")
    plain = vector(graph, None)
    assert vector(graph, cache) == plain  # made
    [blob] = cache.folder.glob("*.blob")
    made = blob.stat().st_ino
    assert vector(graph, cache) == plain  # read
    assert blob.stat().st_ino == made
    assert not list(cache.folder.glob(".*"))


@pytest.mark.parametrize(
    "damage", ["cut", "flipped", "flipped far inside", "page lost", "pages moved", "zeros", "empty", "garbage"]
)
def test_a_damaged_one_is_made_anew(graph: Path, kept: Path, tmp_path: Path, damage: str) -> None:
    cache = CompileCache(Path(shutil.copytree(kept, tmp_path / "cache")))
    plain = vector(graph, CompileCache(kept))
    [blob] = cache.folder.glob("*.blob")
    whole = blob.read_bytes()
    flipped = bytearray(whole)
    flipped[1_000] ^= 1
    inside = bytearray(whole)
    inside[len(whole) * 5 // 8] ^= 1
    page = len(whole) * 5 // 8 // 4096 * 4096
    one, two = whole[page : page + 4096], whole[page + 4096 : page + 8192]
    assert one != two
    assert any(one)
    blob.write_bytes(
        {
            "cut": whole[:1000],
            "flipped": flipped,
            "flipped far inside": inside,
            "page lost": whole[:page] + bytes(4096) + whole[page + 4096 :],
            "pages moved": whole[:page] + two + one + whole[page + 8192 :],
            "zeros": bytes(len(whole)),
            "empty": b"",
            "garbage": b"no graph" * 99,
        }[damage]
    )
    assert vector(graph, cache) == plain
    made = blob.read_bytes()
    assert len(made) > len(whole) // 2
    assert vector(graph, cache) == plain
    assert blob.read_bytes() == made  # sound: read, not made again


def test_bytes_that_the_runtime_does_not_take_are_compiled_anew(graph: Path, kept: Path, tmp_path: Path) -> None:
    """With the right checksum: another machine's, say."""
    cache = CompileCache(Path(shutil.copytree(kept, tmp_path / "cache")))
    plain = vector(graph, CompileCache(kept))
    [blob] = cache.folder.glob("*.blob")
    body = b"from elsewhere" * 1000
    blob.write_bytes(body + digest(np.frombuffer(body, np.uint8)))
    assert vector(graph, cache) == plain


def test_another_graph_or_other_settings_have_their_own(graph: Path, tmp_path: Path) -> None:
    cache = CompileCache(tmp_path / "cache")
    Graph(graph, threads=1, cache=cache)
    Graph(graph, threads=2, streams=2, cache=cache)  # each stream is such a graph
    assert len(list(cache.folder.glob("*.blob"))) == 1
    Graph(graph, threads=2, cache=cache)
    assert len(list(cache.folder.glob("*.blob"))) == 2
    for name in ("text.xml", "text.bin"):
        shutil.copy(graph.with_name(name), tmp_path / name)  # another time of change
    Graph(tmp_path / "text.xml", threads=1, cache=cache)
    assert len(list(cache.folder.glob("*.blob"))) == 3


def test_the_oldest_go(graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "MOST_FILES", 1)
    cache = CompileCache(tmp_path / "cache")
    Graph(graph, threads=1, cache=cache)
    [first] = cache.folder.glob("*.blob")
    Graph(graph, threads=2, cache=cache)
    [second] = cache.folder.glob("*.blob")
    assert first != second


def test_a_cache_that_cannot_be_written_is_done_without(graph: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert vector(graph, CompileCache(tmp_path / "file" / "cache")) == vector(graph, None)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_mapped_is_let_go_and_can_be_read_again(tmp_path: Path) -> None:
    cache = CompileCache(tmp_path)
    (tmp_path / "a.xml").write_text("")
    (tmp_path / "a.bin").write_text("")
    key = Compilation("1", "cpu", tmp_path / "a.xml", {}, {})
    cache.store(key, lambda: bytes(range(256)) * 40_000)  # 10 MB
    body = cache.load(key)
    assert body is not None

    def resident() -> int:
        lines = Path("/proc/self/smaps").read_text().splitlines()
        start = next(place for place, line in enumerate(lines) if str(tmp_path) in line)
        return next(int(line.split()[1]) for line in lines[start:] if line.startswith("Rss:"))  # kB

    total = int(body.sum())
    assert resident() >= 10_000
    let_go(body)
    assert resident() < 100
    assert int(body.sum()) == total


def test_streams_answer_the_same(shipped: Path) -> None:
    """Each run has one thread of its own, and as many go on at once."""
    from concurrent.futures import ThreadPoolExecutor

    one = Graph(shipped, threads=1)
    two = Graph(shipped, threads=2, streams=2)
    rows = [{"ids": np.array([[101, 2000 + word, 102]], np.int64)} for word in range(24)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda row: two.run(row, ["vectors"])["vectors"], rows))
    for row, each in zip(rows, found, strict=True):
        assert np.array_equal(each, one.run(row, ["vectors"])["vectors"])


def test_without_int8_products_the_image_tower_computes_in_float(monkeypatch: pytest.MonkeyPatch) -> None:
    """On such CPUs sums of two products in 16 bits could overflow. Both ways must agree closely."""
    file = models_folder() / "bundled" / "image.xml"
    shape = {"pixels": (1, 260, 260, 3)}
    ramp = np.linspace(0, 255, 260 * 260 * 3).reshape(1, 260, 260, 3).astype(np.uint8)
    vectors = []
    for flags in ("flags: avx2 avx512_vnni", "flags: avx2"):
        monkeypatch.setattr(runtime, "_processor", lambda flags=flags: flags)
        [row] = Graph(file, threads=1, shapes=shape).run({"pixels": ramp}, ["vectors"])["vectors"]
        vectors.append(row)
    assert not np.array_equal(vectors[0], vectors[1])
    assert float(vectors[0] @ vectors[1]) > 0.97


def test_the_runtime_reports_to_nobody() -> None:
    runtime.import_openvino()
    assert sys.modules.get("openvino_telemetry") is None
