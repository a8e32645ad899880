"""A probe on disk: one safetensors file, in a store under `probes/NAME.safetensors` or wherever a person wants it.

It holds `weights` (k, d) and `bias` (k,) float32, `examples` (n, 8) uint8, by which a report knows what the probe has
seen, and in its header, as JSON, its classes, its encoder and its training, with a digest of all. One file, so that it
is moved into place in one step, and can be given away. Reading it runs nothing of it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.atomic import write_atomically
from indexer.encoders.base import EncoderId
from indexer.encoders.presets import typed_name
from indexer.errors import EncoderMismatchError, PathNotFoundError, StoreUnwritableError, UsageError
from indexer.json_digest import json_digest
from indexer.misread import misread
from indexer.paths import absolute
from indexer.private import make_folder
from indexer.reach import beginning, reason
from indexer.types import Float32
from search.classification.classes import LONGEST, MOST
from search.classification.linear_probe import LinearClassifier

FORMAT: Final = 1
#: The folder of a store's probes, and how their files end.
FOLDER: Final = "probes"
SUFFIX: Final = ".safetensors"
#: The key in the header of the file.
_ABOUT: Final = "probe"
#: 10,000 classes of 2,048 numbers, and their names.
MAX_BYTES: Final = 100_000_000
_HEAD_BYTES: Final = 20_000_000
#: Of an example's SHA-256: enough that no other photograph of a million is taken for it, 1.6 MB for 200,000.
_EXAMPLE_BYTES: Final = 8
_NAME: Final = re.compile(r"\w[\w .+-]{0,62}[\w+-]|\w")


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A classifier of a person's own classes. `encoder`: whose vectors it reads; `trained`: what it was trained on, and
    what was measured, as JSON has it; `path`: its file, "" before it has one; `examples`: the beginnings of the SHA-256
    of the photographs that it was trained on, None of a probe of an earlier version, which did not keep them."""

    classes: tuple[str, ...]
    encoder: EncoderId
    classifier: LinearClassifier
    trained: dict[str, Any]
    path: str = ""
    examples: frozenset[bytes] | None = None

    def has_seen(self, digest: bytes) -> bool:
        """Whether a photograph, by the SHA-256 of its content, is among the examples, as far as is known."""
        return self.examples is not None and beginning_of(digest) in self.examples

    def check_fits(self, identity: EncoderId, *, own: bool = True) -> None:
        """Raise EncoderMismatchError, with the next step, unless it reads vectors of this encoder. `own`: it is the
        store's, and a probe that is trained there is of it; another one was named, and has to be named again."""
        if self.encoder.matches(identity):
            return
        ours, theirs = self.encoder, identity
        step = "train it again with `train_probe(FOLDER)`, or name another `encoder` or `store`"
        if not own:
            call = f"open(..., encoder={typed_name(theirs.name)!r}).train_probe(FOLDER, out=FILE)"
            step = f"train one for that with `{call}`"
            if ours.name != theirs.name:
                step += f", or name the probe's own, `encoder={typed_name(ours.name)!r}`"
        raise EncoderMismatchError(
            f"The probe {self.path} was trained for the encoder {ours.name} ({ours.weights[:12]}), not for "
            f"{theirs.name} ({theirs.weights[:12]}); {step}."
        )


def beginning_of(digest: bytes) -> bytes:
    """What is kept of an example's SHA-256."""
    return digest[:_EXAMPLE_BYTES]


def is_name(name: str) -> bool:
    """Whether a probe of a store can be called so: a word or some, which is a plain name of a file everywhere."""
    return _NAME.fullmatch(name) is not None and not name.lower().endswith(SUFFIX)


def check_name(name: str) -> str:
    """`name`. Raises UsageError for one that none can have."""
    if not is_name(name):
        raise UsageError(
            f"A probe cannot be called {name[:60]!r}: its name is one of letters, digits, spaces and . _ + -, of up to "
            "64 characters; give another `name`."
        )
    return name


def is_path(given: str) -> bool:
    """Whether what a person calls a probe is a file, and not the name of one in a store."""
    return given.lower().endswith(SUFFIX) or os.sep in given or "/" in given


