"""How much memory this process may use, and how much of it is left. Light.

Only what is its own counts (anonymous memory): pages of files, models among them, the system takes back.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from indexer.errors import UsageError

#: The share of the machine's memory that is this process's where nobody says, and of what its control group may use,
#: which it has to itself.
SHARE, SHARE_OF_GROUP = 0.75, 0.9
#: What one file may take in any case: an ordinary photograph of 12 megapixels, read and decoded.
FLOOR = 230_000_000
#: The least that a process can be told to use: an indexing run with the bundled encoder held 350 to 390 MB of its own,
#: however little it was told.
LEAST = 400_000_000
#: What is kept free beside what the process holds, for the catalog's pages, for batches, and for what libraries keep.
RESERVE = 64_000_000

_UNITS = {"": 1, "B": 1}
_UNITS |= {f"{letter}{end}": 1000**power for power, letter in enumerate("KMGT", 1) for end in ("", "B")}
_UNITS |= {f"{letter}IB": 1024**power for power, letter in enumerate("KMGT", 1)}
_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([A-Z]*)", re.ASCII)

_AMOUNT_IN_WORDS = re.compile(r"\d+(?:\.\d)? ?[MGT]B\b", re.ASCII)

#: A control group without a limit of the first version says a number near 2^63.
_NO_LIMIT = 1 << 60
_GROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def process_limit() -> int:
    """Bytes that this process may use: SEARCH_MEMORY (`LEAST` or more), else a share of what there is. Raises
    UsageError."""
    given = os.environ.get("SEARCH_MEMORY", "").strip()
    if not given:
        return _usual_limit()
    found = amount(given)
    if not found:
        raise UsageError(f"SEARCH_MEMORY={given!r} is no amount of memory; write it as 600MB or 2GB, or unset it.")
    if found < LEAST:
        raise UsageError(f"SEARCH_MEMORY={given!r} is too little to work with; give 400MB or more, or unset it.")
    return found


def amount(given: str) -> int | None:
    """Bytes that a person wrote as "600MB", "2 GB" or "1GiB"; None for what is none of that."""
    match = _AMOUNT.fullmatch(given.upper())
    if match is None or match[2] not in _UNITS:
        return None
    return int(float(match[1]) * _UNITS[match[2]])


@lru_cache(maxsize=1)
def _usual_limit() -> int:
    """`SHARE` of the machine's memory, or `SHARE_OF_GROUP` of what its control group may use, where that is less."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        machine = _windows_memory()
    return int(min(SHARE * machine, *(SHARE_OF_GROUP * limit for limit in _group_limits()), _NO_LIMIT))


def held() -> int:
    """Bytes of its own that this process holds now; where the system does not say, the most that it ever held."""
    try:
        with open("/proc/self/status", "rb") as status:
            match = re.search(rb"^RssAnon:\s*(\d+) kB", status.read(), re.MULTILINE)
        if match:
            return 1024 * int(match[1])
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return 0
    import sys

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Room(NamedTuple):
    """Bytes that files together may take while they are read and decoded, and what all else takes or is kept for."""

    most: int
    beside: int


def room(reserve: int = RESERVE) -> Room:
    """What is left for reading and decoding, `FLOOR` at least, beside what is held and `reserve`. Raises UsageError."""
    beside = held() + reserve
    return Room(max(FLOOR, process_limit() - beside), beside)


def in_words(size: int) -> str:
    """An amount of memory as people say it: "1.2 GB", "600 MB"."""
    if size >= 999_500_000:
        return f"{size / 1e9:.1f} GB"
    return f"{max(1, round(size / 1e6))} MB"


def without_amounts(reason: str) -> str:
    """A sentence about memory without its amounts, which differ from run to run where the reason is the same."""
    return _AMOUNT_IN_WORDS.sub("", reason) if "SEARCH_MEMORY" in reason else reason


def _group_limits() -> Iterator[int]:
    """What the control groups of this process allow, and those above them; of both versions (Linux)."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        tops: tuple[Path, ...]
        if not controllers:
            tops, name = (_GROUPS, _GROUPS / "unified"), "memory.max"
        elif "memory" in controllers.split(","):
            tops, name = (_GROUPS / "memory",), "memory.limit_in_bytes"
        else:
            continue
        for top in tops:
            # Inside a container the group's own folder is the top, whatever its path outside is.
            inside = top / path.lstrip("/")
            for folder in (inside, *inside.parents):
                if folder != top and top not in folder.parents:
                    break
                limit = _number(folder / name)
                if limit is not None:
                    yield limit


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max"
        return None


def _windows_memory() -> int:
    """Bytes of physical memory under Windows; elsewhere, as if it were plenty."""
    import ctypes

    try:
        kilobytes = ctypes.c_ulonglong()
        kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
        return (
            1024 * kilobytes.value if kernel.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes)) else _NO_LIMIT
        )
    except (AttributeError, OSError):
        return _NO_LIMIT
