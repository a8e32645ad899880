"""Exported models on this machine: found by name or by identity, made when they are missing. A cache: delete it freely.

<cache>/exported/<weights>-<recipe>/     one model, see `graph_model.py`
<cache>/exported/<weights>-<recipe>.json     a model that did not export, and why: it is not tried again
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import numpy as np

from indexer.encoders.base import Encoder, EncoderId
from indexer.encoders.device_names import shows_gpu, wanted_device
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.graph_model import EXPORTED_DESCRIPTION, EXPORTED_FORMAT, TOKENIZER, TOWERS, ExportedModel
from indexer.errors import EncoderUnavailableError
from indexer.progress import Progress
from indexer.settings import cache_folder
from indexer.types import Candidate, Int64, Texts

if TYPE_CHECKING:
    import torch

#: Texts that the text tower is measured on.
_TEXTS: Final = (
    "a photo of a cat", "two dogs run through the snow", "a red car parked in front of a house", "sunset over the sea",
    "a woman in a blue dress plays the violin on a stage", "3 bicycles", "an old map of Paris, 1789", "mountains",
)  # fmt: skip


@runtime_checkable
class Exportable(Encoder, Protocol):
    """A torch model that can be taken apart: `OpenClipEncoder`."""

    checkpoint: str

    def byte_pairs(self) -> tuple[dict[str, int], dict[tuple[str, str], int]] | None:
        """Vocabulary and merges of CLIP's tokenizer; None where the model has another."""
        ...

    def text_rows(self, texts: Texts) -> Int64:
        """What the text tower takes for `texts`, (n, ...) int64."""
        ...

    def tower(self, which: str) -> torch.nn.Module:
        """One tower, "image" or "text": rows -> vectors (n, d), and tokens where the model has them."""
        ...


def runs_on_cpu(device: str | None) -> bool:
    """Whether a torch model would run on the CPU here, told without importing torch.

    `device` as for `devices.choose_devices`; without a wish it is the CPU where the system shows no GPU. Raises
    UsageError for what is no device.
    """
    wanted = wanted_device(device)
    if wanted:
        return wanted == "cpu"
    return sys.platform.startswith("linux") and not shows_gpu()


def find(name: str, stored: EncoderId | None) -> GraphEncoder | None:
    """The exported form of an encoder; None where there is none, or a damaged one.

    `stored`: the identity that an index was made with, which alone decides. Without it the `name` does, as long as the
    checkpoint that it was made from is still what it was.
    """
    for folder in _folders():
        try:
            model = ExportedModel.read(folder)
            fits = model.identity.matches(stored) if stored is not None else _is_current(model, name)
            if fits:
                return GraphEncoder(folder)
        except (ValueError, KeyError, TypeError, OSError, EncoderUnavailableError):
            continue  # made anew by the next run of the indexer
    return None


def make(encoder: Exportable, progress: Progress) -> GraphEncoder | str:
    """Export `encoder`, which runs on the CPU; a sentence that says why not, where it cannot be exported.

    The folder appears whole or not at all. What cannot be written is the reason too: nothing is lost but speed.
    """
    from indexer.encoders.openvino_export import NotExportableError

    caches = cache_folder()
    if caches is None:
        name = encoder.identity.name
        return f"The encoder {name} runs in torch: there is no folder to keep its export in; set SEARCH_CACHE."
    folder = caches / "exported" / _key(encoder)
    refused = folder.with_suffix(".json")
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(refused.read_text(encoding="utf-8"))["reason"])
    progress.phase(f"Exporting {encoder.identity.name} for this CPU (once)")
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    try:
        aside.mkdir(parents=True, mode=0o700)
        try:
            _export(encoder, aside)
            shutil.rmtree(folder, ignore_errors=True)  # a damaged one
            os.replace(aside, folder)
            return GraphEncoder(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except NotExportableError as error:
        reason = f"The encoder {encoder.identity.name} runs in torch, slower than exported: {error}."
        with suppress(OSError):
            refused.write_text(json.dumps({"reason": reason}), encoding="utf-8")
        return reason
    except (OSError, EncoderUnavailableError) as error:
        why = getattr(error, "strerror", None) or error
        return f"The encoder {encoder.identity.name} runs in torch: its export cannot be kept in {folder} ({why})."


def _export(encoder: Exportable, folder: Path) -> None:
    from indexer.encoders import clip_tokenizer
    from indexer.encoders.openvino_export import NotExportableError, export_tower, probe_pixels

    pairs = encoder.byte_pairs()
    if pairs is None:
        raise NotExportableError("its tokenizer is not CLIP's own")
    wanted, shape = encoder.identity.preprocessing, encoder.token_shape
    clip_tokenizer.write(folder / TOKENIZER, *pairs)
    outputs = ("vectors",) if shape is None else ("vectors", "tokens")
    inputs: dict[str, Any] = {
        "image": probe_pixels(wanted.height, wanted.width),
        "text": np.ascontiguousarray(encoder.text_rows(_TEXTS)),
    }
    arithmetic = {
        tower: export_tower(encoder.tower(tower), inputs[tower], folder / f"{tower}.xml", name="rows", outputs=outputs)
        for tower in TOWERS
    }
    names = [TOKENIZER, *(f"{tower}.{suffix}" for tower in TOWERS for suffix in ("xml", "bin"))]
    model = ExportedModel(
        encoder.identity,
        shape,
        encoder.max_text_tokens,
        arithmetic,
        {name: (folder / name).stat().st_size for name in names},
        checkpoint_state(encoder.checkpoint),
    )
    (folder / EXPORTED_DESCRIPTION).write_text(model.to_json(), encoding="utf-8")


def checkpoint_state(path: str) -> tuple[str, int, int]:
    """Path, size and time of change of a file. Raises OSError."""
    found = Candidate.at(os.path.abspath(path))
    return found.path, found.size, found.mtime_ns


def _is_current(model: ExportedModel, name: str) -> bool:
    return model.identity.name == name and checkpoint_state(model.checkpoint[0]) == model.checkpoint


def _key(encoder: Exportable) -> str:
    recipe = repr((EXPORTED_FORMAT, encoder.identity.preprocessing, encoder.token_shape))
    return f"{encoder.identity.weights[:24]}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"


def _folders() -> Iterator[Path]:
    caches = cache_folder()
    with suppress(OSError):
        if caches is not None:
            yield from sorted(path for path in (caches / "exported").iterdir() if not path.name.startswith("."))
