"""An encoder that was exported on this machine: a cache, so that damage to it costs time and nothing else.

Its files are verified where they are read (`graph_model.GraphModel.verify`). What is damaged is deleted, and another
encoder of the same identity goes on: the torch model, or in a run of the indexer a new export of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from indexer import forking
from indexer.encoders.base import Encoded, Encoder
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.graph_model import DamagedExportError
from indexer.errors import EncoderUnavailableError
from indexer.types import Pixels, Texts

T = TypeVar("T")


class ExportedEncoder(GraphEncoder):
    """A `GraphEncoder` over the export in `folder`. `instead`: makes what takes its place when that is damaged.

    Raises DamagedExportError, here only.
    """

    def __init__(self, folder: Path, instead: Callable[[], Encoder]) -> None:
        super().__init__(folder)
        self.instead = instead
        self._other: Encoder | None = None
        self._changing = forking.rlock()

    @property
    def waits_for_photographs(self) -> bool:
        """Whether it would be faster, had there been photographs to calibrate it by."""
        return self._model.waits

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        """As `GraphEncoder`; what takes the place of a damaged export may raise more."""
        return self._whole(
            lambda: GraphEncoder.encode_images(self, pixels, tokens=tokens),
            lambda other: other.encode_images(pixels, tokens=tokens),
        )

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        """As `GraphEncoder`; what takes the place of a damaged export may raise more."""
        return self._whole(
            lambda: GraphEncoder.encode_texts(self, texts, tokens=tokens),
            lambda other: other.encode_texts(texts, tokens=tokens),
        )

    def load_image_tower(self) -> None:
        """As `GraphEncoder`."""
        self._whole(lambda: GraphEncoder.load_image_tower(self), lambda other: None)

    def _whole(self, own: Callable[[], T], others: Callable[[Encoder], T]) -> T:
        with self._changing:
            other = self._other
        if other is None:
            try:
                return own()
            except DamagedExportError as error:
                other = self._replaced(error)
        return others(other)

    def _replaced(self, error: DamagedExportError) -> Encoder:
        """Raises EncoderUnavailableError where nothing can take its place."""
        with self._changing:
            if self._other is None:
                remove(self.folder)
                name = self.identity.name
                try:
                    other = self.instead()
                except EncoderUnavailableError as missing:
                    raise EncoderUnavailableError(
                        f"The export of {name} in {self.folder} was damaged and was removed, and the model itself "
                        f"cannot be loaded ({str(missing).rstrip('.')}); `index()` makes it again where that can."
                    ) from error
                if not other.identity.matches(self.identity):
                    raise EncoderUnavailableError(
                        f"The export of {name} in {self.folder} was damaged and was removed, and the model that it was "
                        "made from is another one now; `index(reencode=True)` encodes with that."
                    ) from error
                self.troubles.append(f"The export of {name} was damaged and was removed; nothing of it was used.")
                self._other = other
            return self._other


def remove(folder: Path) -> None:
    """Delete a damaged export; what resists is refused again, as damaged, when it is next looked at."""
    shutil.rmtree(folder, ignore_errors=True)
