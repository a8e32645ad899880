"""Plain value objects that pass between the parts of the indexer.

Paths are `str` as `os.fsdecode` makes them: names that are not valid UTF-8 survive as surrogate escapes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import numpy.typing as npt

    Float32 = npt.NDArray[np.float32]
    Int64 = npt.NDArray[np.int64]
    Int8 = npt.NDArray[np.int8]
    Pixels = npt.NDArray[np.uint8]

#: Arrays by the types of their numbers. Made when they are first asked for: a command that a server answers works with
#: the values below, and does without numpy, which takes as long to import as the answer.
_ARRAYS = {"Float32": "float32", "Int64": "int64", "Int8": "int8", "Pixels": "uint8"}


def __getattr__(name: str) -> Any:
    if name not in _ARRAYS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import numpy as np
    import numpy.typing as npt

    made: Any = npt.NDArray[getattr(np, _ARRAYS[name])]  # type: ignore[misc]
    globals()[name] = made
    return made


Kind = Literal["image", "text"]
"""What an item is: a photograph, or a text about one."""

DateSource = Literal["taken", "sidecar", "name", "file"]
"""Where the date of a photograph is known from: itself, a file beside it, its name, the time of its file."""

KINDS: tuple[Kind, ...] = ("image", "text")


def in_64_bits(number: int) -> int:
    """`number` as 64 bits with a sign hold it; what lies beyond them (a time in the year 2300) wraps, so that two that
    differ by a little still differ."""
    return number if -(2**63) <= number < 2**63 else (number + 2**63) % 2**64 - 2**63


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file as it was when it was looked at, in numbers that a catalog can hold (`in_64_bits`).

    `size` in bytes; `mtime_ns`, `ctime_ns` in nanoseconds since the epoch: when its content and when its status changed
    last (on Windows, when it was made). Times are compared and never read: a file may say any.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int | None = None  # None: nobody asked

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> Candidate:
        """The file at `path`, of which `status` was told."""
        return cls(path, *map(in_64_bits, (status.st_size, status.st_mtime_ns, status.st_ctime_ns)))

    @classmethod
    def at(cls, path: str) -> Candidate:
        """The file at `path` as it is now. Raises OSError, and ValueError for what can be no path."""
        return cls.of(path, os.stat(path))


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an image says about itself. Everything may be missing; nothing here is trusted to be sane.

    `taken_at` is local time in ISO 8601, with the offset when the camera wrote one ("2024-05-03T18:20:11+02:00").
    `latitude`, `longitude` in degrees, south and west negative. `width`, `height` in pixels, as displayed
    (EXIF orientation applied).
    """

    width: int
    height: int
    format: str
    taken_at: str | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    captions: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    lens: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a file beside a photograph says of it, as `Metadata` has it: Google Takeout writes one of JSON, with UTC."""

    taken_at: str | None = None
    latitude: float | None = None
    longitude: float | None = None


#: Version of what reads it (`images/metadata.py`), kept with each photograph. It grows by one with a release that reads
#: more (a field, a block): the next `index` then reads photographs again, but neither decodes nor encodes them. A new
#: field is a column of its name in the catalog, made by a migration.
METADATA_READER = 2


@dataclass(frozen=True, slots=True)
class Caption:
    """A text about an image, from a file beside it. `about` is the image's path, or None when it names none."""

    text: str
    about: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that a run could not index, and why (one sentence)."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class EncoderComparison:
    """Two encoders asked for photographs by the user's own captions, each by similarity alone, without reranking.

    `captions` that were asked, of photographs among `images` different ones. `recall_1`, `recall_10`: the shares of
    captions whose photograph is the first hit, or among the first ten; `before`: the same of the former encoder.
    """

    captions: int
    images: int
    recall_1: float
    recall_10: float
    before_1: float
    before_10: float


@dataclass(slots=True)
class Report:
    """What one run of the indexer did; every file that was looked at is in exactly one of the first eight counts."""

    encoded: int = 0  # images decoded and encoded
    reused: int = 0  # new paths whose content was encoded before: moved or copied files
    unchanged: int = 0
    ignored: int = 0  # files that are neither images nor captions
    caption_files: int = 0  # captions files read anew
    sidecars: int = 0  # files that say when and where one photograph was taken (Google Takeout's JSON), read anew
    failures: list[Failure] = field(default_factory=list)  # new ones, or for another reason than before
    known_failures: int = 0  # files, unchanged, and folders that failed before for the same reason
    texts: int = 0  # text items encoded
    tokens_added: int = 0  # photographs and texts, encoded before, that got the tokens that they lacked
    vanished: int = 0  # files that are no longer there
    newly_ignored: int = 0  # files that were found before, and that patterns leave out now
    left_out: dict[str, int] = field(default_factory=dict)  # the ignored ones, by suffix (lower case, with its dot)
    altered: list[str] = field(default_factory=list)  # other bytes, though size and time of change were as before
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0  # from the look at the folders to the end
    preparing: float = 0.0  # seconds before, in which the encoder was loaded, and exported where it had to be
    encoder: str = ""  # the one that answers from now on, by its name
    replaced: str | None = None  # the one whose place it took in this run
    comparison: EncoderComparison | None = None  # of both, where the store has captions to tell by


Texts = Sequence[str]
