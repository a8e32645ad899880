"""BLIP's image-text matching as the second stage: a ready-made reranker for machines that can afford it.

It looks at the pictures themselves: each candidate's file is read and decoded anew, and goes through a vision
transformer together with the words. That is the published protocol of ALBEF and BLIP, and hundreds of times the work
of a reranker on tokens, which is at home on a GPU.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer import forking
from indexer.errors import EncoderError, FileError
from indexer.images.decoder import decode, read_file
from indexer.images.preprocess import to_pixels
from indexer.memory import room
from indexer.memory_budget import ALONE, MemoryBudget, Share
from indexer.settings import DecodeLimits, environment_int
from indexer.types import Candidate, Float32, Int8, Int64, Pixels
from search.rerank.base import Alignment, Candidates, EncodedQuery
from search.rerank.blip_model import full_spec, load_blip

if TYPE_CHECKING:
    import torch

#: Images of one pass: at 384 x 384 one takes some 60 MB, and the text encoder reads its 577 patches in every layer.
_ROWS = {"cpu": 8, "mps": 16, "cuda": 64}


class BlipReranker:
    """A `Reranker` that needs no tokens. Thread-safe.

    `spec`: a folder in the layout of transformers (config.json, model.safetensors, a BERT tokenizer), or a repository
    of the hub. `device`: see `indexer.encoders.devices.choose_devices`.

    A score is the log-odds of "match" against "no match" plus the first-stage cosine, the sum that BLIP's own
    evaluation sorts by. The log-odds run over many units where cosines differ by tenths, so the matching decides and
    the first stage settles what it leaves open; unlike the probability they do not saturate, and ties stay rare.

    Raises EncoderUnavailableError (spec, files, hub, packages) and UsageError (device).
    """

    def __init__(self, spec: str, device: str | None = None) -> None:
        self._spec = full_spec(spec)
        parts = load_blip(self._spec)
        from indexer.encoders.constants import Normalisation
        from indexer.encoders.devices import Replicas, choose_devices

        self._normalised = Normalisation(parts.preprocessing)
        self._preprocessing = parts.preprocessing
        self._tokenizer = parts.tokenizer
        self._max_words = parts.max_words
        self._tokenizing = forking.lock()  # its settings of padding belong to the object
        self._replicas = Replicas.of(parts.model, choose_devices(device))
        for replica in self._replicas.all:
            replica.rows["image"] = _ROWS[replica.device.type]
        self._limits = DecodeLimits()

    @property
    def name(self) -> str:
        """`blip:` and the folder or repository: what `--reranker` takes."""
        return f"blip:{self._spec}"

    @property
    def needs_tokens(self) -> bool:
        """It looks at the pictures."""
        return False

    def score(self, query: EncodedQuery, candidates: Candidates) -> Float32:
        """Returns (n,) float32; NaN for an image that is gone or does not decode, and for a text that is unknown.

        Raises EncoderError when the device fails, FileError when the image that was asked with cannot be read, and
        ValueError for a query that brings neither its text nor its image.
        """
        if query.kind == "text":
            if query.text is None:
                raise ValueError("BLIP reads the query itself; EncodedQuery.text is missing.")
            odds = self._of_images(query.text, candidates.paths)
        else:
            if query.image is None and query.image_bytes is None:
                raise ValueError("BLIP looks at the query itself; EncodedQuery.image is missing.")
            odds = self._of_texts(self._asked(query), candidates.texts)
        return odds + candidates.similarities

    def explain(self, query: EncodedQuery, tokens: Int8) -> Alignment | None:
        """It does not say."""
        return None

    def _of_images(self, text: str, paths: Sequence[str]) -> Float32:
        """The log-odds (n,) float32 that `text` matches each image, a batch at a time: few pictures are in memory."""
        words = self._tokenized([text])  # (1, 2 t)

        def forward(model: Any, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
            import torch

            there = torch.from_numpy(words).to(rows.device).expand(len(rows), -1)  # (m, 2 t)
            return (_log_odds(model, there, self._seen(model, rows)),)

        odds = np.full(len(paths), np.nan, np.float32)
        step = self._replicas.rows("image")
        with ThreadPoolExecutor(environment_int("SEARCH_WORKERS", os.cpu_count() or 1), "decoder") as pool:
            for start in range(0, len(paths), step):
                budget = MemoryBudget(room())
                pictures = list(pool.map(partial(self._picture, budget), paths[start : start + step]))
                there = [start + i for i, picture in enumerate(pictures) if picture is not None]
                if there:
                    batch = np.stack([picture for picture in pictures if picture is not None])  # (m, h, w, 3) uint8
                    odds[there] = _finite(self._replicas.run("image", forward, batch)[0])
        return odds

    def _of_texts(self, pixels: Pixels, texts: Sequence[str | None]) -> Float32:
        """The log-odds (n,) float32 that an image (h, w, 3) uint8 matches each text; it is encoded once."""
        picture = pixels[None]  # (1, h, w, 3)
        known = [i for i, text in enumerate(texts) if text is not None]
        odds = np.full(len(texts), np.nan, np.float32)
        if not known:
            return odds
        seen: dict[int, torch.Tensor] = {}  # of each replica, whose lock is held while it runs

        def forward(model: Any, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
            import torch

            if id(model) not in seen:
                seen[id(model)] = self._seen(model, torch.from_numpy(picture).to(rows.device))  # (1, p, c)
            return (_log_odds(model, rows, seen[id(model)].expand(len(rows), -1, -1)),)

        words = self._tokenized([text for text in texts if text is not None])  # (n, 2 t)
        odds[known] = _finite(self._replicas.run("text", forward, words)[0])
        return odds

    def _seen(self, model: Any, rows: torch.Tensor) -> torch.Tensor:
        """rows: (m, h, w, 3) uint8 on the model's device. Returns (m, patches, c), what its vision tower sees."""
        images = self._normalised(rows)  # (m, 3, h, w)
        seen: torch.Tensor = model.vision_model(pixel_values=images, return_dict=True).last_hidden_state
        return seen

    def _tokenized(self, texts: Sequence[str]) -> Int64:
        """(n, 2 t) int64: ids, then the mask of what is no padding. Names that are not UTF-8 lose those bytes."""
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        with self._tokenizing:
            made = self._tokenizer(
                clean, padding=True, truncation=True, max_length=self._max_words, return_tensors="np"
            )
        return np.concatenate([made["input_ids"], made["attention_mask"]], axis=1).astype(np.int64)

    def _asked(self, query: EncodedQuery) -> Pixels:
        """The image that was asked with (h, w, 3) uint8. Raises FileError."""
        try:
            if query.image_bytes is not None:
                return self._decoded(query.image_bytes)
            assert query.image is not None
            return self._pixels(query.image)
        except FileError as error:
            named = "" if query.image is None else f" {query.image}"
            raise type(error)(f"The query image{named} cannot be used: {error}.") from error

    def _picture(self, budget: MemoryBudget, path: str) -> Pixels | None:
        try:
            return budget.work(lambda share: self._pixels(path, share))
        except FileError:
            return None

    def _pixels(self, path: str, share: Share = ALONE) -> Pixels:
        """(h, w, 3) uint8, upright, as the model wants it. Raises FileError."""
        try:
            found = Candidate.at(path)
        except (OSError, ValueError) as error:
            raise FileError(f"it cannot be read: {getattr(error, 'strerror', None) or error}") from error
        return self._decoded(read_file(found, self._limits, share), share)

    def _decoded(self, data: bytes, share: Share = ALONE) -> Pixels:
        target = (self._preprocessing.width, self._preprocessing.height)
        return to_pixels(decode(data, self._limits, target, share), self._preprocessing)


def _log_odds(model: Any, words: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """words: (m, 2 t) ids and mask; seen: (m, patches, c). Returns (m,) float32: match against no match.

    The head runs in float32: bf16 knows three digits, and candidates would tie.
    """
    import torch

    ids, mask = words.chunk(2, dim=1)
    read = model.text_encoder(
        input_ids=ids,
        attention_mask=mask,
        encoder_hidden_states=seen,
        encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device),
        return_dict=True,
    ).last_hidden_state  # (m, t, c)
    with torch.autocast(words.device.type, enabled=False):
        logits = model.itm_head(read[:, 0].float())  # (m, 2): no match, match
    odds: torch.Tensor = logits[:, 1] - logits[:, 0]
    return odds


def _finite(odds: Float32) -> Float32:
    if not np.isfinite(odds).all():
        raise EncoderError("BLIP's output is not a number; its weights are damaged, use `rerank=0`.")
    return odds
