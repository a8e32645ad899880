"""Class names as a classifier: the nearest name, as text, alone or as the mean over an encoder's templates (Radford et
al. 2021, section 3.1.4). Needs no examples and no scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.encoders.base import Encoder
from indexer.encoders.batches import encode_texts
from indexer.encoders.coverage import in_latin, suggestions, unread_words, words_of
from indexer.encoders.templates import ensemble, forms_of, templates_of
from indexer.types import Float32
from search.classification.classes import spoken
from search.classification.linear_probe import COSINE_SCALE, LinearClassifier

#: Names whose forms are encoded together.
_AT_ONCE: Final = 256
#: Words that a note names.
_NAMED: Final = 5


def zero_shot(encoder: Encoder, classes: Sequence[str], templates: bool | None) -> LinearClassifier:
    """A row a class. `templates`: see `templates_of`. Raises EncoderError."""
    rows = names_matrix(encoder, [spoken(name) for name in classes], templates_of(encoder, templates))
    return LinearClassifier(
        np.float32(COSINE_SCALE) * rows, np.zeros(len(rows), np.float32), temperature=1.0, calibrated=False
    )


@dataclass(frozen=True, slots=True)
class ByChance:
    """Classes whose names say nothing to the encoder: to be one of them is chance, however near a photograph may be.
    `columns`: positions of them; `notes`: sentences for a person."""

    columns: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


def by_chance(encoder: Encoder, classes: Sequence[str]) -> ByChance:
    """Those with a word that the encoder has no idea of, and those of nothing but single letters."""
    unread = {at: words for at, name in enumerate(classes) if (words := unread_words(encoder, spoken(name)))}
    letters = [at for at, name in enumerate(classes) if at not in unread and _is_letters(spoken(name))]
    words = list(dict.fromkeys(word for words in unread.values() for word in words))
    notes = (*_about_unread(encoder, words), *_about_letters([classes[at] for at in letters]))
    return ByChance(frozenset((*unread, *letters)), notes)


def _is_letters(name: str) -> bool:
    words = list(words_of(name))
    return bool(words) and all(len(word) == 1 and word.isalpha() and in_latin(word) for word in words)


def _about_letters(names: Sequence[str]) -> tuple[str, ...]:
    """A sentence about names that are letters, with the next step; none where there are none."""
    if not names:
        return ()
    what = "is a single letter, which says" if len(names) == 1 else "are single letters, which say"
    return (
        f"{_listed(names)} {what} nothing of a photograph, so what is called so is chance; give such a class a word.",
    )


def _about_unread(encoder: Encoder, unread: Sequence[str]) -> tuple[str, ...]:
    """A sentence about words in names of classes, with what was meant or else the next step; none where there are
    none."""
    if not unread:
        return ()
    meant = suggestions(encoder, unread)
    step = "check the spelling, or give such a class another name"
    if meant:
        named = (f"“{other}”" if len(unread) == 1 else f"“{other}” by “{word}”" for word, other in meant.items())
        step = f"did you mean {', '.join(named)}?"
    end = "" if step.endswith("?") else "."
    return (f"The encoder does not know {_listed(unread)}, so what is called so is chance; {step}{end}",)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f"“{word}”" for word in words[:_NAMED]) + (", ..." if len(words) > _NAMED else "")


def names_matrix(encoder: Encoder, names: Sequence[str], templates: Sequence[str]) -> Float32:
    """(k, d) float32, unit norm: of each name the ensemble of its forms."""
    found = [np.empty((0, encoder.identity.dimension), np.float32)]
    for start in range(0, len(names), _AT_ONCE):
        forms = [forms_of(name, templates) for name in names[start : start + _AT_ONCE]]
        vectors = encode_texts(encoder, [form for own in forms for form in own]).vectors
        of_names = vectors.reshape(len(forms), len(templates) + 1, -1)  # (b, 1 + t, d)
        found.append(np.stack([ensemble(own) for own in of_names]))
    return np.concatenate(found)
