"""An encoder of two exported graphs on the CPU: the model that ships, or an open_clip model that was exported here.

It needs neither torch nor open_clip. Loading is lazy and separate for the two towers: a text query never loads the
image tower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from indexer import forking
from indexer.encoders.base import Encoded, EncoderId, TokenShape
from indexer.encoders.graph_model import TOKENIZER, WORDS, GraphModel, Tokenizer, Tower, bundled_folder, read_model
from indexer.encoders.templates import BUNDLED_TEMPLATES, CLIP_TEMPLATES
from indexer.encoders.text_groups import TOGETHER, WIDE_TOGETHER, apart, groups_of
from indexer.encoders.tokenizer_recipe import TokenizerRecipe
from indexer.errors import EncoderError
from indexer.settings import cache_folder
from indexer.types import Float32, Int8, Pixels, Texts

if TYPE_CHECKING:
    from indexer.encoders.runtime import Graph

T = TypeVar("T")
R = TypeVar("R")
Outputs = dict[str, npt.NDArray[Any]]

#: Images that share a run where a tower computes in int8: 8 percent more in a second than one by one (ViT-B-32-256),
#: eight bring no more. Sums of whole numbers are the same in any order, so a row keeps its bits; float32's might not.
_TOGETHER: Final = 4


class GraphEncoder:
    """Implements `indexer.encoders.base.Encoder`. Safe to call from several threads.

    `folder` holds the model (`graph_model.py`; default: the one that ships), `threads` is how many cores one call uses
    (default: SEARCH_THREADS, else all), `name` what the identity is called (default: what the folder says). The
    identity of an exported model is that of the model that it was made from: vectors of both are comparable (mean
    cosine at least `openvino_export.LEAST_COSINE`).

    Raises EncoderUnavailableError, here for a description that is missing or damaged, at first use for other files.
    """

    def __init__(self, folder: Path | None = None, threads: int | None = None, *, name: str | None = None) -> None:
        self.folder = folder if folder is not None else bundled_folder()
        model = read_model(self.folder)
        self._model = model if name is None else replace(model, identity=replace(model.identity, name=name))
        self._words = 0 if self._model.tokens is None else self._model.tokens.words
        self._tokenizer = _tokenizer(self._model, self.folder / TOKENIZER)
        self._threads = threads
        #: Sentences for a person about what costs time.
        self.troubles: list[str] = []
        self._graphs: dict[tuple[Tower, int, int], Graph] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._asking = 0  # calls that encode texts just now
        self._loading = forking.lock()
        forking.register(self)

    @property
    def identity(self) -> EncoderId:
        """What made the vectors."""
        return self._model.identity

    @property
    def token_shape(self) -> TokenShape | None:
        """None for graphs that yield vectors only."""
        return self._model.tokens

    @property
    def batch_size(self) -> int:
        """Images of a full batch: how much is decoded and committed at once, and work for every stream."""
        return max(self._model.batch_size, self._streams() * self._together())

    @property
    def text_batch_size(self) -> int:
        """Texts of a full batch."""
        return self._model.text_batch_size

    @property
    def independent_rows(self) -> bool:
        """Images run by themselves, or among others where sums are of whole numbers; texts as `text_groups` says."""
        return True

    @property
    def max_text_tokens(self) -> int:
        """Texts are cut after this many tokens, the marks of start and end included."""
        return self._model.max_text_tokens

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        """`pixels`: (n, height, width, 3) uint8 RGB, as `identity.preprocessing` says.

        Raises ValueError for another shape or type, EncoderUnavailableError when the graph cannot be loaded.
        """
        wanted = self.identity.preprocessing
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (wanted.height, wanted.width, 3):
            raise ValueError(
                f"Pixels must be uint8 of shape (n, {wanted.height}, {wanted.width}, 3), "
                f"not {pixels.dtype} of shape {pixels.shape}."
            )
        shape = self._model.tokens if tokens else None
        if not len(pixels):
            return self._encoded([], shape)
        alone = len(pixels) == 1 and self._model.single_image
        together = 1 if alone else self._together()
        graph = self._image_graph(together, streams=1 if alone else self._streams())

        def run(start: int) -> Outputs:
            part = pixels[start : start + together]
            missing = together - len(part)
            rows = part if not missing else np.concatenate([part, np.repeat(part[-1:], missing, axis=0)])
            outputs = graph.run({self._model.inputs["image"]: rows}, _names(shape))
            return {name: array[: len(part)] for name, array in outputs.items()}

        runs = self._map(run, range(0, len(pixels), together))
        if shape is None:
            return self._encoded(runs, None)
        regions = [one for each in runs for one in self._checked(each["tokens"], "image", shape, shape.regions)]
        return self._encoded(runs, shape, regions)

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        """A text is cut at `max_text_tokens`; an empty one has a vector too.

        The marks of start and end have no token, but for a text of nothing else, whose only token is that of a mark.
        Raises ValueError for a bare string, EncoderUnavailableError when the graph or tokenizer cannot be loaded.
        """
        if isinstance(texts, str):
            raise ValueError("A sequence of texts is wanted here, not one text.")
        shape = self._model.tokens if tokens else None
        if not len(texts):
            return self._encoded([], shape)
        length = self._tokenizer.row_length(self._words)
        read = [self._tokenizer.row(text, self._words) for text in texts]
        with self._text_graph(len(texts), length) as graph:

            def run(places: Sequence[int]) -> Outputs:
                rows = np.stack([read[place][0] for place in places])  # (b, T)
                return graph.run({self._model.inputs["text"]: rows}, _names(shape))

            most = 1 if length is not None else _texts_together(len(texts), self._streams())
            groups = groups_of([len(row) for row, _ in read], most)
            runs = self._map(run, groups)
        each = apart(groups, runs)
        if shape is None:
            return self._encoded(each, None)
        words = [
            self._checked(own["tokens"], "text", shape)[0][which].copy()
            for own, (_, which) in zip(each, read, strict=True)
        ]
        return self._encoded(each, shape, words)

    @contextmanager
    def _text_graph(self, count: int, length: int | None) -> Iterator[Graph]:
        """The graph for so many texts. One text, what a query waits for, has all threads, unless other queries are
        being encoded: several that have a thread each do more in a second than one after the other. Neither changes a
        bit."""
        with self._loading:
            self._asking += 1
            alone = count == 1 and self._asking == 1
        try:
            yield self._graph("text", 1, None if length is None else (1, length), 1 if alone else self._streams())
        finally:
            with self._loading:
                self._asking -= 1

    def load_image_tower(self) -> None:
        """Load the image graph for many images now. Raises EncoderUnavailableError."""
        self._image_graph(self._together(), streams=self._streams())

    def words(self, text: str) -> list[str]:
        """What a person reads at each token of `text`; [""] for a text without words, [] where there are no tokens."""
        return self._tokenizer.words(text, self._words) if self._words else []

    @property
    def templates(self) -> tuple[str, ...]:
        """Class names are asked for in these: CLIP's, of models with CLIP's tokenizer, which read English alt texts."""
        if isinstance(self._model.tokenizer, TokenizerRecipe):
            return ()
        return CLIP_TEMPLATES if self._model.tokenizer == "clip" else BUNDLED_TEMPLATES

    def unread(self, text: str) -> list[str]:
        """The words of `text` that the model has no idea of."""
        return self._tokenizer.unread(text)

    def suggested(self, word: str) -> str | None:
        """The word that was meant by one of these, where that can be said."""
        return self._tokenizer.suggested(word)

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has before it is cut, the marks of start and end included."""
        return self._tokenizer.count(text)

    def before_fork(self) -> None:
        """Nothing: the graphs are shared with the child."""

    def after_fork(self) -> None:
        """The graphs stay (`runtime.Graph`), the pool's threads did not come along."""
        self._pool = None
        self._asking = 0

    def _streams(self) -> int:
        """Of many rows each run has one thread, and as many go on at once as there are threads. One row, what a query
        waits for, has all of them."""
        from indexer.settings import thread_count

        return self._threads or thread_count()

    def _together(self) -> int:
        from indexer.encoders.runtime import has_int8_products

        arithmetic = self._model.arithmetic["image"]
        return _TOGETHER if arithmetic == "narrow" or (arithmetic == "fast" and has_int8_products()) else 1

    def _map(self, run: Callable[[T], R], items: Sequence[T]) -> list[R]:
        if len(items) == 1:
            return [run(items[0])]
        with self._loading:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._streams(), "encode")
            pool = self._pool
        return list(pool.map(run, items))

    def _image_graph(self, together: int, *, streams: int) -> Graph:
        wanted = self.identity.preprocessing
        return self._graph("image", together, (together, wanted.height, wanted.width, 3), streams)

    def _graph(self, tower: Tower, rows: int, shape: tuple[int, ...] | None, streams: int) -> Graph:
        with self._loading:
            key = tower, rows, streams
            if key not in self._graphs:
                from indexer.encoders.compile_cache import CompileCache
                from indexer.encoders.runtime import Graph

                caches = cache_folder()
                cache = None if caches is None else CompileCache(caches / "compiled")
                self._graphs[key] = Graph(
                    self.folder / f"{tower}.xml",
                    self._threads,
                    streams=streams,
                    arithmetic=self._model.arithmetic[tower],
                    shapes={} if shape is None else {self._model.inputs[tower]: shape},
                    cache=cache,
                    origin=self._model,
                )
                if cache is not None and cache.trouble is not None and cache.trouble not in self.troubles:
                    self.troubles.append(cache.trouble)
            return self._graphs[key]

    def _checked(self, tokens: npt.NDArray[Any], tower: Tower, shape: TokenShape, count: int | None = None) -> Int8:
        """Tokens (b, t, width) int8 as a graph gave them; t is `count` where there is one."""
        fits = tokens.dtype == np.int8 and tokens.ndim == 3 and tokens.shape[2] == shape.width
        if not fits or (count is not None and tokens.shape[1] != count):
            raise self._model.damaged(self.folder / f"{tower}.xml")
        return tokens

    def _encoded(self, runs: Sequence[Outputs], shape: TokenShape | None, tokens: Iterable[Int8] = ()) -> Encoded:
        return Encoded(self._vectors(runs), None if shape is None else list(tokens))

    def _vectors(self, runs: Sequence[Outputs]) -> Float32:
        if not runs:
            return np.empty((0, self.identity.dimension), np.float32)
        found: Float32 = np.concatenate([outputs["vectors"] for outputs in runs]).astype(np.float32, copy=False)
        if self._model.unit:
            return found  # (n, d)
        norms = np.linalg.norm(found, axis=1, keepdims=True)  # (n, 1)
        if not np.isfinite(norms).all() or not (norms > 0).all():
            raise EncoderError(f"The graph of {self.identity.name} gave what is no number; {self._model.remedy}.")
        unit: Float32 = found / norms
        return unit


def _texts_together(count: int, streams: int) -> int:
    """Texts of one run at most, of `count`: no stream is to wait for another's long one."""
    from indexer.encoders.runtime import has_wide_products

    return min(WIDE_TOGETHER, max(TOGETHER, count // (2 * streams))) if has_wide_products() else TOGETHER


def _names(shape: TokenShape | None) -> list[str]:
    """The outputs that are asked for."""
    return ["vectors"] if shape is None else ["vectors", "tokens"]


def _tokenizer(model: GraphModel, file: Path) -> Tokenizer:
    if model.tokenizer == "clip":
        from indexer.encoders.clip_tokenizer import ClipTokenizer

        model.verify(file)
        return ClipTokenizer(file, model.max_text_tokens)
    if isinstance(model.tokenizer, TokenizerRecipe):
        from indexer.encoders.packed_tokenizer import PackedTokenizer

        model.verify(file)
        return PackedTokenizer.read(file, model.tokenizer)
    from indexer.encoders.vocabulary import Vocabulary
    from indexer.encoders.wordpieces import WordPieces

    words = file.with_name(WORDS)
    return WordPieces(file, model.max_text_tokens, model.verify, Vocabulary(words) if words.exists() else None)
