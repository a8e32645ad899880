"""`search serve`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from indexer.errors import UsageError
from indexer.reach import shown_store
from search.console.exit_codes import FOUND, NOTHING_FOUND
from search.shell.opened_library import folder_of
from search.shell.options import STORE, Options, option

if TYPE_CHECKING:
    from pathlib import Path

    from search.resident.lifecycle import State
    from search.web.settings import ServeSettings

#: Headings of the help.
_PAGE = "The page and the API"
_SHELL = "For queries of the shell alone"
_NO_PAGE = "It has no page; `search serve --open` serves one."


class ServeOptions(Options):
    """The options of `search serve`."""

    EXAMPLES = (
        "search serve --open                       the page, on this machine",
        "search serve --port 8765 --host 0.0.0.0   the page for other machines, with a token",
        "search serve --background                 faster queries in the shell, without a page",
    )
    port: int | None = option(
        "--port",
        metavar="N",
        help="Serve the page and the API at this port (8765 if not given; 0: any that is free).",
        group=_PAGE,
    )
    open: bool = option("--open", default=False, help="Serve them, and open the page in the browser.", group=_PAGE)
    host: str | None = option(
        "--host",
        metavar="ADDRESS",
        help="Listen at this address (default: 127.0.0.1, this machine alone); others need a token, SEARCH_TOKEN.",
        group=_PAGE,
    )
    name: list[str] | None = option(
        "--name",
        metavar="HOST",
        help="What else the server is called in a browser, as nas.home or behind a proxy; repeatable.",
        group=_PAGE,
    )
    store: Path | None = STORE
    background: bool = option(
        "--background", default=False, help="Return when the server is ready, and leave it.", group=_SHELL
    )
    idle: float = option(
        "--idle",
        default=900.0,
        metavar="SECONDS",
        help="Without a page it leaves after so long without a query.",
        group=_SHELL,
    )
    stop: bool = option(
        "--stop", default=False, help="Make the server of the store leave (exit code 1: none).", group=_SHELL
    )
    status: bool = option(
        "--status", default=False, help="Say whether there is a server of the store (exit code 1: none).", group=_SHELL
    )


def run(options: ServeOptions) -> int:
    """Serve the page and the API, with --port or --open; queries of the shell are answered at once in any case.

    Without --port, --open, --host and --name nobody but you can reach the server, by a private socket, and it has no
    page.
    """
    if options.background + options.stop + options.status > 1:
        raise UsageError("--background, --stop and --status exclude each other; give one.")
    if options.port is not None or options.open or options.host is not None or options.name:
        return _page(options)
    return _shell(options)


def _page(options: ServeOptions) -> int:
    """Serve the page and the API, in the foreground. Raises UsageError, StoreMissingError, StoreError."""
    if options.background or options.stop or options.status:
        raise UsageError("--background, --stop and --status take no --port, --open, --host and --name; leave them out.")
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

    names = tuple(options.name or ())
    settings = ServeSettings(host=options.host or "127.0.0.1", port=port, names=names)
    settings, is_new = _with_token(settings)
    serve(folder_of(options.store), settings, _say, show, tell_token=is_new)
    return FOUND


def _with_token(settings: ServeSettings) -> tuple[ServeSettings, bool]:
    """What clients have to show: SEARCH_TOKEN, or for other machines one that is made for this server, and told. (An
    option would show it to everybody who lists processes.) Raises UsageError for one that can be guessed."""
    import os
    from dataclasses import replace

    from search.web.tokens import unfit, with_token

    given = os.environ.get("SEARCH_TOKEN")
    if given is None:
        return with_token(settings)
    if not given.strip():  # a server that does without would be open to those whom it was to keep out
        raise UsageError(
            "SEARCH_TOKEN is set and empty: what it is taken from is missing; set it to a token, or unset it."
        )
    settings = replace(settings, token=given)
    why = unfit(given)
    if why is not None:
        raise UsageError(f"SEARCH_TOKEN {why}.")
    return settings, False


def _shell(options: ServeOptions) -> int:
    """Serve the shell alone, or ask the server that is there. Raises UsageError, StoreMissingError, StoreError,
    ResidentError."""
    from indexer.settings import ResidentSettings
    from search.resident import lifecycle, socket_paths
    from search.resident.background import checked_base

    if not 0 < options.idle <= 1e9:
        from indexer.arguments import plain

        raise UsageError(
            f"--idle takes a number of seconds above 0 and up to 1,000,000,000, not {plain(options.idle)}."
        )
    settings = ResidentSettings(idle=options.idle)
    folder = folder_of(options.store)
    if not (options.background or options.stop or options.status):
        from search.web.serving import serve

        serve(folder, None, lambda line: _say(f"{line}\n{_NO_PAGE}"), lambda _: None, resident=settings)
        return FOUND
    if options.background:
        found = lifecycle.start_and_wait(folder, settings)
    else:
        if socket_paths.AVAILABLE:
            checked_base(str(folder))  # or nobody can be asked
        state = lifecycle.stop(folder, settings) if options.stop else lifecycle.ask(folder)
        if state is None:
            _say(f"No server answers for {shown_store(folder)}.")
            return NOTHING_FOUND
        found = state
    _say(
        f"The server {found.pid} for {shown_store(found.folder)} ({found.answered:,} answered) "
        f"{'has left' if options.stop else _future(found)}."
    )
    return FOUND


def _future(state: State) -> str:
    """What becomes of a server that is there."""
    if state.outdated:
        return "is of an earlier version, and makes way for another at the next query"
    if state.idle is None:
        return f"has its page at {state.address}, and stays"
    return f"leaves after {state.idle:g} s without a query"


def _say(line: str) -> None:
    from search.shell import printing

    printing.print_line(line)
    sys.stdout.flush()
