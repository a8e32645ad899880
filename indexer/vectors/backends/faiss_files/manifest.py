"""The manifest of an index: which file it is, what that file must be, and what is known of the index in it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from indexer.errors import StoreDamagedError
from indexer.reach import reason as reason_of
from indexer.vectors.base import IndexState, Tuned

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
        content = {"format": FORMAT, **asdict(self)}
        return json.dumps({**content, "digest": _digest(content)}, indent=1).encode()


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
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, "it is not JSON") from error
    if not isinstance(content, dict):
        raise damaged(path, "it is not a manifest")
    if type(content.get("format")) is int and content["format"] != FORMAT:
        return None
    if content.pop("digest", None) != _digest(content):
        raise damaged(path, "its checksum is wrong")
    del content["format"]
    try:
        state = content.pop("state")
        tuned = state.pop("tuned")
        manifest = Manifest(state=IndexState(tuned=tuned and Tuned(**tuned), **state), **content)
        is_ours = re.fullmatch(r"[\w-]+\.(npy|faiss)", manifest.file)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise damaged(path, "it is not a manifest") from error
    if not is_ours:  # a stranger's may name any file, and FAISS trusts what it reads
        raise damaged(path, "it names a file that lies elsewhere")
    return manifest


def damaged(path: Path, reason: str) -> StoreDamagedError:
    """The error of a file of an index that is not what was written."""
    return StoreDamagedError(
        f"The index file {path} is damaged ({reason}); `repair()` or the next `index()` builds it again from the "
        "catalog."
    )


def unreadable(path: Path, error: OSError) -> StoreDamagedError:
    """The error of a file of an index that the system does not give us."""
    if not isinstance(error, PermissionError):
        return damaged(path, "it is not there" if isinstance(error, FileNotFoundError) else reason_of(error))
    return StoreDamagedError(
        f"The index file {path} cannot be read ({reason_of(error)}); make it readable (until then queries compare "
        "with every vector)."
    )


def _digest(content: dict[str, Any]) -> str:
    """SHA-256 in hex of all that the manifest says."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
