"""What tokenizers of rows of one length share: the places of a text's word pieces go behind its tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from indexer.types import Int64, Texts


class PlacedPieces(ABC):
    """Part of a `graph_model.Tokenizer`; a kind of tokenizer says which places are word pieces, and what they read."""

    context_length: int

    @abstractmethod
    def __call__(self, texts: Texts) -> Int64:
        """Returns (n, context_length) int64."""

    @abstractmethod
    def _places(self, row: Int64) -> Int64:
        """Where in `row` (context_length,) word pieces stand, one at least."""

    @abstractmethod
    def _readable(self, piece: int) -> str:
        """What a person reads at an id; "" where that is no word."""

    def row(self, text: str, most: int) -> tuple[Int64, slice]:
        """(context_length + most,) int64: the tokens of the text, then the places of at most `most` word pieces; and
        how many these are, from the first on."""
        tokens = self([text])[0]  # (context_length,)
        if not most:
            return tokens, slice(0)
        places = self._places(tokens)[:most]
        # Repeated where there are fewer: what stands there is cut off again.
        return np.concatenate([tokens, np.resize(places, most)]), slice(0, len(places))

    def row_length(self, most: int) -> int | None:
        """The same for all texts."""
        return self.context_length + most

    def word_places(self, tokens: Int64, limit: int) -> list[Int64]:
        """Where in each row of `tokens` (n, context_length) its word pieces stand: at most `limit`, at least one.

        Start, end and padding are none; a text without words has one of them in their place.
        """
        return [self._places(row)[:limit] for row in tokens]

    def words(self, text: str, limit: int) -> list[str]:
        """What a person reads at each of `word_places` of `text`; "" where that is no word."""
        row = self([text])[0]  # (context_length,)
        return [self._readable(int(row[place])) for place in self._places(row)[:limit]]

    def suggested(self, word: str) -> str | None:
        """None: there is no list of the words that were learned."""
        return None
