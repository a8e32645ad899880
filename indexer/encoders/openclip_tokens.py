"""Region and word tokens of open_clip models: what the towers know beside their vectors, in the space of the vectors.

A region token is what the tower would answer if that region were all there is: the patch tokens of the last layer,
normed as the tower does, averaged over a grid of at most 7 x 7 cells, then sent one by one through the tower's own
pooling and projection into the joint space. A word token is the text tower's output at a word piece, projected
likewise. Both are written on the same axes of the joint space, those that the two projections use most, so that the
inner product of a word and a region means something before anything is trained.

All of it is a function of the weights, in the pass that makes the vectors; a change here is a new `TokenShape.recipe`.
open_clip itself is handed in by `openclip.py`, which alone imports it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from indexer.encoders.base import TokenShape
from indexer.encoders.constants import Constant
from indexer.types import Float32

#: Cells of the grid on a side, as the published rerankers on cached tokens keep about 50 of them.
_CELLS = 7
#: Numbers of a token: 49 x 64 bytes are 3 kB an image.
_WIDTH = 64
#: Word pieces of a text; captions have about 12.
_WORDS = 32


class _ImageTower(Protocol):
    """One kind of visual tower."""

    @property
    def grid(self) -> tuple[int, int]:
        """Patches of an image: rows and columns."""
        ...

    def look(self, model: Any, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """images: (n, 3, h, w). Returns the vectors (n, d), untouched, and the patch tokens (n, patches, c)."""
        ...

    def project(self, model: Any, regions: torch.Tensor) -> torch.Tensor:
        """regions: (m, c) means of patch tokens. Returns (m, d), what the tower makes of each alone."""
        ...


@dataclass(frozen=True, slots=True)
class TokenRecipe:
    """How one model's tokens are made.

    `axes`: (d, width) float32, orthonormal. `pooling`: (regions, patches) float32, each row sums to 1.
    """

    shape: TokenShape
    axes: Constant
    pooling: Constant
    tower: _ImageTower

    def encode_images(self, model: Any, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """images: (n, 3, h, w). Returns vectors (n, d), not normalised, and tokens (n, regions, width) int8."""
        features, patches = self.tower.look(model, images)
        with torch.autocast(images.device.type, enabled=False):
            regions = self.pooling.on(images.device) @ patches.float()  # (n, regions, c)
        joint = self.tower.project(model, regions.flatten(0, 1))  # (n * regions, d)
        return features, self._written(joint).view(-1, self.shape.regions, self.shape.width)

    def encode_texts(self, model: Any, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """rows: (n, context_length + words) int64: the tokens of each text, then the places of its word pieces.

        Returns vectors (n, d), not normalised, and tokens (n, words, width) int8.
        """
        text, places = rows[:, : -self.shape.words].contiguous(), rows[:, -self.shape.words :]
        tower = _text_tower(model)
        features, outputs = _watched(tower.transformer, lambda: model.encode_text(text, normalize=False))
        words = outputs.take_along_dim(places[:, :, None], dim=1)  # (n, words, c)
        words = tower.ln_final(words)
        projection = tower.text_projection
        joint = projection(words) if isinstance(projection, torch.nn.Linear) else words @ projection  # (n, words, d)
        return features, self._written(joint)

    def _written(self, joint: torch.Tensor) -> torch.Tensor:
        """(..., d) of the joint space -> (..., width) int8, unit vectors times 127."""
        with torch.autocast(joint.device.type, enabled=False):
            tokens = F.normalize(joint.float() @ self.axes.on(joint.device), dim=-1)
            return (tokens * 127).round().clamp(-127, 127).to(torch.int8)


def find_recipe(open_clip: Any, model: Any, height: int, width: int, dimension: int) -> TokenRecipe | None:
    """How to make tokens of `model` (on the CPU) for images of `height` x `width`; None for towers without any."""
    text = _text_tower(model)
    fused = isinstance(model, open_clip.CLIP)
    if not (fused or isinstance(text, open_clip.transformer.TextTransformer)) or text.text_projection is None:
        return None
    tower = _image_tower(open_clip, model, height, width, dimension)
    if tower is None:
        return None
    rows, columns = (min(_CELLS, side) for side in tower.grid)
    axes = leading_axes(_projections(model, dimension), min(_WIDTH, dimension))
    shape = TokenShape(rows, columns, min(_WORDS, text.context_length), axes.shape[1])
    return TokenRecipe(shape, Constant(axes), Constant(pooling_matrix(tower.grid, (rows, columns))), tower)


def leading_axes(projections: list[npt.NDArray[np.float64]], width: int) -> Float32:
    """(d, width): the directions of the joint space that `projections`, each (c, d), use most, strongest first.

    The right singular vectors of all of them one upon the other, each scaled to the same norm; the largest number of
    each is positive. With `width` = d the space itself, as it is.
    """
    dimension = projections[0].shape[1]
    if width == dimension:
        return np.eye(dimension, dtype=np.float32)
    gram = np.zeros((dimension, dimension))
    for each in projections:
        gram += each.T @ each / (each**2).sum()
    _, vectors = np.linalg.eigh(gram)  # ascending; svd of the matrices themselves takes ten times as long
    axes = vectors[:, ::-1][:, :width]  # (d, width)
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(width)])
    return np.ascontiguousarray(axes * signs, dtype=np.float32)


def pooling_matrix(grid: tuple[int, int], cells: tuple[int, int]) -> Float32:
    """(cells, patches): adaptive mean pooling as a product; MPS has it for whole ratios only."""
    rows, columns = (_pooling(size, into) for size, into in zip(grid, cells, strict=True))
    return np.kron(rows, columns).astype(np.float32)


def _pooling(size: int, cells: int) -> npt.NDArray[np.float64]:
    matrix = np.zeros((cells, size))
    for cell in range(cells):
        start, end = cell * size // cells, -(-(cell + 1) * size // cells)
        matrix[cell, start:end] = 1 / (end - start)
    return matrix


def _text_tower(model: Any) -> Any:
    """The text tower, which `CLIP` keeps in itself and all others in `text`."""
    return getattr(model, "text", model)


def _projections(model: Any, dimension: int) -> list[npt.NDArray[np.float64]]:
    """Each (c, d): the last linear maps of both towers into the joint space; that of the texts always exists."""
    text = _text_tower(model).text_projection
    found = [text.weight.T if isinstance(text, torch.nn.Linear) else text]
    into_joint = [each for each in model.visual.modules() if isinstance(each, torch.nn.Linear)]
    visual = getattr(model.visual, "proj", None)
    if isinstance(visual, torch.nn.Parameter):
        found.append(visual)
    else:
        found += [each.weight.T for each in into_joint if each.out_features == dimension][-1:]
    return [each.detach().double().numpy() for each in found]


def _watched(module: Any, run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """What `run` returns, and what `module` gave on the way. One pass at a time, as `Replica` holds it."""
    seen: list[torch.Tensor] = []

    def keep(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
        seen.append(output)

    handle = module.register_forward_hook(keep)
    try:
        return run(), seen[-1]
    finally:
        handle.remove()


def _image_tower(open_clip: Any, model: Any, height: int, width: int, dimension: int) -> _ImageTower | None:
    visual = model.visual
    if isinstance(visual, open_clip.transformer.VisionTransformer):
        # Two pools beside each other are a variant that open_clip calls untested.
        simple = visual.proj is not None and (visual.attn_pool is None or visual.attn_pool_contrastive is None)
        return _Vit(visual.grid_size) if simple else None
    if isinstance(visual, open_clip.modified_resnet.ModifiedResNet):
        return _ResNet((height // 32, width // 32))
    if isinstance(visual, open_clip.timm_model.TimmModel):
        return _Timm.of(visual, height, width, dimension)
    return None


@dataclass(frozen=True, slots=True)
class _Vit:
    """open_clip's own VisionTransformer, CoCa's with its attention pool included."""

    grid: tuple[int, int]

    def look(self, model: Any, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        visual = model.visual
        features, outputs = _watched(visual.transformer, lambda: model.encode_image(images, normalize=False))
        patches = outputs[:, 1:]  # (n, patches, c) without the class token
        if visual.attn_pool is not None:
            return features, visual.attn_pool.ln_k(patches)
        return features, patches if visual.final_ln_after_pool else visual.ln_post(patches)

    def project(self, model: Any, regions: torch.Tensor) -> torch.Tensor:
        visual = model.visual
        if visual.attn_pool is not None:
            # All attention is on the one region, whatever the query: only its value is left of the attention.
            attention = visual.attn_pool.attn
            width = attention.embed_dim
            joined = attention.in_proj_weight  # (3 d, c) for queries, keys and values; None where these have their own
            weight = attention.v_proj_weight if joined is None else joined[2 * width :]  # (d, c)
            bias = attention.in_proj_bias
            values = F.linear(regions, weight, None if bias is None else bias[2 * width :])
            regions = attention.out_proj(values)  # (m, d)
            regions = visual.ln_post(regions)
        elif visual.final_ln_after_pool:
            regions = visual.ln_post(regions)
        joint: torch.Tensor = regions @ visual.proj
        return joint


@dataclass(frozen=True, slots=True)
class _ResNet:
    """OpenAI's ResNets: an attention pool over the last map."""

    grid: tuple[int, int]

    def look(self, model: Any, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features, grid = _watched(model.visual.layer4, lambda: model.encode_image(images, normalize=False))
        return features, grid.flatten(2).transpose(1, 2)  # (n, c, h, w) -> (n, patches, c)

    def project(self, model: Any, regions: torch.Tensor) -> torch.Tensor:
        pool = model.visual.attnpool
        joint: torch.Tensor = pool.c_proj(pool.v_proj(regions))
        return joint


@dataclass(frozen=True, slots=True)
class _Timm:
    """Any timm trunk whose features are tokens (ViT: SigLIP, EVA, PE) or channels first (ConvNeXt, FastViT).

    `prefix`: class and register tokens before the patches; None for channels first.
    """

    grid: tuple[int, int]
    prefix: int | None

    @classmethod
    def of(cls, visual: Any, height: int, width: int, dimension: int) -> _Timm | None:
        """Tried on the meta device, where a pass costs nothing; None for a trunk of another kind."""
        trunk = visual.trunk
        if "pool" in visual.head._modules or getattr(trunk, "output_fmt", "NCHW") not in {"NCHW", "NLC"}:
            return None  # a pool of open_clip's own, which wants the whole map; channels last
        probe = _Probe(visual)
        state = {
            name: tensor.detach().to("meta")
            for name, tensor in itertools.chain(probe.named_parameters(), probe.named_buffers())
        }
        image = torch.empty(2, 3, height, width, device="meta")
        try:
            with torch.no_grad():
                features = torch.func.functional_call(probe, state, image)
                tower = cls._for_shape(trunk, tuple(features.shape))
                if tower is None:
                    return None
                regions = features.flatten(2).mT if tower.prefix is None else features
                joint = torch.func.functional_call(probe, state, (regions.flatten(0, 1), tower))
        except Exception:  # whatever a trunk that is built in another way raises: it has no tokens then
            return None
        return tower if joint.shape == (regions.shape[0] * regions.shape[1], dimension) else None

    @classmethod
    def _for_shape(cls, trunk: Any, shape: tuple[int, ...]) -> _Timm | None:
        if len(shape) == 4:
            return cls((shape[2], shape[3]), None)
        if len(shape) != 3:
            return None
        prefix = int(getattr(trunk, "num_prefix_tokens", 0))
        patches = shape[1] - prefix
        rows, columns = getattr(getattr(trunk, "patch_embed", None), "grid_size", None) or (math.isqrt(patches),) * 2
        return cls((rows, columns), prefix) if rows * columns == patches else None

    def look(self, model: Any, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        visual = model.visual
        features = visual.trunk.forward_features(images)
        vectors = visual.head(visual.trunk.forward_head(features))  # (n, d), as `visual` itself goes
        patches = features.flatten(2).transpose(1, 2) if self.prefix is None else features[:, self.prefix :]
        return vectors, patches

    def project(self, model: Any, regions: torch.Tensor) -> torch.Tensor:
        return self.project_by(model.visual, regions)

    def project_by(self, visual: Any, regions: torch.Tensor) -> torch.Tensor:
        """The region stands for the prefix too, so that it is all that any pool can see."""
        alone = regions[:, :, None, None] if self.prefix is None else regions[:, None].expand(-1, 1 + self.prefix, -1)
        joint: torch.Tensor = visual.head(visual.trunk.forward_head(alone))
        return joint


class _Probe(torch.nn.Module):
    """A tower with its parts callable by `functional_call`, which goes through `forward` alone."""

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, rows: torch.Tensor, tower: _Timm | None = None) -> torch.Tensor:
        if tower is not None:
            return tower.project_by(self.visual, rows)
        features: torch.Tensor = self.visual.trunk.forward_features(rows)
        return features
