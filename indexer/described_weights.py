"""A folder with weights and a file that describes them, replaced so that a reader meets the old ones or the new.

    <description>.json                what the weights are; names their file and its digest, and has a digest of its own
    <prefix>-<digest>.safetensors     the weights, never changed once they are there

The description is replaced last, whenever a writer is killed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from indexer.atomic import write_atomically
from indexer.json_digest import json_digest
from indexer.private import make_folder

#: The field with the digest of the others; `digest` is that of the weights.
OWN_DIGEST: Final = "description_digest"

#: What stands aside on its way to a name.
_ASIDE: Final = re.compile(r"\..*\.tmp")


def file_name(prefix: str, data: bytes) -> tuple[str, str]:
    """Name and SHA-256 of a file of weights."""
    digest = hashlib.sha256(data).hexdigest()
    return f"{prefix}-{digest[:16]}.safetensors", digest


def write(folder: Path, description: str, prefix: str, fields: Mapping[str, Any], data: bytes) -> None:
    """Make these the weights in `folder`, in place of any before them. Raises OSError, and then whatever was there
    before still is. `fields`: the description, with the file's name under "file" (see `file_name`)."""
    name = fields["file"]
    described = {**fields, OWN_DIGEST: json_digest(fields)}
    make_folder(folder)
    write_atomically(folder / name, data)
    write_atomically(folder / description, (json.dumps(described, indent=1, allow_nan=False) + "\n").encode())
    for old in folder.glob(f"{prefix}-*.safetensors"):
        if old.name != name:
            with suppress(OSError):
                old.unlink()


def is_foreign(folder: Path, description: str, prefix: str) -> bool:
    """Whether something else lies at the place of such weights: neither these, nor what is left of an unfinished
    writing."""
    if not folder.exists() or (folder / description).exists():
        return False
    ours = re.compile(rf"{re.escape(prefix)}-[0-9a-f]{{16}}\.safetensors")
    return not folder.is_dir() or any(
        not ours.fullmatch(path.name) and not _ASIDE.fullmatch(path.name) for path in folder.iterdir()
    )


def plain_name(name: object) -> str:
    """The file of weights that a description names, which lies beside it. Raises ValueError for any other path."""
    if not isinstance(name, str) or not name or Path(name).name != name or "\\" in name or "\0" in name:
        raise ValueError(f"the file of weights is named {name!r}")
    return name
