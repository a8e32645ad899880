"""The bundled text tower's word pieces: what goes into its graph, and what a person reads at each of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from indexer import forking
from indexer.encoders.coverage import unread_english
from indexer.encoders.slips import leaves_out
from indexer.encoders.vocabulary import Vocabulary
from indexer.errors import EncoderUnavailableError
from indexer.text import with_few_marks
from indexer.types import Int64

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


_UNKNOWN: Final = "[UNK]"
#: A word of so many letters that is near to a rare one means it.
_CLEAR: Final = 6


class WordPieces:
    """A `Tokenizer` in the file format of the package tokenizers, read at first use. Safe to call from several threads.

    It puts one mark before a text and one behind it. A text is cut after `limit` pieces, the marks included. Every
    method raises EncoderUnavailableError when the file or the package is missing, or the file is damaged.
    """

    def __init__(
        self,
        file: Path,
        limit: int,
        verify: Callable[[Path], object] | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """`verify` raises EncoderUnavailableError for a file that is not what was written. `vocabulary`: the words that
        the model has learned, where they are known."""
        self._file = file
        self._verify = verify
        self._vocabulary = vocabulary
        self._limit = limit
        self._tokenizer: Tokenizer | None = None
        self._loading = forking.lock()

    def count(self, text: str) -> int:
        """How many pieces `text` has before it is cut, the marks included."""
        return len(self._encode(text).ids)

    def row(self, text: str, most: int) -> tuple[Int64, slice]:
        """The pieces' ids (T,) int64, the marks included, T <= limit, and which are words: those between the marks, at
        most `most`. The first mark stands for a text without any."""
        ids: list[int] = self._encode(text).ids
        if len(ids) > self._limit:
            ids = [*ids[: self._limit - 1], ids[-1]]  # keeps the mark of the end
        return np.array(ids, dtype=np.int64), _places(len(ids), most)

    def row_length(self, most: int) -> int | None:
        """None: a longer text has more."""
        return None

    def words(self, text: str, most: int) -> list[str]:
        """What stands in `text` at each of its words, as it is written there; "" for a mark."""
        clean = _clean(text)
        encoding = self._encode(text)
        pieces = min(len(encoding.ids), self._limit)
        return [clean[start:end] for start, end in encoding.offsets[_places(pieces, most)]]

    def unread(self, text: str) -> list[str]:
        """The words of `text` that texts in English have not taught."""
        learned = None if self._vocabulary is None else self._vocabulary.knows
        return unread_english(_clean(text), self._pieces, other_scripts=False, learned=learned)

    def suggested(self, word: str) -> str | None:
        """The word that was meant by one that is not known: of the nearest one of which letters were left out, and of
        such the most frequent, as the tokenizer tells, which holds frequent words whole and the most frequent first.
        None where nothing is near, or, of a short word,
        nothing frequent: "vespa" is no "verpa"."""
        near = [] if self._vocabulary is None else self._vocabulary.near(word)
        begin = word[:1].lower()
        ids = {other: self._encode(other).ids[1:-1] for other in near}
        if len(word) < _CLEAR:
            near = [other for other in near if len(ids[other]) == 1]

        def place(other: str) -> tuple[object, ...]:
            rare = len(ids[other]) > 1
            return not other.startswith(begin), rare, not leaves_out(word, other), ids[other], other

        return min(near, key=place, default=None)

    def _pieces(self, word: str) -> int | None:
        pieces = self._encode(word).tokens[1:-1]
        return None if _UNKNOWN in pieces else len(pieces)

    def _encode(self, text: str) -> Encoding:
        with self._loading:
            if self._tokenizer is None:
                if self._verify is not None:
                    self._verify(self._file)
                self._tokenizer = _read_tokenizer(self._file)
        return self._tokenizer.encode(_clean(text))


def _places(pieces: int, most: int) -> slice:
    return slice(1, min(pieces - 1, most + 1)) if pieces > 2 else slice(0, 1)


def _clean(text: str) -> str:
    # Lone surrogates, from file names or captions that were not valid UTF-8, have no place in UTF-8.
    return with_few_marks(text.encode("utf-8", "replace").decode("utf-8"))


def _read_tokenizer(file: Path) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise EncoderUnavailableError(
            f"The package tokenizers cannot be imported ({error}); install it: pip install tokenizers"
        ) from error
    if not file.is_file():
        raise EncoderUnavailableError(f"The model file {file} is missing; install the package again.")
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises bare Exception
        raise EncoderUnavailableError(f"The model file {file} is damaged; install the package again.") from error
