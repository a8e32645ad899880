"""An adapted encoder on disk: a folder with what was trained, and a description of what it was trained on.

    adapted.json                 base encoder and its identity, the method, how well it does; names the delta
    delta-<digest>.safetensors   the trained tensors alone, float32 (for the method `full` all of them), or
    graphs-<digest>/             where the base is the encoder that ships: trained graphs (`adapted_graphs.py`)

Written as `indexer/described_weights.py` says. With a delta the base is not in it: whoever loads an adapted encoder
loads the base, whose digest is compared, and puts the trained tensors into it. Graphs are whole, and need no base.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer import described_weights
from indexer.described_weights import OWN_DIGEST, file_name, folder_name, plain_name
from indexer.encoders.adapted_spec import AdaptedGoneError, adapted_name
from indexer.encoders.base import EncoderId
from indexer.errors import EncoderMismatchError, EncoderUnavailableError, StoreUnwritableError
from indexer.json_digest import json_digest
from indexer.reach import beginning, reason
from indexer.types import Float32

FORMAT: Final = 1
DESCRIPTION: Final = "adapted.json"
_DELTA, _GRAPHS = "delta", "graphs"
_PREFIXES: Final = f"{_DELTA} {_GRAPHS}"

#: A description is some kilobytes, with a line for each pass of the training.
MAX_DESCRIPTION_BYTES: Final = 4_000_000
#: The largest model of open_clip in float32 has 20 GB; a delta of all its tensors, too.
MAX_DELTA_BYTES: Final = 24_000_000_000
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class AdaptedDescription:
    """What `adapted.json` says.

    `base`: the identity of the encoder that was adapted; its name is what loads it. `method`: how (see
    `training/settings.py`), with its `settings`. `helps`: it was shown to be better on held-out pairs. `trained`:
    figures, curves, digest of the pairs and seed of the training. `digest`: SHA-256 of the delta, or of the files of
    the graphs (`graph_model.weights_digest`), where `graphs` says that it is these.
    """

    base: EncoderId
    method: str
    settings: dict[str, Any]
    helps: bool
    trained: dict[str, Any]
    digest: str = ""
    graphs: bool = False

    def identity(self, folder: Path) -> EncoderId:
        """That of the adapted encoder. `weights` is a digest of the base's, the method and the delta: whichever
        changes, vectors change. (A digest of the sums of both, as they lie in memory, would differ between machines,
        whose products differ in their last bits.) Graphs are the weights, and their digest is that of the encoder."""
        if self.graphs:
            return EncoderId(adapted_name(folder), self.digest, self.base.dimension, self.base.preprocessing)
        recipe = json.dumps([self.base.weights, self.method, self.settings, self.digest], sort_keys=True)
        weights = hashlib.sha256(recipe.encode()).hexdigest()
        return EncoderId(adapted_name(folder), weights, self.base.dimension, self.base.preprocessing)

    def to_json(self, *, file: str) -> dict[str, Any]:
        """The object of the file. `file`: name of the delta, or of the folder of graphs."""
        return {
            "format": FORMAT,
            "base": asdict(self.base),
            "method": self.method,
            "settings": self.settings,
            "helps": self.helps,
            "trained": self.trained,
            "file": file,
            "digest": self.digest,
            "graphs": self.graphs,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> AdaptedDescription:
        """Raises KeyError, TypeError or ValueError for fields that are missing or wrong."""
        base = EncoderId.from_json(json.dumps(fields["base"]))
        method, settings, digest = fields["method"], dict(fields["settings"]), fields["digest"]
        if not isinstance(method, str) or not isinstance(digest, str):
            raise TypeError("method or digest is no text")
        return cls(
            base,
            method,
            settings,
            fields["helps"] is True,
            dict(fields["trained"]),
            digest,
            fields.get("graphs") is True,
        )


def with_delta(description: AdaptedDescription, tensors: Mapping[str, Float32]) -> tuple[AdaptedDescription, bytes]:
    """The description with the digest of its delta, and the bytes of that."""
    from dataclasses import replace

    from safetensors.numpy import save as to_bytes

    data: bytes = to_bytes({name: np.array(each, np.float32, order="C") for name, each in sorted(tensors.items())})
    return replace(description, digest=hashlib.sha256(data).hexdigest()), data


def save(folder: Path, description: AdaptedDescription, data: bytes | Path) -> None:
    """Make this the adapted encoder in `folder`, in place of any before it (see `with_delta`, and
    `adapted_graphs.with_graphs`, where `data` is a folder). Raises StoreUnwritableError, and then whatever was there
    before still is."""
    try:
        name = folder_name(_GRAPHS, description.digest) if isinstance(data, Path) else file_name(_DELTA, data)[0]
        described_weights.write(folder, DESCRIPTION, _PREFIXES, description.to_json(file=name), data)
    except OSError as error:
        raise StoreUnwritableError(
            f"The adapted encoder cannot be written in {folder} ({error.strerror or error}); "
            "free some space or mend the permissions, then run the training again: it goes on from its last checkpoint."
        ) from error


def is_foreign(folder: Path) -> bool:
    """Whether something else lies at the place of an adapted encoder."""
    return described_weights.is_foreign(folder, DESCRIPTION, _PREFIXES)


def describe(folder: Path) -> AdaptedDescription:
    """What the adapted encoder in `folder` says of itself; the delta is not read. Raises EncoderUnavailableError when
    there is none, or it is damaged, or a newer version wrote it."""
    return _read(folder)[0]


def weights_path(folder: Path) -> Path:
    """Where the delta, or the folder of graphs, of the adapted encoder in `folder` lies. Raises EncoderUnavailableError
    as `describe`."""
    return folder / _read(folder)[1]


def load_delta(folder: Path, description: AdaptedDescription) -> dict[str, Float32]:
    """The trained tensors by name, float32 and finite. Raises EncoderUnavailableError when they are damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = check_delta(folder, description)
    try:
        tensors: dict[str, Float32] = load_file(path)
    except OSError as error:
        raise _closed(path, error) from error
    except SafetensorError as error:
        raise damaged(path, str(error)) from error
    if any(each.dtype != np.float32 or not np.isfinite(each).all() for each in tensors.values()):
        raise damaged(path, "it holds what is no finite float32")
    return tensors


