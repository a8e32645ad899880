"""A folder with weights and a file that describes them, replaced so that a reader meets the old ones or the new.

    <description>.json                what the weights are; names their file and its digest, and has a digest of its own
    <prefix>-<digest>.safetensors     the weights, never changed once they are there; or a folder of several files,
                                      <prefix>-<digest>

The description is replaced last, whenever a writer is killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from indexer.atomic import clean, folder_aside, sync_folder, write_atomically
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


def folder_name(prefix: str, digest: str) -> str:
    """Name of a folder of weights, of their digest."""
    return f"{prefix}-{digest[:16]}"


def write(folder: Path, description: str, prefixes: str, fields: Mapping[str, Any], data: bytes | Path) -> None:
    """Make these the weights in `folder`, in place of any before them. Raises OSError, and then whatever was there
    before still is. `fields`: the description, with the name of the weights under "file" (see `file_name`,
    `folder_name`). `data`: their bytes, or a folder of plain files, which is copied. `prefixes`: those of weights that
    can lie there, with spaces between."""
    name = fields["file"]
    described = {**fields, OWN_DIGEST: json_digest(fields)}
    make_folder(folder)
    if isinstance(data, Path):
        _copy(data, folder / name)
    else:
        write_atomically(folder / name, data)
    write_atomically(folder / description, (json.dumps(described, indent=1, allow_nan=False) + "\n").encode())
    ours = _names(prefixes)
    for old in folder.iterdir():
        if old.name != name and ours.fullmatch(old.name):
            with suppress(OSError):
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()


def is_foreign(folder: Path, description: str, prefixes: str) -> bool:
    """Whether something else lies at the place of such weights: neither these, nor what is left of an unfinished
    writing."""
    if not folder.exists() or (folder / description).exists():
        return False
    ours = _names(prefixes)
    return not folder.is_dir() or any(
        not ours.fullmatch(path.name) and not _ASIDE.fullmatch(path.name) for path in folder.iterdir()
    )


def plain_name(name: object) -> str:
    """The file of weights that a description names, which lies beside it. Raises ValueError for any other path."""
    if not isinstance(name, str) or not name or Path(name).name != name or "\\" in name or "\0" in name:
        raise ValueError(f"the file of weights is named {name!r}")
    return name


def _names(prefixes: str) -> re.Pattern[str]:
    return re.compile(rf"({'|'.join(map(re.escape, prefixes.split()))})-[0-9a-f]{{16}}(\.safetensors)?")


def _copy(source: Path, target: Path) -> None:
    """The files of a folder, brought to the disk before they have their place. Raises OSError."""
    clean(target.parent, target.name)
    with folder_aside(target) as aside:
        for file in source.iterdir():
            shutil.copyfile(file, aside / file.name)
            with open(aside / file.name, "rb+") as stream:
                os.fsync(stream.fileno())
        sync_folder(aside)
        if target.exists():
            shutil.rmtree(target)
        os.replace(aside, target)
    sync_folder(target.parent)
