"""An open_clip model as graphs on this machine: an encoder that needs neither torch nor open_clip.

    <folder>/model.json          what it is: the identity of the encoder that it was made from, and the graphs' settings
             image.xml  .bin     pixels (1, h, w, 3) uint8 -> vectors (1, d), unit norm, tokens (1, r, w) int8
             text.xml   .bin     ids (1, context_length + words) int64 -> vectors, tokens (1, words, w) int8
             tokenizer.json      CLIP's byte pairs

`exports.py` makes such folders and finds them again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import numpy.typing as npt

from indexer.encoders.base import Encoded, EncoderId, TokenShape
from indexer.encoders.clip_tokenizer import ClipTokenizer
from indexer.errors import EncoderError, EncoderUnavailableError
from indexer.settings import cache_folder
from indexer.types import Float32, Int64, Pixels, Texts

if TYPE_CHECKING:
    from indexer.encoders.runtime import Arithmetic, Graph

#: Grows when the files change their meaning; folders of another format are made anew.
FORMAT: Final = 1
DESCRIPTION: Final = "model.json"
GRAPHS: Final = ("image", "text")
TOKENIZER: Final = "tokenizer.json"

#: Between two batches, and where one lane is through before the others, cores wait: 2 percent more than with 16.
_BATCH: Final = 32
#: Images that share a run where a tower computes in int8: 8 percent more in a second than one by one (ViT-B-32-256),
#: eight bring no more. Sums of whole numbers are the same in any order, so a row keeps its bits; float32's might not.
_TOGETHER: Final = 4


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """What `model.json` says. `arithmetic` of each tower; `sizes` of the files in bytes, by name."""

    identity: EncoderId
    tokens: TokenShape | None
    context_length: int
    arithmetic: dict[str, str]
    sizes: dict[str, int]
    #: Path, size and time of change of the checkpoint that it was made from.
    checkpoint: tuple[str, int, int]

    def to_json(self) -> str:
        """Indented, with the format."""
        fields = {"format": FORMAT, **asdict(self), "identity": json.loads(self.identity.to_json())}
        return json.dumps(fields, indent=1) + "\n"

    @classmethod
    def read(cls, folder: Path) -> ExportedModel:
        """Raises ValueError, KeyError, TypeError or OSError for what `to_json` did not write, or other files."""
        fields = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        if fields["format"] != FORMAT:
            raise ValueError("another format")
        path, size, changed = fields["checkpoint"]
        tokens = fields["tokens"]
        model = cls(
            EncoderId.from_json(json.dumps(fields["identity"])),
            None if tokens is None else TokenShape(**tokens),
            int(fields["context_length"]),
            {tower: str(fields["arithmetic"][tower]) for tower in GRAPHS},
            {str(name): int(size) for name, size in fields["sizes"].items()},
            (str(path), int(size), int(changed)),
        )
        if any((folder / name).stat().st_size != size for name, size in model.sizes.items()):
            raise ValueError("a file has another size")
        return model


class ExportedEncoder:
    """Implements `indexer.encoders.base.Encoder`. Safe to call from several threads.

    Its identity is that of the model that it was made from: vectors of both are comparable (mean cosine at least
    `export.LEAST_COSINE`). A row's vector depends on that row alone: each is run by itself.
    Raises EncoderUnavailableError for a folder that is damaged, at first use for its graphs.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self.folder = folder
        try:
            self._model = ExportedModel.read(folder)
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise EncoderUnavailableError(f"The exported model in {folder} is damaged ({error!r}).") from error
        self._tokenizer = ClipTokenizer(folder / TOKENIZER, self._model.context_length)
        from indexer.encoders.runtime import has_int8_products, thread_count

        self._threads = threads or thread_count()
        fast = self._model.arithmetic["image"] == "fast" and has_int8_products()
        self._together = {"image": _TOGETHER if fast else 1, "text": 1}
        self._graphs: dict[tuple[str, int, int], Graph] = {}
        self._lanes: ThreadPoolExecutor | None = None
        self._loading = threading.Lock()

    @property
    def identity(self) -> EncoderId:
        """What made the vectors."""
        return self._model.identity

    @property
    def batch_size(self) -> int:
        """Images of a full batch: how much is decoded and committed at once, and work for every lane."""
        return max(_BATCH, self._threads * self._together["image"])

    @property
    def text_batch_size(self) -> int:
        """Texts of a full batch."""
        return 32

    @property
    def max_text_tokens(self) -> int:
        """The model's context length, the tokens for start and end included."""
        return self._model.context_length

    @property
    def token_shape(self) -> TokenShape | None:
        """As the model's own."""
        return self._model.tokens

    @property
    def independent_rows(self) -> bool:
        """Each is run by itself, or among others whose sums are of whole numbers."""
        return True

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        """`pixels`: (n, height, width, 3) uint8 RGB. Raises ValueError for another shape or type."""
        yields = tokens and self._model.tokens is not None
        rows = self._run("image", self._checked(pixels), ["vectors", "tokens"] if yields else ["vectors"])
        return Encoded(self._vectors(rows), [one for row in rows for one in row["tokens"]] if yields else None)

    def load_image_tower(self) -> None:
        """Load the image graph now. Raises EncoderUnavailableError."""
        wanted = self.identity.preprocessing
        self._graph("image", (self._together["image"], wanted.height, wanted.width, 3), lanes=self._threads)

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        """A text is cut at `max_text_tokens`."""
        yields = tokens and self._model.tokens is not None
        batch, places = self._rows(self._tokenized(texts))
        rows = self._run("text", batch, ["vectors", "tokens"] if yields else ["vectors"])
        if not yields:
            return Encoded(self._vectors(rows))
        words = [row["tokens"][0, : len(each)].copy() for row, each in zip(rows, places, strict=True)]
        return Encoded(self._vectors(rows), words)

    def words(self, text: str) -> list[str]:
        """The word pieces of `text` as a person reads them, one a token; [""] for a text without any."""
        return [] if self._model.tokens is None else self._tokenizer.words(text, self._model.tokens.words)

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has before it is cut, those for start and end included."""
        return self._tokenizer.count(text)

    def _checked(self, pixels: Pixels) -> Pixels:
        wanted = self.identity.preprocessing
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (wanted.height, wanted.width, 3):
            raise ValueError(
                f"Pixels must be uint8 of shape (n, {wanted.height}, {wanted.width}, 3), "
                f"not {pixels.dtype} of shape {pixels.shape}."
            )
        return pixels

    def _tokenized(self, texts: Texts) -> Int64:
        if isinstance(texts, str):
            raise ValueError("A sequence of texts is wanted here, not one text.")
        return self._tokenizer(texts)

    def _rows(self, tokens: Int64) -> tuple[Int64, list[Int64]]:
        """The text graph's input (n, context_length + words), and the places (t,) of each text's word pieces."""
        if self._model.tokens is None:
            return tokens, []
        most = self._model.tokens.words
        places = self._tokenizer.word_places(tokens, most)
        # Repeated where there are fewer: what stands there is cut off again.
        filled = np.array([np.resize(each, most) for each in places], np.int64).reshape(len(tokens), most)
        return np.concatenate([tokens, filled], axis=1), places

    def _run(self, tower: str, rows: npt.NDArray[Any], outputs: Sequence[str]) -> list[dict[str, npt.NDArray[Any]]]:
        """The outputs of some rows after those of others. One row, what a query waits for, runs on all threads; of many
        each run has one thread, and as many go on at once as there are threads."""
        if not len(rows):
            return []
        if len(rows) == 1:
            return [self._graph(tower, rows.shape, lanes=1).run({"rows": rows}, outputs)]
        together = self._together[tower]
        graph = self._graph(tower, (together, *rows.shape[1:]), lanes=self._threads)
        assert self._lanes is not None

        def run(start: int) -> dict[str, npt.NDArray[Any]]:
            part = rows[start : start + together]
            missing = together - len(part)
            if not missing:
                return graph.run({"rows": part}, outputs)
            found = graph.run({"rows": np.concatenate([part, np.repeat(part[-1:], missing, axis=0)])}, outputs)
            return {name: array[: len(part)] for name, array in found.items()}

        return list(self._lanes.map(run, range(0, len(rows), together)))

    def _graph(self, tower: str, shape: Sequence[int], *, lanes: int) -> Graph:
        with self._loading:
            key = tower, shape[0], lanes
            if key not in self._graphs:
                from indexer.encoders.compile_cache import CompiledCache
                from indexer.encoders.runtime import Graph

                self._graphs[key] = Graph(
                    self.folder / f"{tower}.xml",
                    self._threads,
                    lanes=lanes,
                    arithmetic=cast("Arithmetic", self._model.arithmetic[tower]),
                    shapes={"rows": shape},
                    cache=CompiledCache(cache_folder() / "compiled"),
                )
            if self._lanes is None:
                self._lanes = ThreadPoolExecutor(self._threads, "encode")
            return self._graphs[key]

    def _vectors(self, rows: Sequence[dict[str, npt.NDArray[Any]]]) -> Float32:
        if not rows:
            return np.empty((0, self.identity.dimension), np.float32)
        found = np.concatenate([row["vectors"] for row in rows]).astype(np.float32, copy=False)  # (n, d)
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or not (norms > 0).all():
            raise EncoderError(f"The graph of {self.identity.name} gave what is no number; delete {self.folder}.")
        unit: Float32 = found / norms
        return unit
