"""A minus that belongs to the query, and stands where options do: `search query car -blue`.

It is never taken for an option in silence: `-sunset` would be the store `unset`. A line between quotation marks, which
has a space, is none. Imported only where an argument begins
with a minus that no plain option has.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from indexer.errors import UsageError
from search.query.fields import FIELDS
from search.shell.options import STORE, Option

#: Characters of what somebody typed that a sentence shows.
_LONGEST: Final = 60


def with_line_behind(rows: Mapping[str, Option], types: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
    """The same arguments of `search query`; where one is a line between quotation marks that begins with a minus, as
    '-people beach', the options first, and all that is asked behind `--`.

    Raises UsageError for an argument that says "not" and is written like an option. `rows`, `types`: of the command's
    options.
    """
    takers, switches = _flags(rows, types)
    options, words = list[str](), list[str]()
    wrong, has_line = None, False
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            words += rest
        elif argument in takers:
            options += [argument, *([] if (value := next(rest, None)) is None else [value])]
        elif argument in switches or not argument.startswith("-"):
            (options if argument in switches else words).append(argument)
        elif _says_not(argument, takers, [*switches, *takers]):
            is_line = any(map(str.isspace, argument.strip()))
            has_line |= is_line
            wrong = wrong or (None if is_line else argument)
            words.append(argument)
        elif argument == "-":
            words.append(argument)
        else:
            options.append(argument)
    if wrong is not None:
        raise UsageError(_advice(wrong, " ".join(words), options))
    return [*options, "--", *words] if has_line else list(arguments)


def said_of_options(rows: Mapping[str, Option], types: Mapping[str, str], words: Sequence[str]) -> tuple[str, ...]:
    """A sentence about an option among the words of a query, which was typed behind `--`; none where there is none.

    Raises UsageError for one that no query can hold, with two minus signs.
    """
    takers, switches = _flags(rows, types)
    at = next((at for at, word in enumerate(words) if word.partition("=")[0] in takers | switches), None)
    if at is None:
        return ()
    name, equals, _ = words[at].partition("=")
    end = at + (2 if name in takers and not equals else 1)
    line = " ".join([*words[:at], *words[end:]])
    shown = f"{shlex.join(words[at:end])} -- {shlex.quote(line)}" if 0 < len(line) <= _LONGEST else f"{name} ..."
    if name.startswith("--"):
        raise UsageError(f"{name} stands behind --, where all is words; options go before it: `search query {shown}`.")
    return (f"{name} stands behind --, and was taken for a word; options go before it: `search query {shown}`.",)


def _flags(rows: Mapping[str, Option], types: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """The options that take a value, and those that take none."""
    takers, switches = set[str](), set[str]()
    for name, row in rows.items():
        is_switch = types[name].removesuffix(" | None") == "bool"
        (switches if is_switch else takers).update(side for flag in row.flags for side in flag.split("/"))
    return takers, switches


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


def _advice(wrong: str, line: str, options: Sequence[str]) -> str:
    """`line`: the words that were typed; `options`: what was typed beside them, which goes before `--`."""
    shown = wrong if len(wrong) <= _LONGEST else f"{wrong[: _LONGEST - 1]}…"
    given = shlex.join(options)
    command = " ".join(["search query", *([given] if 0 < len(given) <= _LONGEST else [])])
    if line.startswith("-") and len(line) <= _LONGEST and all(map(_is_filter, line.split())):
        return (
            f"{shown} begins like an option; a query that begins with a minus stands behind --, as in "
            f"`{command} -- {shlex.quote(line)}`."
        )
    if line.startswith("-"):  # what is wanted comes first
        first, _, rest = line.partition(" ")
        line = f"{rest or 'car'} {first}"
    if len(line) > _LONGEST or line.startswith("-"):
        line = "car -blue"
    return (
        f"{shown} begins like an option; where it says what is not wanted, put the whole query between quotation marks "
        f"and what is wanted first, as in `{command} {shlex.quote(line)}`."
    )
