"""The names of classes: of folders, of a list, of a file; which of them cannot stand beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from indexer.errors import UsageError
from indexer.path_forms import composed
from indexer.text import one_line

#: Beyond these a matrix of logits for one batch of photographs is large, and no person reads the answer.
MOST: Final = 10_000
#: Characters of a name.
LONGEST: Final = 200


def legible(name: str) -> str:
    """The name of a class as it is kept and shown: on one line, without control characters; "" where nothing is left.
    Two names that look alike are one."""
    return composed(one_line(name, LONGEST))


def spoken(name: str) -> str:
    """What an encoder is asked with for a class: "stop_sign" as "stop sign"."""
    return " ".join(name.replace("_", " ").split()) or name


def check_classes(names: Sequence[str], source: str) -> None:
    """Raise UsageError unless `names`, each once, can be told from each other. `source`: what gave them, the beginning
    of a sentence."""
    if len(names) < 2:
        said = f"only the class {names[0]}" if names else "no class"
        raise UsageError(f"{source} has {said}, and to sort photographs takes two; add another.")
    if len(names) > MOST:
        raise UsageError(f"{source} has {len(names):,} classes, and {MOST:,} are the most; leave some out.")
    alike = first_alike(names)
    if alike is not None:
        raise UsageError(
            f"{source} has the classes {alike[0]!r} and {alike[1]!r}, which are one name but for letter case and "
            "underscores; join them, or give one another name."
        )


def first_alike(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two that differ in letter case, form or underscores alone."""
    seen: dict[str, str] = {}
    for name in names:
        key = spoken(name).casefold()
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None


def names_in(text: str) -> tuple[str, ...]:
    """Those of a file: one a line; empty lines, and lines that begin with #, are none; a name that comes twice counts
    once."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return tuple(dict.fromkeys(name for line in lines if (name := legible(line))))


def names_between_commas(text: str) -> tuple[str, ...]:
    """Those of an option: "cat,dog,red car"."""
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := legible(part))))
