"""Region and word tokens of real open_clip models that are tiny and have random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.encoders.base import TokenShape
from indexer.encoders.openclip import OpenClipEncoder
from indexer.encoders.openclip_tokens import leading_axes, pooling_matrix
from indexer.types import Float32, Pixels
from tests.fixtures.encoded import images_with_tokens, texts_with_tokens

VISION = {"image_size": 72, "layers": 2, "width": 96, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 40, "vocab_size": 49408, "width": 80, "heads": 4, "layers": 2}
TIMM = {"image_size": 160, "timm_model_name": "test_vit3", "timm_model_pretrained": False, "timm_pool": "map"}
CONVNEXT = {"timm_model_name": "test_convnext", "timm_pool": "", "timm_proj": "linear", "image_size": 288}
RESNET = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 16}

#: By name: model_cfg, and rows and columns of the tokens, or None where there are none.
MODELS: dict[str, tuple[dict[str, Any], tuple[int, int] | None]] = {
    "vit": ({"embed_dim": 72, "vision_cfg": VISION, "text_cfg": TEXT}, (7, 7)),
    "vit, norm after the pool": (
        {
            "embed_dim": 72,
            "vision_cfg": VISION | {"pool_type": "avg", "final_ln_after_pool": True, "image_size": [72, 40]},
            "text_cfg": TEXT,
        },
        (7, 5),
    ),
    "few dimensions": ({"embed_dim": 24, "vision_cfg": VISION | {"image_size": 32}, "text_cfg": TEXT}, (4, 4)),
    "coca": (
        {
            "embed_dim": 72,
            "vision_cfg": VISION
            | {"attentional_pool": True, "attn_pooler_heads": 4, "attn_pooler_queries": 9, "output_tokens": True},
            "text_cfg": TEXT | {"embed_cls": True, "output_tokens": True},
            "multimodal_cfg": TEXT | {"attn_pooler_heads": 4},
            "custom_text": True,
        },
        (7, 7),
    ),
    "siglip": (
        {
            "embed_dim": 96,
            "vision_cfg": TIMM | {"timm_proj": "none"},
            "text_cfg": TEXT | {"no_causal_mask": True, "proj_bias": True, "pool_type": "last"},
            "custom_text": True,
        },
        (7, 7),
    ),
    "convnext": ({"embed_dim": 72, "vision_cfg": CONVNEXT, "text_cfg": TEXT}, (7, 7)),
    "resnet": ({"embed_dim": 72, "vision_cfg": RESNET, "text_cfg": TEXT}, (2, 2)),
    "abs_attn": (
        {"embed_dim": 72, "vision_cfg": CONVNEXT | {"timm_pool": "abs_attn", "timm_proj": ""}, "text_cfg": TEXT},
        None,
    ),
}

TEXTS = ["a dog on a beach", "", "Photosynthesis!", "word " * 60, "<end_of_text> after", "!!", "ñandú 🦜"]


def make_model(config: dict[str, Any], seed: int = 0) -> Any:
    import open_clip
    import torch
    from open_clip.coca_model import CoCa

    config = {name: value for name, value in config.items() if name != "custom_text"}
    kind = CoCa if "multimodal_cfg" in config else open_clip.CLIP
    if "no_causal_mask" in config["text_cfg"]:
        kind = open_clip.CustomTextCLIP
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(**config)
        for parameter in model.parameters():  # open_clip starts some at zero or one, where mistakes would not show
            parameter.data += 0.2 * torch.randn_like(parameter)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., OpenClipEncoder]:
    from safetensors.torch import save_file

    folders: dict[str, Path] = {}
    plain: dict[str, OpenClipEncoder] = {}  # without options, which most ask for; none changes it

    def load(name: str, **options: Any) -> OpenClipEncoder:
        if not options and name in plain:
            return plain[name]
        if name not in folders:
            folder = folders[name] = tmp_path_factory.mktemp("model")
            settings = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "resize_mode": "squash"}
            described = {"model_cfg": MODELS[name][0], "preprocess_cfg": settings}
            (folder / "open_clip_config.json").write_text(json.dumps(described))
            state = make_model(MODELS[name][0]).state_dict()
            save_file({key: each.contiguous() for key, each in state.items()}, folder / "open_clip_model.safetensors")
        encoder = OpenClipEncoder(f"local-dir:{folders[name]}", **{"device": "cpu", **options})
        return encoder if options else plain.setdefault(name, encoder)

    return load


with_tokens = pytest.mark.parametrize("name", [name for name, (_, cells) in MODELS.items() if cells])


def random_pixels(encoder: OpenClipEncoder, n: int, seed: int = 0) -> Pixels:
    wanted = encoder.identity.preprocessing
    return np.random.default_rng(seed).integers(0, 256, (n, wanted.height, wanted.width, 3), dtype=np.uint8)


def normalised(encoder: OpenClipEncoder, pixels: Pixels) -> Any:
    import torch

    wanted = encoder.identity.preprocessing
    images = (pixels.astype(np.float32) / 255 - np.float32(wanted.mean)) / np.float32(wanted.std)
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy())


@pytest.mark.parametrize("name", list(MODELS))
def test_the_shape_is_known(load: Callable[..., OpenClipEncoder], name: str) -> None:
    encoder, cells = load(name), MODELS[name][1]
    if cells is None:
        assert encoder.token_shape is None
        assert encoder.encode_images(random_pixels(encoder, 1)).vectors.shape == (1, 72)
        assert encoder.encode_images(random_pixels(encoder, 1), tokens=True).tokens is None
        assert encoder.encode_texts(["a dog"], tokens=True).tokens is None
        assert encoder.words("a dog") == []
        return
    assert encoder.token_shape == TokenShape(*cells, words=32, width=min(64, encoder.identity.dimension))
    assert encoder.token_shape.regions * encoder.token_shape.width <= 4096


@with_tokens
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_vectors_do_not_change(load: Callable[..., OpenClipEncoder], name: str, precision: str) -> None:
    encoder = load(name, precision=precision, batch_size=3)
    shape = encoder.token_shape
    assert shape is not None
    for n in (1, 3, 5):
        pixels = random_pixels(encoder, n)
        vectors, tokens = images_with_tokens(encoder, pixels)
        np.testing.assert_array_equal(vectors, encoder.encode_images(pixels).vectors)
        assert tokens.dtype == np.int8
        assert tokens.shape == (n, shape.regions, shape.width)
        assert_unit(tokens.reshape(-1, shape.width))
    for texts in (TEXTS[:1], TEXTS * 5):
        vectors, words = texts_with_tokens(encoder, texts)
        np.testing.assert_array_equal(vectors, encoder.encode_texts(texts).vectors)
        assert [len(each) for each in words] == [len(encoder.words(text)) for text in texts]
        assert_unit(np.concatenate(words))


def assert_unit(tokens: np.ndarray[Any, np.dtype[np.int8]]) -> None:
    assert tokens.dtype == np.int8
    np.testing.assert_allclose(np.linalg.norm(tokens / 127, axis=1), 1, atol=0.04)


@with_tokens
def test_nothing_becomes_nothing(load: Callable[..., OpenClipEncoder], name: str) -> None:
    encoder = load(name)
    shape = encoder.token_shape
    assert shape is not None
    vectors, tokens = images_with_tokens(encoder, random_pixels(encoder, 0))
    assert (vectors.shape, tokens.shape) == ((0, encoder.identity.dimension), (0, shape.regions, shape.width))
    vectors, words = texts_with_tokens(encoder, [])
    assert (vectors.shape, words) == ((0, encoder.identity.dimension), [])


# Against a plain reference: open_clip's own intermediates, torch's own pooling and SVD


def written(joint: Any, axes: Float32) -> Float32:
    """(..., d) -> (..., width), unit vectors times 127 that are not rounded."""
    values = np.asarray(joint) @ axes
    return np.asarray(127 * values / np.linalg.norm(values, axis=-1, keepdims=True), np.float32)


def plain_axes(*projections: Any) -> Float32:
    import torch

    stacked = torch.cat([each.double() / torch.linalg.norm(each.double()) for each in projections])  # (c + c, d)
    if stacked.shape[1] <= 64:
        return np.eye(stacked.shape[1], dtype=np.float32)
    axes = torch.linalg.svd(stacked).Vh[:64].T.numpy()
    return np.stack([axis * np.sign(axis[np.abs(axis).argmax()]) for axis in axes.T], axis=1).astype(np.float32)


def plain_regions(model: Any, images: Any) -> Any:
    """(n, d, rows, columns) in the joint space, by another way than the product's."""
    import torch
    from torch.nn import functional as F

    visual = model.visual
    kept: dict[str, Any] = {}
    if hasattr(visual, "trunk"):
        maps = visual.forward_intermediates(images, indices=1, normalize_intermediates=True)["image_intermediates"][-1]
    elif hasattr(visual, "layer4"):
        maps = visual.forward_intermediates(images, indices=1)["image_intermediates"][-1]
    elif visual.attn_pool is not None:
        visual.attn_pool.ln_k.register_forward_hook(lambda _module, _inputs, output: kept.update(tokens=output[:, 1:]))
        visual(images)
        maps = kept["tokens"].mT.unflatten(2, visual.grid_size)
    else:
        late = visual.final_ln_after_pool
        found = visual.forward_intermediates(images, indices=1, normalize_intermediates=not late)
        maps = found["image_intermediates"][-1]
    cells = F.adaptive_avg_pool2d(maps, tuple(min(7, side) for side in maps.shape[2:]))  # (n, c, rows, columns)
    channels_last = cells.permute(0, 2, 3, 1)
    if hasattr(visual, "trunk") and maps.shape[1] == 96:  # the attention pool of one region is its value
        pool = visual.trunk.attn_pool
        value = pool.proj(F.linear(channels_last, pool.kv.weight[96:], pool.kv.bias[96:]))
        joint = visual.trunk.fc_norm(value + pool.mlp(pool.norm(value)))
    elif hasattr(visual, "trunk"):
        joint = visual.head(visual.trunk.head.norm(cells).permute(0, 2, 3, 1))
    elif hasattr(visual, "layer4"):
        joint = visual.attnpool.c_proj(visual.attnpool.v_proj(channels_last))
    elif visual.attn_pool is not None:
        attention = visual.attn_pool.attn
        value = F.linear(channels_last, attention.v_proj_weight, attention.in_proj_bias[-72:])
        joint = visual.ln_post(attention.out_proj(value)) @ visual.proj
    else:
        joint = (visual.ln_post(channels_last) if late else channels_last) @ visual.proj
    assert isinstance(joint, torch.Tensor)
    return joint.flatten(1, 2)


