"""The open_clip encoder on a real open_clip model that is tiny and has random weights."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.encoders.base import Preprocessing
from indexer.encoders.openclip import OpenClipEncoder
from indexer.encoders.openclip_model import first_line
from indexer.encoders.openclip_package import preprocessing_of
from indexer.encoders.registry import load_encoder
from indexer.errors import EncoderError, EncoderUnavailableError, UsageError
from indexer.images.preprocess import to_pixels

CONFIG: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Architecture "tiny-test" made known to open_clip, and its weights as tiny.safetensors and tiny.pt."""
    import open_clip
    import torch
    from open_clip import factory
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny-test.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder / "tiny-test.json")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = open_clip.CLIP(**CONFIG).state_dict()
    save_file(state, folder / "tiny.safetensors")
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": each for name, each in state.items()}}, folder / "tiny.pt")
    yield folder
    factory._MODEL_CONFIG_PATHS.remove(folder / "tiny-test.json")
    factory._MODEL_CONFIGS.pop("tiny-test")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> OpenClipEncoder:
    return OpenClipEncoder(f"tiny-test@{folder / 'tiny.safetensors'}", device="cpu")


def photograph(width: int, height: int, seed: int = 0) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def pixels_of(encoder: OpenClipEncoder, n: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    wanted = encoder.identity.preprocessing
    return np.stack([to_pixels(photograph(70 + i, 50, seed=i), wanted) for i in range(n)])


# Against open_clip's own way


def test_vectors_are_those_of_open_clip(encoder: OpenClipEncoder, folder: Path) -> None:
    import open_clip
    import torch

    model, _, transform = open_clip.create_model_and_transforms("tiny-test", str(folder / "tiny.safetensors"))
    model.eval()
    images = [photograph(80, 60), photograph(33, 90, seed=1), photograph(32, 32, seed=2)]
    texts = ["a dog on a beach", "", "word " * 200]
    with torch.no_grad():
        expected_images = model.encode_image(torch.stack([transform(each) for each in images]), normalize=True)
        expected_texts = model.encode_text(open_clip.get_tokenizer("tiny-test")(texts), normalize=True)
    pixels = np.stack([to_pixels(each, encoder.identity.preprocessing) for each in images])
    np.testing.assert_allclose(encoder.encode_images(pixels).vectors, expected_images.numpy(), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(texts).vectors, expected_texts.numpy(), atol=1e-5)


@pytest.mark.parametrize("size", [48, (48, 48), (64, 40)])
@pytest.mark.parametrize("mode", ["squash", "shortest", "longest"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_pixels_are_those_of_open_clip(size: Any, mode: str, interpolation: str) -> None:
    import open_clip
    import torch

    mean, std, fill = (0.5, 0.4, 0.3), (0.3, 0.2, 0.25), 90
    wanted = preprocessing_of(
        {
            "size": size,
            "mean": mean,
            "std": std,
            "interpolation": interpolation,
            "resize_mode": mode,
            "fill_color": fill,
        }
    )
    transform = open_clip.image_transform(size, False, mean, std, mode, interpolation, fill)
    for image in (photograph(90, 70), photograph(37, 111), photograph(20, 21)):
        pixels = torch.from_numpy(to_pixels(image, wanted)).permute(2, 0, 1)
        ours = pixels.float().div(255).sub(torch.tensor(mean)[:, None, None]).div(torch.tensor(std)[:, None, None])
        assert torch.equal(ours, transform(image))


def test_preprocessing_of_a_model_is_read(encoder: OpenClipEncoder) -> None:
    from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    expected = Preprocessing(32, 32, "shortest", "bicubic", OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
    assert encoder.identity.preprocessing == expected
    plain = preprocessing_of({"size": [30, 40], "mean": 0.5, "std": [0.1, 0.2, 0.3], "interpolation": "random"})
    assert plain == Preprocessing(30, 40, "shortest", "bicubic", (0.5, 0.5, 0.5), (0.1, 0.2, 0.3))


# Names, files and identity


def test_identity_does_not_depend_on_format_or_place(encoder: OpenClipEncoder, folder: Path, tmp_path: Path) -> None:
    moved = shutil.copy(folder / "tiny.safetensors", tmp_path / "moved.safetensors")
    for path in (folder / "tiny.pt", moved):
        again = OpenClipEncoder(f"tiny-test@{path}", device="cpu").identity
        assert (again.weights, again.dimension, again.preprocessing) == (
            encoder.identity.weights,
            encoder.identity.dimension,
            encoder.identity.preprocessing,
        )


def test_another_activation_is_another_identity(encoder: OpenClipEncoder, folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "tiny.safetensors", tmp_path / "open_clip_model.safetensors")
    for quick in (False, True):
        config = {"model_cfg": CONFIG | {"quick_gelu": quick}}
        (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
        same = OpenClipEncoder(f"local-dir:{tmp_path}", device="cpu").identity.weights == encoder.identity.weights
        assert same is not quick


def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo: str, *files: Path) -> None:
    """Put `files` into a hub cache of this test's own, and forbid the network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    place = tmp_path / f"models--{repo.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    for file in files:
        target = place / "snapshots" / ("0" * 40) / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)


def test_a_cached_repository_needs_no_hub(
    encoder: OpenClipEncoder, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, weights = tmp_path / "open_clip_config.json", tmp_path / "open_clip_pytorch_model.bin"
    config.write_text(json.dumps({"model_cfg": CONFIG, "preprocess_cfg": {"resize_mode": "longest", "fill_color": 7}}))
    shutil.copy(folder / "tiny.pt", weights)
    cached(tmp_path / "cache", monkeypatch, "me/mine", config, weights)
    identity = load_encoder("hf-hub:me/mine", device="cpu").identity
    assert identity.name == "open_clip:hf-hub:me/mine"
    assert identity.weights == encoder.identity.weights
    assert (identity.preprocessing.resize, identity.preprocessing.fill) == ("longest", 7)


def test_published_weights_bring_their_settings(
    encoder: OpenClipEncoder, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from open_clip import pretrained

    settings = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bilinear", "resize_mode": "squash"}
    tags = {"some_tag": {"hf_hub": "me/mine/", "quick_gelu": True, **settings}}
    monkeypatch.setitem(pretrained._PRETRAINED, "tiny-test", tags)
    shutil.copy(folder / "tiny.safetensors", tmp_path / "open_clip_model.safetensors")
    cached(tmp_path / "cache", monkeypatch, "me/mine", tmp_path / "open_clip_model.safetensors")
    published = load_encoder("tiny-test/Some-Tag", device="cpu")
    expected = Preprocessing(32, 32, "squash", "bilinear", (0.5,) * 3, (0.5,) * 3)
    assert published.identity.name == "open_clip:tiny-test/some_tag"
    assert published.identity.preprocessing == expected
    assert published.identity.weights != encoder.identity.weights  # QuickGELU, which open_clip would only warn of
    assert not np.allclose(
        published.encode_texts(["a dog"]).vectors, encoder.encode_texts(["a dog"]).vectors, atol=1e-4
    )
    bare = load_encoder(f"tiny-test@{folder / 'tiny.safetensors'}", device="cpu")
    assert bare.identity.preprocessing == expected  # the one way in which its published weights see


def test_loading_prints_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    OpenClipEncoder(f"tiny-test@{folder / 'tiny.safetensors'}", device="cpu")
    assert capfd.readouterr() == ("", "")


# Bad input: one sentence that says what to do


def refusal(spec: str) -> str:
    with pytest.raises(EncoderUnavailableError) as caught:
        load_encoder(spec, device="cpu")
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith((".", "?"))
    return message


@pytest.mark.parametrize(
    "name", ["text.pt", "text.safetensors", "empty.pt", "cut.safetensors", "cut.pt", "code.pt", "tensor.pt"]
)
def test_files_that_are_no_checkpoint(folder: Path, tmp_path: Path, name: str) -> None:
    import torch

    path = tmp_path / name
    match name.partition(".")[0]:
        case "text":
            path.write_text("these are no weights\n" * 9)
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes((folder / f"tiny{path.suffix}").read_bytes()[:100_000])
        case "code":
            torch.save({"state_dict": {"x": Path("/")}}, path)  # an object, whose making runs code
        case "tensor":
            torch.save(torch.zeros(3), path)
    message = refusal(f"tiny-test@{path}")
    assert "no checkpoint" in message
    assert str(path) in message


def test_weights_of_another_architecture(folder: Path, tmp_path: Path) -> None:
    message = refusal(f"ViT-B-32@{folder / 'tiny.safetensors'}")
    assert "another architecture; name the architecture that they are of" in message
    shutil.copytree(folder, tmp_path / "beside", ignore=shutil.ignore_patterns("*.pt"))
    wrong = CONFIG | {"embed_dim": 2 * CONFIG["embed_dim"]}
    (tmp_path / "beside" / "open_clip_config.json").write_text(json.dumps({"model_cfg": wrong}))
    message = refusal(f"local-dir:{tmp_path / 'beside'}")
    assert "another architecture; put the open_clip_config.json there that belongs to them." in message


def test_folders_without_what_is_needed(tmp_path: Path) -> None:
    spec = f"local-dir:{tmp_path}"
    assert "holds no open_clip_config.json; put the one that belongs to the weights there" in refusal(spec)
    config = tmp_path / "open_clip_config.json"
    for described, said in (
        ("{", "(it is no JSON from line 1, column 2 on)"),
        ("[]", "(a value in it is not of the kind that belongs there)"),
        (json.dumps({"model_cfg": {"embed_dim": 8}}), "(it has no text_cfg)"),
    ):
        config.write_text(described)
        message = refusal(spec)
        assert f"does not describe an open_clip model {said}; put the file there that belongs to the weights" in message
    config.write_text(json.dumps({"model_cfg": CONFIG}))
    assert "holds no checkpoint" in refusal(spec)
    (tmp_path / "one.pt").write_bytes(b"")
    (tmp_path / "two.pt").write_bytes(b"")
    assert "several checkpoints" in refusal(spec)
    (tmp_path / "two.pt").unlink()
    broken = CONFIG | {"vision_cfg": CONFIG["vision_cfg"] | {"no_such_field": 1}}
    config.write_text(json.dumps({"model_cfg": broken}))
    assert "(it has no_such_field, which this version does not know); update the package open_clip_torch" in refusal(
        spec
    )


def test_a_part_that_is_missing_is_no_error_of_python(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "part", ignore=shutil.ignore_patterns("*.pt"))
    lacking = CONFIG | {"vision_cfg": {}}
    (tmp_path / "part" / "open_clip_config.json").write_text(json.dumps({"model_cfg": lacking}))
    message = refusal(f"local-dir:{tmp_path / 'part'}")
    assert not re.search(r"Error|KeyError|\('", message)
    assert first_line(KeyError("layers")) == "it has no layers"


def test_what_a_training_made_is_named_in_another_way(tmp_path: Path) -> None:
    (tmp_path / "adapted.json").write_text("{}")
    message = refusal(f"local-dir:{tmp_path}")
    assert message.endswith(f"a training has made it, so use `encoder='adapted:{tmp_path}'`.")


def test_a_path_where_nothing_is_has_a_next_step(tmp_path: Path) -> None:
    for spec in (f"local-dir:{tmp_path / 'gone'}", f"ViT-B-32@{tmp_path / 'gone.pt'}"):
        assert refusal(spec).endswith(" names; check the spelling, or whether its drive is mounted.")


def test_no_room_for_a_temporary_file_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    assert "(No space left on device); make room for it" in refusal(f"ViT-B-32@{folder / 'tiny.safetensors'}")


def test_a_tokenizer_that_cannot_be_loaded(folder: Path, tmp_path: Path) -> None:
    """Without transformers: says to install it. With it: says that the folder has no tokenizer."""
    shutil.copy(folder / "tiny.safetensors", tmp_path / "open_clip_model.safetensors")
    config = CONFIG | {"text_cfg": CONFIG["text_cfg"] | {"hf_tokenizer_name": "someone/tokenizer"}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    message = refusal(f"local-dir:{tmp_path}")
    assert "pip install transformers" in message or f"tokenizer in {tmp_path}" in message


# Devices


def test_devices_that_are_not_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = f"tiny-test@{folder / 'tiny.safetensors'}"
    for name in ("cuda:99", "quantum", "cpu,quantum", "cpu:7"):
        with pytest.raises(UsageError, match="evice"):
            OpenClipEncoder(spec, device=name)
    monkeypatch.setenv("SEARCH_DEVICE", "cuda:99")
    with pytest.raises(UsageError, match="cuda:99"):
        OpenClipEncoder(spec)


def greedy(encoder: OpenClipEncoder, limit: int, error: Exception) -> Any:
    """The encoder's model on a device whose memory ends after `limit` rows; counts the sizes of its passes."""
    import torch

    class Greedy(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = encoder._replicas.all[0].model
            self.passes: list[int] = []

        def encode_image(self, images: torch.Tensor, normalize: bool) -> Any:
            self.passes.append(len(images))
            if len(images) > limit:
                raise error
            return self.model.encode_image(images, normalize=normalize)

    return Greedy()


@pytest.mark.parametrize("words", [None, "CUBLAS_STATUS_ALLOC_FAILED when calling", "MPS backend out of memory"])
def test_exhausted_memory_halves_the_batch(encoder: OpenClipEncoder, words: str | None) -> None:
    import torch

    from indexer.encoders.devices import Replica

    model = greedy(encoder, 5, torch.cuda.OutOfMemoryError() if words is None else RuntimeError(words))
    replica = Replica(model, torch.device("cpu"))
    pixels = pixels_of(encoder, 18)
    (features,) = replica.run("image", encoder._image_features, pixels)
    assert model.passes == [16, 8, 4, 4, 4, 4, 4]  # the last one holds two rows and two copies
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(features / norms, encoder.encode_images(pixels).vectors, atol=1e-5)
    replica.run("image", encoder._image_features, pixels[:8])
    assert model.passes[7:] == [4, 4]  # it remembers


def test_memory_that_holds_not_one_image_is_an_error(encoder: OpenClipEncoder) -> None:
    import torch

    from indexer.encoders.devices import Replica

    replica = Replica(greedy(encoder, 0, torch.cuda.OutOfMemoryError()), torch.device("cpu"))
    with pytest.raises(EncoderError, match="single image"):
        replica.run("image", encoder._image_features, pixels_of(encoder, 3))
    broken = Replica(greedy(encoder, 0, RuntimeError("CUDA error: unspecified launch failure")), torch.device("cpu"))
    with pytest.raises(EncoderError, match="unspecified launch failure"):
        broken.run("image", encoder._image_features, pixels_of(encoder, 3))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (None, "cpu has not enough free memory for the model; close other programs"),
        ("CUDA error: no kernel image", r"The model cannot be put on cpu \(CUDA error: no kernel image\); set SEARCH_"),
    ],
)
def test_a_device_that_does_not_take_the_model_is_said(words: str | None, said: str) -> None:
    import torch

    from indexer.encoders.devices import Replica

    class Large(torch.nn.Module):
        def to(self, *_: Any, **__: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory") if words is None else RuntimeError(f"{words}\nmore")

    with pytest.raises(EncoderError, match=f"^{said}"):
        Replica(Large(), torch.device("cpu"))


def test_rows_of_a_gpu_are_measured_without_what_is_taken_once(
    encoder: OpenClipEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a GPU with 64 MB free, on which a row takes 1 MB, and the first pass 32 MB more that stay."""
    import torch

    from indexer.encoders.devices import PROBE_ROWS, Replica

    megabyte = 1 << 20
    taken = {"now": 0, "peak": 0}

    def forward(_model: torch.nn.Module, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        taken["now"] = 32 * megabyte
        taken["peak"] = max(taken["peak"], taken["now"] + len(rows) * megabyte)
        return (rows,)

    def forget(_device: torch.device) -> None:
        taken["peak"] = taken["now"]

    replica = Replica(encoder._replicas.all[0].model, torch.device("cpu"))
    replica.device = torch.device("cuda", 0)
    monkeypatch.setattr(Replica, "_sent", lambda _self, part: torch.from_numpy(part))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", forget)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: taken["now"])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _device: taken["peak"])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (64 * megabyte, 128 * megabyte))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    replica.measure(forward, np.zeros((PROBE_ROWS, 4, 4, 3), np.uint8))
    assert replica.rows["image"] == 32


def test_a_gpu_that_is_lost_is_replaced_by_the_cpu(encoder: OpenClipEncoder, folder: Path) -> None:
    """Its context is dead, and the weights on it with it: they are read again. Here a device that is not there."""
    import torch

    losing = OpenClipEncoder(f"tiny-test@{folder / 'tiny.safetensors'}", device="cpu")
    assert losing.troubles == ()
    losing._replicas.all[0].device = torch.device("cuda", 0)
    pixels = pixels_of(encoder, 5)
    np.testing.assert_allclose(losing.encode_images(pixels).vectors, encoder.encode_images(pixels).vectors, atol=1e-5)
    [trouble] = losing.troubles
    assert "cuda:0" in trouble
    assert trouble.endswith("so the rest was encoded on the CPU.")
    np.testing.assert_allclose(
        losing.encode_texts(["a cat"]).vectors, encoder.encode_texts(["a cat"]).vectors, atol=1e-5
    )
    assert len(losing.troubles) == 1


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_several_devices_share_a_batch_in_order(encoder: OpenClipEncoder, folder: Path, n: int) -> None:
    three = OpenClipEncoder(f"tiny-test@{folder / 'tiny.safetensors'}", device="cpu,cpu,cpu", batch_size=4)
    assert three.batch_size == 12
    assert len({id(replica.model) for replica in three._replicas.all}) == 3
    pixels = pixels_of(encoder, n)
    np.testing.assert_allclose(three.encode_images(pixels).vectors, encoder.encode_images(pixels).vectors, atol=1e-5)
    texts = [f"text {i}" for i in range(n)]
    np.testing.assert_allclose(three.encode_texts(texts).vectors, encoder.encode_texts(texts).vectors, atol=1e-5)


def test_reduced_precision_stays_close(encoder: OpenClipEncoder, folder: Path) -> None:
    low = OpenClipEncoder(f"tiny-test@{folder / 'tiny.safetensors'}", device="cpu", precision="bf16")
    assert low.identity == encoder.identity
    pixels = pixels_of(encoder, 4)
    cosines = (low.encode_images(pixels).vectors * encoder.encode_images(pixels).vectors).sum(axis=1)
    assert cosines.min() > 0.999


def test_rows_are_found_from_free_memory() -> None:
    from indexer.encoders.devices import fit_rows

    assert fit_rows(1 << 30, 1 << 20) == 256
    assert fit_rows(1 << 30, 3 << 20) == 128  # 170 fit into half of it
    assert fit_rows(1 << 20, 1 << 30) == 8
    assert fit_rows(140 << 30, 1 << 20) == 256


def test_damaged_weights_are_an_error_and_no_vector(encoder: OpenClipEncoder, folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "tiny.safetensors")
    state["visual.proj"] = state["visual.proj"] * float("nan")
    save_file(state, tmp_path / "nan.safetensors")
    damaged = OpenClipEncoder(f"tiny-test@{tmp_path / 'nan.safetensors'}", device="cpu")
    with pytest.raises(EncoderError, match="not a number"):
        damaged.encode_images(pixels_of(encoder, 1))
