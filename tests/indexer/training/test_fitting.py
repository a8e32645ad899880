"""The training loop on a tiny open_clip model: it learns, goes on after a kill to the same bits, says what fails."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from indexer.encoders.base import EncoderId  # noqa: E402
from indexer.encoders.openclip import OpenClipEncoder  # noqa: E402
from indexer.errors import EncoderError, UsageError  # noqa: E402
from indexer.progress import Silent  # noqa: E402
from indexer.training import fitting  # noqa: E402
from indexer.training.checkpoints import Checkpoints  # noqa: E402
from indexer.training.fitting import Fitted, fit  # noqa: E402
from indexer.training.heads_trainable import HeadsTrainable  # noqa: E402
from indexer.training.inputs import PhotographInputs, VectorInputs  # noqa: E402
from indexer.training.openclip_trainable import OpenClipTrainable  # noqa: E402
from indexer.training.settings import AdaptationSettings  # noqa: E402
from tests.contract.test_encoder import tiny_folder  # noqa: E402
from tests.fixtures.paths import ROOT  # noqa: E402
from tests.fixtures.quarters import pairs_in, write  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_torch_thread")

COUNT, TRAINED, CHOSEN = 60, 40, 20
#: Four batches a pass, each with chance in it.
SETTINGS = AdaptationSettings(epochs=3, batch=10, rate=3e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and a model beside them."""
    folder = tmp_path_factory.mktemp("quarters")
    write(folder, COUNT)
    tiny_folder(folder / "model", seed=3)
    return folder


def train(
    folder: Path, work: Path, method: str, settings: AdaptationSettings = SETTINGS, progress: Silent | None = None
) -> Fitted:
    base = OpenClipEncoder(f"open_clip:local-dir:{folder / 'model'}", device="cpu").identity
    pairs = pairs_in(folder, COUNT, TRAINED, CHOSEN)
    trainable = OpenClipTrainable(base, "cpu")
    inputs = PhotographInputs(pairs, base.preprocessing, trainable.rows, augment=True)
    trainable.begin(method, settings.of_method(method), settings.seed)
    try:
        checkpoints = Checkpoints(work, f"{method} {settings}")
        return fit(trainable, inputs, pairs, method, settings, checkpoints, progress or Silent())
    finally:
        inputs.close()


