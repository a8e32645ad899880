"""CLIP's own tokenizer without open_clip and torch: byte-pair encoding by the package tokenizers.

The same ids as `open_clip.SimpleTokenizer` (a property test holds the two together), from one file of a few hundred kB.
Source of the scheme: Radford et al. 2021, section 2.4; Sennrich et al. 2016 (BPE); the byte alphabet is GPT-2's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from indexer import forking
from indexer.encoders.coverage import unread_english
from indexer.encoders.placed_pieces import PlacedPieces
from indexer.encoders.text_cleaning import cleaned, whole
from indexer.errors import EncoderUnavailableError
from indexer.types import Int64, Texts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: What a text is cut into before the merges; the special tokens of CLIP stand for themselves.
_SPECIAL: Final = ("<start_of_text>", "<end_of_text>")
_PIECES: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


class ClipTokenizer(PlacedPieces):
    """A `Tokenizer`, made from the file that `write` wrote. Safe to call from several threads.

    Raises EncoderUnavailableError when the file or the package tokenizers is missing, or the file is damaged.
    """

    def __init__(self, file: Path, context_length: int) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise EncoderUnavailableError(
                f"The package tokenizers cannot be imported ({error}); install it: pip install tokenizers"
            ) from error
        try:
            self._tokenizer: Tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the package raises bare Exception
            raise EncoderUnavailableError(f"The tokenizer {file} is missing or damaged.") from error
        ids = [self._tokenizer.token_to_id(special) for special in _SPECIAL]
        if None in ids:
            raise EncoderUnavailableError(f"The tokenizer {file} is not one of CLIP.")
        self._start, self._end = (int(each) for each in ids if each is not None)
        self.context_length = context_length
        self._lock = forking.lock()

    def __call__(self, texts: Texts) -> Int64:
        """Returns (n, context_length) int64, padded with 0; longer texts are cut, and end in the mark of the end."""
        rows = np.zeros((len(texts), self.context_length), np.int64)
        for row, text in zip(rows, texts, strict=True):
            ids = [self._start, *self._ids(text), self._end]
            if len(ids) > self.context_length:
                ids = [*ids[: self.context_length - 1], self._end]
            row[: len(ids)] = ids
        return rows

    def count(self, text: str) -> int:
        """The tokens of `text` before it is cut, those for its start and end included."""
        return len(self._ids(text)) + 2

    def unread(self, text: str) -> list[str]:
        """The words of `text` that texts in English, with emoji among them, have not taught."""
        return unread_english(text, lambda word: len(self._ids(word)), other_scripts=True)

    def _places(self, row: Int64) -> Int64:
        end = int(np.flatnonzero(row == self._end)[-1])
        inner = np.arange(1, end)  # id 0 pads, and is a word piece too
        places: Int64 = inner[~np.isin(row[1:end], [self._start, self._end])]
        return places if len(places) else np.array([end])

    def _readable(self, piece: int) -> str:
        token = self._tokenizer.id_to_token(piece)
        if token is None or token in _SPECIAL:
            return ""
        return bytes(_BYTES[letter] for letter in token.removesuffix("</w>")).decode("utf-8", "replace")

    def _ids(self, text: str) -> list[int]:
        text = clean(text)
        with self._lock:
            if not any(special in text for special in _SPECIAL):
                return list(self._tokenizer.encode(text, add_special_tokens=False).ids)
            ids: list[int] = []
            for piece, _ in _splitter().pre_tokenize_str(text):
                known = self._tokenizer.token_to_id(piece) if piece in _SPECIAL else None
                ids += [known] if known is not None else self._tokenizer.encode(piece, add_special_tokens=False).ids
            return ids


def write(file: Path, vocabulary: Mapping[str, int], merges: Mapping[tuple[str, str], int]) -> None:
    """Write the file: `vocabulary` from token to id, `merges` from a pair of tokens to its rank. Raises OSError."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    model = models.BPE(
        vocab=dict(vocabulary), merges=sorted(merges, key=lambda pair: merges[pair]), end_of_word_suffix="</w>"
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    file.write_text(tokenizer.to_str(pretty=False), encoding="utf-8")


def clean(text: str) -> str:
    """`text` as CLIP's vocabulary knows it: mended, unescaped twice, spaces joined, lower case.

    BPE takes at least quadratic time in the length of a word, and no word is that long, so one of over 256 letters is
    cut into several.
    """
    return cleaned(re.sub(r"(\S{256})(?=\S)", r"\1 ", whole(text)), "lower")


def _splitter() -> Any:
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Split(Regex("|".join((*_SPECIAL, _PIECES))), behavior="removed", invert=True)


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's letters for bytes: printable ones stand for themselves, the others for letters from 256 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTES: Final = _byte_alphabet()
