"""Encoders by purpose: `fast`, `balanced`, `best`, `multilingual`, each a pinned revision, its files known by hash.

A preset is a name for the person; what a store keeps is the full spec with the revision, so that a preset that means
another model in a later version changes no store. Only licences that let everybody use the model anywhere are here.

Recall: text-to-image R@1 on COCO's 5,000 test photographs, as published with the weights (open_clip's
`docs/openclip_retrieval_results.csv`; SigLIP 2, arXiv 2502.14786, table 1; Perception Encoder, arXiv 2504.13181).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Purpose = Literal["fast", "balanced", "best", "multilingual"]

#: What `--encoder` takes for the encoder that answered before the store's present one.
PREVIOUS: Final = "previous"

_WEIGHTS: Final = "open_clip_model.safetensors"
_GEMMA: Final = "220c63d496e0c14e63eb656c91e0215e926202e4c74b1f089e09f1920d779b04"


@dataclass(frozen=True, slots=True)
class Preset:
    """One of them. `sums`: SHA-256 in hex of the files that count, by name; `megabytes` to fetch, 10^6 bytes.

    `recall`: see above, 0 to 1. `times`: how many times as long as with the bundled encoder a photograph of half a
    megapixel takes, whole runs of `search index` in turn on a CPU with VNNI (`tests/benchmarks/bench_presets.py`).
    """

    purpose: Purpose
    repository: str
    revision: str
    sums: Mapping[str, str]
    dimension: int
    megabytes: int
    languages: str
    licence: str
    model: str
    recall: float
    times: float

    @property
    def encoder(self) -> str:
        """What a store keeps, and `--encoder` takes as well."""
        return f"open_clip:hf-hub:{self.repository}@{self.revision}"


PRESETS: Final[tuple[Preset, ...]] = (
    Preset(
        "fast",
        "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        "4afec35ffe57a943d569ff7ee888061830164da8",
        {_WEIGHTS: "92c26d60d3200ed5ed040dff31a8d19f8140648da8007216c25744c478deef27"},
        512,
        605,
        "English",
        "MIT",
        "ViT-B/32, DataComp",
        0.399,
        2.1,
    ),
    Preset(
        "balanced",
        "timm/ViT-B-32-SigLIP2-256",
        "cd1efb47643f2794413dd79ef24397c175032780",
        {_WEIGHTS: "7cdccf256ee0e4a9908c365f8e1c88d5db171980a3350c214f5221d50f8d9927", "tokenizer.json": _GEMMA},
        768,
        1543,
        "about 100",
        "Apache-2.0",
        "SigLIP 2, ViT-B/32",
        0.472,
        2.1,
    ),
    Preset(
        "best",
        "timm/PE-Core-L-14-336",
        "8eff41b3f687e50a323662c2dda5eb3588c6dd35",
        {_WEIGHTS: "b1fff7093c32a01d98a2d82098f9adf788b30f0efee639916520b3e4302f786b"},
        1024,
        2685,
        "English",
        "Apache-2.0",
        "Perception Encoder, ViT-L/14 at 336",
        0.571,
        67.0,
    ),
    Preset(
        "multilingual",
        "timm/ViT-B-16-SigLIP2",
        "eee10eff6dd8cabae2d7f379d4e8cfcd352030aa",
        {_WEIGHTS: "d0a51069d2fa6c95b371b3bffd2a2c765c1815004798ee99f075290dbca73041", "tokenizer.json": _GEMMA},
        768,
        1535,
        "about 100",
        "Apache-2.0",
        "SigLIP 2, ViT-B/16",
        0.521,
        5.4,
    ),
)


def find_preset(name: str) -> Preset | None:
    """The preset that `name` is, in any case of its letters; None for other names."""
    wanted = name.strip().lower()
    return next((preset for preset in PRESETS if preset.purpose == wanted), None)


def full_name(name: str) -> str:
    """What `name` means: the encoder of a preset, or itself."""
    preset = find_preset(name)
    return name if preset is None else preset.encoder


def typed_name(name: str) -> str:
    """The shortest name of an encoder: of a preset's model the preset, of others their own."""
    return next((preset.purpose for preset in PRESETS if preset.encoder == name), name)


def known_sums(repository: str, revision: str | None) -> Mapping[str, str]:
    """SHA-256 in hex by file name, of a revision that a preset pins; {} of others."""
    for preset in PRESETS:
        if (preset.repository, preset.revision) == (repository, revision):
            return preset.sums
    return {}