def plain_words(model: Any, ids: Any) -> Any:
    """(1, context_length, d) in the joint space."""
    import torch

    text = getattr(model, "text", model)
    if text is model:
        hidden = model.forward_intermediates(
            text=ids, text_indices=1, normalize_intermediates=True, text_output_fmt="NLC"
        )
    else:
        hidden = text.forward_intermediates(ids, indices=1, normalize_intermediates=True, output_fmt="NLC")
    outputs = hidden["text_intermediates"][-1]
    projection = text.text_projection
    return projection(outputs) if isinstance(projection, torch.nn.Linear) else outputs @ projection


def projections(model: Any) -> tuple[Any, Any]:
    import torch

    text = getattr(model, "text", model).text_projection
    visual = model.visual
    if hasattr(visual, "layer4"):
        into = visual.attnpool.c_proj.weight.T
    elif not hasattr(visual, "trunk"):
        into = visual.proj
    else:
        into = (visual.head.proj if len(visual.head) else visual.trunk.attn_pool.mlp.fc2).weight.T
    return into, text.weight.T if isinstance(text, torch.nn.Linear) else text


@with_tokens
def test_regions_are_what_the_tower_makes_of_each(load: Callable[..., OpenClipEncoder], name: str) -> None:
    import torch

    encoder, model = load(name), make_model(MODELS[name][0])
    pixels = random_pixels(encoder, 3)
    with torch.no_grad():
        joint = plain_regions(model, normalised(encoder, pixels))
    expected = written(joint, plain_axes(*projections(model)))  # (n, regions, width)
    tokens = images_with_tokens(encoder, pixels)[1]
    assert tokens.shape == expected.shape
    assert np.abs(tokens - expected).max() < 0.6  # rounding is 0.5
    assert np.abs(expected[0, 0] - expected[0, -1]).max() > 2  # and the regions do differ


