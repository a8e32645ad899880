"""Exported models on this machine: found by name or by identity, made when they are missing. A cache: delete it freely.

<cache>/exported/<weights>-<recipe>/     one model, see `graph_model.py`
<cache>/exported/<weights>-<recipe>.json     a model that did not export, and why: it is not tried again
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import numpy as np

from indexer.atomic import clean, folder_aside, write_atomically
from indexer.encoders.base import Encoder, EncoderId, Photographs
from indexer.encoders.device_names import shows_gpu, wanted_device
from indexer.encoders.exported_encoder import ExportedEncoder, remove
from indexer.encoders.graph_model import (
    EXPORTED_DESCRIPTION,
    EXPORTED_FORMAT,
    TOKENIZER,
    TOWERS,
    DamagedExportError,
    ExportedModel,
    file_sum,
)
from indexer.errors import EncoderUnavailableError
from indexer.progress import Progress
from indexer.settings import cache_folder
from indexer.types import Candidate, Int64, Texts

if TYPE_CHECKING:
    import torch

    from indexer.encoders.packed_tokenizer import PackedTokenizer

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

    @property
    def packed_tokenizer(self) -> PackedTokenizer | None:
        """The tokenizer of a model that has not CLIP's."""
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


def find(name: str, stored: EncoderId | None) -> ExportedEncoder | None:
    """The exported form of an encoder; None where there is none. What is seen to be damaged is deleted.

    `stored`: the identity that an index was made with, which alone decides. Without it the `name` does, as long as the
    checkpoint that it was made from is still what it was.
    """
    for folder in _folders():
        try:
            model = ExportedModel.read(folder)
            fits = model.identity.matches(stored) if stored is not None else _is_current(model, name)
            if fits:
                return _encoder(folder, model.identity)
        except (ValueError, KeyError, TypeError, AttributeError, DamagedExportError):
            remove(folder)  # or of another version: made anew by the next run of the indexer
        except (OSError, EncoderUnavailableError):
            continue
    return None


def _encoder(folder: Path, identity: EncoderId) -> ExportedEncoder:
    return ExportedEncoder(folder, lambda: _in_torch(identity))


def _in_torch(identity: EncoderId) -> Exportable:
    """The model that an export was made of. Raises EncoderUnavailableError."""
    from indexer.encoders.openclip_by_name import in_torch

    return in_torch(identity.name, device="cpu", download=False)


def heal_by_exporting(encoder: ExportedEncoder, progress: Progress, photographs: Photographs | None = None) -> None:
    """Let a new export, as `make` makes it, take the place of `encoder`, should it turn out to be damaged."""

    def made() -> Encoder:
        model = _in_torch(encoder.identity)
        found = make(model, progress, photographs)
        if not isinstance(found, str):
            return found
        encoder.troubles.append(found)
        return model

    encoder.instead = made


def calibrated(encoder: ExportedEncoder, progress: Progress, photographs: Photographs) -> ExportedEncoder:
    """`encoder`; or, where it was exported for want of photographs without the calibration that makes it faster, and
    there are enough now, and the model that it was made of is here, what is exported anew."""
    from indexer.encoders.openvino_export import LEAST_PHOTOGRAPHS

    if not encoder.waits_for_photographs:
        return encoder
    shown = photographs(encoder.identity.preprocessing)
    if len(shown) < LEAST_PHOTOGRAPHS:
        return encoder
    try:
        model = _in_torch(encoder.identity)
    except EncoderUnavailableError:
        return encoder
    made = make(model, progress, lambda _wanted: shown) if model.identity.matches(encoder.identity) else encoder
    return encoder if isinstance(made, str) else made


def make(encoder: Exportable, progress: Progress, photographs: Photographs | None = None) -> ExportedEncoder | str:
    """Export `encoder`, which runs on the CPU; a sentence that says why not, where it cannot be exported.

    `photographs` are asked for when an export is made, and calibrate it. It serves other stores too: what it keeps of
    them is the ends of a few ranges, which photographs of any kind fill alike.

    The folder appears whole or not at all. What cannot be written is the reason too, and whatever else goes wrong:
    nothing is lost but speed. Only of what the model itself is to blame for a note is kept.
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
    name = encoder.identity.name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        clean(folder.parent)
        with folder_aside(folder) as aside:
            _export(encoder, aside, photographs)
            shutil.rmtree(folder, ignore_errors=True)  # a damaged one
            os.replace(aside, folder)
        return _encoder(folder, encoder.identity)
    except NotExportableError as error:
        reason = f"The encoder {name} runs in torch, slower than exported: {error}."
        with suppress(OSError):
            write_atomically(refused, json.dumps({"reason": reason}).encode())
        return reason
    except OSError as error:
        with suppress(EncoderUnavailableError, OSError):  # another process was faster
            return _encoder(folder, encoder.identity)
        why = error.strerror or error
        return (
            f"The encoder {name} runs in torch, slower than exported: its export cannot be kept in {folder} ({why}); "
            "make room there, or name another folder by SEARCH_CACHE."
        )
    except Exception as error:  # of torch, of the converter: a run goes on without
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return f"The encoder {name} runs in torch, slower than exported: exporting it failed ({lines[0][:200]})."


def _export(encoder: Exportable, folder: Path, photographs: Photographs | None) -> None:
    from indexer.encoders import clip_tokenizer
    from indexer.encoders.openvino_export import NotExportableError, export_tower, probe_pixels

    pairs, packed = encoder.byte_pairs(), encoder.packed_tokenizer
    if pairs is not None:
        clip_tokenizer.write(folder / TOKENIZER, *pairs)
    elif packed is not None:
        (folder / TOKENIZER).write_text(packed.text, encoding="utf-8")
    else:
        raise NotExportableError("its tokenizer is CLIP's with another cleaning of texts")
    wanted, shape = encoder.identity.preprocessing, encoder.token_shape
    outputs = ("vectors",) if shape is None else ("vectors", "tokens")
    inputs: dict[str, Any] = {
        "image": probe_pixels(wanted.height, wanted.width),
        "text": np.ascontiguousarray(encoder.text_rows(_TEXTS)),
    }
    none = np.empty((0, wanted.height, wanted.width, 3), np.uint8)
    shown = none if photographs is None else photographs(wanted)
    towers = {
        tower: export_tower(
            encoder.tower(tower),
            inputs[tower],
            folder / f"{tower}.xml",
            name="rows",
            outputs=outputs,
            photographs=shown if tower == "image" else None,
        )
        for tower in TOWERS
    }
    names = [TOKENIZER, *(f"{tower}.{suffix}" for tower in TOWERS for suffix in ("xml", "bin"))]
    model = ExportedModel(
        encoder.identity,
        shape,
        encoder.max_text_tokens,
        {tower: exported.arithmetic for tower, exported in towers.items()},
        {name: (folder / name).stat().st_size for name in names},
        {name: file_sum(folder / name) for name in names},
        checkpoint_state(encoder.checkpoint),
        None if packed is None else packed.recipe,
        towers["image"].waits,
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
