"""The pairs to evaluate on: a table of captions, or folders whose names are labels."""

from __future__ import annotations

import codecs
import json
import os
import stat
from dataclasses import dataclass
from typing import Literal

from indexer.errors import FileError, PathNotFoundError, UsageError
from indexer.files.captions import MAX_LINE_BYTES, parse_captions_file
from indexer.files.names import as_named
from indexer.images.decoder import read_file
from indexer.reach import look_named, reason
from indexer.settings import DecodeLimits
from indexer.text import clean_text
from indexer.types import Candidate
from search.ground_truth.labelled_folder import read_labelled_folder

PairKind = Literal["captions", "labels"]

#: COCO's 600,000 captions are 60 MB; a table is read whole.
MAX_TABLE_BYTES = 256_000_000

#: Missing images that a note names.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Pairs:
    """(path of an image, text that is right for it), in the order of the source; `notes` say what was left out."""

    kind: PairKind
    rows: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def read_captions(path: str, split: str | None = None, images: str | None = None) -> Pairs:
    """The pairs of a table as `indexer.files.captions` reads it (JSON lines, or columns in a `.csv`).

    `split`: only rows whose field "split" is this (JSON lines only). Images are looked for in the folder `images`, by
    default the table's own, and in `images` below it; absolute paths are taken. No rows when the table is empty or has
    nothing of this split.

    Raises PathNotFoundError; UsageError when it is no table, not one of its rows is good, or `images` is no folder.
    """
    path = as_named(path)
    name = os.path.basename(path)
    suffix = os.path.splitext(name)[1].lower()
    if os.path.isdir(path):
        raise UsageError(
            f"{path} is a folder; give `labels=True` to take its subfolders' names for labels, or a table."
        )
    if suffix not in {".jsonl", ".csv"}:
        raise UsageError(f"{name} is no table of captions; name a .jsonl or .csv file, or a folder with `labels=True`.")
    if split is not None and suffix == ".csv":
        raise UsageError("`split` reads the field of JSON lines; write the rows of the split into a table of its own.")
    data = _read(path)
    if not data.strip():
        return Pairs("captions", (), (f"{name} is empty.",))
    folder = os.path.dirname(path) if images is None else images_folder(images)
    if split is not None:
        data = only_split(data, split)
        if not data.strip():
            return Pairs("captions", (), (f'{name} has no rows with "split": {json.dumps(split)}.',))
    try:
        captions, problems = parse_captions_file(name, data, folder, anywhere=True)
    except FileError as error:
        raise UsageError(f"{name} cannot be used: {error}.") from error
    notes = [f"{name}: {problem}." for problem in problems]
    rows = tuple((caption.about, caption.text) for caption in captions if caption.about is not None)
    left_out = len(captions) - len(rows)
    if left_out:
        looked = "beside the table (`images` names another folder)" if images is None else f"in {folder}"
        notes.append(
            f"{left_out:,} of {len(captions):,} captions name no image that is there and are left out; images are "
            f"looked for {looked} and in images/ there."
        )
    return Pairs("captions", rows, tuple(notes))


def images_folder(path: str) -> str:
    """The folder that names of images are relative to, absolute. Raises PathNotFoundError or UsageError."""
    folder = as_named(path)
    if look_named(folder) is None:
        raise PathNotFoundError(f"{folder} is not there; check the spelling, or whether its drive is mounted.")
    if not os.path.isdir(folder):
        raise UsageError(f"{folder} is not a folder; name the one that the table's images lie in.")
    return folder


def only_split(data: bytes, split: str) -> bytes:
    """The JSON lines without rows of other splits: those become empty lines, so that line numbers stay true.

    Lines that do not parse stay, for the parser to name. Empty when the split has no row.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    kept, count = [], 0
    for line in data.split(b"\n"):
        value = _object(line)
        wanted = value is not None and value.get("split") == split
        count += wanted
        kept.append(line if wanted or value is None else b"")
    return b"\n".join(kept) if count else b""


def read_labels(folder: str) -> Pairs:
    """Every image below each immediate subfolder, with the subfolder's name (underscores to spaces) as its text.

    What indexing ignores by default is ignored here. Raises PathNotFoundError or UsageError.
    """
    found = read_labelled_folder(folder, "`labels=True` takes the names of a folder's subfolders for labels")
    rows: list[tuple[str, str]] = []
    nameless = 0
    for candidate, name in found.rows:
        label = clean_text(" ".join(name.replace("_", " ").split()))
        if label:
            rows.append((candidate.path, label))
        else:
            nameless += 1
    notes = [f"{problem.path} could not be looked at: {problem.reason}." for problem in found.problems[:_NAMED]]
    if found.loose:
        notes.append(f"{_images(found.loose)} in no subfolder of {found.folder}, without a label, and left out.")
    if nameless:
        notes.append(f"{_images(nameless)} in a subfolder whose name says nothing, and left out.")
    if not rows:
        notes.append(f"{found.folder} has no subfolder with images; each subfolder's name is taken for a label.")
    return Pairs("labels", tuple(rows), tuple(notes))


def _read(path: str) -> bytes:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{path} is not a regular file; name a .jsonl or .csv file.")
        return read_file(Candidate.of(path, status), DecodeLimits(max_bytes=MAX_TABLE_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        raise PathNotFoundError(f"{path} is not there; check the spelling.") from None
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else "no file has such a name"
        raise UsageError(f"{path} cannot be read ({why}); make it readable, or name another.") from error
    except FileError as error:
        raise UsageError(f"{path} cannot be used: {error}.") from error


def _object(line: bytes) -> dict[str, object] | None:
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    return value if isinstance(value, dict) else None


def _images(count: int) -> str:
    return "1 image is" if count == 1 else f"{count:,} images are"