@with_tokens
def test_words_are_outputs_at_the_word_pieces(load: Callable[..., OpenClipEncoder], name: str) -> None:
    import open_clip
    import torch

    encoder, model = load(name), make_model(MODELS[name][0])
    text = "A dog, barking at photosynthesis!"
    pieces = ["a", "dog", ",", "barking", "at", "photo", "synthesis", "!"]
    ids = open_clip.SimpleTokenizer(context_length=40)([text])
    with torch.no_grad():
        joint = plain_words(model, ids)
    expected = written(joint[0, 1 : 1 + len(pieces)], plain_axes(*projections(model)))
    (tokens,) = texts_with_tokens(encoder, [text])[1]
    assert encoder.words(text) == pieces
    assert tokens.shape == expected.shape
    assert np.abs(tokens - expected).max() < 0.6


def test_words_and_regions_share_a_space(load: Callable[..., OpenClipEncoder]) -> None:
    """Where nothing is cut off, their inner products are the cosines of the joint space."""
    import open_clip
    import torch

    encoder, model = load("few dimensions"), make_model(MODELS["few dimensions"][0])
    pixels = random_pixels(encoder, 1)
    with torch.no_grad():
        regions = plain_regions(model, normalised(encoder, pixels))[0]
        words = plain_words(model, open_clip.SimpleTokenizer(context_length=40)(["a dog"]))[0, 1:3]
    expected = torch.nn.functional.cosine_similarity(words[:, None], regions[None], dim=-1).numpy()
    (region_tokens,), (word_tokens,) = (
        images_with_tokens(encoder, pixels)[1],
        texts_with_tokens(encoder, ["a dog"])[1],
    )
    found = (word_tokens / 127.0) @ (region_tokens / 127.0).T
    np.testing.assert_allclose(found, expected, atol=0.03)


