"""The encoder that ships with the product: two exported graphs in `data/models/bundled`, run on the CPU.

The image tower's convolutions compute in int8 (`tools/bundled/quantise.py`), everything behind them in float32.

Loading is lazy and separate for the two towers: a text query never loads the image tower.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from indexer.encoders.base import Encoded, EncoderId, Preprocessing, TokenShape
from indexer.encoders.wordpieces import WordPieces
from indexer.errors import EncoderUnavailableError, UsageError
from indexer.settings import cache_folder, models_folder
from indexer.types import Float32, Int8, Pixels, Texts

if TYPE_CHECKING:
    from indexer.encoders.runtime import Graph

NAME: Final = "bundled"
DESCRIPTION: Final = "encoder.json"
IMAGE_GRAPH: Final = "image.xml"
TEXT_GRAPH: Final = "text.xml"
TOKENIZER: Final = "tokenizer.json"
FORMAT: Final = 2


class BundledEncoder:
    """Implements `indexer.encoders.base.Encoder`. Safe to call from several threads.

    Whether it has tokens to give stands in its `encoder.json` ("tokens"); its graphs then have an output of that name.

    `folder` holds the model's files (default: those that ship), `threads` is how many cores one call uses (default:
    SEARCH_THREADS, else all). Raises EncoderUnavailableError, here for a missing or unreadable `encoder.json`, and at
    first use for the other files. A row's vector depends on that row alone, to the last bit: each is run by itself.
    """

    def __init__(self, folder: Path | None = None, threads: int | None = None) -> None:
        self.folder = folder if folder is not None else _default_folder()
        fields = _read_description(self.folder)
        try:
            self._max_text_tokens = int(fields["max_text_tokens"])
            self._identity = EncoderId(
                NAME, weights_digest(fields["files"]), int(fields["dimension"]), _preprocessing(fields)
            )
            self._token_shape = _token_shape(fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(self.folder / DESCRIPTION) from error
        self._threads = threads
        self._image: Graph | None = None
        self._text: Graph | None = None
        self._texts: Graph | None = None
        self._lanes: ThreadPoolExecutor | None = None
        self._pieces = WordPieces(self.folder / TOKENIZER, self._max_text_tokens)
        self._loading = threading.Lock()

    @property
    def identity(self) -> EncoderId:
        """What made the vectors. `weights` covers the graphs and the tokenizer, as recorded when they were made."""
        return self._identity

    @property
    def batch_size(self) -> int:
        """Images of a full batch. Rows are run one by one: it only sets how much is decoded and committed at once."""
        return 16

    @property
    def text_batch_size(self) -> int:
        """Texts of a full batch."""
        return 64

    @property
    def max_text_tokens(self) -> int:
        """Texts are cut after this many tokens, the marks of start and end included."""
        return self._max_text_tokens

    @property
    def token_shape(self) -> TokenShape | None:
        """None for a model whose graphs yield vectors only."""
        return self._token_shape

    @property
    def independent_rows(self) -> bool:
        """Each is run by itself."""
        return True

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        """`pixels`: (n, height, width, 3) uint8 RGB, as `identity.preprocessing` says.

        Raises ValueError for another shape or type, EncoderUnavailableError when the graph cannot be loaded.
        """
        shape = self._token_shape if tokens else None
        rows = list(self._run_images(pixels, ["vectors"] if shape is None else ["vectors", "tokens"]))
        vectors = self._stack([outputs["vectors"] for outputs in rows])
        if shape is None:
            return Encoded(vectors)
        return Encoded(
            vectors, [self._checked(each["tokens"], IMAGE_GRAPH, shape.width, shape.regions) for each in rows]
        )

    def load_image_tower(self) -> None:
        """Load the image graph now. Raises EncoderUnavailableError."""
        self._image_graph()

    def _run_images(self, pixels: Pixels, outputs: list[str]) -> Iterator[dict[str, npt.NDArray[Any]]]:
        wanted = self._identity.preprocessing
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (wanted.height, wanted.width, 3):
            raise ValueError(
                f"Pixels must be uint8 of shape (n, {wanted.height}, {wanted.width}, 3), "
                f"not {pixels.dtype} of shape {pixels.shape}."
            )
        if not len(pixels):
            return
        graph = self._image_graph()
        assert self._lanes is not None
        yield from self._lanes.map(lambda row: graph.run({"pixels": row[None]}, outputs), pixels)

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        """A text is cut at `max_text_tokens`; an empty one has a vector too.

        The marks of start and end have no token, but for a text of nothing else, whose only token is the first mark's.
        Raises ValueError for a bare string, EncoderUnavailableError when the graph or tokenizer cannot be loaded.
        """
        shape = self._token_shape if tokens else None
        rows = list(self._run_texts(texts, ["vectors"] if shape is None else ["vectors", "tokens"]))
        vectors = self._stack([outputs["vectors"] for outputs in rows])
        if shape is None:
            return Encoded(vectors)
        words = [self._checked(each["tokens"], TEXT_GRAPH, shape.width, None) for each in rows]  # each (T, width)
        return Encoded(vectors, [each[self._pieces.places(len(each), shape.words)].copy() for each in words])

    def _run_texts(self, texts: Texts, outputs: list[str]) -> Iterator[dict[str, npt.NDArray[Any]]]:
        if isinstance(texts, str):
            raise ValueError("A sequence of texts is wanted here, not one text.")
        if len(texts) == 1:
            yield self._text_graph().run({"ids": self._pieces.ids(texts[0])[None]}, outputs)
        elif len(texts):
            graph = self._many_texts_graph()
            assert self._lanes is not None
            yield from self._lanes.map(lambda text: graph.run({"ids": self._pieces.ids(text)[None]}, outputs), texts)

    def words(self, text: str) -> list[str]:
        """What stands in `text` at each of its tokens, as it is written there; [""] for a text without any."""
        return [] if self._token_shape is None else self._pieces.words(text, self._token_shape.words)

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has before it is cut, the marks of start and end included."""
        return self._pieces.count(text)

    def verify(self) -> list[str]:
        """Compare every file with the digest recorded for it; see `verify` of this module."""
        return verify(self.folder)

    def _checked(self, tokens: npt.NDArray[Any], graph: str, width: int, count: int | None) -> Int8:
        """(1, T, width) int8 as a graph gave it -> (T, width); T is `count` where there is one."""
        fits = tokens.dtype == np.int8 and tokens.ndim == 3 and tokens.shape[2] == width
        if not fits or (count is not None and tokens.shape[1] != count):
            raise _damaged(self.folder / graph)
        only: Int8 = tokens[0]
        return only

    def _stack(self, rows: list[npt.NDArray[Any]]) -> Float32:
        if not rows:
            return np.empty((0, self._identity.dimension), np.float32)
        return np.concatenate(rows).astype(np.float32, copy=False)

    def _image_graph(self) -> Graph:
        """Each photograph on one thread, as many at once as there are threads."""
        with self._loading:
            if self._image is None:
                wanted = self._identity.preprocessing
                shapes = {"pixels": (1, wanted.height, wanted.width, 3)}
                self._image = self._load(IMAGE_GRAPH, self._open_lanes(), shapes)
            return self._image

    def _many_texts_graph(self) -> Graph:
        """Each text on one thread, as many at once as there are threads."""
        with self._loading:
            if self._texts is None:
                self._texts = self._load(TEXT_GRAPH, self._open_lanes(), {})
            return self._texts

    def _open_lanes(self) -> int:
        from indexer.encoders.runtime import thread_count

        lanes = self._threads or thread_count()
        if self._lanes is None:
            self._lanes = ThreadPoolExecutor(lanes, "encode")
        return lanes

    def _text_graph(self) -> Graph:
        """One text on all threads: what a query waits for."""
        with self._loading:
            if self._text is None:
                self._text = self._load(TEXT_GRAPH, 1, {})
            return self._text

    def _load(self, name: str, lanes: int, shapes: Mapping[str, Sequence[int]]) -> Graph:
        from indexer.encoders.compile_cache import CompiledCache
        from indexer.encoders.runtime import Graph

        cache = CompiledCache(cache_folder() / "compiled")
        return Graph(self.folder / name, self._threads, lanes=lanes, shapes=shapes, cache=cache)