def place_of(given: str, store: Path) -> Path:
    """The file that is meant by a name or a path. Raises UsageError, PathNotFoundError."""
    if is_path(given):
        return Path(absolute(given))
    own = store / FOLDER / f"{given}{SUFFIX}"
    if os.path.isfile(given) and not (is_name(given) and own.is_file()):  # a file here that is called otherwise
        return Path(absolute(given))
    check_name(given)
    return own


def names_in(store: Path) -> list[str]:
    """Those of the probes that a store has, in order."""
    try:
        found = os.listdir(store / FOLDER)
    except OSError:
        return []
    names = (name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))
    return sorted(name for name in names if is_name(name))


@dataclass(frozen=True, slots=True)
class StoredProbe:
    """A probe that a store has. `encoder`: the name of the one whose vectors it reads, None of a file that cannot be
    read; `fits`: the store's photographs have such vectors."""

    name: str
    encoder: str | None
    fits: bool


def probes_in(store: Path, active: EncoderId | None) -> list[StoredProbe]:
    """Those of a store whose encoder is `active`, in order of their names. Of each the beginning is read."""
    found = []
    for name in names_in(store):
        encoder = _encoder_of(store / FOLDER / f"{name}{SUFFIX}")
        fits = encoder is not None and active is not None and encoder.matches(active)
        found.append(StoredProbe(name, None if encoder is None else encoder.name, fits))
    return found


