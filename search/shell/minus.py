"""A minus that belongs to the query, and stands where options do: `search query car -blue`.

It is never taken for an option in silence: `-sunset` would be the store `unset`. Imported only where an argument begins
with a minus that no plain option has.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence

from indexer.errors import UsageError
from search.query.fields import FIELDS
from search.shell.options import STORE, Option


def check_minus(rows: Mapping[str, Option], types: Mapping[str, str], arguments: Sequence[str]) -> None:
    """Raises UsageError for an argument of `search query` that says "not" and is written like an option.

    `rows`, `types`: of the command's options.
    """
    switches, takers = set[str](), set[str]()
    for name, row in rows.items():
        is_switch = types[name].removesuffix(" | None") == "bool"
        (switches if is_switch else takers).update(side for flag in row.flags for side in flag.split("/"))
    rest, words = iter(arguments), list[str]()
    wrong = None
    for argument in rest:
        if argument == "--":
            break
        if argument in takers:
            next(rest, None)
        elif argument not in switches and _says_not(argument, takers, [*switches, *takers]):
            wrong = wrong or argument
            words.append(argument)
        elif not argument.startswith("-"):
            words.append(argument)
    if wrong is not None:
        raise UsageError(_advice(wrong, " ".join(words)))


def _says_not(argument: str, takers: set[str], flags: Sequence[str]) -> bool:
    if not re.match(r"-[^\W\d].|-[\"“„«(]|-\d+(\.\d+)?\*", argument):
        return False
    if f"-{argument}" in flags or f"-{argument}" in ("--help", "--version"):
        return False  # `-to`: a slip, of which another sentence speaks
    if argument[:2] == STORE.flags[1]:  # -s, and the store right behind it: it is there, or is written as a path
        value = argument[2:].removeprefix("=")
        return not (os.sep in value or "." in value or os.path.exists(os.path.expanduser(value)))
    if argument[:2] in takers:
        return re.match(r"-\w[= ]?-?\d", argument) is None
    return True


def _is_filter(word: str) -> bool:
    name = word.removeprefix("-").partition(":")[0].lower()
    return ":" in word and name in FIELDS and FIELDS[name].role == "filter"


def _advice(wrong: str, line: str) -> str:
    shown = wrong if len(wrong) <= 60 else f"{wrong[:59]}…"
    if line.startswith("-") and len(line) <= 60 and all(map(_is_filter, line.split())):
        return (
            f"{shown} begins like an option; a query that begins with a minus stands behind --, as in "
            f"`search query -- {shlex.quote(line)}`."
        )
    if line.startswith("-"):  # what is wanted comes first
        first, _, rest = line.partition(" ")
        line = f"{rest or 'car'} {first}"
    if len(line) > 60 or line.startswith("-"):
        line = "car -blue"
    return (
        f"{shown} begins like an option; where it says what is not wanted, put the whole query between quotation marks "
        f"and what is wanted first, as in `search query {shlex.quote(line)}`."
    )
