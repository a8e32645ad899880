"""The class channel: what an ImageNet classifier knows, said in sentence embeddings (ConSE, Norouzi et al. 2014).

An image is the mean of its class names' sentence embeddings, weighted by the class probabilities; a text is its own
sentence embedding. Both are centred on the mean over the class names, so that what every name shares cancels.

    image: c = normalise( sum_k p_k (e_k - m) ),  p = softmax(logits / t)        text: c = normalise( s - m )

The paper sums the ten most probable classes at t = 1. All classes at a higher temperature were better on every
validation set here: a scene's second and third things are in the tail that t = 1 leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Also embedded inside a sentence: queries come both as words and as captions.
SENTENCE = "a photo of a {}"


def class_names() -> list[tuple[str, ...]]:
    """The names of ImageNet's 1,000 classes in their order, each with its synonyms (WordNet lemmas)."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return [tuple(info.index_to_description(index).split(", ")) for index in range(1000)]


def class_embeddings(names: Sequence[Sequence[str]], embed: Callable[[list[str]], Tensor]) -> Tensor:
    """One sentence embedding a class: the mean over its synonyms, bare and inside `SENTENCE`.

    `embed` maps n texts to (n, 384) of unit norm. Returns (classes, 384), unit norm.
    """
    flat = [name for synonyms in names for name in synonyms]
    means = []
    for template in ("{}", SENTENCE):
        parts = torch.split(embed([template.format(name) for name in flat]), [len(group) for group in names])
        means.append(F.normalize(torch.stack([part.mean(0) for part in parts]), dim=-1))  # (classes, 384)
    return F.normalize(means[0] + means[1], dim=-1)


class ClassChannel(nn.Module):
    """Both sides of the class channel, on the `dimension` principal axes of the centred class names.

    `embeddings` (classes, 384) from `class_embeddings`; `temperature` divides the logits; 384 axes keep everything.
    `whitening` w divides each axis by its spread among the names to the power of w: 0 keeps the sentence encoder's
    space, 1 makes all axes alike. In between, names that are alike are told apart better.
    """

    mean: Tensor
    names: Tensor
    axes: Tensor
    unit_names: Tensor

    def __init__(self, embeddings: Tensor, temperature: float, dimension: int, whitening: float) -> None:
        super().__init__()
        self.temperature = temperature
        mean = embeddings.mean(0)
        centred = embeddings - mean
        _, spread, axes = torch.linalg.svd(centred, full_matrices=False)  # rows, the widest first
        scale = (spread[0] / spread[:dimension]) ** whitening  # (dimension,)
        self.register_buffer("mean", mean)  # (384,)
        self.register_buffer("axes", (axes[:dimension].T * scale).contiguous())  # (384, dimension)
        self.register_buffer("names", F.normalize(centred @ self.axes, dim=-1))  # (classes, dimension)
        self.register_buffer("unit_names", F.normalize(centred, dim=-1).T.contiguous())  # (384, classes)

    def image(self, logits: Tensor) -> Tensor:
        """`logits` (n, classes). Returns (n, dimension), unit norm."""
        return F.normalize(torch.softmax(logits / self.temperature, dim=-1) @ self.names, dim=-1)

    def text(self, sentences: Tensor) -> Tensor:
        """`sentences` (n, 384), unit norm. Returns (n, dimension), unit norm."""
        return F.normalize((sentences - self.mean) @ self.axes, dim=-1)

    def likeness(self, sentences: Tensor) -> Tensor:
        """How much a text is a class name: its largest cosine with one. `sentences` (n, 384). Returns (n, 1)."""
        centred = F.normalize(sentences - self.mean, dim=-1)
        return (centred @ self.unit_names).amax(dim=-1, keepdim=True)
