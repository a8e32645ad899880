"""Texts to the tokens of an open_clip model, and back to what a person reads.

open_clip itself is handed in by `openclip.py`, which alone imports it.
"""

from __future__ import annotations

import re
from typing import Any, Final, get_args

import numpy as np

from indexer import forking
from indexer.encoders.coverage import unread_english
from indexer.encoders.openclip_model import Sources
from indexer.encoders.packed_tokenizer import PackedTokenizer
from indexer.encoders.text_cleaning import Cleaning, whole
from indexer.encoders.tokenizer_files import load_tokenizer
from indexer.errors import EncoderUnavailableError
from indexer.types import Int64, Texts

#: What a configuration may say of a tokenizer. open_clip hands whatever else stands there on to transformers, where
#: `trust_remote_code` would run code that came with the model.
_OPTIONS: Final = frozenset({"clean", "strip_sep_token", "language", "reduction_mask", "additional_special_tokens"})


class Tokenizer:
    """The model's own tokenizer: CLIP's by open_clip, any other one packed. Safe to call from several threads."""

    def __init__(self, open_clip: Any, sources: Sources) -> None:
        text = dict(sources.config.get("text_cfg", {}))
        self.context_length: int = int(text.get("context_length") or 77)
        self._lock = forking.lock()
        options = self._options = _checked_options(text.get("tokenizer_kwargs"))
        #: None: it is CLIP's own.
        self.packed: PackedTokenizer | None = None
        if text.get("hf_tokenizer_name"):
            self.packed = load_tokenizer(open_clip, str(sources.tokenizer), text, options)
        else:
            self._clips = open_clip.SimpleTokenizer(context_length=self.context_length, **options)

    def __call__(self, texts: Texts) -> Int64:
        """Returns (n, context_length) int64; longer texts are cut."""
        if self.packed is not None:
            return self.packed(texts)
        with self._lock:
            tokens: Int64 = self._clips([_clean(text) for text in texts]).numpy()
        return tokens

    def count(self, text: str) -> int:
        """The tokens of `text` before it is cut, those for its start and end included."""
        if self.packed is not None:
            return self.packed.count(text)
        with self._lock:
            return len(self._clips.encode(_clean(text))) + 2

    def word_places(self, tokens: Int64, limit: int) -> list[Int64]:
        """Where in each row of `tokens` (n, context_length) its word pieces stand: at most `limit`, at least one.

        Start, end and padding are none; a text without words has its end, or what stands first, in their place.
        """
        if self.packed is not None:
            return self.packed.word_places(tokens, limit)
        return [self._places(row)[:limit] for row in tokens]

    def words(self, text: str, limit: int) -> list[str]:
        """What a person reads at each of `word_places` of `text`; "" where that is no word."""
        if self.packed is not None:
            return self.packed.words(text, limit)
        row = self([text])[0]  # (context_length,)
        ids = [int(row[place]) for place in self._places(row)[:limit]]
        with self._lock:
            return [self._readable(each) for each in ids]

    def unread(self, text: str) -> list[str]:
        """The words of `text` that the tokenizer's texts have not taught: CLIP's were English, the others tell an
        unknown piece."""
        if self.packed is not None:
            return self.packed.unread(text)
        return unread_english(text, lambda word: self.count(word) - 2, other_scripts=True)

    def byte_pairs(self) -> tuple[dict[str, int], dict[tuple[str, str], int]] | None:
        """CLIP's vocabulary (token to id) and merges (pair to rank); None for other tokenizers or another cleaning."""
        own = self.packed is None and not self._options
        return (self._clips.encoder, self._clips.bpe_ranks) if own else None

    def _places(self, row: Int64) -> Int64:
        end = int(np.flatnonzero(row == self._clips.eot_token_id)[-1])
        inner = np.arange(1, end)  # id 0 pads, and is a word piece too
        places: Int64 = inner[~np.isin(row[1:end], self._clips.all_special_ids[:2])]
        return places if len(places) else np.array([end])

    def _readable(self, piece: int) -> str:
        if piece in self._clips.all_special_ids:
            return ""
        letters = self._clips.decoder[piece].removesuffix("</w>")
        return bytes(self._clips.byte_decoder[each] for each in letters).decode("utf-8", "replace")


def _clean(text: str) -> str:
    """CLIP's BPE takes at least quadratic time in the length of a word, 8 s for 10,000 letters; no word is that long,
    so one of over 256 letters is cut into several."""
    return re.sub(r"(\S{256})(?=\S)", r"\1 ", whole(text))


def _checked_options(given: object) -> dict[str, Any]:
    """Raises EncoderUnavailableError for one that is not among `_OPTIONS`."""
    options = dict(given) if isinstance(given, dict) else {}
    unknown = sorted(map(str, options.keys() - _OPTIONS))
    if unknown:
        raise EncoderUnavailableError(
            f"The model's configuration gives its tokenizer the option {unknown[0]!r}, which is not taken from a file; "
            f"{', '.join(sorted(_OPTIONS))} are."
        )
    if options.get("clean", "lower") not in get_args(Cleaning):
        raise EncoderUnavailableError(
            f"The model's configuration cleans its texts by {options['clean']!r}, which is not known; "
            f"{', '.join(get_args(Cleaning))} are."
        )
    return options
