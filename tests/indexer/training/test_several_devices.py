"""Gradients over several devices are those of one. Copies on one CPU stand for GPUs: each has weights of its own."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from indexer.encoders.openclip_adaptation import METHODS  # noqa: E402
from indexer.training.grad_cache import contrastive_step  # noqa: E402
from indexer.training.openclip_trainable import OpenClipTrainable  # noqa: E402
from indexer.training.settings import AdaptationSettings  # noqa: E402
from tests.contract.test_encoder import tiny_folder  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_torch_thread")

COUNT = 7  # not a multiple of the devices


@pytest.fixture(scope="module")
def name(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_folder(tmp_path_factory.mktemp("model") / "tiny", seed=3)


def begun(name: str, method: str, devices: str) -> OpenClipTrainable:
    from indexer.encoders.openclip import OpenClipEncoder

    found = OpenClipTrainable(OpenClipEncoder(name, device="cpu").identity, devices)
    found.begin(method, AdaptationSettings().of_method(method), 0)
    with torch.no_grad():  # low-rank products and adapters begin at zero, where half of the gradients are
        torch.manual_seed(1)
        for each in found.trained().values():
            each.add_(0.02 * torch.randn_like(each))
    found.train(True)
    return found


def step(trainable: OpenClipTrainable, chunk: int | None) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss and the gradients."""
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3), dtype=np.uint8))
    rows = torch.from_numpy(trainable.rows([f"number {each}" for each in range(COUNT)]))
    torch.manual_seed(0)
    loss = contrastive_step(trainable, pixels, rows, None, chunk=chunk)
    return loss, {name: each.grad for name, each in trainable.trained().items() if each.grad is not None}


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("devices", ["cpu,cpu", "cpu,cpu,cpu"])
def test_several_devices_change_nothing(name: str, method: str, chunk: int | None, devices: str) -> None:
    """Up to the last bits of sums that are taken in another order."""
    loss, one = step(begun(name, method, "cpu"), None)
    shared_loss, shared = step(begun(name, method, devices), chunk)
    assert shared_loss == pytest.approx(loss, rel=1e-6)
    assert shared.keys() == one.keys()
    for tensor, each in one.items():
        largest = float(each.abs().max())
        assert float((shared[tensor] - each).abs().max()) <= 1e-4 * largest + 1e-8, tensor


def test_a_copy_takes_a_share_with_what_is_trained_now(name: str) -> None:
    """Its own weights that are frozen, and of those that are trained the first model's."""
    trainable = begun(name, "bitfit", "cpu,cpu")
    loss, _ = step(trainable, None)
    first, second = trainable._on.models
    trained = trainable.trained()
    assert first is not second
    with torch.no_grad():
        for tensor, each in second.named_parameters():
            if tensor in trained:
                each.fill_(torch.nan)
    assert step(trainable, None)[0] == loss
    with torch.no_grad():
        for tensor, each in second.named_parameters():
            if tensor not in trained:
                each.fill_(torch.nan)
    assert np.isnan(step(trainable, None)[0])


def test_more_devices_than_rows(name: str) -> None:
    trainable = begun(name, "bitfit", "cpu,cpu,cpu")
    pixels = torch.zeros((2, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        assert trainable.images(pixels).shape == begun(name, "bitfit", "cpu").images(pixels).shape


def test_every_device_is_in_training_or_none(name: str) -> None:
    trainable = begun(name, "bitfit", "cpu,cpu")
    trainable.train(False)
    assert not any(model.training for model in trainable._on.models)
    trainable.train(True)
    assert all(model.training for model in trainable._on.models)
