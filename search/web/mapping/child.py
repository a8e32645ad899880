"""The process that makes the map for a server: started, watched and ended as the one that indexes."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import BinaryIO

from indexer.errors import SearchError, StoreUnwritableError
from search.library import Library
from search.library import open as open_library
from search.web.indexing.child import private_output
from search.web.indexing.messages import Teller


def main() -> None:
    """`ORDER`, a JSON object: the store."""
    order = json.loads(sys.argv[1])
    with suppress(BrokenPipeError), private_output() as output, open_library(order["store"]) as library:
        work(library, output)


def work(library: Library, output: BinaryIO) -> None:
    """Make the map, and tell of it. Raises BrokenPipeError where nobody listens any more."""
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(15)  # those who search, and who index, come first
    threading.Thread(target=_end_with_the_server, name="input", daemon=True).start()
    teller = Teller(output)
    try:
        library.map(progress=teller)
        if library.kept_map() is None:
            raise StoreUnwritableError(
                f"The map cannot be kept in {library.folder}; make the folder writable and try again."
            )
    except SearchError as error:
        teller.problem(error)
    else:
        teller.complete()


def _end_with_the_server() -> None:
    """Nothing is lost with a map that is half made."""
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
