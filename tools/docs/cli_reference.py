"""Writes docs/cli.md from the commands themselves: `python -m tools.docs.cli_reference`.

`--check` writes nothing and fails when the page has drifted.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Final

from search.console.exit_codes import MEANINGS
from search.shell.cli import COMMANDS
from search.shell.options import Option, Options

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
#: Variables of the environment, each with what it says. Options come before them.
VARIABLES: Final = {
    "SEARCH_STORE": "where the index lives, as `--store`",
    "SEARCH_CACHE": "where exported and compiled models are kept; may be deleted at any time",
    "SEARCH_RESIDENT": "`auto`: any query may start a server for the next one; `off`: none is used",
    "SEARCH_DEVICE": "`cpu`, `cuda`, `cuda:1` or `mps`, for models on torch",
    "SEARCH_THREADS": "threads of the encoder (all cores)",
    "SEARCH_WORKERS": "threads that read and decode (one a core)",
    "SEARCH_MEMORY": "memory that a process may use: `600MB`, `2GB`; 400 MB at least (three quarters of the machine's)",
    "SEARCH_THUMBNAILS": "disk that the thumbnails of a store may take: `500MB`, `2GB`, `0` for none (1 GB)",
    "SEARCH_GPU_JPEG": "`1` decodes JPEGs on an NVIDIA GPU",
    "SEARCH_TOKEN": (
        "what clients of `search serve --port` show; without it a server that other machines reach makes one, and "
        "prints it"
    ),
    "SEARCH_DEBUG": "`1` prints the traceback of an internal error, instead of writing it to a file",
}
HEAD: Final = """\
# Command line

What `search COMMAND --help` says, in one place. This page is made from the commands:
`python -m tools.docs.cli_reference`.
"""


def page() -> str:
    """The whole page."""
    sections = [_section(name, options, inspect.getdoc(work) or "") for name, (options, work) in COMMANDS.items()]
    codes = _table(("code", "meaning"), [(str(code), meaning) for code, meaning in MEANINGS.items()])
    variables = _table(("variable", "what it says"), [(f"`{name}`", said) for name, said in VARIABLES.items()])
    return "\n".join([HEAD, *sections, "## Exit codes", "", *codes, "", "## Environment", "", *variables, ""])


def _section(name: str, options: type[Options], said: str) -> str:
    rows = options.rows()
    places = "".join(f" {_place(options, field, row)}" for field, row in rows.items() if not row.flags)
    lines = [f"## `search {name}`", "", said, "", f"    search {name}{places} [OPTIONS]", ""]
    cells = [(f"`{_typed(options, field, row)}`", _said(row)) for field, row in rows.items()]
    return "\n".join([*lines, *_table(("option", "what it says"), cells), ""])


def _kind(options: type[Options], field: str) -> str:
    return str(options.types()[field]).removesuffix(" | None")


def _place(options: type[Options], field: str, row: Option) -> str:
    shown = f"{row.metavar}..." if _kind(options, field).startswith("list") else f"{row.metavar}"
    return shown if row.default is ... else f"[{shown}]"


def _typed(options: type[Options], field: str, row: Option) -> str:
    """An option as it is typed: `--store, -s PATH`."""
    if not row.flags:
        return _place(options, field, row)
    kind = _kind(options, field)
    value = "" if kind == "bool" else f" {row.metavar or kind.upper()}"
    return ", ".join(sorted(row.flags, key=len, reverse=True)) + value


def _said(row: Option) -> str:
    default = row.default
    if default is ... and row.flags:
        return f"{row.help} Has to be given."
    if default is ... or default is None or default is False:
        return row.help
    return f"{row.help} Default: `{default:g}`." if isinstance(default, float) else f"{row.help} Default: `{default}`."


def _table(heads: tuple[str, str], rows: list[tuple[str, str]]) -> list[str]:
    lines = [heads, ("---", "---"), *((one, other.replace("|", "\\|")) for one, other in rows)]
    return [f"| {one} | {other} |" for one, other in lines]


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is as it would be written."""
    if "--check" in arguments:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        print("docs/cli.md is up to date" if same else "docs/cli.md has drifted: python -m tools.docs.cli_reference")
        return 0 if same else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
