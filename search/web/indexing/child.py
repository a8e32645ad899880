"""The process that indexes for a server: our own command, with lines of JSON for its output.

Its input is a pipe that the server holds. When that closes, because somebody stopped the run or because the server is
gone, the run is interrupted as by Ctrl-C: what was committed stays.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import BinaryIO, Final

from indexer.errors import SearchError
from search.library import Library
from search.library import open as open_library
from search.web.indexing.messages import Teller

#: Seconds that an interrupted run may take to end before it is ended.
PATIENCE: Final = 60.0


def main() -> None:
    """`ORDER`, a JSON object: the store, the folders (none: all that it knows), and whether files are verified."""
    order = json.loads(sys.argv[1])
    with suppress(BrokenPipeError), private_output() as output, open_library(order["store"]) as library:
        work(library, order["roots"], output, verify=order["verify"])


def private_output() -> BinaryIO:
    """What was standard output; what libraries print there goes to the log from now on."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return output


def work(library: Library, roots: list[str], output: BinaryIO, *, verify: bool = False) -> None:
    """Index, and tell of it. Raises BrokenPipeError where nobody listens any more."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a server in the background may have it ignored
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(10)  # those who search come first
    teller = Teller(output)
    try:
        threading.Thread(target=_interrupt_at_end, name="input", daemon=True).start()
        report = library.index(*roots, progress=teller, verify=verify)
    except SearchError as error:
        teller.problem(error)
    except KeyboardInterrupt:
        teller.stopped()
    else:
        teller.report(report)


def _interrupt_at_end() -> None:
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    timer = threading.Timer(PATIENCE, os._exit, (1,))
    timer.daemon = True
    timer.start()
    signal.raise_signal(signal.SIGINT)
