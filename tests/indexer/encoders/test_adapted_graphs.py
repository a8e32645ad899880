"""Adapted encoders that are graphs: one identity from both sides, loaded without torch; what does not fit is said."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from indexer.encoders import adapted_files, adapted_graphs  # noqa: E402
from indexer.encoders.adapted_files import AdaptedDescription, describe, save, with_delta  # noqa: E402
from indexer.encoders.graph_encoder import GraphEncoder  # noqa: E402
from indexer.encoders.graph_model import with_sums  # noqa: E402
from indexer.encoders.registry import load_encoder, prepare_for_indexing  # noqa: E402
from indexer.errors import EncoderMismatchError, EncoderUnavailableError, StoreUnwritableError  # noqa: E402
from indexer.progress import Silent  # noqa: E402
from indexer.training.graphs.trainable import GraphTrainable  # noqa: E402
from search.calibration.calibration_file import find_calibration, shipped_calibration  # noqa: E402
from search.rerank.registry import load_reranker  # noqa: E402
from tests.fixtures.paths import ROOT  # noqa: E402
from tests.fixtures.tiny_graphs import SIDE, tiny_folder  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TEXTS = ["a red car", "two dogs run through the snow", "the sea"]
PIXELS = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


def trained(base: Path, target: Path, pixels: np.ndarray = PIXELS, step: float = 0.05) -> Path:
    """Graphs in `target` with something put into the heads."""
    trainable = GraphTrainable(base)
    trainable.begin("full", {"part": "heads"}, 0)
    torch.manual_seed(1)
    with torch.no_grad():
        for each in trainable.trained().values():
            each.add_(step * torch.randn_like(each))
    trainable.write(target, pixels, TEXTS, {"method": "full"})
    return target


def described(base: Path) -> AdaptedDescription:
    return AdaptedDescription(GraphEncoder(base).identity, "full", {"part": "heads"}, True, {"seed": 0})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("graphs") / "bundled")


@pytest.fixture(scope="module")
def graphs(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(base, tmp_path_factory.mktemp("trained") / "graphs")


@pytest.fixture
def adapted(base: Path, graphs: Path, tmp_path: Path) -> Path:
    """An adapted encoder of the test's own."""
    save(tmp_path / "a", *adapted_graphs.with_graphs(described(base), graphs))
    return tmp_path / "a"


def test_its_identity_is_that_of_its_graphs(adapted: Path, graphs: Path, tmp_path: Path) -> None:
    found = load_encoder(f"adapted:{adapted}")
    assert found.identity == describe(adapted).identity(adapted)
    assert found.identity.name == f"adapted:{adapted}"
    assert found.identity.matches(GraphEncoder(graphs).identity)
    moved = Path(shutil.copytree(adapted, tmp_path / "moved"))
    assert load_encoder(f"adapted:{moved}").identity.matches(found.identity)
    for mine, theirs in (
        (found.encode_images(PIXELS, tokens=True), GraphEncoder(graphs).encode_images(PIXELS, tokens=True)),
        (found.encode_texts(TEXTS, tokens=True), GraphEncoder(graphs).encode_texts(TEXTS, tokens=True)),
    ):
        assert np.array_equal(mine.vectors, theirs.vectors)
        assert all(map(np.array_equal, mine.tokens or (), theirs.tokens or ()))
    assert adapted_graphs.verify(adapted) == []