def _encoder_of(path: Path) -> EncoderId | None:
    try:
        length = int.from_bytes(beginning(path, 8), "little")
        return EncoderId.from_json(json.dumps(_about(beginning(path, 8 + min(length, _HEAD_BYTES)))["encoder"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def save(path: Path, probe: Probe) -> None:
    """Put a probe at `path`, in the place of one before. Raises StoreUnwritableError, and then the one before is still
    there."""
    from safetensors.numpy import save as to_bytes

    classifier = probe.classifier
    arrays: dict[str, Any] = {
        "weights": np.ascontiguousarray(classifier.weights, np.float32),
        "bias": np.ascontiguousarray(classifier.bias, np.float32),
    }
    about: dict[str, Any] = {
        "format": FORMAT,
        "classes": list(probe.classes),
        "encoder": json.loads(probe.encoder.to_json()),
        "temperature": classifier.temperature,
        "calibrated": classifier.calibrated,
        "trained": probe.trained,
        "weights": _digest(arrays["weights"], arrays["bias"]),
    }
    if probe.examples is not None:
        kept = b"".join(sorted(probe.examples))
        arrays["examples"] = np.frombuffer(kept, np.uint8).reshape(-1, _EXAMPLE_BYTES)
        about["examples"] = hashlib.sha256(kept).hexdigest()
    about["digest"] = json_digest(about)
    data = to_bytes(arrays, metadata={_ABOUT: json.dumps(about, allow_nan=False)})
    try:
        make_folder(path.parent)
        write_atomically(path, data)
    except OSError as error:
        raise StoreUnwritableError(
            f"The probe cannot be written to {path} ({reason(error)}); free some space, mend the permissions, or name "
            "another file with `out`."
        ) from error


def load(path: Path) -> Probe:
    """The probe in a file. Raises UsageError where there is none, or it is none, or it is damaged, or a newer version
    wrote it."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        data = beginning(path, MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path) from None
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else "no file has such a name"
        raise UsageError(f"The probe {path} cannot be read ({why}); make it readable, or name another.") from error
    if len(data) > MAX_BYTES:
        raise _damaged(path, f"it is longer than {MAX_BYTES:,} bytes")
    if _is_other(path, data):
        raise UsageError(
            f"{path} is no probe; name one of the store, or a file that `train_probe(FOLDER, out=FILE)` has written."
        )
    try:
        about = _about(data)
        if about.get("format") != FORMAT:
            raise UsageError(
                f"The probe {path} has format {about.get('format')!r} and this version reads {FORMAT}; update this "
                "program, or train it again with `train_probe(FOLDER)`."
            )
        if about.pop("digest", None) != json_digest(about):
            raise _damaged(path, "its digest is wrong")
        return _parsed(path, about, from_bytes(data))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise _damaged(path, misread(error)) from error


def _is_other(path: Path, data: bytes) -> bool:
    """Whether a file was never a probe: it is no safetensors file and not called as one, or one of something else."""
    try:
        header = _header(data)
    except (ValueError, RecursionError):
        return not path.name.lower().endswith(SUFFIX)
    about = header.get("__metadata__") if isinstance(header, dict) else None
    return not isinstance(about, dict) or _ABOUT not in about


def _header(data: bytes) -> Any:
    """Raises ValueError, RecursionError for what is no safetensors file."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(_HEAD_BYTES, len(data) - 8):
        raise ValueError("it is no safetensors file")
    return json.loads(data[8 : 8 + length])


def _about(data: bytes) -> dict[str, Any]:
    """What the header says of the probe. Raises ValueError, KeyError, TypeError for what is no header of one."""
    found = json.loads(_header(data)["__metadata__"][_ABOUT])
    if not isinstance(found, dict):
        raise ValueError("its description is no object")
    return found


def _parsed(path: Path, about: dict[str, Any], arrays: dict[str, Any]) -> Probe:
    """Raises ValueError, KeyError, TypeError for what no probe is."""
    classes = tuple(about["classes"])
    encoder = EncoderId.from_json(json.dumps(about["encoder"]))
    temperature, calibrated = float(about["temperature"]), about["calibrated"]
    weights, bias = arrays["weights"], arrays["bias"]
    names = all(isinstance(name, str) and 0 < len(name) <= LONGEST for name in classes)
    if not names or not 2 <= len(classes) <= MOST or len(set(classes)) != len(classes):
        raise ValueError("its classes are no list of names")
    if not isinstance(calibrated, bool) or not math.isfinite(temperature) or not 1e-6 < temperature < 1e6:
        raise ValueError("its temperature is out of range")
    if weights.shape != (len(classes), encoder.dimension) or bias.shape != (len(classes),):
        raise ValueError("its arrays are of another size than described")
    if any(array.dtype != np.float32 or not np.isfinite(array).all() for array in (weights, bias)):
        raise ValueError("it holds what is no finite float32")
    if about["weights"] != _digest(weights, bias):
        raise ValueError("its weights are not what was written")
    trained = about["trained"]
    if not isinstance(trained, dict):
        raise ValueError("what it was trained on is no object")
    classifier = LinearClassifier(weights, bias, temperature, calibrated)
    return Probe(classes, encoder, classifier, trained, str(path), _examples(about, arrays))


def _examples(about: dict[str, Any], arrays: dict[str, Any]) -> frozenset[bytes] | None:
    """None where none were kept. Raises ValueError, KeyError."""
    if "examples" not in about:
        return None
    found = arrays["examples"]
    if found.dtype != np.uint8 or found.shape[1:] != (_EXAMPLE_BYTES,):
        raise ValueError("its examples are of another form than described")
    kept = found.tobytes()
    if about["examples"] != hashlib.sha256(kept).hexdigest():
        raise ValueError("its examples are not what was written")
    return frozenset(kept[at : at + _EXAMPLE_BYTES] for at in range(0, len(kept), _EXAMPLE_BYTES))


def _digest(weights: Float32, bias: Float32) -> str:
    return hashlib.sha256(weights.astype("<f4").tobytes() + bias.astype("<f4").tobytes()).hexdigest()


def _missing(path: Path) -> PathNotFoundError:
    store = path.parent.parent
    others = names_in(store) if path.parent.name == FOLDER else []
    if others:
        return PathNotFoundError(f"There is no probe at {path}; those of {store} are {', '.join(others[:10])}.")
    return PathNotFoundError(
        f"There is no probe at {path}; check the spelling, or train one with `train_probe(FOLDER)`."
    )


def _damaged(path: Path, problem: str) -> UsageError:
    return UsageError(f"The probe {path} is damaged ({problem}); train it again with `train_probe(FOLDER)`.")
