"""What `reranker.json` says of a reranker: what it was trained for, on what, and how its scores are joined."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

from indexer.encoders.base import EncoderId, TokenShape

FORMAT: Final = 1

#: Bounds on the sizes that a description may name.
LARGEST: Final = {"width": 1_024, "hidden": 4_096, "heads": 64, "layers": 32, "widening": 16}


@dataclass(frozen=True, slots=True)
class Trust:
    """How far the match score is believed for a text: sigmoid((nearness - middle) / width), where nearness is its
    cosine with the nearest centre of the texts trained on."""

    middle: float
    width: float

    def of(self, nearness: float) -> float:
        """0 to 1."""
        return 0.5 * (1.0 + math.tanh((nearness - self.middle) / self.width / 2.0))


@dataclass(frozen=True, slots=True)
class RerankerDescription:
    """What `reranker.json` says.

    `encoder`, `weights`: name of the encoder that it was trained for, and the SHA-256 of that one's weights. `tokens`:
    the shape of that one's tokens. `settings`: sizes of the network (`fusion_model.FusionSettings`). `weight`: of the
    match score beside the first-stage similarity where texts ask, `image_weight` where images do; 0 is the first stage
    alone.
    `trained`: figures and log of the training. `enabled`: it was measured to help.
    """

    encoder: str
    weights: str
    tokens: TokenShape
    settings: dict[str, Any]
    weight: float
    image_weight: float
    trust: Trust
    trained: dict[str, Any]
    enabled: bool

    def fits(self, identity: EncoderId, shape: TokenShape | None) -> bool:
        """Whether it was trained on the tokens of this encoder."""
        return self.weights == identity.weights and self.tokens == shape

    def to_json(self, *, file: str, digest: str) -> dict[str, Any]:
        """The object of the file. `file`, `digest`: name and SHA-256 of the file of weights."""
        return {
            "format": FORMAT,
            "encoder": {"name": self.encoder, "weights": self.weights},
            "tokens": asdict(self.tokens),
            "settings": self.settings,
            "weight": self.weight,
            "image_weight": self.image_weight,
            "trust": asdict(self.trust),
            "file": file,
            "digest": digest,
            "enabled": self.enabled,
            "trained": self.trained,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> RerankerDescription:
        """Raises KeyError, TypeError or ValueError for fields that are missing or wrong."""
        settings = dict(fields["settings"])
        for name, largest in LARGEST.items():
            if not isinstance(settings[name], int) or not 1 <= settings[name] <= largest:
                raise ValueError(f"{name} is {settings[name]!r}")
        if settings["hidden"] % settings["heads"]:
            raise ValueError("hidden is no multiple of heads")
        given = {name: int(value) for name, value in fields["tokens"].items()}
        tokens = TokenShape(**given)
        if not (1 <= tokens.rows <= 1_000 and 1 <= tokens.columns <= 1_000 and tokens.words >= 1):
            raise ValueError(f"tokens are {given}")
        if tokens.width != settings["width"]:
            raise ValueError("the width of tokens and network differ")
        weight, image_weight = float(fields["weight"]), float(fields["image_weight"])
        trust = Trust(float(fields["trust"]["middle"]), float(fields["trust"]["width"]))
        finite = all(math.isfinite(each) for each in (weight, image_weight, trust.middle, trust.width))
        if not finite or min(weight, image_weight) < 0 or trust.width <= 0:
            raise ValueError("weight or trust is out of range")
        return cls(
            str(fields["encoder"]["name"]),
            str(fields["encoder"]["weights"]),
            tokens,
            settings,
            weight,
            image_weight,
            trust,
            dict(fields.get("trained", {})),
            fields["enabled"] is True,
        )


def shapes(settings: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shape of each of the network's arrays, by name."""
    w, h, f = settings["width"], settings["hidden"], settings["widening"] * settings["hidden"]
    found: dict[str, tuple[int, ...]] = {
        "late.word_map.weight": (w, w),
        "late.region_map.weight": (w, w),
        "late.importance.weight": (1, w),
        "late.log_sharpness": (),
        "late.log_gain": (),
        "enter.weight": (h, 3 * w),
        "enter.bias": (h,),
        "norm.weight": (h,),
        "norm.bias": (h,),
        "inner.weight": (h, h),
        "inner.bias": (h,),
        "outer.weight": (1, h),
        "outer.bias": (1,),
    }
    for layer in range(settings["layers"]):
        inner = {"query": (h, h), "key": (h, w), "value": (h, w), "out": (h, h), "widen": (f, h), "narrow": (h, f)}
        found |= {f"blocks.{layer}.{name}.weight": shape for name, shape in inner.items()}
        biases = {"query": h, "out": h, "widen": f, "narrow": h}
        found |= {f"blocks.{layer}.{name}.bias": (length,) for name, length in biases.items()}
        for name in ("attention_norm", "feed_norm"):
            found |= {f"blocks.{layer}.{name}.{part}": (h,) for part in ("weight", "bias")}
    return found
