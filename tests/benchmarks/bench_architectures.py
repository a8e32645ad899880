"""Which of open_clip's architectures are exported here, how exactly, how fast and how large.

    python tests/benchmarks/bench_architectures.py [--json PATH] [--only NAME,...] [--folder FOLDER]
    python tests/benchmarks/bench_architectures.py --json PATH --table    # the table of docs/encoders.md

Each with random weights (how fast it is does not depend on them; how exact it is does: trained towers have larger
outliers) and in a process of its own. A tokenizer or a text model's configuration that would come from a hub is made
here: a small tokenizer of the same kind, the configuration in the published sizes. Cosines are to torch in float32, of
pictures and texts that the export was not checked with. Rates are medians of rounds in turn. A JSON file that is there
already keeps what is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import machine
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from indexer.encoders import export_cache
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.openvino_export import probe_pixels
from indexer.encoders.registry import load_encoder
from indexer.progress import Silent
from tests.fixtures.tokenizers import KINDS

ARCHITECTURES = (
    "ViT-B-32", "ViT-B-32-256", "ViT-B-16", "RN50", "MobileCLIP2-S0", "MobileCLIP2-S2", "MobileCLIP2-S3",
    "MobileCLIP-B", "ViTamin-S", "PE-Core-T-16-384", "PE-Core-S-16-384", "PE-Core-B-16", "coca_ViT-B-32",
    "coca_roberta-ViT-B-32",
    "ViT-B-16-SigLIP", "ViT-B-16-SigLIP2-256", "xlm-roberta-base-ViT-B-32", "nllb-clip-base", "EVA02-B-16",
    "convnext_base_w", "roberta-ViT-B-32", "tf_efficientnetv2_b0", "ViT-L-14", "MobileCLIP2-S4",
)  # fmt: skip
#: No configuration of open_clip's has an EfficientNet: one of timm's before CLIP's text tower.
OWN_CONFIGS: dict[str, dict[str, Any]] = {
    "tf_efficientnetv2_b0": {
        "embed_dim": 512,
        "vision_cfg": {
            "timm_model_name": "tf_efficientnetv2_b0", "timm_model_pretrained": False, "timm_pool": "avg",
            "timm_proj": "linear", "image_size": 224,
        },
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12},
    }
}  # fmt: skip
#: By a part of its name, what kind of tokenizer a model has.
TOKENIZERS = {
    "SigLIP2": "byte_fallback", "SigLIP": "unigram", "xlm": "xlm_roberta", "nllb": "nllb", "roberta": "roberta",
    "bert": "word_pieces", "mt5": "unigram",
}  # fmt: skip
ROUNDS = 3
IMAGES = 8
TEXTS = (
    "a plate of food", "the harbour at night", "children play football", "my bicycle", "a very small bird on a branch",
    "rain", "a train arrives at the station", "flowers in a vase on the table",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default=",".join(ARCHITECTURES))
    parser.add_argument("--folder", type=Path, help="for the weights (default: a temporary one)")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked.one, asked.folder)))
        return
    if asked.table:
        print(table(json.loads(asked.json.read_text(encoding="utf-8"))["architectures"]))
        return
    about = machine.about(images=IMAGES, rounds=ROUNDS)
    rows: dict[str, Any] = {}
    if asked.json and asked.json.exists():
        rows = json.loads(asked.json.read_text(encoding="utf-8"))["architectures"]
    for name in asked.only.split(","):
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            command = [sys.executable, __file__, "--one", name, "--folder", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = done.stdout.strip().splitlines()
        failed = (done.stderr.strip().splitlines() or ["killed"])[-1]
        rows[name] = json.loads(lines[-1]) if lines and not done.returncode else {"failed": failed}
        print(name, json.dumps(rows[name]), flush=True)
        machine.save(asked.json, about, architectures=rows)


def table(rows: dict[str, Any]) -> str:
    """In Markdown, in the order of `ARCHITECTURES`."""
    lines = [
        "| architecture | pixels | cosine, images | texts | images/s exported | in torch | times | export, s | MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in sorted(rows, key=lambda each: ARCHITECTURES.index(each) if each in ARCHITECTURES else len(rows)):
        row = rows[name]
        if "cosine" not in row:
            lines.append(f"| `{name}` | not exported: {row.get('reason') or row.get('failed')} |")
            continue
        made, plain = row["exported_per_second"], row["torch_per_second"]
        numbers = [row["image_size"], row["cosine"]["image"], row["cosine"]["text"], made, plain, f"{made / plain:.1f}"]
        numbers += [f"{row['export_seconds']:.0f}", row["export_megabytes"]]
        lines.append(f"| `{name}` | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def measured(name: str, folder: Path) -> dict[str, Any]:
    """Everything about one architecture, in this process; `folder` is for its weights and its export."""
    os.environ["SEARCH_CACHE"] = str(folder / "cache")
    spec = model_of(name, folder / "model")
    torch_encoder = load_encoder(spec, device="cpu")
    wanted = torch_encoder.identity.preprocessing
    found: dict[str, Any] = {"image_size": wanted.height, "megabytes": round(weights_size(folder / "model") / 1e6)}
    start = time.perf_counter()
    assert isinstance(torch_encoder, export_cache.Exportable)
    made = export_cache.make(torch_encoder, Silent())
    found["export_seconds"] = round(time.perf_counter() - start, 1)
    pictures = probe_pixels(wanted.height, wanted.width, seed=1)[:IMAGES]
    if isinstance(made, str):
        found["reason"] = made
        made_rates: list[float] = []
    else:
        [kept] = (path for path in (folder / "cache" / "exported").iterdir() if path.is_dir())
        found["export_megabytes"] = round(weights_size(kept) / 1e6)
        found["arithmetic"] = json.loads((kept / "model.json").read_text())["arithmetic"]
        images = (made.encode_images(pictures).vectors * torch_encoder.encode_images(pictures).vectors).sum(axis=1)
        texts = (made.encode_texts(TEXTS).vectors * torch_encoder.encode_texts(TEXTS).vectors).sum(axis=1)
        found["cosine"] = {"image": round(float(images.mean()), 4), "text": round(float(texts.mean()), 4)}
        assert isinstance(made, GraphEncoder)
        made_rates = []
    torch_rates: list[float] = []
    many = np.concatenate([pictures] * 4)  # a full batch of an export
    for _ in range(ROUNDS):
        if not isinstance(made, str):
            made_rates.append(rate(made, many))
        torch_rates.append(rate(torch_encoder, pictures))
    if made_rates:
        found["exported_per_second"] = round(median(made_rates), 1)
    found["torch_per_second"] = round(median(torch_rates), 1)
    found["load"] = round(os.getloadavg()[0], 1)
    return found


def rate(encoder: Any, pixels: Any) -> float:
    start = time.perf_counter()
    encoder.encode_images(pixels, tokens=encoder.token_shape is not None)
    return len(pixels) / (time.perf_counter() - start)


def weights_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def model_of(name: str, folder: Path) -> str:
    """A model of random weights in `folder`; what `--encoder` takes for it."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    config = OWN_CONFIGS.get(name) or open_clip.get_model_config(name)
    text = config["text_cfg"]
    if tokenizer := text.get("hf_tokenizer_name"):
        made = KINDS[next(kind for part, kind in TOKENIZERS.items() if part in tokenizer)](folder / "tokenizer")
        for file in Path(made).iterdir():
            shutil.copy(file, folder)
    if model := text.get("hf_model_name"):
        text["hf_model_name"] = str(text_model(model, folder / "text"))
    published = open_clip.list_pretrained_tags_by_model(name)
    tag = open_clip.get_pretrained_cfg(name, published[0]) if published else {}
    pixels = {key: tag[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in tag}
    described = {"model_cfg": config, "preprocess_cfg": pixels}
    (folder / "open_clip_config.json").write_text(json.dumps(described), encoding="utf-8")
    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    state = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    return f"local-dir:{folder}"


def text_model(name: str, folder: Path) -> Path:
    """The configuration of a text model in its published sizes."""
    import transformers

    if "xlm-roberta" in name:
        made = transformers.XLMRobertaConfig(vocab_size=250_002, max_position_embeddings=514, type_vocab_size=1)
    elif "roberta" in name:
        made = transformers.RobertaConfig(vocab_size=50_265, max_position_embeddings=514, type_vocab_size=1)
    elif "nllb" in name:
        made = transformers.M2M100Config(vocab_size=256_206, max_position_embeddings=1024, scale_embedding=True)
    else:
        raise ValueError(f"There is no configuration for {name}.")
    made.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