def verify(folder: Path | None = None) -> list[str]:
    """Read every file of the model and compare it with its recorded SHA-256. Returns one sentence a problem.

    Raises EncoderUnavailableError when `folder` is None and there is no folder of models.
    """
    folder = folder if folder is not None else _default_folder()
    try:
        recorded = _read_description(folder)["files"]
        items = sorted((str(name), str(digest)) for name, digest in recorded.items())
    except EncoderUnavailableError as error:
        return [str(error)]
    except (KeyError, AttributeError):
        return [str(_damaged(folder / DESCRIPTION))]
    problems = []
    for name, digest in items:
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            problems.append(
                f"The model file {folder / name} cannot be read ({error.strerror}); install the package again."
            )
            continue
        if found != digest:
            problems.append(str(_damaged(folder / name)))
    return problems


def weights_digest(files: dict[str, str]) -> str:
    """One SHA-256, in hex, over the recorded digests of a model's files: {name: SHA-256 in hex}."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _default_folder() -> Path:
    try:
        return models_folder() / NAME
    except UsageError as error:
        raise EncoderUnavailableError(str(error)) from error


def _damaged(file: Path) -> EncoderUnavailableError:
    return EncoderUnavailableError(f"The model file {file} is damaged; install the package again.")


def _read_description(folder: Path) -> dict[str, Any]:
    file = folder / DESCRIPTION
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise EncoderUnavailableError(
            f"The bundled model is missing: {file} cannot be read ({error.strerror}); install the package again."
        ) from error
    except ValueError as error:
        raise _damaged(file) from error
    if not isinstance(fields, dict):
        raise _damaged(file)
    if fields.get("format") != FORMAT:
        raise EncoderUnavailableError(
            f"The model in {folder} has format {fields.get('format')!r} and this version reads {FORMAT}; "
            "install the package and its models in one version."
        )
    return fields


def _token_shape(fields: dict[str, Any]) -> TokenShape | None:
    given = fields.get("tokens")
    if given is None:
        return None
    if not all(type(number) is int and number > 0 for number in given.values()):
        raise ValueError("The shape of tokens takes positive whole numbers.")
    return TokenShape(**given)


def _preprocessing(fields: dict[str, Any]) -> Preprocessing:
    given = dict(fields["preprocessing"])
    given["mean"], given["std"] = tuple(given["mean"]), tuple(given["std"])
    return Preprocessing(**given)