class KillAfter(Silent):
    """Ends this process, as a power cut would, when so many batches are done."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def advance(self, files: int) -> None:
        self.left -= files
        if self.left < 0:
            signal.raise_signal(signal.SIGKILL)


def test_a_killed_process_goes_on_to_the_same_bits(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the midst of a pass, with a state after each batch."""
    method, batches = "lora", 6
    program = (
        "import sys, torch\nfrom pathlib import Path\nfrom indexer.training import fitting\n"
        "from tests.indexer.training.test_fitting import KillAfter, train\n"
        "torch.set_num_threads(1)\nfitting.EVERY = fitting.AT_LEAST = 0.0\n"
        f"train(Path({str(folder)!r}), Path({str(tmp_path / 'work')!r}), {method!r}, progress=KillAfter({batches}))\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert max(path.name for path in (tmp_path / "work").glob("*.pt")) == "pass-0006.pt"  # of four a pass
    monkeypatch.setattr(fitting, "AT_LEAST", 0.0)
    whole = train(folder, tmp_path / "other", method)
    again = train(folder, tmp_path / "work", method)
    assert again.log == whole.log
    assert again.tensors.keys() == whole.tensors.keys()
    assert all(torch.equal(again.tensors[name], whole.tensors[name]) for name in whole.tensors)


class Stop(Silent):
    """Ctrl-C in the first step."""

    def total(self, files: int) -> None:
        raise KeyboardInterrupt


def test_what_was_measured_before_the_first_pass_is_kept(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "work", "bitfit", progress=Stop())
    assert [path.name for path in (tmp_path / "work").glob("*.pt")] == ["pass-0000.pt"]
    assert train(folder, tmp_path / "work", "bitfit").log == train(folder, tmp_path / "other", "bitfit").log


class Counted(Silent):
    """How many batches were computed, those before a restart aside."""

    def __init__(self) -> None:
        self.batches = 0
        self.phases: list[str] = []

    def phase(self, name: str) -> None:
        self.phases.append(name)

    def advance(self, files: int) -> None:
        self.batches += files


def test_after_a_pass_the_time_of_the_others_is_said(folder: Path, tmp_path: Path) -> None:
    counted = Counted()
    train(folder, tmp_path, "bitfit", progress=counted)
    first, second, _ = counted.phases
    assert first == "bitfit, pass 1 of 3"
    assert second.startswith("bitfit, pass 2 of 3; bitfit takes 1 min more at most; held-out MRR ")


def test_a_finished_run_computes_nothing_again(folder: Path, tmp_path: Path) -> None:
    short = replace(SETTINGS, epochs=1)
    first, counted = train(folder, tmp_path, "bitfit", short), Counted()
    again = train(folder, tmp_path, "bitfit", short, counted)
    assert counted.batches == 0
    assert again.log == first.log
    assert all(torch.equal(again.tensors[name], first.tensors[name]) for name in first.tensors)


def test_another_run_is_not_gone_on_from(folder: Path, tmp_path: Path) -> None:
    short = replace(SETTINGS, epochs=1)
    train(folder, tmp_path, "bitfit", short)
    with pytest.raises(UsageError, match=r"other settings; give `restart=True`"):
        train(folder, tmp_path, "bitfit", replace(short, rate=1e-3))


def test_a_loss_that_is_no_number_ends_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The states before it stay."""
    monkeypatch.setattr(fitting, "AT_LEAST", 0.0)
    calls = iter(range(100))
    real = fitting.contrastive_step

    def step(*given: object, **named: object) -> float:
        loss = real(*given, **named)  # type: ignore[arg-type]
        return float("nan") if next(calls) == 5 else loss

    monkeypatch.setattr(fitting, "contrastive_step", step)
    with pytest.raises(
        EncoderError, match=r"is no number in pass 2 .*; the state before it is kept: train with a lower"
    ):
        train(folder, tmp_path, "bitfit")
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["pass-0000.pt", "pass-0004.pt"]


def test_weights_that_are_no_numbers_are_never_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last batch of a pass breaks them, and its loss was one."""
    monkeypatch.setattr(fitting, "AT_LEAST", 0.0)
    calls = iter(range(100))
    real = fitting.contrastive_step

    def step(trainable: OpenClipTrainable, *given: object, **named: object) -> float:
        loss = real(trainable, *given, **named)  # type: ignore[arg-type]
        if next(calls) == 3:
            trainable.log_scale.grad = torch.full_like(trainable.log_scale, torch.nan)
        return loss

    monkeypatch.setattr(fitting, "contrastive_step", step)
    with pytest.raises(EncoderError, match="is no number in pass 1"):
        train(folder, tmp_path, "bitfit")
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["pass-0000.pt"]


def test_where_memory_runs_out_less_is_computed_at_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks: list[int | None] = []
    real = fitting.contrastive_step

    def step(*given: object, chunk: int | None, **named: object) -> float:
        chunks.append(chunk)
        if chunk is None or chunk > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return real(*given, chunk=chunk, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "contrastive_step", step)
    short = replace(SETTINGS, epochs=1)
    found = train(folder, tmp_path / "small", "bitfit", short)
    assert chunks[:4] == [None, 5, 2, 2]
    monkeypatch.undo()
    plain = train(folder, tmp_path / "plain", "bitfit", short)
    assert found.log[-1]["loss"] == pytest.approx(plain.log[-1]["loss"], rel=1e-3)


def test_where_not_even_one_fits_it_says_so(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: object, **_named: object) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(fitting, "contrastive_step", full)
    with pytest.raises(EncoderError, match="cpu has not enough memory for a single pair"):
        train(folder, tmp_path, "bitfit")


def test_time_that_is_up_ends_it(folder: Path, tmp_path: Path) -> None:
    vectors = np.eye(COUNT, dtype=np.float32)
    pairs = pairs_in(folder, COUNT, TRAINED, CHOSEN)
    trainable = heads()
    trainable.begin("heads", {}, 0)
    inputs = VectorInputs(vectors, vectors)
    found = fit(trainable, inputs, pairs, "heads", SETTINGS, Checkpoints(tmp_path, "a"), Silent(), budget=0)
    assert found.ended == "its time was up"
    assert len(found.log) == 1


def heads() -> HeadsTrainable:
    from tests.fixtures.colour_encoder import ColourEncoder

    identity = ColourEncoder().identity
    return HeadsTrainable(EncoderId(identity.name, identity.weights, COUNT, identity.preprocessing))


def test_heads_learn_a_turned_space(folder: Path, tmp_path: Path) -> None:
    """Texts that are the images turned in space: the base finds by chance, the maps turn back."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(400, 16)).astype(np.float32)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    texts = (images @ np.linalg.qr(rng.normal(size=(16, 16)))[0]).astype(np.float32)
    pairs = pairs_in(folder, 400, 300, 50)
    identity = heads().identity
    trainable = HeadsTrainable(EncoderId(identity.name, identity.weights, 16, identity.preprocessing))
    trainable.begin("heads", {}, 0)
    settings = AdaptationSettings(rate=1e-2, batch=100)
    found = fit(trainable, VectorInputs(images, texts), pairs, "heads", settings, Checkpoints(tmp_path, "a"), Silent())
    assert found.log[0]["MRR"] < 0.3
    assert found.log[found.best]["MRR"] > 0.9