# Rows, devices, words


@with_tokens
def test_tokens_do_not_depend_on_neighbours(load: Callable[..., OpenClipEncoder], name: str) -> None:
    encoder = load(name, batch_size=4)
    one, two = random_pixels(encoder, 4, seed=1), random_pixels(encoder, 4, seed=2)
    two[3] = one[0]
    first, second = images_with_tokens(encoder, one)[1], images_with_tokens(encoder, two)[1]
    np.testing.assert_array_equal(first[0], second[3])
    one_text = texts_with_tokens(encoder, ["a dog", "short"])[1][0]
    two_text = texts_with_tokens(encoder, ["a long text about other things", "a dog"])[1][1]
    np.testing.assert_array_equal(one_text, two_text)


def test_several_devices_share_a_batch_in_order(load: Callable[..., OpenClipEncoder]) -> None:
    encoder, three = load("vit"), load("vit", device="cpu,cpu,cpu", batch_size=2)
    pixels = random_pixels(encoder, 8)
    vectors, tokens = images_with_tokens(three, pixels)
    np.testing.assert_array_equal(vectors, three.encode_images(pixels).vectors)
    assert np.abs(tokens.astype(int) - images_with_tokens(encoder, pixels)[1]).max() <= 1
    words = texts_with_tokens(three, TEXTS)[1]
    for ours, theirs in zip(words, texts_with_tokens(encoder, TEXTS)[1], strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_words_are_readable(load: Callable[..., OpenClipEncoder]) -> None:
    encoder = load("vit")
    assert encoder.words("Two DOGS running, isn't it?") == ["two", "dogs", "running", ",", "isn", "'t", "it", "?"]
    assert encoder.words("") == [""]
    assert encoder.words("dog " * 60) == ["dog"] * 32
    assert "".join(encoder.words("ñandú")) == "ñandú"
    assert encoder.words("a <end_of_text> b") == ["a", "b"]
    assert encoder.words("name\udcff.jpg") == ["name", "?.", "jpg"]


def test_a_wordpiece_tokenizer_gives_words(load: Callable[..., OpenClipEncoder], tmp_path: Path) -> None:
    """Tokenizers of the transformers library: specials and padding are no words, an unknown word is one."""
    pytest.importorskip("transformers")
    from safetensors.torch import save_file

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "bark", "##ing"]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    text = TEXT | {"vocab_size": len(vocabulary), "hf_tokenizer_name": "someone/tokenizer", "pool_type": "last"}
    config = MODELS["few dimensions"][0] | {"text_cfg": text}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    save_file(make_model(config).state_dict(), tmp_path / "open_clip_model.safetensors")
    encoder = OpenClipEncoder(f"local-dir:{tmp_path}", device="cpu")
    texts = ["a dog barking", "", "a zebra"]
    assert [encoder.words(text) for text in texts] == [["a", "dog", "bark", "ing"], [""], ["a", "[UNK]"]]
    vectors, tokens = texts_with_tokens(encoder, texts)
    np.testing.assert_array_equal(vectors, encoder.encode_texts(texts).vectors)
    assert [len(each) for each in tokens] == [4, 1, 2]


