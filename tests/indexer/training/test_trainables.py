"""Which encoder has which methods, what a method takes by default, and that the graphs of one are trained on after a
kill to the same bits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from indexer.encoders.base import EncoderId  # noqa: E402
from indexer.encoders.graph_encoder import GraphEncoder  # noqa: E402
from indexer.errors import EncoderMismatchError  # noqa: E402
from indexer.progress import Silent  # noqa: E402
from indexer.training import fitting  # noqa: E402
from indexer.training.checkpoints import Checkpoints  # noqa: E402
from indexer.training.fitting import Fitted, fit  # noqa: E402
from indexer.training.graphs.trainable import GraphTrainable  # noqa: E402
from indexer.training.inputs import PhotographInputs  # noqa: E402
from indexer.training.settings import METHODS, AdaptationSettings  # noqa: E402
from indexer.training.trainable import WritesGraphs  # noqa: E402
from indexer.training.trainables import load_trainable, methods_of, settings_of  # noqa: E402
from tests.fixtures.quarters import pairs_in, write  # noqa: E402
from tests.fixtures.tiny_graphs import tiny_folder  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_torch_thread")

COUNT, TRAINED, CHOSEN = 40, 24, 8
SETTINGS = AdaptationSettings(epochs=3, batch=8, rate=3e-3, part="last", rank=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and `models/bundled` beside them. Not to be changed."""
    folder = tmp_path_factory.mktemp("graphs")
    write(folder, COUNT)
    tiny_folder(folder / "models" / "bundled")
    return folder


@pytest.fixture(autouse=True)
def ships(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """These tiny graphs are the encoder that ships."""
    monkeypatch.setattr("indexer.encoders.graph_model.models_folder", lambda: folder / "models")


def named(name: str) -> EncoderId:
    return replace(GraphEncoder().identity, name=name)


def test_each_kind_of_encoder_has_its_methods() -> None:
    assert methods_of(named("bundled")) == ("heads", "bitfit", "lora", "full")
    assert methods_of(named("open_clip:ViT-B-32/laion")) == METHODS
    assert methods_of(named("mine")) == ("heads",)
    assert set(methods_of(named("bundled"))) - {"heads"} == set(GraphTrainable.methods)


def test_of_the_bundled_encoder_full_trains_the_last_part() -> None:
    open_, bundled = AdaptationSettings(), named("bundled")
    taken = settings_of(bundled, "full", open_)
    assert (taken.part, taken.rate_of("full")) == ("last", 1e-4)
    assert taken.of_method("full") == {"part": "last"}
    whole = settings_of(bundled, "full", AdaptationSettings(part="all"))
    assert (whole.part, whole.rate_of("full")) == ("all", 1e-5)
    assert settings_of(bundled, "full", AdaptationSettings(rate=0.5)).rate_of("full") == 0.5
    assert settings_of(bundled, "lora", open_) == open_
    assert settings_of(named("open_clip:a/b"), "full", open_) == open_
    assert open_.of_method("full") == {"part": "all"}


def test_the_bundled_encoder_has_gradients_and_writes_graphs() -> None:
    found = load_trainable(named("bundled"), None)
    assert isinstance(found, GraphTrainable)
    assert isinstance(found, WritesGraphs)


def test_another_bundled_encoder_is_said() -> None:
    with pytest.raises(EncoderMismatchError, match="The encoder bundled is another one now"):
        load_trainable(replace(named("bundled"), weights="0" * 64), None)


class StopAfter(Silent):
    """Ends the training as Ctrl-C would, when so many batches are done."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def advance(self, files: int) -> None:
        self.left -= files
        if self.left < 0:
            raise KeyboardInterrupt


def train(folder: Path, work: Path, method: str, progress: Silent | None = None) -> Fitted:
    pairs = pairs_in(folder, COUNT, TRAINED, CHOSEN)
    trainable = load_trainable(named("bundled"), None)
    inputs = PhotographInputs(pairs, trainable.identity.preprocessing, trainable.rows, augment=True)
    trainable.begin(method, SETTINGS.of_method(method), SETTINGS.seed)
    try:
        return fit(trainable, inputs, pairs, method, SETTINGS, Checkpoints(work, method), progress or Silent())
    finally:
        inputs.close()


@pytest.mark.parametrize("method", GraphTrainable.methods)
def test_it_goes_on_to_the_same_bits(
    folder: Path, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the midst of the second pass, of three batches each."""
    if method == "lora":
        pytest.importorskip("peft")
    monkeypatch.setattr(fitting, "EVERY", 0.0)
    monkeypatch.setattr(fitting, "AT_LEAST", 0.0)
    whole = train(folder, tmp_path / "other", method)
    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "work", method, StopAfter(4))
    assert max(path.name for path in (tmp_path / "work").glob("*.pt")) == "pass-0004.pt"
    again = train(folder, tmp_path / "work", method)
    assert json.dumps(again.log) == json.dumps(whole.log)
    assert again.tensors.keys() == whole.tensors.keys()
    assert all(torch.equal(again.tensors[name], whole.tensors[name]) for name in whole.tensors)
    assert np.isfinite(whole.log[-1]["loss"])
