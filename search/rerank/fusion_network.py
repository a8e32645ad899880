"""The fusion model's forward pass in numpy: what a query runs. No torch; 100 candidates in 15 ms on one core.

The same numbers as `search.rerank.fusion_model` to 1e-4 (a test holds the two together), arranged for speed:

- Keys and values are never made. With x the words and X the regions of an image, a head's q k' is (x Wq Wk') X', and
  its contribution to the output is attention X (Wv Wo); both products of weights are made once, and X is met as it is.
- Words never meet each other, so the words of all pairs stand below each other as the rows of one matrix.
- One buffer is worked on in place, in float32, in blocks that stay in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.types import Float32, Int8, Int64
from search.computing import map_parts

_EPS = np.float32(1e-6)  # `fusion_model.SHORTEST`
_NORM_EPS = np.float32(1e-5)  # torch's own of LayerNorm
#: Words of one block: its buffers are about 1 MB each and stay in the cache. Measured best of 100 to 2,000.
_BLOCK_WORDS = 600
#: From so many words on there are two blocks at least, for two cores.
_SHARED_WORDS = 256


@dataclass(frozen=True, slots=True)
class Late:
    """Words (m, w) against the regions of b images. `words` (m, w) unit norm, `attention` (b, m, r), `found`
    (b, m, w) unit norm, `similarities` (b, m)."""

    words: Float32
    attention: Float32
    found: Float32
    similarities: Float32


@dataclass(frozen=True, slots=True)
class _Block:
    """One block of cross-attention, its products of weights made: `query` (h, H w), `out` (H w, h)."""

    norm: tuple[Float32, Float32]
    query: Float32
    query_bias: Float32
    out: Float32
    out_bias: Float32
    feed_norm: tuple[Float32, Float32]
    widen: Float32
    widen_bias: Float32
    narrow: Float32
    narrow_bias: Float32


class FusionNetwork:
    """`fusion_model.FusionModel` of some weights. Holds nothing of a call: safe to use from several threads."""

    def __init__(self, arrays: dict[str, Float32], heads: int) -> None:
        """`arrays`: the model's state by name, float32."""

        def transposed(name: str) -> Float32:  # torch keeps (out, in)
            return np.ascontiguousarray(arrays[name].T)

        self._word_map = transposed("late.word_map.weight")  # (w, w)
        self._region_map = transposed("late.region_map.weight")  # (w, w)
        self._width = len(self._word_map)
        self._importance = arrays["late.importance.weight"][0] * np.float32(self._width**0.5)  # (w,)
        self._sharpness = np.float32(np.exp(arrays["late.log_sharpness"]))
        self._gain = np.float32(np.exp(arrays["late.log_gain"]))
        self._scale = np.float32(self._width**0.5)
        enter = transposed("enter.weight") * self._scale  # (3 w, h)
        self._enter_word, self._enter_found, product = np.split(enter, 3)  # (w, h) each
        self._enter_product = product * self._scale
        self._enter_bias = arrays["enter.bias"]
        self._blocks: list[_Block] = []
        while f"blocks.{len(self._blocks)}.query.weight" in arrays:
            self._blocks.append(self._block(arrays, f"blocks.{len(self._blocks)}.", heads))
        self._norm = (arrays["norm.weight"], arrays["norm.bias"])
        self._inner, self._inner_bias = transposed("inner.weight"), arrays["inner.bias"]
        self._outer, self._outer_bias = arrays["outer.weight"][0], arrays["outer.bias"]  # (h,), (1,)

    def _block(self, arrays: dict[str, Float32], prefix: str, heads: int) -> _Block:
        def get(name: str) -> npt.NDArray[np.float64]:
            return arrays[prefix + name].astype(np.float64)  # products of weights are made once: exactly

        def norm(name: str) -> tuple[Float32, Float32]:
            return arrays[f"{prefix}{name}.weight"], arrays[f"{prefix}{name}.bias"]

        hidden = len(get("query.bias"))
        part = hidden // heads
        # Regions are scaled, and so is a head's product: both go into the weights.
        scale = float(self._scale) / part**0.5
        key = get("key.weight").reshape(heads, part, -1) * scale  # (H, h / H, w)
        value = get("value.weight").reshape(heads, part, -1) * float(self._scale)
        query = get("query.weight").reshape(heads, part, hidden)
        out = get("out.weight").reshape(hidden, heads, part)
        return _Block(
            norm("attention_norm"),
            np.einsum("jpi,jpw->ijw", query, key).reshape(hidden, -1).astype(np.float32),
            np.einsum("jp,jpw->jw", get("query.bias").reshape(heads, part), key).ravel().astype(np.float32),
            np.einsum("jpw,ojp->jwo", value, out).reshape(-1, hidden).astype(np.float32),
            arrays[f"{prefix}out.bias"],
            norm("feed_norm"),
            np.ascontiguousarray(arrays[f"{prefix}widen.weight"].T),
            arrays[f"{prefix}widen.bias"],
            np.ascontiguousarray(arrays[f"{prefix}narrow.weight"].T),
            arrays[f"{prefix}narrow.bias"],
        )

    # -- two directions -------------------------------------------------------------------------------------

    def images(self, words: Int8, images: Sequence[Int8]) -> Float32:
        """A text (t, w) with each of n images (r, w), r >= 1 -> (n,) match scores."""
        text = floats(words)
        weights = self.weigh(text)  # (t,)
        scores = np.empty(len(images), np.float32)  # (n,)

        def score(some: Int64) -> None:
            regions = floats(np.stack([images[each] for each in some]))  # (b, r, w)
            late = self.late(text, regions)
            x = self._blocks_of(late, regions)  # (b, t, h)
            scores[some] = self._gain * (late.similarities @ weights) + self._matching(weights @ x)

        blocks = [part for positions in _equal_lengths(images) for part in _parts(positions, len(text))]
        map_parts(score, blocks)
        return scores

    def texts(self, regions: Int8, texts: Sequence[Int8]) -> Float32:
        """An image (r, w) with each of n texts (t, w), t >= 1 -> (n,) match scores."""
        image = floats(regions)[None]  # (1, r, w)
        scores = np.empty(len(texts), np.float32)  # (n,)
        lengths = np.array([len(text) for text in texts])  # (n,)
        for start, stop in _runs(lengths, _BLOCK_WORDS):
            words = floats(np.concatenate(texts[start:stop]))  # (m, w): the words of several texts
            firsts = np.cumsum(lengths[start:stop]) - lengths[start:stop]  # (b,)
            weights = self._weigh_each(words, firsts, lengths[start:stop])  # (m,)
            late = self.late(words, image)
            x = self._blocks_of(late, image)[0]  # (m, h)
            x *= weights[:, None]
            similarity = np.add.reduceat(late.similarities[0] * weights, firsts)  # (b,)
            scores[start:stop] = self._gain * similarity + self._matching(np.add.reduceat(x, firsts, axis=0))
        return scores

    # -- the parts ------------------------------------------------------------------------------------------

    def weigh(self, words: Float32) -> Float32:
        """How much each word of one text counts: (t, w) -> (t,), sum 1."""
        raw = words @ self._importance  # (t,)
        raw = np.exp(raw - raw.max())
        weights: Float32 = raw / raw.sum()
        return weights

    def _weigh_each(self, words: Float32, firsts: Int64, lengths: Int64) -> Float32:
        """`weigh` for the words (m, w) of several texts -> (m,)."""
        raw = words @ self._importance  # (m,)
        raw = np.exp(raw - np.repeat(np.maximum.reduceat(raw, firsts), lengths))
        weights: Float32 = raw / np.repeat(np.add.reduceat(raw, firsts), lengths)
        return weights

    def late(self, words: Float32, regions: Float32) -> Late:
        """(a): `words` (m, w) with each of the images `regions` (b, r, w)."""
        u = unit(words @ self._word_map)  # (m, w)
        v = unit(regions @ self._region_map)  # (b, r, w)
        attention = _product(u * self._sharpness, v.transpose(0, 2, 1))  # (b, m, r)
        softmax(attention)
        found = unit(_product(attention, v))  # (b, m, w)
        return Late(u, attention, found, np.einsum("mw,bmw->bm", u, found))

    def _blocks_of(self, late: Late, regions: Float32) -> Float32:
        """(b): what the words (b, m, h) have become after all blocks, normalised."""
        b, m, width = late.found.shape
        rows = b * m
        found = late.found.reshape(rows, width)
        x = found @ self._enter_found  # (b m, h)
        x += (late.found * late.words).reshape(rows, width) @ self._enter_product
        x.reshape(b, m, -1)[:] += late.words @ self._enter_word + self._enter_bias
        across = regions.transpose(0, 2, 1)  # (b, w, r)
        for block in self._blocks:
            q = _layer_norm(x, block.norm) @ block.query  # (b m, H w)
            q += block.query_bias
            # (b, m H, r): the heads of a word are rows as well
            attention = _product(q.reshape(b, -1, width), across)
            softmax(attention)
            x += _product(attention, regions).reshape(rows, -1) @ block.out
            x += block.out_bias
            wide = _layer_norm(x, block.feed_norm) @ block.widen  # (b m, f h)
            wide += block.widen_bias
            x += _silu(wide) @ block.narrow
            x += block.narrow_bias
        return _layer_norm(x, self._norm).reshape(b, m, -1)

    def _matching(self, pooled: Float32) -> Float32:
        """(b, h) -> (b,)."""
        inner = pooled @ self._inner  # (b, h)
        inner += self._inner_bias
        matching: Float32 = _silu(inner) @ self._outer + self._outer_bias
        return matching


