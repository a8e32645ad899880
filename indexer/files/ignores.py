"""What a folder leaves out: patterns by gitignore's rules.

`pathspec` turns a pattern into a regular expression; here many become one, because a scan asks of every name. The
rules are git's (https://git-scm.com/docs/gitignore), but for three that suit photographs and a command line: letter
case is passed over, names are compared in Unicode's normal form C, and a `#` at the front is a letter, for there are no
comments.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from indexer.errors import UsageError

_Search = Callable[[str], re.Match[str] | None]

#: How an expression of `pathspec` begins for a pattern that may lie at any depth.
_ANYWHERE = "^(?:.+/)?"


@dataclass(frozen=True, slots=True)
class _Rule:
    """One pattern. `expression` is matched from the start, against a name alone or against the whole path."""

    pattern: str
    leaves_out: bool
    by_name: bool
    expression: str


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring patterns that all leave out, or all take back, as one expression for names and one for paths."""

    leaves_out: bool
    name: _Search | None
    path: _Search | None


class Ignores:
    """Patterns in their order: of those that match, the last decides; one that begins with `!` takes back.

    A folder that is left out is not entered, so nothing below it can be taken back. `watched`: patterns of which
    `unmatched` says, after a scan, whether anything matched them. What is no pattern matches nothing (`is_pattern`).
    """

    def __init__(self, patterns: Iterable[str], watched: Iterable[str] = ()) -> None:
        rules = [rule for rule in map(_rule, patterns) if rule is not None]
        self._runs = _runs(rules)
        self._watched = {each: rule for each in watched if (rule := _rule(each)) is not None}
        self._unmatched = dict.fromkeys(watched)
        self._only: _Run | None = None
        if not self._unmatched:
            self._take_the_short_way()

    @property
    def unmatched(self) -> list[str]:
        """The watched patterns that matched nothing so far."""
        return list(self._unmatched)

    def match(self, name: str, prefix: str, is_folder: bool) -> bool:
        """Whether the entry `name` in the folder `prefix` (relative to the root, with its slash) is left out."""
        if not name.isascii():
            name = unicodedata.normalize("NFC", name)
        if is_folder:
            name += "/"
        only = self._only
        if only is not None:  # the usual case: nothing is taken back
            if only.name is not None and only.name(name) is not None:
                return True
            return only.path is not None and only.path(_whole(prefix, name)) is not None
        return self._last_match(name, prefix)

    def leaves_out(self, path: str, *, is_folder: bool) -> bool:
        """Whether a scan would not come to `path` (relative to the root): it, or a folder above it, is left out."""
        prefix = ""
        names = path.split("/")
        for at, name in enumerate(names):
            if self.match(name, prefix, is_folder or at < len(names) - 1):
                return True
            prefix += f"{name}/"
        return False

    def _last_match(self, name: str, prefix: str) -> bool:
        path = _whole(prefix, name)
        found = None
        for run in reversed(self._runs):
            if (run.name is not None and run.name(name)) or (run.path is not None and run.path(path)):
                found = run.leaves_out
                break
        if found is not None:
            for pattern in list(self._unmatched):
                rule = self._watched.get(pattern)
                if rule is not None and _compiled([rule.expression])(name if rule.by_name else path):
                    del self._unmatched[pattern]
                    if not self._unmatched:
                        self._take_the_short_way()
        return bool(found)

    def _take_the_short_way(self) -> None:
        """Where no pattern takes back and none is watched, one expression says it all."""
        if len(self._runs) == 1 and self._runs[0].leaves_out:
            self._only = self._runs[0]


def is_pattern(text: str) -> bool:
    """Whether a pattern can match anything: not blank, not a slash alone, its brackets and backslashes closed."""
    return _rule(text) is not None


def check_patterns(patterns: Iterable[str]) -> None:
    """Raises UsageError, naming the pattern, for one that can match nothing."""
    for pattern in patterns:
        if not is_pattern(pattern):
            raise UsageError(
                f"{pattern!r} is no pattern that could match anything; patterns follow gitignore's rules (*.png, "
                "drafts/, /private/**)."
            )


def is_anchored(pattern: str) -> bool:
    """Whether a pattern names places relative to its root, not names at any depth: it has a slash before its end."""
    return "/" in pattern.removeprefix("!").removesuffix("/")


def means_something_else(pattern: str) -> bool:
    """Whether a pattern that was given as one of `fnmatch`'s, as stores took them at first, leaves out other files by
    gitignore's rules."""
    return pattern.startswith("!") or "\\" in pattern or (is_anchored(pattern) and any(c in pattern for c in "*?["))


def _rule(pattern: str) -> _Rule | None:
    """None for what is no pattern."""
    from pathspec.patterns.gitignore.base import GitIgnorePatternError
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    text = unicodedata.normalize("NFC", pattern)
    try:
        expression, leaves_out = GitIgnoreSpecPattern.pattern_to_regex("\\" + text if text.startswith("#") else text)
        if expression is None or leaves_out is None:
            return None
        by_name = not is_anchored(text)
        rule = _Rule(pattern, leaves_out, by_name, _of_entries(expression, by_name=by_name))
        _compiled([rule.expression])
    except (GitIgnorePatternError, re.error):
        return None
    return rule


def _of_entries(expression: str, *, by_name: bool) -> str:
    """An expression of `pathspec`, which matches all that lies below a match too, for entries one by one.

    A folder's path ends in a slash. `pathspec` marks by a named group the slash after a folder that matched.
    """
    whole = re.sub(r"\(\?P<\w+>", "(?:", expression)
    if whole != expression:
        whole += r"\Z"
    elif whole.endswith("/"):  # `private/**`: what lies in it, not the folder itself
        whole += "."
    if by_name and whole.startswith(_ANYWHERE):
        return whole.removeprefix(_ANYWHERE)  # names hold no slash; without this part they match ten times as fast
    return whole.removeprefix("^") if whole.startswith("^") else ".*" + whole


def _runs(rules: Sequence[_Rule]) -> list[_Run]:
    runs: list[_Run] = []
    start = 0
    while start < len(rules):
        end = start
        while end < len(rules) and rules[end].leaves_out == rules[start].leaves_out:
            end += 1
        names, paths = ([r.expression for r in rules[start:end] if r.by_name is by_name] for by_name in (True, False))
        runs.append(
            _Run(
                rules[start].leaves_out,
                _compiled(names) if names else None,
                _compiled(paths) if paths else None,
            )
        )
        start = end
    return runs


def _compiled(expressions: Sequence[str]) -> _Search:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # a bracket in brackets may mean something else one day
        return re.compile("|".join(f"(?:{each})" for each in expressions), re.IGNORECASE | re.DOTALL).match


def _whole(prefix: str, name: str) -> str:
    return (prefix if prefix.isascii() else unicodedata.normalize("NFC", prefix)) + name
