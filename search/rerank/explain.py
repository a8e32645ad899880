"""How a text met an image, for people: whole words, how much each counts, and where in the picture it was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from indexer.catalog.items import Item
from indexer.encoders.base import Encoder, Preprocessing
from indexer.metrics import Float64
from indexer.types import Float32
from search.query.stop_words import STOP_WORDS
from search.rerank.answers import ask_alignment
from search.rerank.base import Alignment, EncodedQuery, Reranker
from search.rerank.stage import TokenSource

Box = tuple[float, float, float, float]
"""Left, upper, right, lower, in fractions of the picture as it is displayed."""

Grid = tuple[tuple[float, ...], ...]
"""Rows of numbers from the top, each from the left."""

#: A word fits a region so well where it was found: of 4,773 words of short queries that two of five captions say of a
#: photograph 60 % do, and 89 % of those of first hits; of 8,763 that no caption says 25 %, and 65 % of those of first
#: hits, many of which show it all the same (Flickr8k `val`).
FOUND_FROM: Final = 0.4

#: How continued word pieces and ended words are marked by the tokenizers of BERT and of CLIP.
_CONTINUED, _ENDED = "##", "</w>"


@dataclass(frozen=True, slots=True)
class WordMatch:
    """One word of the query in one picture.

    `weight`: its share of the whole, 0 to 1; `similarity`: how well what was found fits it, -1 to 1; `box`: the region
    that fits best, None where it was not found; `attention`: where it was looked for, over the regions of
    `Explanation.area`, sum 1.
    """

    word: str
    weight: float
    similarity: float
    box: Box | None
    attention: Grid


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which words met which regions of one picture.

    `words` in the order of the query, without punctuation, marks of start and end, and (where there are others) words
    of grammar ("a", "in"); their weights sum to 1. `grid`: the attention of those that were found (of all, where none
    was), each by its weight, sum 1. `area`: the part of the picture that the grid covers; an encoder that cuts sees
    less than all, one that pads more (below 0, above 1).
    """

    words: tuple[WordMatch, ...]
    grid: Grid
    area: Box

    @property
    def found(self) -> bool:
        """Whether any of the words was; else the grid points at nothing."""
        return any(word.box is not None for word in self.words)

    def heaviest(self, most: int) -> list[tuple[int, WordMatch]]:
        """The words that count most, at most so many, each with its position in `words`; in the order of the query."""
        order = sorted(range(len(self.words)), key=lambda position: (-self.words[position].weight, position))
        return [(position, self.words[position]) for position in sorted(order[:most])]

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object."""
        return {
            "words": [
                {
                    "word": word.word,
                    "weight": round(word.weight, 4),
                    "similarity": round(word.similarity, 4),
                    **({} if word.box is None else {"box": [round(side, 4) for side in word.box]}),
                }
                for word in self.words
            ],
            "found": self.found,
            "grid": {
                "rows": len(self.grid),
                "columns": len(self.grid[0]),
                "area": [round(side, 4) for side in self.area],
                "values": [[round(value, 5) for value in row] for row in self.grid],
            },
        }


def explain_images(
    query: EncodedQuery, rows: Sequence[Item], encoder: Encoder, reranker: Reranker | None, source: TokenSource
) -> tuple[dict[int, Explanation], list[str]]:
    """Explanations by item id, of those of the rows that can be explained; and what a person should know if not all.

    `query` has its tokens when `reranker` needs them.
    """
    images = [row for row in rows if row.metadata is not None and row.kind == "image"]
    if query.text is None:
        return {}, ["Only images that words alone have found can be explained; ask in words."]
    if rows and not images:
        return {}, ["Only images can be explained, and these are texts; leave out `to='text'`."]
    if reranker is None:
        return {}, [
            f"Nothing here can say why these were found: there is no reranker for the encoder {encoder.identity.name}; "
            "train one with `train_reranker(table=TABLE)`, or name one with `reranker`."
        ]
    tokens = source.of([row.id for row in images])
    pieces = encoder.words(query.text)
    found: dict[int, Explanation] = {}
    for row in images:
        alignment = ask_alignment(reranker, query, tokens[row.id], len(pieces)) if row.id in tokens else None
        if alignment is not None and row.metadata is not None:
            size = (row.metadata.width, row.metadata.height)
            found[row.id] = explain(alignment, pieces, query.text, encoder.identity.preprocessing, size)
    if images and not found and (tokens or not reranker.needs_tokens):
        return {}, [f"The reranker {reranker.name} cannot say which words met which regions; choose another one."]
    missing = len(images) - len(tokens)
    if missing:
        return found, [f"{missing:,} of {len(images):,} hits have no region tokens to explain; {source.remedy}."]
    return found, []


def explain(
    alignment: Alignment, pieces: Sequence[str], text: str, preprocessing: Preprocessing, size: tuple[int, int]
) -> Explanation:
    """`pieces`: what the encoder calls the tokens of `text`, as many as the alignment has; `size`: width and height
    of the picture as it is displayed. Raises ValueError when the numbers differ."""
    if len(pieces) != len(alignment.weights):
        raise ValueError(f"{len(alignment.weights)} words are aligned, and {len(pieces)} were named.")
    area = seen_area(preprocessing, size)
    weights = alignment.weights.astype(np.float64)  # (t,)
    attention = alignment.attention.astype(np.float64)  # (t, rows, columns)
    shown = whole_words(pieces, text)
    shown = [each for each in shown if each[0].lower() not in STOP_WORDS] or shown
    counting = np.array([weights[members].sum() for _, members in shown])  # (w,)
    shares = _shares(counting)
    words, looked_at = [], []
    for (word, members), share in zip(shown, shares.tolist(), strict=True):
        among = _shares(weights[members])
        looked = np.tensordot(among, attention[members], axes=1)  # (rows, columns)
        similarity = float(among @ alignment.similarities[members])
        box = strongest(looked, area) if similarity >= FOUND_FROM else None
        words.append(WordMatch(word, share, similarity, box, _grid(looked)))
        looked_at.append(looked)
    if not words:
        return Explanation((), _grid(np.tensordot(_shares(weights), attention, axes=1)), area)
    found = np.array([word.box is not None for word in words])  # (w,)
    parts = np.where(found, shares, 0.0) if found.any() else shares
    whole = np.tensordot(_shares(parts), np.stack(looked_at), axes=1)  # (rows, columns)
    return Explanation(tuple(words), _grid(whole), area)


def _shares(weights: Float64) -> Float64:
    """(n,): in parts of their sum; alike where all are 0. n may be 0: a query of signs has no word."""
    total = float(weights.sum())
    return weights / total if total > 0 else np.full(len(weights), 1 / max(len(weights), 1))


def whole_words(pieces: Sequence[str], text: str) -> list[tuple[str, list[int]]]:
    """The words that a person reads, each with the positions of its pieces; what has no letter or digit is left out.

    Pieces belong together when one says that it continues the last, or when they touch in the text.
    """
    words: list[tuple[str, list[int]]] = []
    lowered, end = text.lower(), 0
    joined = False
    for position, piece in enumerate(pieces):
        plain = piece.removeprefix(_CONTINUED).removesuffix(_ENDED)
        here = plain.lower()
        start = lowered.find(here, end)
        if not any(char.isalnum() for char in plain) or (start < 0 and _is_mark(piece)):
            joined = False
            continue
        touches = start == end and plain.isascii()  # other scripts may write words without spaces
        if start >= 0:
            end = start + len(here)
        if joined and (piece.startswith(_CONTINUED) or touches):
            word, members = words[-1]
            words[-1] = (word + plain, [*members, position])
        else:
            words.append((plain, [position]))
        joined = not piece.endswith(_ENDED)
    return words


def _is_mark(piece: str) -> bool:
    """[CLS], <end_of_text> and their like, which stand for no word."""
    return len(piece) > 2 and (piece[0], piece[-1]) in {("[", "]"), ("<", ">")}


def seen_area(preprocessing: Preprocessing, size: tuple[int, int]) -> Box:
    """The part of a picture of `size` (width, height) that becomes the encoder's input, rounding aside."""
    if preprocessing.resize == "squash":
        return (0.0, 0.0, 1.0, 1.0)
    across, down = preprocessing.width / size[0], preprocessing.height / size[1]
    scale = max(across, down) if preprocessing.resize == "shortest" else min(across, down)
    wide, high = across / scale, down / scale  # of the picture's sides; at most 1 where it is cut, else at least 1
    return ((1 - wide) / 2, (1 - high) / 2, (1 + wide) / 2, (1 + high) / 2)


def strongest(attention: Float32 | np.ndarray[Any, np.dtype[np.float64]], area: Box) -> Box:
    """The region (rows, columns) with the largest value that lies in the picture at all, cut to the picture."""
    rows, columns = attention.shape
    left, upper, right, lower = area
    x = np.clip(np.linspace(left, right, columns + 1), 0, 1)  # (columns + 1,)
    y = np.clip(np.linspace(upper, lower, rows + 1), 0, 1)  # (rows + 1,)
    inside = np.diff(y)[:, None] * np.diff(x)[None, :] > 0  # (rows, columns)
    row, column = np.unravel_index(int(np.argmax(np.where(inside, attention, -1.0))), attention.shape)
    return (float(x[column]), float(y[row]), float(x[column + 1]), float(y[row + 1]))


def _grid(values: np.ndarray[Any, np.dtype[np.float64]]) -> Grid:
    return tuple(tuple(float(value) for value in row) for row in values)
