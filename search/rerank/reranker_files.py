"""A reranker on disk: a folder with its description and its weights.

    reranker.json                 what it was trained for, on what, how well it does; names the weights and their digest
    fusion-<digest>.safetensors   the weights, never changed once they are there

The description is replaced last, so a reader meets the old reranker or the new one, whenever a writer is killed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.encoders.base import Encoder, EncoderId, TokenShape
from indexer.errors import EncoderMismatchError, EncoderUnavailableError, StoreUnwritableError, UsageError
from indexer.settings import models_folder
from indexer.types import Float32

FORMAT: Final = 1
DESCRIPTION: Final = "reranker.json"
#: The folder's name, in a store and among the models that ship.
FOLDER: Final = "reranker"
#: Name of the array of centres (k, d) that trust is measured from, beside the network's own.
CENTRES: Final = "trust.centres"

#: A description is a few kilobytes, with a line for each pass of the training.
MAX_DESCRIPTION_BYTES: Final = 1_000_000
#: 100 times the default network.
MAX_WEIGHTS_BYTES: Final = 128_000_000
#: Bounds on the sizes that a description may name.
LARGEST: Final = {"width": 1_024, "hidden": 4_096, "heads": 64, "layers": 32, "widening": 16}


@dataclass(frozen=True, slots=True)
class Trust:
    """How far the match score is believed for a text: sigmoid((nearness - middle) / width), where nearness is its
    cosine with the nearest centre of the texts trained on."""

    middle: float
    width: float

    def of(self, nearness: float) -> float:
        """0 to 1."""
        return 0.5 * (1.0 + math.tanh((nearness - self.middle) / self.width / 2.0))


@dataclass(frozen=True, slots=True)
class Description:
    """What `reranker.json` says.

    `encoder`, `weights`: name of the encoder that it was trained for, and the SHA-256 of that one's weights. `tokens`:
    the shape of that one's tokens. `settings`: sizes of the network (`model.FusionSettings`). `weight`: of the match
    score beside the first-stage similarity where texts ask, `image_weight` where images do; 0 is the first stage alone.
    `trained`: figures and log of the training. `enabled`: it was
    measured to help.
    """

    encoder: str
    weights: str
    tokens: TokenShape
    settings: dict[str, Any]
    weight: float
    image_weight: float
    trust: Trust
    trained: dict[str, Any]
    enabled: bool

    def fits(self, identity: EncoderId, shape: TokenShape | None) -> bool:
        """Whether it was trained on the tokens of this encoder."""
        return self.weights == identity.weights and self.tokens == shape


def save(folder: Path, description: Description, arrays: dict[str, Float32]) -> None:
    """Make this the reranker in `folder`, in place of any before it. Raises StoreUnwritableError, and then whatever
    was there before still is."""
    from safetensors.numpy import save as to_bytes

    data = to_bytes({name: np.array(array, np.float32, order="C") for name, array in arrays.items()})
    digest = hashlib.sha256(data).hexdigest()
    name = f"fusion-{digest[:16]}.safetensors"
    fields = {
        "format": FORMAT,
        "encoder": {"name": description.encoder, "weights": description.weights},
        "tokens": asdict(description.tokens),
        "settings": description.settings,
        "weight": description.weight,
        "image_weight": description.image_weight,
        "trust": asdict(description.trust),
        "file": name,
        "digest": digest,
        "enabled": description.enabled,
        "trained": description.trained,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / name, data)
        write_whole(folder / DESCRIPTION, (json.dumps(fields, indent=1, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise StoreUnwritableError(
            f"The reranker cannot be written in {folder} ({error.strerror or error}); "
            "free some space or mend the permissions, then run the training again: it goes on from its last pass."
        ) from error
    for old in folder.glob("fusion-*.safetensors"):
        if old.name != name:
            with suppress(OSError):
                old.unlink()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file aside and move it into place, so that it is there whole or as it was. Raises OSError."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(aside, "xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, path)
    finally:
        with suppress(OSError):
            aside.unlink()
    if os.name == "posix":
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def describe(folder: Path) -> Description:
    """What the reranker in `folder` says of itself; its weights are not read.

    Raises EncoderUnavailableError when there is none, or it is damaged, or a newer version wrote it.
    """
    return _read(folder)[0]


def load(folder: Path) -> tuple[Description, dict[str, Float32]]:
    """The reranker in `folder`: its description and its arrays (the network's state, and `CENTRES`), float32.

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
            raise _damaged(path, error.strerror or str(error)) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise _damaged(path, "its bytes are not what was written")
        try:
            arrays = from_bytes(data)
        except SafetensorError as error:
            raise _damaged(path, str(error)) from error
        _check(path, description, arrays)
        return description, arrays
    raise AssertionError("not reached")


def load_for(folder: Path, encoder: Encoder) -> tuple[Description, dict[str, Float32]]:
    """As `load`, for a reranker that somebody named. Raises EncoderMismatchError when it is for another encoder."""
    description, arrays = load(folder)
    check_fits(folder, description, encoder)
    return description, arrays


def check_fits(folder: Path, description: Description, encoder: Encoder) -> None:
    """Raise EncoderMismatchError, naming both and the next step, unless it was trained on this encoder's tokens."""
    shape = encoder.token_shape
    if description.fits(encoder.identity, shape):
        return
    name = encoder.identity.name
    if shape is None:
        raise EncoderMismatchError(
            f"The reranker in {folder} reads tokens of {description.encoder}, and this index is of {name}, "
            "which yields none; leave --reranker away, or use blip:."
        )
    theirs = f"{description.encoder} ({description.weights[:12]})"
    raise EncoderMismatchError(
        f"The reranker in {folder} was trained for the encoder {theirs}, and this index is of {name} "
        f"({encoder.identity.weights[:12]}); train one with `search train reranker`, or leave --reranker away."
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
        if not (folder / DESCRIPTION).exists():
            continue
        description = describe(folder)
        if description.enabled and description.fits(encoder.identity, encoder.token_shape):
            return folder
    return None


# -- reading ------------------------------------------------------------------------------------------------


def _read(folder: Path) -> tuple[Description, str, str]:
    """The description, and name and digest of the file of weights."""
    path = folder / DESCRIPTION
    try:
        fields = json.loads(_read_bounded(path, MAX_DESCRIPTION_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        raise EncoderUnavailableError(
            f"There is no reranker in {folder} (no {DESCRIPTION}); check the spelling, or train one with "
            "`search train reranker`."
        ) from None
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "it is not JSON") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("format"), int):
        raise _damaged(path, "it has no format")
    if fields["format"] != FORMAT:
        raise EncoderUnavailableError(
            f"The reranker in {folder} has format {fields['format']} and this version reads {FORMAT}; "
            "update this program, or train one with `search train reranker`."
        )
    try:
        return _description(fields), _plain_name(fields["file"]), str(fields["digest"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"wrong or missing fields: {error}") from error


def _description(fields: dict[str, Any]) -> Description:
    settings = dict(fields["settings"])
    for name, largest in LARGEST.items():
        if not isinstance(settings[name], int) or not 1 <= settings[name] <= largest:
            raise ValueError(f"{name} is {settings[name]!r}")
    if settings["hidden"] % settings["heads"]:
        raise ValueError("hidden is no multiple of heads")
    given = {name: int(value) for name, value in fields["tokens"].items()}
    tokens = TokenShape(**given)
    if not (1 <= tokens.rows <= 1_000 and 1 <= tokens.columns <= 1_000 and tokens.words >= 1):
        raise ValueError(f"tokens are {given}")
    if tokens.width != settings["width"]:
        raise ValueError("the width of tokens and network differ")
    weight, image_weight, middle, width = (
        float(number)
        for number in (fields["weight"], fields["image_weight"], fields["trust"]["middle"], fields["trust"]["width"])
    )
    weights_fit = all(math.isfinite(each) and each >= 0 for each in (weight, image_weight))
    if not (weights_fit and math.isfinite(middle) and math.isfinite(width) and width > 0):
        raise ValueError("weight or trust is out of range")
    return Description(
        str(fields["encoder"]["name"]),
        str(fields["encoder"]["weights"]),
        tokens,
        settings,
        weight,
        image_weight,
        Trust(middle, width),
        dict(fields.get("trained", {})),
        fields["enabled"] is True,
    )


def _plain_name(name: object) -> str:
    if not isinstance(name, str) or not name or Path(name).name != name or "\\" in name or "\0" in name:
        raise ValueError(f"the file of weights is named {name!r}")
    return name


def _read_bounded(path: Path, most: int) -> bytes:
    """Raises OSError; EncoderUnavailableError when it is longer than `most` bytes."""
    with open(path, "rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise _damaged(path, f"it is longer than {most:,} bytes")
    return data


def shapes(settings: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shape of each of the network's arrays, by name."""
    w, h, f = settings["width"], settings["hidden"], settings["widening"] * settings["hidden"]
    found: dict[str, tuple[int, ...]] = {
        "late.word_map.weight": (w, w),
        "late.region_map.weight": (w, w),
        "late.importance.weight": (1, w),
        "late.log_sharpness": (),
        "late.log_gain": (),
        "enter.weight": (h, 3 * w),
        "enter.bias": (h,),
        "norm.weight": (h,),
        "norm.bias": (h,),
        "inner.weight": (h, h),
        "inner.bias": (h,),
        "outer.weight": (1, h),
        "outer.bias": (1,),
    }
    for layer in range(settings["layers"]):
        inner = {"query": (h, h), "key": (h, w), "value": (h, w), "out": (h, h), "widen": (f, h), "narrow": (h, f)}
        found |= {f"blocks.{layer}.{name}.weight": shape for name, shape in inner.items()}
        biases = {"query": h, "out": h, "widen": f, "narrow": h}
        found |= {f"blocks.{layer}.{name}.bias": (length,) for name, length in biases.items()}
        for name in ("attention_norm", "feed_norm"):
            found |= {f"blocks.{layer}.{name}.{part}": (h,) for part in ("weight", "bias")}
    return found


def _check(path: Path, description: Description, arrays: dict[str, Float32]) -> None:
    wanted = shapes(description.settings)
    centres = arrays.get(CENTRES)
    if centres is None or centres.ndim != 2 or not len(centres):
        raise _damaged(path, f"it has no {CENTRES}")
    for name, shape in wanted.items():
        if name not in arrays or arrays[name].shape != shape:
            raise _damaged(path, f"{name} is missing or of another size than described")
    if any(array.dtype != np.float32 or not np.isfinite(array).all() for array in arrays.values()):
        raise _damaged(path, "it holds what is no finite float32")


def _damaged(path: Path, reason: str) -> EncoderUnavailableError:
    return EncoderUnavailableError(
        f"The reranker's file {path} is damaged ({reason}); train it again, or leave it out with --no-rerank."
    )
