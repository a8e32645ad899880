"""A reranker on disk: a folder with its description and its weights.

    reranker.json                 what it was trained for, on what, how well it does; names the weights and their digest
    fusion-<digest>.safetensors   the weights, never changed once they are there

How they are written: `indexer/described_weights.py`.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from indexer import described_weights
from indexer.described_weights import OWN_DIGEST, file_name, plain_name, write
from indexer.encoders.base import Encoder
from indexer.errors import EncoderMismatchError, EncoderUnavailableError, StoreUnwritableError, UsageError
from indexer.json_digest import json_digest
from indexer.misread import misread
from indexer.reach import beginning, is_missing, reason
from indexer.settings import models_folder
from indexer.types import Float32
from search.rerank import concept_graph
from search.rerank.description import FORMAT, RerankerDescription, shapes

DESCRIPTION: Final = "reranker.json"
#: The folder's name, in a store and among the models that ship.
FOLDER: Final = "reranker"
#: Name of the array of centres (k, d) that trust is measured from, beside the network's own.
CENTRES: Final = "trust.centres"

#: Before the digest, in the name of the file of weights.
_PREFIX: Final = "fusion"

#: A description is a few kilobytes, with a line for each pass of the training.
MAX_DESCRIPTION_BYTES: Final = 1_000_000
#: 100 times the default network.
MAX_WEIGHTS_BYTES: Final = 128_000_000


def save(folder: Path, description: RerankerDescription, arrays: dict[str, Float32]) -> None:
    """Make this the reranker in `folder`, in place of any before it. Raises StoreUnwritableError, and then whatever
    was there before still is."""
    from safetensors.numpy import save as to_bytes

    data = to_bytes({name: np.array(array, np.float32, order="C") for name, array in arrays.items()})
    name, digest = file_name(_PREFIX, data)
    try:
        write(folder, DESCRIPTION, _PREFIX, description.to_json(file=name, digest=digest), data)
    except OSError as error:
        raise StoreUnwritableError(
            f"The reranker cannot be written in {folder} ({error.strerror or error}); "
            "free some space or mend the permissions, then run the training again: it goes on from its last pass."
        ) from error


def is_foreign(folder: Path) -> bool:
    """Whether something else lies at the place of a reranker: neither one, nor what is left of an unfinished one."""
    return described_weights.is_foreign(folder, DESCRIPTION, _PREFIX)


def describe(folder: Path) -> RerankerDescription:
    """What the reranker in `folder` says of itself; its weights are not read.

    Raises EncoderUnavailableError when there is none, or it is damaged, or a newer version wrote it.
    """
    return _read(folder)[0]


def load(folder: Path) -> tuple[RerankerDescription, dict[str, Float32]]:
    """The reranker in `folder`: its description and its arrays (the network's state, `CENTRES`, and of some a graph of
    concepts), float32.

    Raises EncoderUnavailableError when there is none, or it is damaged, or a newer version wrote it.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    for last_attempt in (False, True):
        description, name, digest = _read(folder)
        path = folder / name
        try:
            data = _read_bounded(path, MAX_WEIGHTS_BYTES)
        except FileNotFoundError as error:  # a writer may have replaced it since the description was read
            if last_attempt:
                raise _damaged(path, "it is not there") from error
            continue
        except OSError as error:
            raise _closed(path, error) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise _damaged(path, "its bytes are not what was written")
        try:
            arrays = from_bytes(data)
        except SafetensorError as error:
            raise _damaged(path, str(error)) from error
        _check(path, description, arrays)
        return description, arrays
    raise AssertionError("not reached")


def check_fits(folder: Path, description: RerankerDescription, encoder: Encoder) -> None:
    """Raise EncoderMismatchError, naming both and the next step, unless it was trained on this encoder's tokens."""
    shape = encoder.token_shape
    if description.fits(encoder.identity, shape):
        return
    name = encoder.identity.name
    if shape is None:
        raise EncoderMismatchError(
            f"The reranker in {folder} reads tokens of {description.encoder}, and this index is of {name}, "
            "which yields none; leave `reranker` away, or use blip:."
        )
    theirs = f"{description.encoder} ({description.weights[:12]})"
    raise EncoderMismatchError(
        f"The reranker in {folder} was trained for the encoder {theirs}, and this index is of {name} "
        f"({encoder.identity.weights[:12]}); train one with `train_reranker()`, or leave `reranker` away."
    )


def find_reranker(store_folder: Path, encoder: Encoder) -> Path | None:
    """The folder of the reranker to use by default: the store's own, else the one that ships; None when neither is
    enabled and trained on this encoder's tokens.

    Raises EncoderUnavailableError when the one that would be used is damaged.
    """
    if encoder.token_shape is None:
        return None
    folders = [store_folder / FOLDER]
    with suppress(UsageError):
        folders.append(models_folder() / FOLDER)
    for folder in folders:
        if is_missing(folder / DESCRIPTION):
            continue
        description = describe(folder)
        if description.enabled and description.fits(encoder.identity, encoder.token_shape):
            return folder
    return None


# -- reading ------------------------------------------------------------------------------------------------


def _read(folder: Path) -> tuple[RerankerDescription, str, str]:
    """The description, and name and digest of the file of weights."""
    path = folder / DESCRIPTION
    try:
        fields = json.loads(_read_bounded(path, MAX_DESCRIPTION_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        raise EncoderUnavailableError(
            f"There is no reranker in {folder} (no {DESCRIPTION}); check the spelling, or train one with "
            "`train_reranker()`."
        ) from None
    except OSError as error:
        raise _closed(path, error) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "it is not JSON") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("format"), int):
        raise _damaged(path, "it has no format")
    if fields["format"] != FORMAT:
        raise EncoderUnavailableError(
            f"The reranker in {folder} has format {fields['format']} and this version reads {FORMAT}; "
            "update this program, or train one with `train_reranker()`."
        )
    try:
        own = fields.pop(OWN_DIGEST, None)  # a description of before has none
        if own not in (None, json_digest(fields)):
            raise _damaged(path, "its digest is wrong")
        return RerankerDescription.from_json(fields), plain_name(fields["file"]), str(fields["digest"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise _damaged(path, misread(error)) from error


def _read_bounded(path: Path, most: int) -> bytes:
    """Raises OSError; EncoderUnavailableError when it is longer than `most` bytes."""
    data = beginning(path, most + 1)
    if len(data) > most:
        raise _damaged(path, f"it is longer than {most:,} bytes")
    return data


def _check(path: Path, description: RerankerDescription, arrays: dict[str, Float32]) -> None:
    wanted = shapes(description.settings)
    if concept_graph.has_graph(arrays):
        wanted |= concept_graph.shapes(description.tokens.width)
    centres = arrays.get(CENTRES)
    if centres is None or centres.ndim != 2 or not len(centres):
        raise _damaged(path, f"it has no {CENTRES}")
    for name, shape in wanted.items():
        if name not in arrays or arrays[name].shape != shape:
            raise _damaged(path, f"{name} is missing or of another size than described")
    if any(array.dtype != np.float32 or not np.isfinite(array).all() for array in arrays.values()):
        raise _damaged(path, "it holds what is no finite float32")


def _closed(path: Path, error: OSError) -> EncoderUnavailableError:
    return EncoderUnavailableError(
        f"The reranker's file {path} cannot be read ({reason(error)}); make it readable, or leave it out with "
        "`rerank=0`."
    )


def _damaged(path: Path, problem: str) -> EncoderUnavailableError:
    return EncoderUnavailableError(
        f"The reranker's file {path} is damaged ({problem}); train it again, or leave it out with `rerank=0`."
    )
