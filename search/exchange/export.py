"""An export: written aside, with what it is, and moved into place when it is whole."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from indexer.atomic import aside_of, clean, folder_aside, sync_folder, write_atomically
from indexer.encoders.base import EncoderId, TokenShape
from indexer.errors import UsageError
from indexer.progress import Progress
from indexer.reach import reason
from indexer.store import size_of
from indexer.types import KINDS
from search.exchange.batches import Batches
from search.exchange.layout import Format
from search.exchange.layouts import layout
from search.exchange.manifest import NAME, Manifest, check_place


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written to `folder`: how many `images` and `texts`, each with its vector, in so many `bytes`. `encoder`:
    the name of what made the vectors. `left_out`: items that are damaged, or have no vector. `tokens`: how many of them
    have their tokens there too. Where nothing fits, nothing is written."""

    folder: str
    format: str
    encoder: str
    images: int
    texts: int
    left_out: int
    tokens: int
    bytes: int


def export(
    out: Path,
    name: Format,
    identity: EncoderId,
    batches: Batches,
    progress: Progress,
    *,
    replace: bool,
    tokens: TokenShape | None = None,
) -> Exported:
    """Write what `batches` give to the folder `out`, which is there whole in the end or as it was. `tokens`: the shape
    of those that they give, if they do.

    Raises UsageError for a place that is taken or cannot be written, or a package that is missing, and what `progress`
    raises.
    """
    check_place(out, replace=replace)
    try:
        clean(out.parent, out.name)
        with folder_aside(out) as aside:
            whole = aside / out.name  # what stands aside is for nobody else; here the umask decides
            whole.mkdir()
            found = _write(whole, out, name, identity, batches, progress, tokens)
            if found.images or found.texts:
                _put_in_place(whole, out)
            return found
    except OSError as error:
        raise UsageError(
            f"The export cannot be written to {out} ({reason(error)}); free some space, mend the permissions, or name "
            "another folder."
        ) from error


def _write(
    folder: Path,
    out: Path,
    name: Format,
    identity: EncoderId,
    batches: Batches,
    progress: Progress,
    tokens: TokenShape | None,
) -> Exported:
    total = batches.count("image")
    written = layout(name, folder, identity, total, tokens)
    counts = dict.fromkeys(KINDS, 0)
    left_out = with_tokens = 0
    try:
        for kind in KINDS if written.takes_texts else KINDS[:1]:
            progress.phase("Writing the photographs" if kind == "image" else "Writing the texts")
            progress.total(total if kind == "image" else batches.count(kind))
            for batch in batches.of(kind):
                if batch.rows:
                    written.write(batch)
                counts[kind] += len(batch.rows)
                left_out += batch.left_out
                with_tokens += sum(map(bool, map(len, batch.tokens or ())))
                progress.advance(len(batch.rows) + batch.left_out)
        written.finish()
    finally:
        written.close()
    manifest = Manifest.of(folder, name, identity, counts["image"], counts["text"], batches.roots(), tokens)
    write_atomically(folder / NAME, manifest.content())
    both = (counts["image"], counts["text"])
    return Exported(str(out), name, identity.name, *both, left_out, with_tokens, size_of(folder))


def _put_in_place(whole: Path, out: Path) -> None:
    """An earlier export stands aside for the moment between two renames, under a name that the next export clears
    away. Raises OSError."""
    former = None
    if out.is_dir() and any(out.iterdir()):
        former = aside_of(out)
        os.replace(out, former)
    elif out.is_dir():
        out.rmdir()
    os.replace(whole, out)
    sync_folder(out.parent)
    if former is not None:
        shutil.rmtree(former, ignore_errors=True)