def check_delta(folder: Path, description: AdaptedDescription) -> Path:
    """Where the delta lies, which is read once and is what was written. Raises EncoderUnavailableError otherwise."""
    path = weights_path(folder)
    try:
        if path.stat().st_size > MAX_DELTA_BYTES:
            raise damaged(path, f"it is longer than {MAX_DELTA_BYTES:,} bytes")
        if _sum(path) != description.digest:
            raise damaged(path, "its bytes are not what was written")
    except FileNotFoundError as error:
        raise damaged(path, "it is not there") from error
    except OSError as error:
        raise _closed(path, error) from error
    return path


def check_base(folder: Path, description: AdaptedDescription, base: EncoderId) -> None:
    """Raise EncoderMismatchError, naming both and the next step, unless it was trained on this encoder."""
    if not description.base.matches(base):
        raise EncoderMismatchError(
            f"The adapted encoder in {folder} was trained on {description.base.name} "
            f"({description.base.weights[:12]}), and what has that name now is another model ({base.weights[:12]}); "
            "put the former one back, or train again with `train_encoder()`."
        )


def damaged(path: Path, problem: str) -> EncoderUnavailableError:
    """The error of a file that is not what was written."""
    return EncoderUnavailableError(
        f"The adapted encoder's file {path} is damaged ({problem}); train it again with `train_encoder()`, or name "
        "another `encoder`."
    )


def _read(folder: Path) -> tuple[AdaptedDescription, str]:
    path = folder / DESCRIPTION
    try:
        data = beginning(path, MAX_DESCRIPTION_BYTES + 1)
        if len(data) > MAX_DESCRIPTION_BYTES:
            raise damaged(path, f"it is longer than {MAX_DESCRIPTION_BYTES:,} bytes")
        fields = json.loads(data)
    except (FileNotFoundError, NotADirectoryError):
        raise AdaptedGoneError(
            f"There is no adapted encoder in {folder} (no {DESCRIPTION}); check the spelling, or train one with "
            "`train_encoder()`."
        ) from None
    except OSError as error:
        raise _closed(path, error) from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, "it is not JSON") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("format"), int):
        raise damaged(path, "it has no format")
    if fields["format"] != FORMAT:
        raise EncoderUnavailableError(
            f"The adapted encoder in {folder} has format {fields['format']} and this version reads {FORMAT}; update "
            "this program, or train one with `train_encoder()`."
        )
    try:
        if fields.pop(OWN_DIGEST, None) != json_digest(fields):
            raise damaged(path, "its digest is wrong")
        return AdaptedDescription.from_json(fields), plain_name(fields["file"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise damaged(path, f"wrong or missing fields: {error}") from error


def _sum(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _closed(path: Path, error: OSError) -> EncoderUnavailableError:
    return EncoderUnavailableError(
        f"The adapted encoder's file {path} cannot be read ({reason(error)}); make it readable, or name another "
        "`encoder`."
    )