def test_it_loads_without_torch(adapted: Path) -> None:
    program = (
        "import sys\nfrom indexer.encoders.registry import load_encoder\n"
        f"found = load_encoder({f'adapted:{adapted}'!r})\n"
        "print(found.encode_texts(['a red car']).vectors.shape, {'torch', 'open_clip', 'peft'} & sys.modules.keys())\n"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "(1, 8) set()\n"


def test_it_needs_no_base(adapted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder that ships may be another one after an update, or gone."""
    monkeypatch.setattr("indexer.encoders.graph_model.models_folder", lambda: tmp_path / "none")
    assert load_encoder(f"adapted:{adapted}").encode_images(PIXELS).vectors.shape == (3, 8)


def test_a_device_that_it_does_not_use_is_said(adapted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.encoders.registry.unused", lambda device: f"{device} is not used")
    found = load_encoder(f"adapted:{adapted}")
    assert prepare_for_indexing(found, "mps", Silent()) == (found, ("mps is not used",))


def test_graphs_that_are_not_those_described(adapted: Path, base: Path, tmp_path: Path) -> None:
    other = trained(base, tmp_path / "other", step=0.1)
    [path] = adapted.glob("graphs-*")
    shutil.rmtree(path)
    shutil.copytree(other, path)
    with pytest.raises(EncoderUnavailableError, match=rf"adapted\.json is damaged \({path.name} holds other graphs\)"):
        load_encoder(f"adapted:{adapted}")


def test_graphs_that_are_gone(adapted: Path) -> None:
    [path] = adapted.glob("graphs-*")
    shutil.rmtree(path)
    with pytest.raises(EncoderUnavailableError, match=r"encoder\.json cannot be read .*; train it again\.$"):
        load_encoder(f"adapted:{adapted}")


@pytest.mark.parametrize("name", ["image.bin", "text.xml"])
def test_a_damaged_graph(adapted: Path, name: str) -> None:
    [path] = adapted.glob(f"graphs-*/{name}")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = load_encoder(f"adapted:{adapted}")
    with pytest.raises(EncoderUnavailableError, match=rf"{name} is damaged; train it again\.$"):
        found.encode_images(PIXELS) if name.startswith("image") else found.encode_texts(TEXTS)
    [problem] = adapted_graphs.verify(adapted)
    assert problem == f"The model file {path} is damaged; train it again."


def test_graphs_alone_are_no_adapted_encoder(graphs: Path) -> None:
    with pytest.raises(EncoderUnavailableError, match=r"There is no adapted encoder in .* \(no adapted\.json\)"):
        load_encoder(f"adapted:{graphs}")


def test_graphs_of_another_version(adapted: Path) -> None:
    [path] = adapted.glob("graphs-*/encoder.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(EncoderUnavailableError, match="has format 99 and this version reads 2; train it again"):
        load_encoder(f"adapted:{adapted}")


def test_maps_of_an_earlier_bundled_encoder(tmp_path: Path) -> None:
    earlier = replace(GraphEncoder().identity, weights="0" * 64)
    one = np.eye(earlier.dimension, dtype=np.float32)
    save(
        tmp_path / "a",
        *with_delta(AdaptedDescription(earlier, "heads", {}, True, {}), {"image": one, "text": one}),
    )
    with pytest.raises(EncoderMismatchError, match=r"was trained on bundled \(0{12}\), and .* another model"):
        load_encoder(f"adapted:{tmp_path / 'a'}")


def test_one_takes_the_place_of_another(adapted: Path, base: Path, graphs: Path, tmp_path: Path) -> None:
    """Of either form; what a killed writer leaves is no other's, and what somebody else put there is."""
    other = adapted_graphs.with_graphs(described(base), trained(base, tmp_path / "other", step=0.1))
    save(adapted, *other)
    assert len(list(adapted.iterdir())) == 2
    assert load_encoder(f"adapted:{adapted}").identity.weights == other[0].digest
    one = np.eye(8, dtype=np.float32)
    save(adapted, *with_delta(replace(described(base), method="heads", settings={}), {"image": one, "text": one}))
    assert sorted(path.name.partition("-")[0] for path in adapted.iterdir()) == ["adapted.json", "delta"]
    save(adapted, *adapted_graphs.with_graphs(described(base), graphs))
    assert sorted(path.name.partition("-")[0] for path in adapted.iterdir()) == ["adapted.json", "graphs"]
    (adapted / "adapted.json").unlink()
    assert not adapted_files.is_foreign(adapted)
    (adapted / "letters").mkdir()
    assert adapted_files.is_foreign(adapted)


def test_a_full_disk_leaves_the_former_one(
    adapted: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_encoder(f"adapted:{adapted}").identity
    other = adapted_graphs.with_graphs(described(base), trained(base, tmp_path / "other", step=0.1))

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("indexer.described_weights.shutil.copyfile", full)
    with pytest.raises(StoreUnwritableError, match="cannot be written"):
        save(adapted, *other)
    assert load_encoder(f"adapted:{adapted}").identity == before
    assert len(list(adapted.iterdir())) == 2


def test_what_ships_for_the_bundled_encoder_declines_it(tmp_path: Path) -> None:
    """With tokens of the same shape: the weights alone tell. A line break more in a file makes other weights."""
    bundled = GraphEncoder()
    other = Path(shutil.copytree(bundled.folder, tmp_path / "graphs"))
    (other / "text.xml").write_bytes((other / "text.xml").read_bytes() + b"\n")
    fields = json.loads((other / "encoder.json").read_text()) | {"name": "adapted"}
    fields["files"]["text.xml"] = hashlib.sha256((other / "text.xml").read_bytes()).hexdigest()
    (other / "encoder.json").write_text(json.dumps(with_sums(without_sums(fields), other)))
    save(tmp_path / "a", *adapted_graphs.with_graphs(described(bundled.folder), other))
    adapted = load_encoder(f"adapted:{tmp_path / 'a'}")
    assert adapted.token_shape == bundled.token_shape
    assert load_reranker(None, tmp_path / "store", bundled) is not None
    assert load_reranker(None, tmp_path / "store", adapted) is None
    assert shipped_calibration(bundled.identity).entries
    assert not find_calibration(tmp_path / "store", adapted.identity).entries


def without_sums(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in ("sums", "own_sum")}
