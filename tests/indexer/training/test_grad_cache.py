"""Gradients of a batch in chunks are those of the whole batch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from indexer.training.attacks import attacked  # noqa: E402
from indexer.training.grad_cache import contrastive_step  # noqa: E402
from indexer.training.openclip_trainable import OpenClipTrainable  # noqa: E402
from indexer.training.settings import AdaptationSettings  # noqa: E402
from tests.contract.test_encoder import tiny_folder  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def trainable(tmp_path_factory: pytest.TempPathFactory) -> OpenClipTrainable:
    from indexer.encoders.openclip import OpenClipEncoder

    name = tiny_folder(tmp_path_factory.mktemp("model") / "tiny", seed=3)
    found = OpenClipTrainable(OpenClipEncoder(name, device="cpu").identity, "cpu")
    found.begin("full", AdaptationSettings().of_method("full"), 0)
    return found


def batch(trainable: OpenClipTrainable, count: int = 10) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return torch.from_numpy(pixels), torch.from_numpy(trainable.rows([f"number {each}" for each in range(count)]))


def gradients(trainable: OpenClipTrainable, chunk: int | None) -> tuple[float, dict[str, torch.Tensor]]:
    also = torch.zeros(10, 10, dtype=torch.bool)
    also[2, 7] = also[7, 2] = True
    for each in trainable.trained().values():
        each.grad = None
    loss = contrastive_step(trainable, *batch(trainable), also, chunk=chunk)
    return loss, {name: each.grad.clone() for name, each in trainable.trained().items() if each.grad is not None}


@pytest.mark.parametrize("chunk", [1, 3, 5, 9])
def test_chunks_change_nothing(trainable: OpenClipTrainable, chunk: int) -> None:
    """Up to the last bits of sums that are taken in another order."""
    loss, whole = gradients(trainable, None)
    cached_loss, cached = gradients(trainable, chunk)
    assert cached_loss == pytest.approx(loss, rel=1e-6)
    assert cached.keys() == whole.keys()
    assert len(whole) > 20
    for name, each in whole.items():
        largest = float(each.abs().max())
        assert float((cached[name] - each).abs().max()) <= 1e-4 * largest + 1e-8, name


def test_accumulated_small_batches_are_something_else(trainable: OpenClipTrainable) -> None:
    """What gradient accumulation would give; so that the comparison above can fail."""
    _, whole = gradients(trainable, None)
    pixels, rows = batch(trainable)
    for each in trainable.trained().values():
        each.grad = None
    for start in (0, 5):
        part = slice(start, start + 5)
        contrastive_step(trainable, pixels[part], rows[part], None, chunk=None, weight=0.5)
    small = trainable.trained()["visual.proj"].grad
    assert small is not None
    assert float((small - whole["visual.proj"]).abs().max()) > 1e-2 * float(whole["visual.proj"].abs().max())


@pytest.mark.parametrize("kind", ["fgsm", "pgd"])
def test_an_attack_stays_near_and_does_harm(trainable: OpenClipTrainable, kind: str) -> None:
    pixels, rows = batch(trainable)
    right = torch.eye(10, dtype=torch.bool)
    with torch.no_grad():
        texts = trainable.texts(rows)
    torch.manual_seed(0)
    found = attacked(trainable, pixels, texts, right, kind, 6.0, 4)
    assert float((found - pixels.float()).abs().max()) <= 6.0 + 1e-3
    assert float(found.min()) >= 0
    assert float(found.max()) <= 255
    with torch.no_grad():
        losses = [contrast(trainable.images(each), texts) for each in (pixels, noisy(pixels), found)]
    assert losses[2] > losses[0] + 0.01
    assert losses[2] > losses[1] + 0.01  # chance of the same size does less


def contrast(images: torch.Tensor, texts: torch.Tensor) -> float:
    u, v = (torch.nn.functional.normalize(each, dim=-1) for each in (images, texts))
    return float(torch.nn.functional.cross_entropy(u @ v.T / 0.07, torch.arange(len(u))))


def noisy(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels + torch.empty(pixels.shape).uniform_(-6, 6)).clamp(0, 255)
