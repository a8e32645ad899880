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

#: What belongs to the server of the page.
_PAGE = "The page and the API"
#: Letters of a token that somebody chose.
_SHORTEST = 16


class ServeOptions(Options):
    """The options of `search serve`."""

    store: Path | None = STORE
    port: int | None = option(
        "--port", metavar="N", help="Serve the page and the API at this port (0: any that is free).", group=_PAGE
    )
    host: str | None = option("--host", metavar="H", help="Listen at this address (default: 127.0.0.1).", group=_PAGE)
    open: bool = option("--open", default=False, help="Open the page in the browser.", group=_PAGE)
    background: bool = option("--background", default=False, help="Return when it is ready, and leave it.")
    idle: float = option("--idle", default=900.0, metavar="SECONDS", help="It leaves after so long without a query.")
    stop: bool = option("--stop", default=False, help="Make the one that is there leave (exit code 1: none).")
    status: bool = option("--status", default=False, help="Say whether there is one (exit code 1: none).")


def run(options: ServeOptions, run_command: Callable[[list[str]], int]) -> int:
    """Keep the index loaded in a process that answers queries at once; none but you can reach it.

    With --port or --open it serves the page and the API instead.
    """
    if options.background + options.stop + options.status > 1:
        raise UsageError("--background, --stop and --status exclude each other; give one.")
    if options.port is not None or options.open or options.host is not None:
        return _page(options)
    return _resident(options, run_command)


def _page(options: ServeOptions) -> int:
    """Serve the page and the API, in the foreground. Raises UsageError, StoreMissingError, StoreError."""
    if options.background or options.stop or options.status:
        raise UsageError("--background, --stop and --status are for the resident process; leave out --port and --host.")
    from search.web.addresses import is_loopback
    from search.web.settings import DEFAULT_PORT, ServeSettings

    port = DEFAULT_PORT if options.port is None else options.port
    if not 0 <= port <= 65_535:
        raise UsageError(f"--port takes a number from 0 to 65535, not {port}.")
    if options.open:
        from search.shell.desktop import check_desktop

        check_desktop()
    from search.web.serving import serve

    def show(address: str) -> None:
        if options.open:
            from search.shell.desktop import open_file

            try:
                open_file(address)
            except UsageError as error:  # the server is there all the same
                _say(str(error))

    host = options.host or "127.0.0.1"
    token = None if is_loopback(host) else _token()
    serve(folder_of(options.store), ServeSettings(host=host, port=port, token=token), _say, show)
    return FOUND


def _token() -> str:
    """What clients from other machines have to show: SEARCH_TOKEN, or one that is made for this server. (An option
    would show it to everybody who lists processes.) Raises UsageError for one that can be guessed."""
    import os
    import secrets

    given = os.environ.get("SEARCH_TOKEN")
    if given is None:
        return secrets.token_urlsafe(32)
    if len(given) < _SHORTEST or not given.isascii() or not given.isprintable() or " " in given:
        raise UsageError(f"SEARCH_TOKEN has at least {_SHORTEST} letters, digits and signs, without spaces.")
    return given


def _resident(options: ServeOptions, run_command: Callable[[list[str]], int]) -> int:
    from indexer.settings import ResidentSettings
    from search.resident import lifecycle

    if not 0 < options.idle <= 1e9:
        raise UsageError(f"--idle takes a number of seconds above 0, not {options.idle:g}.")
    settings = ResidentSettings(idle=options.idle)
    folder = folder_of(options.store)
    if not (options.background or options.stop or options.status):
        lifecycle.serve(folder, run_command, _say, settings)
        return FOUND
    if options.background:
        found = lifecycle.start_and_wait(folder, settings)
    else:
        state = lifecycle.stop(folder, settings) if options.stop else lifecycle.ask(folder)
        if state is None:
            _say(f"No resident process answers for {folder}.")
            return NOTHING_FOUND
        found = state
    old = "is of an earlier version, and makes way for another at the next query"
    end = "has left" if options.stop else old if found.outdated else f"leaves after {found.idle:g} s without a query"
    _say(f"The resident process {found.pid} for {found.folder} ({found.answered:,} answered) {end}.")
    return FOUND


def _say(line: str) -> None:
    from search.shell import printing

    printing.print_line(line)
    sys.stdout.flush()
