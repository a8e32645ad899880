"""`search mcp`."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final

from indexer.errors import UsageError
from search.console.exit_codes import FOUND
from search.shell.opened_library import folder_of
from search.shell.options import STORE, Options

if TYPE_CHECKING:
    from pathlib import Path


#: What installs what an assistant talks to.
PACKAGE: Final = "mcp>=2"


class McpOptions(Options):
    """The options of `search mcp`."""

    store: Path | None = STORE


def run(options: McpOptions) -> int:
    """Let an assistant search, by the Model Context Protocol on standard input and output; it changes nothing."""
    if importlib.util.find_spec("mcp") is None:
        raise UsageError(f"`search mcp` needs a package that is not here; `pip install '{PACKAGE}'` installs it.")
    from search.web.assistants.tools import serve

    serve(folder_of(options.store))
    return FOUND