def floats(tokens: Int8) -> Float32:
    """int8 -> float32 of about unit norm, as the encoder had it."""
    floats: Float32 = tokens.astype(np.float32)
    floats *= np.float32(1 / 127)
    return floats


def _product(left: Float32, right: Float32) -> Float32:
    product: Float32 = np.matmul(left, right)
    return product


def unit(rows: Float32) -> Float32:
    """(..., w) at unit norm, in place; shorter than `_EPS` counts as `_EPS`."""
    lengths = np.sqrt(np.einsum("...w,...w->...", rows, rows))  # (...)
    rows /= np.maximum(lengths, _EPS)[..., None]
    return rows


def softmax(rows: Float32) -> None:
    """Over the last axis, in place."""
    rows -= rows.max(axis=-1, keepdims=True)
    np.exp(rows, out=rows)
    rows /= (rows @ np.ones(rows.shape[-1], np.float32))[..., None]  # a product sums six times as fast


def _silu(rows: Float32) -> Float32:
    """x / (1 + exp(-x)), in place."""
    gate: Float32 = np.maximum(rows, np.float32(-80))  # exp(88) is float32's end
    np.negative(gate, out=gate)
    np.exp(gate, out=gate)
    gate += 1
    rows /= gate
    return rows


def _layer_norm(rows: Float32, weight_and_bias: tuple[Float32, Float32]) -> Float32:
    """(m, h), normalised over the last axis; a new array."""
    weight, bias = weight_and_bias
    out: Float32 = rows - rows.mean(axis=-1, keepdims=True)
    spread = np.einsum("mh,mh->m", out, out) / np.float32(rows.shape[-1])  # (m,)
    out *= (1 / np.sqrt(spread + _NORM_EPS))[:, None]
    out *= weight
    out += bias
    return out


def _equal_lengths(tokens: Sequence[Int8]) -> list[Int64]:
    """Positions of the arrays, those with equally many rows together. All are, in an index of one encoder."""
    lengths = np.array([len(each) for each in tokens])
    # not np.unique: it imports numpy.ma, as long as a fortieth of a cold query
    return [np.flatnonzero(lengths == length) for length in sorted(set(lengths.tolist()))]


def _parts(positions: Int64, words: int) -> list[Int64]:
    """Positions of images with `words` words each, in blocks of about the same size."""
    least = 2 if len(positions) * words >= _SHARED_WORDS else 1
    step = max(1, _BLOCK_WORDS // words)
    return [part for part in np.array_split(positions, max(least, -(-len(positions) // step))) if len(part)]


def _runs(lengths: Int64, most: int) -> list[tuple[int, int]]:
    """(start, stop) of consecutive texts that have at most `most` words together (one text at least)."""
    runs, start, words = [], 0, 0
    for position, length in enumerate(lengths):
        if position > start and words + length > most:
            runs.append((start, position))
            start, words = position, 0
        words += int(length)
    runs.append((start, len(lengths)))
    return runs
