"""The texts of a query, encoded; class names among them in an encoder's templates, which are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np

from indexer import forking
from indexer.encoders.base import Encoded, Encoder
from indexer.encoders.batches import encode_forms, encode_query
from indexer.encoders.templates import class_name_forms, ensemble
from indexer.types import Float32

#: Vectors that are kept, those asked for last: a few kilobytes each.
_KEPT: Final = 1_000

_Key = tuple[str, tuple[str, ...]]


class Ensembles:
    """Ensembles of the names that were asked for last. Safe to use from several threads."""

    def __init__(self) -> None:
        self._found: OrderedDict[_Key, Float32] = OrderedDict()
        self._lock = forking.lock()

    def encode(
        self, encoder: Encoder, texts: tuple[str, ...], names: Sequence[str], templates: bool | None, *, tokens: bool
    ) -> Encoded:
        """A row of each of the `texts`; the `names` among them have the vectors of their ensembles, where
        `templates_of` says so, and the tokens of the bare names."""
        encoded = encode_query(encoder, texts, tokens=tokens)
        vectors = np.array(encoded.vectors)  # (t, d)
        for name in names:
            forms = class_name_forms(encoder, name, templates)
            if forms:
                place = texts.index(name)
                vectors[place] = self._ensemble(encoder, forms, vectors[place])
        return Encoded(vectors, encoded.tokens)

    def _ensemble(self, encoder: Encoder, forms: tuple[str, ...], bare: Float32) -> Float32:
        """(d,) of a name, whose `bare` vector (d,) is known."""
        key = encoder.identity.weights, forms
        kept = self._get(key)
        if kept is None:
            others = encode_forms(encoder, forms[1:]).vectors  # (t, d)
            kept = ensemble(np.concatenate([bare[None], others]))
            self._keep(key, kept)
        return kept

    def _get(self, key: _Key) -> Float32 | None:
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
            return found

    def _keep(self, key: _Key, vector: Float32) -> None:
        with self._lock:
            self._found[key] = vector
            if len(self._found) > _KEPT:
                self._found.popitem(last=False)
