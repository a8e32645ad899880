"""A file that a run may have died of is read in a process of its own, which may die of it alone.

Its arguments: PATH WIDTH HEIGHT MAX_PIXELS MAX_BYTES MOST
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress

from indexer.encoders.base import Preprocessing
from indexer.errors import FileError, ImageTooLargeError
from indexer.files.captions import is_caption_table, parse_captions_file
from indexer.images.decoder import decode, read_file
from indexer.images.metadata import read_metadata
from indexer.memory import Room, in_words, process_limit
from indexer.memory_budget import MemoryBudget, Share
from indexer.own_command import own_command
from indexer.settings import DecodeLimits
from indexer.storage.looking import candidate_at
from indexer.types import Candidate

#: The largest picture within the limits takes half a minute on a slow machine.
_SECONDS = 300.0
_NO_MEMORY = 9
#: What decoders set aside and may not use, stacks of threads above all.
_SPARE = 256_000_000

_PROGRAM = "from indexer.pipeline.trial import _read; sys.exit(_read(sys.argv))"


def why_not(candidate: Candidate, preprocessing: Preprocessing, limits: DecodeLimits, most: int) -> str | None:
    """Why this file is not to be read by a run, where all files together may take `most` bytes; None: it may be, and
    says itself what is wrong with it, if anything is."""
    numbers = (preprocessing.width, preprocessing.height, limits.max_pixels, limits.max_bytes, most)
    command = own_command(_PROGRAM, candidate.path, *map(str, numbers))
    try:
        done = subprocess.run(  # noqa: S603 (our own command)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"an earlier run ended while it was read, and reading it alone takes more than {_SECONDS:.0f} seconds"
    except (OSError, ValueError):  # no process can be started: it is read as any file
        return None
    if done.returncode == _NO_MEMORY or done.returncode < 0:
        return (
            "reading it ended an earlier run: alone it takes more than the "
            f"{in_words(process_limit())} of memory that this process may use (SEARCH_MEMORY), or its decoder crashes"
        )
    return None


def _read(arguments: list[str]) -> int:
    """The child: as a run reads a file, and nothing is kept. 0: whatever is wrong with the file, reading it ends."""
    path, numbers = arguments[1], [int(number) for number in arguments[2:]]
    width, height, max_pixels, max_bytes, most = numbers
    limits = DecodeLimits(max_pixels=max_pixels, max_bytes=max_bytes)
    _bound(most)

    def work(share: Share) -> None:
        data = read_file(candidate_at(path), limits, share)
        folder, name = os.path.split(path)
        if is_caption_table(name):
            parse_captions_file(name, data, folder)
        else:
            read_metadata(data)
            decode(data, limits, (width, height), share)

    try:
        MemoryBudget(Room(most, 0)).work(work)
    except MemoryError:
        return _NO_MEMORY
    except ImageTooLargeError as error:
        return _NO_MEMORY if isinstance(error.__context__, MemoryError) else 0
    except (OSError, FileError):
        return 0
    return 0


def _bound(most: int) -> None:
    """So much memory and no more; and where the machine has too little, this is the process to end."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("1000")
    try:
        import re
        import resource

        with open("/proc/self/status", "rb") as status:
            held = re.search(rb"^VmData:\s*(\d+) kB", status.read(), re.MULTILINE)
        if held:
            allowed = 1024 * int(held[1]) + most + _SPARE
            resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
    except (ImportError, OSError, ValueError):
        return
