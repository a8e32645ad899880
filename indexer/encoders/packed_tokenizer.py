"""The tokenizers of SigLIP, XLM-R, NLLB, BERT and their like, without open_clip, torch and transformers.

A `tokenizer.json` (the format of the package tokenizers) holds the vocabulary, and a `TokenizerRecipe` what open_clip's
`HFTokenizer` and transformers do beside it; `tokenizer_files.py` makes both. The model in torch and its export use the
same class, so both read the same ids; a property test holds them equal to `HFTokenizer`.

Sources: Kudo 2018 (unigram), Sennrich et al. 2016 (byte pairs), Wu et al. 2016 (word pieces).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from indexer.encoders.coverage import unread_unknown
from indexer.encoders.placed_pieces import PlacedPieces
from indexer.encoders.text_cleaning import cleaned, whole
from indexer.encoders.tokenizer_recipe import TokenizerRecipe
from indexer.errors import EncoderUnavailableError
from indexer.misread import misread
from indexer.types import Int64, Texts

if TYPE_CHECKING:
    from tokenizers import Encoding

#: Bytes of a file that is read at all; Gemma's, of 256,000 pieces, has 34 MB.
LARGEST_FILE: Final = 256_000_000


class PackedTokenizer(PlacedPieces):
    """A `graph_model.Tokenizer`. Safe to call from several threads: nothing in it changes.

    `text`: what a `tokenizer.json` holds. `where` names it in a message. Raises EncoderUnavailableError for what is no
    tokenizer, and where the package tokenizers is missing.
    """

    def __init__(self, text: str, recipe: TokenizerRecipe, where: str) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise EncoderUnavailableError(
                f"The package tokenizers cannot be imported ({error}); install it: pip install tokenizers"
            ) from error
        try:
            self._tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the package raises bare Exception
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise EncoderUnavailableError(f"The tokenizer in {where} cannot be loaded ({reason}).") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.text = text
        self.recipe = recipe
        self.context_length = recipe.context_length
        self._marks = np.array(recipe.marks, np.int64)
        added = self._tokenizer.num_special_tokens_to_add(False)
        #: Marks that a text is put between.
        self._added = added if recipe.ends is None else len(recipe.ends)

    @classmethod
    def read(cls, file: Path, recipe: TokenizerRecipe) -> PackedTokenizer:
        """Raises EncoderUnavailableError for a file that is missing, too large or no tokenizer."""
        return cls(read_text(file), recipe, str(file))

    def __call__(self, texts: Texts) -> Int64:
        """Returns (n, context_length) int64; longer texts are cut."""
        rows = np.full((len(texts), self.context_length), self.recipe.padding, np.int64)
        for row, text in zip(rows, texts, strict=True):
            self._fill(row, self._encoding(text))
        return rows

    def count(self, text: str) -> int:
        """The tokens of `text` before it is cut, those for its start and end included."""
        return len(self._encoding(text).ids) + self._added

    def unread(self, text: str) -> list[str]:
        """The words of `text` that hold what the vocabulary does not know. Of a vocabulary that spells everything in
        bytes there are none: other languages are read."""
        return [] if self.recipe.unknown is None else unread_unknown(text, self._pieces)

    def _encoding(self, text: str) -> Encoding:
        """Without the marks of start and end."""
        return self._tokenizer.encode(cleaned(whole(text), self.recipe.clean), add_special_tokens=False)

    def _fill(self, row: Int64, encoding: Encoding) -> None:
        recipe = self.recipe
        if recipe.ends is not None:
            first, last, end = recipe.ends
            ids = [first, *encoding.ids[: len(row) - len(recipe.ends)], last]
            row[: len(ids)] = ids
            row[-1] = end
            return
        encoding.truncate(max(0, len(row) - self._added), direction="left" if recipe.cuts_left else "right")
        ids = self._tokenizer.post_process(encoding).ids[: len(row)]
        row[slice(len(row) - len(ids), None) if recipe.pads_left else slice(0, len(ids))] = ids
        if recipe.zeroed is not None:
            row[row == recipe.zeroed] = 0

    def _places(self, row: Int64) -> Int64:
        places: Int64 = np.flatnonzero(~np.isin(row, self._marks))
        if not len(places):
            places = np.flatnonzero(row != self.recipe.padding)[:1]
        return places if len(places) else np.array([0])

    def _readable(self, piece: int) -> str:
        if piece in self.recipe.marks:
            return ""
        return self._tokenizer.decode([piece], skip_special_tokens=False).strip().removeprefix("##").strip("▁")

    def _pieces(self, word: str) -> int | None:
        ids = self._encoding(word).ids
        return None if self.recipe.unknown in ids else len(ids)


def read_text(file: Path) -> str:
    """A tokenizer's file. Raises EncoderUnavailableError where it is missing, too large or no text."""
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise EncoderUnavailableError(
                f"The tokenizer {file} is larger than {LARGEST_FILE:,} bytes; use another one."
            )
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise EncoderUnavailableError(
            f"The tokenizer {file} cannot be read ({misread(error)}); put the model's own file there."
        ) from error
