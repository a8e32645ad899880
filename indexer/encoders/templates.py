"""Prompt templates: a class name ("corgi") as captions would say it, several ways, and the mean of their vectors.

Models that were trained on captions from the web saw few that are one bare word. CLIP's authors ask for a class with
the mean of many templates; these are the seven that they picked of eighty by their accuracy on ImageNet (Radford and
others 2021, and the notebook on prompts beside their code). Which encoders are asked so is in docs/decisions.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from indexer.types import Float32

if TYPE_CHECKING:
    from indexer.encoders.base import Encoder

#: What is left of vectors that cancel each other out, but for rounding.
_NOTHING: Final = 1e-6
#: What stands for the name in a template.
_NAME: Final = "{}"
CLIP_TEMPLATES: Final = (
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)
#: What the bundled encoder is asked with: a short one, as its hubs among short texts are others than among captions
#: (docs/decisions.md); CLIP's seven are worse than the bare name.
BUNDLED_TEMPLATES: Final = ("there is a {}",)
#: How a reranker is asked for a name that is subtracted: it learned from captions, which hold few bare words.
_CAPTION: Final = "a {}"


def templates_of(encoder: Encoder, wish: bool | None) -> tuple[str, ...]:
    """The templates that class names are asked with; () for the bare name.

    `wish`: whether templates are wanted; None is the encoder's own choice, its attribute `templates`
    (`indexer.encoders.base`). True of one that has none of its own: CLIP's.
    """
    if wish is False:
        return ()
    own = tuple(getattr(encoder, "templates", ()))
    return own or (CLIP_TEMPLATES if wish else ())


def class_name_forms(encoder: Encoder, name: str, wish: bool | None) -> tuple[str, ...]:
    """The texts that a query for a class name asks an encoder for; none where there is no template."""
    templates = templates_of(encoder, wish)
    return forms_of(name, templates) if templates else ()


def captions_of(encoder: Encoder, names: Sequence[str], wish: bool | None) -> dict[str, str]:
    """By each of these names what a caption would call it; none where it is asked for no templates."""
    return {name: _CAPTION.replace(_NAME, name) for name in names} if names and templates_of(encoder, wish) else {}


def forms_of(name: str, templates: Sequence[str]) -> tuple[str, ...]:
    """The bare name, and the name in each template."""
    return (name, *(template.replace(_NAME, name) for template in templates))


def ensemble(vectors: Float32) -> Float32:
    """One vector (d,) float32, unit norm, of the forms of a name: `vectors` (1 + t, d), unit norm, the bare name first.

    The mean of the bare name and of the templates' mean, which weigh alike: what all templates say ("a photo") would
    otherwise weigh more than the name. The bare name where the templates say the opposite of it.
    """
    name: Float32 = vectors[0]
    bare, others = name.astype(np.float64), vectors[1:].astype(np.float64)  # (d,), (t, d)
    if not len(others):
        return name
    mean = others.mean(axis=0)  # (d,)
    norm = float(np.linalg.norm(mean))
    whole = bare if norm < _NOTHING else bare + mean / norm
    norm = float(np.linalg.norm(whole))
    return name if norm < _NOTHING else np.asarray(whole / norm, np.float32)
