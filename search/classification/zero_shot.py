"""Class names as a classifier: the nearest name, as text, alone or as the mean over an encoder's templates (Radford et
al. 2021, section 3.1.4). Needs no examples and no scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from indexer.encoders.base import Encoder
from indexer.encoders.batches import encode_texts
from indexer.encoders.coverage import suggestions, unread_words
from indexer.encoders.templates import ensemble, forms_of, templates_of
from indexer.types import Float32
from search.classification.classes import spoken
from search.classification.linear_probe import COSINE_SCALE, LinearClassifier

#: Names whose forms are encoded together.
_AT_ONCE: Final = 256
#: Unknown words that a note names.
_NAMED: Final = 5


def zero_shot(encoder: Encoder, classes: Sequence[str], templates: bool | None) -> LinearClassifier:
    """A row a class. `templates`: see `templates_of`. Raises EncoderError."""
    rows = names_matrix(encoder, [spoken(name) for name in classes], templates_of(encoder, templates))
    return LinearClassifier(
        np.float32(COSINE_SCALE) * rows, np.zeros(len(rows), np.float32), temperature=1.0, calibrated=False
    )


def about_unread(encoder: Encoder, classes: Sequence[str]) -> tuple[str, ...]:
    """A sentence about the words in names of classes that the encoder has no idea of, with what was meant or else the
    next step; none where it reads all."""
    unread = list(dict.fromkeys(word for name in classes for word in unread_words(encoder, spoken(name))))
    if not unread:
        return ()
    meant = suggestions(encoder, unread)
    step = "check the spelling, or give such a class another name"
    if meant:
        named = (f"“{other}”" if len(unread) == 1 else f"“{other}” by “{word}”" for word, other in meant.items())
        step = f"did you mean {', '.join(named)}?"
    listed = ", ".join(f"“{word}”" for word in unread[:_NAMED]) + (", ..." if len(unread) > _NAMED else "")
    end = "" if step.endswith("?") else "."
    return (f"The encoder does not know {listed}, so what is called so is chance; {step}{end}",)


def names_matrix(encoder: Encoder, names: Sequence[str], templates: Sequence[str]) -> Float32:
    """(k, d) float32, unit norm: of each name the ensemble of its forms."""
    found = [np.empty((0, encoder.identity.dimension), np.float32)]
    for start in range(0, len(names), _AT_ONCE):
        forms = [forms_of(name, templates) for name in names[start : start + _AT_ONCE]]
        vectors = encode_texts(encoder, [form for own in forms for form in own]).vectors
        of_names = vectors.reshape(len(forms), len(templates) + 1, -1)  # (b, 1 + t, d)
        found.append(np.stack([ensemble(own) for own in of_names]))
    return np.concatenate(found)
