"""What every command prints with: lines for people, JSON for programs, complaints to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from search.console.escaping import escaped, within
from search.console.wording import in_shell_words


def print_line(text: str = "") -> None:
    """One line to stdout; characters that a terminal would act on, or cannot show, are escaped."""
    sys.stdout.write(printable(text) + "\n")


def printable(text: str) -> str:
    """`text` on one line, safe for a terminal: control characters and undecodable bytes are escaped."""
    return within(escaped(text), _encoding())


def print_lines(text: str) -> None:
    """Lines that are escaped, each with its end."""
    sys.stdout.write(within(text, _encoding()))


def print_bytes(content: bytes) -> None:
    """Bytes for a program, after everything that was printed before."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)


def print_json(value: Any) -> None:
    """JSON to stdout, ASCII only: a path that is not valid UTF-8 keeps its bytes as \\udcXX escapes. Raises ValueError
    for a number that is none, which no reader of JSON takes."""
    import json

    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def print_json_rows(head: dict[str, Any], name: str, rows: Iterable[Any]) -> None:
    """An object as `print_json` prints it, whose last field `name` is a list: a row a line, as they come, so that many
    need no memory."""
    import json

    sys.stdout.write(json.dumps(head, indent=2, allow_nan=False).removesuffix("\n}"))
    sys.stdout.write(f",\n  {json.dumps(name)}: [")
    between = "\n    "
    for row in rows:
        sys.stdout.write(between + json.dumps(row, allow_nan=False))
        between = ",\n    "
    sys.stdout.write("\n  ]\n}\n")


def complain(text: str) -> None:
    """One line to stderr, after everything that was printed before."""
    sys.stdout.flush()
    sentence(printable(text))


def sentence(text: str) -> None:
    """One line to stderr, from the program itself; what the library says is said in words of the shell."""
    sys.stderr.write(f"search: {escaped(in_shell_words(text))}\n")


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"
