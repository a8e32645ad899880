"""The manifest of an index: which file it is, what that file must be, and what is known of the index in it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from indexer.errors import StoreDamagedError
from indexer.vectors.base import INDEX_TYPES, IndexState, Tuned

#: 3: flat indexes are `.npy` files. An index of another format counts as none, and is built again.
FORMAT: Final = 3


@dataclass(frozen=True, slots=True)
class Manifest:
    """`key` of what the index belongs to; `dimension`; `file`: its name; `checksum` of all of it and `sampled` of its
    edges and some blocks, both SHA-256 in hex; `state` of the index."""

    key: str
    dimension: int
    file: str
    checksum: str
    sampled: str
    state: IndexState

    def to_bytes(self) -> bytes:
        """As it stands on disk."""
        state = {name: value for name, value in asdict(self.state).items() if name != "behind"}
        return json.dumps({"format": FORMAT, **asdict(self), "state": state}, indent=1).encode()


def manifest_path(folder: Path, kind: str) -> Path:
    """Where the manifest of `kind` is."""
    return folder / f"{kind}.json"


def read_manifest(folder: Path, kind: str) -> Manifest | None:
    """The manifest of `kind`; None when there is none, or one of another version of this product.

    Raises StoreDamagedError.
    """
    path = manifest_path(folder, kind)
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise damaged(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, "it is not JSON") from error
    if not isinstance(content, dict):
        raise damaged(path, "it is not a manifest")
    if type(content.get("format")) is int and content["format"] != FORMAT:
        return None
    problem = _problem(kind, content)
    if problem:
        raise damaged(path, problem)
    tuned = content["state"]["tuned"]
    state = IndexState(behind=0, **content["state"] | {"tuned": tuned and Tuned(**tuned)})
    return Manifest(state=state, **{name: content[name] for name in _NAMES})


def damaged(path: Path, reason: str) -> StoreDamagedError:
    """The error of a file of an index that is not what was written."""
    return StoreDamagedError(
        f"The index file {path} is damaged ({reason}); the next `search index` builds it again from the catalog."
    )


_NAMES: Final = tuple(field.name for field in fields(Manifest) if field.name != "state")
_STATE: Final = {field.name for field in fields(IndexState)} - {"behind"}


def _problem(kind: str, content: dict[str, Any]) -> str | None:
    """Why `content` is no manifest of `kind`, or None."""
    if content.get("format") != FORMAT:
        return "it names no known format"
    state = content.get("state")
    if not isinstance(state, dict) or state.keys() != _STATE:
        return "its state is missing or has other fields"
    for name, value in (("dimension", content.get("dimension")), *((n, state[n]) for n in _STATE & _WHOLE)):
        if type(value) is not int or value < 0:
            return f"{name} is missing or no whole number"
    for name in set(_NAMES) - _WHOLE:
        if not isinstance(content.get(name), str):
            return f"{name} is missing or no text"
    for name in ("index_type", "asked"):
        if state[name] not in INDEX_TYPES:
            return f"{name} is unknown"
    if not _is_tuned(state["tuned"]):
        return "tuned is wrong"
    if not re.fullmatch(rf"{re.escape(kind)}-\d+-[0-9a-f]+\.(faiss|npy)", content["file"]):
        return "file is no name of such a file"
    return None


_WHOLE: Final = {"dimension", "generation", "count", "bytes"}


def _is_tuned(content: object) -> bool:
    """Whether it is a `Tuned` as JSON, or None."""
    if content is None:
        return True
    if not isinstance(content, dict) or content.keys() != {field.name for field in fields(Tuned)}:
        return False
    shares = [content[name] for name in ("target", "recall")]
    whole = [content[name] for name in ("width", "proposals", "queries")]
    return all(type(share) in (int, float) and 0 <= share <= 1 for share in shares) and all(
        type(number) is int and 0 <= number < 2**31 for number in whole
    )
