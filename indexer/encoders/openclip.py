"""Any open_clip model as an encoder, on CUDA, MPS or the CPU.

open_clip and torch take seconds to import, so both wait until an encoder is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from indexer import forking
from indexer.encoders.base import Encoded, EncoderId, TokenShape
from indexer.encoders.openclip_package import import_open_clip, preprocessing_of
from indexer.encoders.openclip_spec import parse_spec
from indexer.encoders.templates import CLIP_TEMPLATES
from indexer.errors import EncoderError
from indexer.types import Float32, Int64, Pixels, Texts

if TYPE_CHECKING:
    import torch

    from indexer.encoders.devices import Forward, Outputs, Precision, Replicas, Task
    from indexer.encoders.openclip_adapted import AdaptedModel
    from indexer.encoders.packed_tokenizer import PackedTokenizer


class OpenClipEncoder:
    """An open_clip model as an `Encoder`; models of towers that `openclip_tokens.py` does not know yield no tokens.

    `spec`: one of the forms in `openclip_spec.py`, with or without `open_clip:`. Its one full spelling is
    `identity.name`, so what an index stores is what `--encoder` takes to load the model again; for files and folders it
    holds the absolute path. `identity.weights` is a digest of the weights alone (`weights_digest`); it is known only
    after the model is loaded, and a file that moved keeps it although its name changes.

    `device`: see `choose_devices`; with several GPUs each holds a replica and takes a share of every batch.
    `precision`: "auto" is autocast to bf16 on CUDA (fp16 on GPUs older than Ampere) and float32 elsewhere.
    `batch_size`: images of one pass on one device, measured from the free memory when not given. `download`: fetch from
    the hub what is not on this machine; without it the network is never asked. `adapted`: what a training made of this
    model; the identity is then that of the adapted one.

    On CPUs a row's bits depend on nothing but its content and the number of rows; more than a full batch is padded to
    full batches. On GPUs with reduced precision the number of rows may change a component by about 0.001.

    Texts are encoded as they are; what asks for a class name takes `templates`.

    Raises EncoderUnavailableError (spec, files, hub, packages), UsageError (device), and EncoderMismatchError where
    `adapted` is of another model. Thread-safe.
    """

    def __init__(
        self,
        spec: str,
        *,
        device: str | None = None,
        precision: Precision = "auto",
        batch_size: int | None = None,
        download: bool = True,
        adapted: AdaptedModel | None = None,
    ) -> None:
        parsed = parse_spec(spec)
        open_clip = import_open_clip()
        from indexer.encoders.constants import Normalisation
        from indexer.encoders.devices import Replicas, choose_devices
        from indexer.encoders.openclip_model import build_model, find_sources, weights_digest
        from indexer.encoders.openclip_tokenizer import Tokenizer
        from indexer.encoders.openclip_tokens import find_recipe

        devices = choose_devices(device)
        sources = find_sources(open_clip, parsed, download=download)
        self.checkpoint = sources.checkpoint
        self._troubles: list[str] = []
        self._falling_back = forking.lock()
        self._tokenizer = Tokenizer(open_clip, sources)
        model: Any = build_model(open_clip, sources)
        self._identity = EncoderId(
            parsed.name,
            weights_digest(model, sources.config),
            int(sources.config["embed_dim"]),
            preprocessing_of(model.visual.preprocess_cfg),
        )
        if adapted is not None:
            adapted.check_base(self._identity)
            adapted.apply(model)
            self._identity, self.checkpoint = adapted.identity, str(adapted.checkpoint)

        def build() -> Any:
            """The same again, where a device was lost."""
            again = build_model(open_clip, sources)
            if adapted is not None:
                adapted.apply(again)
            return again

        self._build: Callable[[], Any] = build
        wanted = self._identity.preprocessing
        self._normalised = Normalisation(wanted)
        self._recipe = find_recipe(open_clip, model, wanted.height, wanted.width, self._identity.dimension)
        self._replicas = Replicas.of(model, devices, precision)
        self._measuring = forking.lock()
        self._measured = batch_size is not None
        if batch_size is not None:
            for replica in self._replicas.all:
                replica.rows["image"] = batch_size

    @property
    def identity(self) -> EncoderId:
        """What made the vectors."""
        return self._identity

    @property
    def batch_size(self) -> int:
        """Images of a full batch: full passes on every device. On CUDA the first use measures it (a second)."""
        self._measure()
        return self._replicas.rows("image")

    @property
    def text_batch_size(self) -> int:
        """Texts of a full batch."""
        return self._replicas.rows("text")

    @property
    def max_text_tokens(self) -> int:
        """The model's context length, the tokens for start and end included."""
        return self._tokenizer.context_length

    @property
    def token_shape(self) -> TokenShape | None:
        """At most 7 x 7 regions and 32 words of 64 numbers; None for towers that `openclip_tokens.py` does not know."""
        return self._recipe.shape if self._recipe else None

    @property
    def independent_rows(self) -> bool:
        """The products of a batch are computed together."""
        return False

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        """`pixels`: (n, height, width, 3) uint8 RGB.

        Raises ValueError for another shape or type, EncoderError when the device fails.
        """
        plain = self._checked(pixels)
        yields = tokens and self._recipe is not None
        if not len(plain):
            return self._nothing(yields)
        self._measure()
        if not yields:
            return Encoded(_unit(self._run("image", self._image_features, plain)[0]))
        vectors, regions = self._run("image", self._image_tokens, plain)
        return Encoded(_unit(vectors), list(regions))

    def _checked(self, pixels: Pixels) -> Pixels:
        wanted = self._identity.preprocessing
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (wanted.height, wanted.width, 3):
            raise ValueError(
                f"Pixels must be uint8 of shape (n, {wanted.height}, {wanted.width}, 3), "
                f"not {pixels.dtype} of shape {pixels.shape}."
            )
        # torch wants writable memory in plain order, and warns or fails otherwise.
        return pixels if pixels.flags.c_contiguous and pixels.flags.writeable else pixels.copy()

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        """A text is cut at `max_text_tokens`. Raises EncoderError as above."""
        ids = self.token_ids(texts)
        recipe = self._recipe if tokens else None
        if not len(ids):
            return self._nothing(recipe is not None)
        if recipe is None:
            return Encoded(_unit(self._run("text", self._text_features, ids)[0]))
        batch, places = self._with_places(ids, recipe.shape)
        vectors, words = self._run("text", self._text_tokens, batch)
        return Encoded(_unit(vectors), [row[: len(each)].copy() for row, each in zip(words, places, strict=True)])

    def _with_places(self, tokens: Int64, shape: TokenShape) -> tuple[Int64, list[Int64]]:
        """(n, context_length + words): the tokens of each text, then the places of its word pieces, and these alone."""
        places = self._tokenizer.word_places(tokens, shape.words)
        rows = [np.resize(each, shape.words) for each in places]  # repeated: what stands there is cut off again
        return np.concatenate([tokens, np.stack(rows)], axis=1), places

    # -- for an export --------------------------------------------------------------------------------------

    def byte_pairs(self) -> tuple[dict[str, int], dict[tuple[str, str], int]] | None:
        """Vocabulary and merges of CLIP's tokenizer; None where the model has another."""
        return self._tokenizer.byte_pairs()

    @property
    def packed_tokenizer(self) -> PackedTokenizer | None:
        """The tokenizer of a model that has not CLIP's."""
        return self._tokenizer.packed

    def text_rows(self, texts: Texts) -> Int64:
        """What the text tower takes for `texts`: (n, context_length) int64, with tokens (n, context_length + words)."""
        tokens = self.token_ids(texts)
        return tokens if self._recipe is None else self._with_places(tokens, self._recipe.shape)[0]

    def tower(self, which: str) -> torch.nn.Module:
        """One tower, "image" or "text", as a module on the first device: rows -> vectors (n, d), not normalised, and
        tokens where the model has them."""
        from indexer.encoders.devices import Tower

        if which == "image":
            forward = self._image_tokens if self._recipe else self._image_features
        else:
            forward = self._text_tokens if self._recipe else self._text_features
        return Tower(self._replicas.all[0].model, forward)

    @property
    def model(self) -> torch.nn.Module:
        """The model itself, on the first device: what a training changes."""
        model: torch.nn.Module = self._replicas.all[0].model
        return model

    def words(self, text: str) -> list[str]:
        """The word pieces of `text` as a person reads them, one a token; [""] for a text without any."""
        return [] if self._recipe is None else self._tokenizer.words(text, self._recipe.shape.words)

    @property
    def troubles(self) -> tuple[str, ...]:
        """What a person should know of the devices: one that failed, and what took its place."""
        return tuple(self._troubles)

    def _run(self, task: Task, forward: Forward, batch: npt.NDArray[Any]) -> Outputs:
        """As `Replicas.run`; when a GPU is lost the model is loaded again, and goes on on the CPU."""
        from indexer.encoders.devices import DeviceLostError

        replicas = self._replicas
        try:
            return replicas.run(task, forward, batch)
        except DeviceLostError as error:
            self._fall_back(replicas, error)
        return self._replicas.run(task, forward, batch)

    def _fall_back(self, lost: Replicas, error: Exception) -> None:
        """To the CPU, in the place of the `lost` replicas."""
        from indexer.encoders.devices import Replicas, choose_devices

        with self._falling_back:
            if self._replicas is lost:  # else another thread was quicker
                self._replicas = Replicas.of(self._build(), choose_devices("cpu"), "fp32")
                self._troubles.append(f"{str(error).partition(';')[0]}, so the rest was encoded on the CPU.")

    def token_ids(self, texts: Texts) -> Int64:
        """(n, context_length) int64, what the text tower reads."""
        if isinstance(texts, str):
            raise ValueError("A sequence of texts is wanted here, not one text.")
        return self._tokenizer(texts) if len(texts) else np.empty((0, self.max_text_tokens), np.int64)

    @property
    def templates(self) -> tuple[str, ...]:
        """Class names are asked for in these: CLIP's, of models with CLIP's tokenizer, which read English alt texts."""
        return CLIP_TEMPLATES if self._tokenizer.packed is None else ()

    def unread(self, text: str) -> list[str]:
        """The words of `text` that the model has no idea of."""
        return self._tokenizer.unread(text)

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has before it is cut, those for start and end included."""
        return self._tokenizer.count(text)

    def _image_features(self, model: Any, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """rows: (n, h, w, 3) uint8 on the model's device. Returns (n, d), not normalised."""
        return (model.encode_image(self._normalised(rows), normalize=False),)

    def _image_tokens(self, model: Any, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """As `_image_features`, and (n, regions, width) int8."""
        assert self._recipe is not None
        return self._recipe.encode_images(model, self._normalised(rows))

    def _text_features(self, model: Any, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """rows: (n, context_length) int64 tokens on the model's device. Returns (n, d), not normalised."""
        return (model.encode_text(rows, normalize=False),)

    def _text_tokens(self, model: Any, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """rows: (n, context_length + words) int64. As `_text_features`, and (n, words, width) int8."""
        assert self._recipe is not None
        return self._recipe.encode_texts(model, rows)

    def _measure(self) -> None:
        from indexer.encoders.devices import PROBE_ROWS, DeviceLostError

        with self._measuring:
            if not self._measured:
                wanted = self._identity.preprocessing
                sample = np.zeros((PROBE_ROWS, wanted.height, wanted.width, 3), np.uint8)
                forward = self._image_tokens if self._recipe else self._image_features  # the larger of both
                replicas = self._replicas
                try:
                    for replica in replicas.all:
                        replica.measure(forward, sample)
                except DeviceLostError as error:
                    self._fall_back(replicas, error)
                self._measured = True

    def _nothing(self, yields: bool) -> Encoded:
        return Encoded(np.empty((0, self._identity.dimension), np.float32), [] if yields else None)


def _unit(features: Float32) -> Float32:
    """(n, d) float32 -> the same of unit norm. Raises EncoderError for rows that have no direction."""
    norms: Float32 = np.linalg.norm(features, axis=1, keepdims=True)  # (n, 1)
    if not np.isfinite(norms).all() or not (norms > 0).all():
        raise EncoderError(
            "The model's output is not a number or zero; its weights are damaged, or it needs precision fp32."
        )
    return features / norms
