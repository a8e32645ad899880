"""The manifest of an index: which file it is, what that file must be, and what is known of the index in it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from indexer.errors import StoreDamagedError
from indexer.json_digest import json_digest
from indexer.reach import beginning
from indexer.reach import reason as reason_of
from indexer.vectors.base import IndexState
from indexer.vectors.state_json import state_of

#: 4: with sums of blocks. An index of another format counts as none, and is built again; but for 3, which lacks them:
#: the next writer adds them (`FaissFiles.keep`), as to build an index of a million vectors takes minutes.
FORMAT: Final = 4
WITHOUT_SUMS: Final = 3
#: More than the sums of any index take: eleven bytes for each 16 KB of it.
MAX_BYTES: Final = 256_000_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """`key` of what the index belongs to; `dimension`; `file`: its name; `checksum`: SHA-256 in hex of all of it;
    `sums` of its blocks (`blocks.py`), "" where there are none; `lists`: the bytes at which the lists of an inverted
    file begin and end, None where that is not known or it has none; `state` of the index."""

    key: str
    dimension: int
    file: str
    checksum: str
    sums: str
    lists: tuple[int, int] | None
    state: IndexState

    def to_bytes(self) -> bytes:
        """As it stands on disk."""
        content = {"format": FORMAT, **asdict(self)}
        return json.dumps({**content, "digest": json_digest(content)}, indent=1).encode()


def manifest_path(folder: Path, kind: str) -> Path:
    """Where the manifest of `kind` is."""
    return folder / f"{kind}.json"


def read_manifest(folder: Path, kind: str) -> Manifest | None:
    """The manifest of `kind`; None when there is none, or one of another version of this product.

    Raises StoreDamagedError.
    """
    path = manifest_path(folder, kind)
    try:
        content = json.loads(beginning(path, MAX_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, "it is not JSON") from error
    if not isinstance(content, dict):
        raise damaged(path, "it is not a manifest")
    if type(content.get("format")) is int and content["format"] not in (FORMAT, WITHOUT_SUMS):
        return None
    try:
        if content.pop("digest", None) != json_digest(content):
            raise damaged(path, "its checksum is wrong")
        found = _parsed(content)
        is_ours = re.fullmatch(r"[\w-]+\.(npy|faiss)", found.file)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:  # written so, by whomever
        raise damaged(path, "it is not a manifest") from error
    if not is_ours:  # a stranger's may name any file, and FAISS trusts what it reads
        raise damaged(path, "it names a file that lies elsewhere")
    return found


def _parsed(content: dict[str, Any]) -> Manifest:
    """Raises LookupError, TypeError, ValueError or AttributeError for what is none."""
    if content.pop("format") == WITHOUT_SUMS:
        del content["sampled"]
        content |= {"sums": "", "lists": None}
    fields, lists = content.pop("state"), content.pop("lists")
    state = state_of(fields)
    found = Manifest(state=state, lists=None if lists is None else (lists[0], lists[1]), **content)
    if not all(type(number) is int and number >= 0 for number in (found.dimension, *(found.lists or ()))):
        raise ValueError("a number is none")
    return found


def damaged(path: Path, reason: str) -> StoreDamagedError:
    """The error of a file of an index that is not what was written."""
    return StoreDamagedError(
        f"The index file {path} is damaged ({reason}); `repair()` or the next `index()` builds it again from the "
        "catalog."
    )


def no_folder(folder: Path) -> str:
    """What is said where a file has taken the place of the folder."""
    return f"{folder} is a file, and the indexes lie in a folder of this name; delete the file"


def unreadable(path: Path, error: OSError) -> StoreDamagedError:
    """The error of a file of an index that the system does not give us."""
    if isinstance(error, NotADirectoryError):
        return StoreDamagedError(f"{no_folder(path.parent)}, then `repair()` builds the indexes again.")
    if not isinstance(error, PermissionError):
        return damaged(path, "it is not there" if isinstance(error, FileNotFoundError) else reason_of(error))
    return StoreDamagedError(
        f"The index file {path} cannot be read ({reason_of(error)}); make it readable (until then queries compare "
        "with every vector)."
    )
