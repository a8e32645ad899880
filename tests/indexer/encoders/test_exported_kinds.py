"""Models of every kind go through export: their vectors are torch's, and a query of them needs neither torch nor
transformers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import search
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.openclip import OpenClipEncoder
from indexer.encoders.openvino_export import LEAST_COSINE, probe_pixels
from indexer.encoders.registry import prepare_for_indexing
from indexer.progress import Silent
from tests.fixtures.encoded import images_with_tokens, texts_with_tokens
from tests.fixtures.tokenizers import KINDS

VISION: dict[str, Any] = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16}
TEXT: dict[str, Any] = {"context_length": 16, "vocab_size": 512, "width": 32, "heads": 2, "layers": 2}
CLIPS: dict[str, Any] = {**TEXT, "vocab_size": 49408}
SIGLIP: dict[str, Any] = {
    **TEXT, "hf_tokenizer_name": "someone/x", "tokenizer_kwargs": {"clean": "canonicalize"}, "pool_type": "last",
    "no_causal_mask": True, "proj_bias": True,
}  # fmt: skip
CLIPA: dict[str, Any] = {
    **TEXT, "hf_tokenizer_name": "someone/x", "tokenizer_kwargs": {"strip_sep_token": True}, "pool_type": "last",
    "no_causal_mask": True,
}  # fmt: skip
HF: dict[str, Any] = {
    "hf_model_name": "TEXT", "hf_tokenizer_name": "someone/x", "hf_proj_type": "mlp", "hf_pooler_type": "mean_pooler",
    "context_length": 16,
}  # fmt: skip
POOL: dict[str, Any] = {"attentional_pool": True, "attn_pooler_heads": 2, "attn_pooler_queries": 4}

#: Kind of tokenizer (None: CLIP's), image tower, text tower.
MODELS: dict[str, tuple[str | None, dict[str, Any], dict[str, Any]]] = {
    "siglip": ("unigram", VISION, SIGLIP),
    "siglip2": ("byte_fallback", VISION, SIGLIP),
    "clipa": ("word_pieces", VISION, CLIPA),
    "xlm-roberta": ("xlm_roberta", VISION, {**HF}),
    "nllb": ("nllb", VISION, {**HF, "hf_pooler_type": "cls_pooler"}),
    "attention pool": (None, {**VISION, **POOL}, CLIPS),
    "pe-core": (
        None,
        {
            "image_size": 384, "timm_model_name": "vit_pe_core_tiny_patch16_384", "timm_model_pretrained": False,
            "timm_pool": "map", "timm_proj": None,
        },
        CLIPS,
    ),
}  # fmt: skip


def text_model(name: str, folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    if name == "nllb":
        config = transformers.M2M100Config(
            vocab_size=512, d_model=32, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64,
        )  # fmt: skip
    else:
        config = transformers.XLMRobertaConfig(vocab_size=512, max_position_embeddings=64, **sizes)
    config.save_pretrained(folder)


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    import open_clip
    import torch
    from safetensors.torch import save_file

    kind, vision, text = MODELS[request.param]
    folder = tmp_path_factory.mktemp("kinds") / "model"
    folder.mkdir()
    if kind is not None:
        KINDS[kind](folder)
    if "hf_model_name" in text:
        text_model(request.param, folder / "text")
        text = {**text, "hf_model_name": str(folder / "text")}
    dimension = 192 if request.param == "pe-core" else 24
    config = {"embed_dim": dimension, "vision_cfg": vision, "text_cfg": text, "custom_text": True}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        made = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    state = {name: tensor.contiguous().clone() for name, tensor in made.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    return f"open_clip:local-dir:{folder}"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


TEXTS = [
    "a red car",
    "two dogs run through the snow",
    "",
    "собака бежит по снегу",
    "it's <b>3</b> & no_one",
    "dog " * 40,
]


def test_the_same_vectors_as_torch_and_a_query_without_it(model: str, real_photos: Path, cache: Path) -> None:
    reference = OpenClipEncoder(model, device="cpu")
    made, notes = prepare_for_indexing(reference, "cpu", Silent())
    assert notes == ()
    assert isinstance(made, GraphEncoder)
    wanted = reference.identity.preprocessing
    pixels = probe_pixels(wanted.height, wanted.width, seed=9)
    tokens = reference.token_shape is not None
    if tokens:
        ours, theirs = images_with_tokens(made, pixels), images_with_tokens(reference, pixels)
        assert float((ours[0] * theirs[0]).sum(axis=1).mean()) >= LEAST_COSINE
        assert float((ours[1].astype(float) * theirs[1]).sum(axis=-1).mean()) / 127**2 >= LEAST_COSINE
        read, known = texts_with_tokens(made, TEXTS), texts_with_tokens(reference, TEXTS)
        assert float((read[0] * known[0]).sum(axis=1).mean()) >= LEAST_COSINE
        assert [each.shape for each in read[1]] == [each.shape for each in known[1]]
    for ours, theirs in (
        (made.encode_images(pixels), reference.encode_images(pixels)),
        (made.encode_texts(TEXTS), reference.encode_texts(TEXTS)),
    ):
        assert float((ours.vectors * theirs.vectors).sum(axis=1).mean()) >= LEAST_COSINE
    for text in TEXTS:
        assert made.words(text) == reference.words(text)
        assert made.count_tokens(text) == reference.count_tokens(text)
        assert made.unread(text) == reference.unread(text)
    assert made.templates == reference.templates

    store = cache.parent / "store"
    with search.open(store, encoder=model, device="cpu") as library:
        assert not library.index(real_photos / "coffee.png", real_photos / "rocket.jpg").warnings
    program = (
        f"import search, sys\nfound = search.open({str(store)!r}, device='cpu').query('a cat')\n"
        "assert len(found) == 2\nassert not {'torch', 'open_clip', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