def test_a_text_tower_of_transformers_has_no_tokens(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    import open_clip
    from safetensors.torch import save_file

    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog"]))
    bert = transformers.BertConfig(
        vocab_size=7, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    bert.save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    text = {"hf_model_name": str(tmp_path), "hf_tokenizer_name": "someone/x", "context_length": 16}
    text |= {"hf_proj_type": "linear", "hf_pooler_type": "mean_pooler", "hf_model_pretrained": False}
    config = {"embed_dim": 24, "vision_cfg": VISION | {"image_size": 32}, "text_cfg": text}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config | {"custom_text": True}}))
    save_file(open_clip.CustomTextCLIP(**config).state_dict(), tmp_path / "open_clip_model.safetensors")
    encoder = OpenClipEncoder(f"local-dir:{tmp_path}", device="cpu")
    assert encoder.token_shape is None
    assert encoder.encode_texts(["a dog"]).vectors.shape == (1, 24)


# The parts


@pytest.mark.parametrize("grid", [(7, 7), (16, 16), (14, 24), (10, 7)])
def test_pooling_is_that_of_torch(grid: tuple[int, int]) -> None:
    import torch

    maps = np.random.default_rng(0).standard_normal((2, 5, *grid)).astype(np.float32)  # (n, c, h, w)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(maps), 7).flatten(2).mT.numpy()
    matrix = pooling_matrix(grid, (7, 7))
    assert matrix.shape == (49, grid[0] * grid[1])
    np.testing.assert_allclose(matrix @ maps.reshape(2, 5, -1).transpose(0, 2, 1), expected, atol=1e-6)


def test_axes_keep_what_the_projections_use() -> None:
    random = np.random.default_rng(0)
    used = np.linalg.qr(random.standard_normal((90, 90)))[0][:, :5]  # five directions of ninety
    maps = [random.standard_normal((40, 5)) @ used.T, 1000 * random.standard_normal((30, 5)) @ used.T]
    axes = leading_axes(maps, 5)
    np.testing.assert_allclose(axes.T @ axes, np.eye(5), atol=1e-6)
    np.testing.assert_allclose(axes @ axes.T @ used, used, atol=1e-6)
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(5)] > 0).all()
    np.testing.assert_allclose(leading_axes([7 * maps[0], maps[1]], 5), axes, atol=1e-6)  # scales do not count
