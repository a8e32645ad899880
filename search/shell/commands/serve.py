"""`search serve`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from indexer.errors import UsageError
from search.resident.library_context import folder_of
from search.shell.exit_codes import FOUND, NOTHING_FOUND
from search.shell.options import STORE, Options, option

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class ServeOptions(Options):
    """The options of `search serve`."""

    store: Path | None = STORE
    background: bool = option("--background", default=False, help="Return when it is ready, and leave it.")
    idle: float = option("--idle", default=900.0, metavar="SECONDS", help="It leaves after so long without a query.")
    stop: bool = option("--stop", default=False, help="Make the one that is there leave (exit code 1: none).")
    status: bool = option("--status", default=False, help="Say whether there is one (exit code 1: none).")


def run(options: ServeOptions, run_command: Callable[[list[str]], int]) -> int:
    """Keep the index loaded in a process that answers queries at once; none but you can reach it."""
    from indexer.settings import ResidentSettings
    from search.resident import lifecycle
    from search.shell import printing

    if options.background + options.stop + options.status > 1:
        raise UsageError("--background, --stop and --status exclude each other; give one.")
    if not 0 < options.idle <= 1e9:
        raise UsageError(f"--idle takes a number of seconds above 0, not {options.idle:g}.")
    settings = ResidentSettings(idle=options.idle)

    def say(line: str) -> None:
        printing.print_line(line)
        sys.stdout.flush()

    folder = folder_of(options.store)
    if not (options.background or options.stop or options.status):
        lifecycle.serve(folder, run_command, say, settings)
        return FOUND
    if options.background:
        found = lifecycle.start_and_wait(folder, settings)
    else:
        state = lifecycle.stop(folder, settings) if options.stop else lifecycle.ask(folder)
        if state is None:
            say(f"No resident process answers for {folder}.")
            return NOTHING_FOUND
        found = state
    old = "is of an earlier version, and makes way for another at the next query"
    end = "has left" if options.stop else old if found.outdated else f"leaves after {found.idle:g} s without a query"
    say(f"The resident process {found.pid} for {found.folder} ({found.answered:,} answered) {end}.")
    return FOUND
