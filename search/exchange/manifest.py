"""export.json: what an export is, and which files are its own. It is written last."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from indexer.encoders.base import EncoderId, TokenShape
from indexer.errors import UsageError
from indexer.reach import beginning
from search.exchange.layout import FORMATS

NAME: Final = "export.json"
#: Grows when a field, or a column of a layout, changes its meaning or goes.
SCHEMA: Final = 1
#: Of the numbers of tokens.
TOKENS_DTYPE: Final = "int8"
#: Bytes of a manifest that is read; ours have some hundred, and 200 more for each file of a million rows.
_LARGEST: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """`format` of the export; the `encoder` that made its vectors; how many `images` and `texts`, in `files` (relative,
    "/" between their parts); `made`: when, UTC, ISO 8601; `roots`: the indexed folders, each with its patterns;
    `tokens`: the shape of tokens (int8), where they are among what was written."""

    format: str
    encoder: EncoderId
    images: int
    texts: int
    files: tuple[str, ...]
    made: str
    roots: tuple[tuple[str, tuple[str, ...]], ...] = ()
    tokens: TokenShape | None = None

    @classmethod
    def of(
        cls,
        folder: Path,
        name: str,
        encoder: EncoderId,
        images: int,
        texts: int,
        roots: Sequence[tuple[str, tuple[str, ...]]],
        tokens: TokenShape | None = None,
    ) -> Manifest:
        """Of what lies in `folder` now."""
        below = sorted(path for path in folder.rglob("*") if path.is_file())
        files = tuple(path.relative_to(folder).as_posix() for path in below)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(name, encoder, images, texts, files, made, tuple(roots), tokens)

    def content(self) -> bytes:
        """As it is written."""
        said: dict[str, Any] = {"schema": SCHEMA, **asdict(self), "encoder": json.loads(self.encoder.to_json())}
        if self.tokens is None:
            del said["tokens"]
        else:
            said["tokens"]["dtype"] = TOKENS_DTYPE
        return (json.dumps(said, indent=2) + "\n").encode("ascii")

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """That of the export in a folder; None where there is none that reads."""
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            said = json.loads(beginning(folder / NAME, _LARGEST))
            numbers, files = (said["images"], said["texts"]), said["files"]
            roots = tuple((path, tuple(ignores)) for path, ignores in said["roots"])
            texts = (said["format"], said["made"], *files, *(each for root in roots for each in (root[0], *root[1])))
            right = all(type(each) is int for each in numbers) and all(isinstance(each, str) for each in texts)
            right = right and all(".." not in name.split("/") and not os.path.isabs(name) for name in files)
            if right and said["schema"] == SCHEMA and said["format"] in FORMATS:
                encoder = EncoderId.from_json(json.dumps(said["encoder"]))
                tokens = _shape(said.get("tokens"))
                return cls(said["format"], encoder, *numbers, tuple(files), said["made"], roots, tokens)
        return None


def _shape(said: Any) -> TokenShape | None:
    """Raises ValueError, KeyError, TypeError for what is no shape of tokens."""
    if said is None:
        return None
    numbers = {name: said[name] for name in TokenShape.__dataclass_fields__}
    if said["dtype"] != TOKENS_DTYPE or not all(type(each) is int and 0 < each < 2**31 for each in numbers.values()):
        raise ValueError("no shape of tokens")
    return TokenShape(**numbers)


def check_place(out: Path, *, replace: bool) -> None:
    """Raises UsageError for a place at which no export may be put: a file, a folder with something else in it, or with
    an earlier export unless that is to be replaced."""
    if not out.parent.is_dir():
        raise UsageError(
            f"There is no folder {out.parent} in which {out.name} could be made; make it, or name another."
        )
    try:
        names = set(os.listdir(out))
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise UsageError(f"{out} is a file, and an export is a folder; name another place.") from None
    except OSError as error:
        raise UsageError(f"{out} cannot be looked into ({error.strerror}); name another folder.") from error
    if not names:
        return
    there = Manifest.read(out)
    own = set() if there is None else {NAME, *(name.partition("/")[0] for name in there.files)}
    if there is None or names - own or _others(out, there):
        raise UsageError(f"{out} holds other files; name an empty or a new folder for the export.")
    if not replace:
        raise UsageError(
            f"{out} holds an export of {there.made}; give `replace=True` to put a new one in its place, or name "
            "another folder."
        )


def _others(out: Path, there: Manifest) -> bool:
    """Whether files lie in the folders of an export that are not its own."""
    found = (path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir() or path.is_symlink())
    return any(name not in {NAME, *there.files} for name in found)
