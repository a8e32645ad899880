"""The texts of a query, encoded; a class name among them in an encoder's templates, which are kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import numpy as np

from indexer import forking
from indexer.encoders.base import Encoded, Encoder
from indexer.encoders.batches import encode_query
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
        self, encoder: Encoder, texts: tuple[str, ...], name: str | None, templates: bool | None, *, tokens: bool
    ) -> Encoded:
        """A row of each of the `texts`, all in one pass; `name` of them has the vector of its ensemble, where
        `templates_of` says so, and the tokens of the bare name."""
        forms = class_name_forms(encoder, name, templates)
        if name is None or not forms:
            return encode_query(encoder, texts, tokens=tokens)
        key = encoder.identity.weights, forms
        kept = self._get(key)
        every = tuple(dict.fromkeys([*texts, *forms])) if kept is None else texts
        encoded = encode_query(encoder, every, tokens=tokens)
        if kept is None:
            places = {text: row for row, text in enumerate(every)}
            kept = ensemble(encoded.vectors[[places[form] for form in forms]])
            self._keep(key, kept)
        vectors = np.array(encoded.vectors[: len(texts)])  # (t, d)
        vectors[texts.index(name)] = kept
        return Encoded(vectors, None if encoded.tokens is None else encoded.tokens[: len(texts)])

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
