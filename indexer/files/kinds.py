"""What kind of file is left out, told by its suffix: for people, who want to know what an index does not hold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from indexer.images.sniff import RAW_SUFFIXES

_KINDS: dict[str, frozenset[str]] = {
    "camera raw": RAW_SUFFIXES,
    "video": frozenset(
        {
            *(".mp4", ".m4v", ".mov", ".qt", ".avi", ".mkv", ".webm", ".wmv", ".asf", ".flv", ".f4v", ".mpg", ".mpeg"),
            *(".m2v", ".mts", ".m2ts", ".3gp", ".3g2", ".ogv", ".vob", ".mxf", ".dv", ".insv", ".lrv", ".rm", ".rmvb"),
        }
    ),
    "audio": frozenset({".mp3", ".wav", ".flac", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".wma", ".aif", ".aiff"}),
    "sidecar": frozenset({".xmp", ".aae", ".thm", ".pp3", ".dop", ".cos", ".on1", ".nksc", ".xml", ".json", ".ini"}),
    "document": frozenset(
        {
            *(".pdf", ".txt", ".md", ".rst", ".rtf", ".html", ".htm", ".doc", ".docx", ".odt", ".xls", ".xlsx", ".ods"),
            *(".ppt", ".pptx", ".odp", ".csv", ".tsv", ".jsonl", ".tex", ".epub", ".log", ".pages", ".key", ".numbers"),
        }
    ),
    "drawing": frozenset(
        {
            *(
                ".psd",
                ".psb",
                ".xcf",
                ".kra",
                ".ai",
                ".eps",
                ".svg",
                ".svgz",
                ".indd",
                ".cdr",
                ".dwg",
                ".dxf",
                ".sketch",
            ),
            *(".afphoto", ".clip", ".ora", ".fig", ".blend"),
        }
    ),
    "picture of another format": frozenset(
        {
            *(".jxl", ".jp2", ".j2k", ".jpf", ".jpx", ".jpm", ".jxr", ".wdp", ".hdp", ".exr", ".hdr", ".tga", ".pcx"),
            *(
                ".ppm",
                ".pgm",
                ".pbm",
                ".pnm",
                ".ico",
                ".icns",
                ".dds",
                ".fits",
                ".fit",
                ".dcm",
                ".djvu",
                ".qoi",
                ".wmf",
            ),
        }
    ),
    "archive": frozenset(
        {".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".cbz", ".cbr", ".iso", ".dmg"}
    ),
}
_KIND_OF = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes}

#: What is none of the kinds.
OTHER = "other"

#: A longer suffix is part of a name.
_LONGEST_SUFFIX = 10


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many files of a kind and suffix (lower case, with its dot; "" for none) are neither images nor captions."""

    kind: str
    suffix: str
    count: int


def kind_of(suffix: str) -> str:
    """The kind of files with a suffix, in words."""
    return _KIND_OF.get(suffix, OTHER)


def suffix_of(path: str) -> str:
    """The suffix of a path, lower case, with its dot; "" for none, and for one too long to be one."""
    suffix = os.path.splitext(path)[1].lower()
    return suffix if len(suffix) <= _LONGEST_SUFFIX else ""


def by_kind(counts: Mapping[str, int]) -> tuple[LeftOut, ...]:
    """Counts by suffix with their kinds, the most frequent first."""
    found = [LeftOut(kind_of(suffix), suffix, count) for suffix, count in counts.items()]
    return tuple(sorted(found, key=lambda each: (-each.count, each.kind, each.suffix)))
