"""The patterns of a folder as they read from a folder inside it, which becomes a root of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from indexer.files.ignores import Ignores, is_anchored

#: What stands for any number of folders, where it is a whole part of a pattern.
_ANY_DEPTH = "**"


def inherited(patterns: Iterable[str], folder: str) -> tuple[str, ...]:
    """`patterns` for the folder at the relative path `folder`: of every entry inside they say the same.

    `2020/raw/` is `/raw/` in `2020`, and nothing in `2021`; a name at any depth stays. What leaves out `folder` itself
    or a folder around it says nothing of what lies inside: who asks for the patterns has named it all the same.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        if not is_anchored(_stripped(pattern)):
            found[pattern] = None
        elif pattern.startswith("!") or not Ignores([pattern]).leaves_out(folder, is_folder=True):
            for each in _seen_from(pattern, folder.split("/")):
                found.pop(each, None)  # of equal ones the last decides
                found[each] = None
    return tuple(found)


def _seen_from(pattern: str, names: Sequence[str]) -> Iterator[str]:
    """What of an anchored pattern is left when its first parts have matched the `names` of the folders on the way.

    `**` matches any number of names, so several things can be left, and each is a pattern.
    """
    sign = "!" if pattern.startswith("!") else ""
    body = _stripped(pattern).removeprefix("!")
    end = "/" if body.endswith("/") else ""
    parts = body.removeprefix("/").removesuffix("/").split("/")
    parts = parts[:1] + [part for before, part in pairwise(parts) if not before == part == _ANY_DEPTH]
    last = len(parts) - 1
    reached = {0}
    for name in names:
        reached |= {at + 1 for at in reached if at < last and parts[at] == _ANY_DEPTH}
        reached = {after for at in reached if at <= last for after in _after(parts[at], at, name)}
    for at in sorted(reached):
        if at == last and parts[at] == _ANY_DEPTH:
            yield f"{sign}*{end}"
        elif at <= last:
            yield f"{sign}{'' if parts[at] == _ANY_DEPTH else '/'}{'/'.join(parts[at:])}{end}"


def _after(part: str, at: int, name: str) -> list[int]:
    """Where in a pattern the match goes on behind `name`, which its part number `at` is to match."""
    if part == _ANY_DEPTH:
        return [at]
    return [at + 1] if Ignores([f"/{part}"]).match(name, "", is_folder=True) else []


def _stripped(pattern: str) -> str:
    """Without spaces at its end, which mean nothing unless a backslash stands before them."""
    return pattern if pattern.endswith("\\ ") else pattern.rstrip()
