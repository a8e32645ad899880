"""A command that a sentence proposes is for the store that the command line named: typed as it stands, it would act on
another one. Light."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: Beginnings of commands that have no store.
_WITHOUT: Final = ("search models", "search --")
_NAMES: Final = ("--store", "-s")


def naming_store(text: str, arguments: Sequence[str]) -> str:
    """`text`, in the shell's words, with the store of `arguments` in each command between backticks."""
    store = _store(arguments)
    if store is None or "`search " not in text:
        return text
    import re
    import shlex

    named = f" --store {shlex.quote(store)}"

    def completed(found: re.Match[str]) -> str:
        command = found[1]
        if command.startswith(_WITHOUT) or not {*_NAMES, "--help"}.isdisjoint(command.split()):
            return found[0]
        return f"`{command}{named}`"

    return re.sub(r"`(search [^`]+)`", completed, text)


def _store(arguments: Sequence[str]) -> str | None:
    """The value of the last `--store`, as it was typed. (What begins with -s and goes on is no store: "-sunset".)"""
    found = None
    for at, each in enumerate(arguments):
        if each == "--":
            break
        if each in _NAMES and at + 1 < len(arguments):
            found = arguments[at + 1]
        elif each.startswith("--store="):
            found = each.removeprefix("--store=")
    return found or None
