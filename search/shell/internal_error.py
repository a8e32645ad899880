"""What a person sees of an error that nobody foresaw: one sentence, and a file to send to those who can mend it."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence

from search import __version__
from search.console.exit_codes import INTERNAL_ERROR
from search.shell.printing import sentence

#: Set to anything, the traceback is printed instead of being written to a file.
DEBUG = "SEARCH_DEBUG"
#: Characters of an error's own words in the sentence; the file has them all.
_SHOWN = 200


def report(error: Exception, arguments: Sequence[str]) -> int:
    """Say that the product itself has failed; the exit code for it."""
    trace = "".join(traceback.format_exception(error))
    words = f"{type(error).__name__}: {error}".strip(": ").splitlines()[0][:_SHOWN]
    path = None if os.environ.get(DEBUG) else _written(trace, arguments)
    if path is None:
        sys.stderr.write(trace)
    where = "the lines above" if path is None else f"the file {path}, which holds the details"
    sentence(
        f"internal error ({words}); what was committed is kept. This is a fault of the program: please report it with "
        f"{where}."
    )
    return INTERNAL_ERROR


def _written(trace: str, arguments: Sequence[str]) -> str | None:
    """The path of a new file with all that is known, for this user's eyes; None where it cannot be written."""
    known = (
        f"search {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"search {shlex.join(arguments)}\n\n{trace}"
    )
    try:
        descriptor, path = tempfile.mkstemp(".txt", "search-error-")
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(known)
    except OSError:
        return None
    return path
