"""Captions with one word left out, for masked language modelling (Devlin et al. 2019, arXiv 1810.04805; with an image
beside them ViLBERT, Lu et al. 2019, arXiv 1908.02265).

The word is left out before the text is encoded, once a caption: the encoder has already joined the words of a text, so
that the tokens of the others would still tell a word that is masked afterwards.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from indexer.encoders.base import Encoder
from indexer.progress import Progress
from indexer.types import Int8, Int64
from search.query.stop_words import STOP_WORDS
from search.rerank.caption_tokens import caption_tokens

#: A word is asked for when so many captions say it: fewer do not teach it.
LEAST: Final = 20

_WORD: Final = re.compile(r"[^\W\d_]+")
#: Where their tokens are kept beside the training.
_FILE: Final = "clozes.npz"


@dataclass(frozen=True, slots=True)
class Clozes:
    """c captions with one word left out.

    `place` (t,) int64: where a text's stands among them, -1 for none. The words that are left of the i-th are
    `word_tokens[word_offsets[i]:word_offsets[i + 1]]`, (t_i, w) int8, at least one. `answers` (c,) int64: the word that
    is missing, a position in `vocabulary`.
    """

    place: Int64
    word_tokens: Int8
    word_offsets: Int64
    answers: Int64
    vocabulary: tuple[str, ...]


def clozes_of(
    texts: Sequence[str], trained: Int64, encoder: Encoder, work: Path, progress: Progress, least: int = LEAST
) -> Clozes | None:
    """Of the texts at positions `trained` (m,), encoded once and kept in `work`; None when `least` of them say no word
    in common."""
    said = Counter(word for at in trained for word in set(_words(texts[at])))
    vocabulary = tuple(sorted(word for word, times in said.items() if times >= least))
    number = {word: at for at, word in enumerate(vocabulary)}
    place = np.full(len(texts), -1, np.int64)
    shortened: list[str] = []
    answers: list[int] = []
    for at in trained.tolist():
        found = _without_one(texts[at], number)
        if found is not None:
            place[at] = len(shortened)
            shortened.append(found[0])
            answers.append(number[found[1]])
    if not shortened:
        return None
    different, same = np.unique(np.array(shortened), return_inverse=True)  # (u,), (c,)
    _, tokens, offsets = caption_tokens(different.tolist(), {}, encoder, work, progress, keep=_FILE)
    words = [tokens[offsets[at] : offsets[at + 1]] for at in same.tolist()]
    return Clozes(
        place,
        np.concatenate(words),
        np.concatenate([np.zeros(1, np.int64), np.cumsum([len(each) for each in words], dtype=np.int64)]),
        np.array(answers, np.int64),
        vocabulary,
    )


def _words(text: str) -> list[str]:
    """Those that say something of a picture, in small letters."""
    return [word for word in _WORD.findall(text.casefold()) if word not in STOP_WORDS and len(word) > 1]


def _without_one(text: str, known: dict[str, int]) -> tuple[str, str] | None:
    """The text without one of its known words, which a digest of it chooses, and that word; every time the word is
    said it is left out. None when there is none, or nothing else."""
    among = sorted({word for word in _words(text) if word in known})
    if not among:
        return None
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    word = among[int.from_bytes(digest[:8], "big") % len(among)]
    rest = " ".join(_WORD.sub(lambda found: " " if found[0].casefold() == word else found[0], text).split())
    return (rest, word) if _WORD.search(rest) else None
