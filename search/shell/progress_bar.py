"""What a person sees while the indexer works: a bar on a terminal, quiet lines elsewhere. Written to stderr."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from indexer.progress import Progress, Silent, span
from search.console.escaping import escaped

if TYPE_CHECKING:
    import rich.progress

#: Seconds between two lines where there is no terminal: a log stays readable, and a long run shows that it lives.
LINE_EVERY = 30.0
#: In the name of a phase that is one of several: "pass 3 of 10". Its own total, some batches, tells nothing more.
_COUNTED = re.compile(r"pass \d[\d,]* of \d")
#: Characters of a phase that a bar has room for, and those that the other columns take.
_NAME = 40
_OTHERS = 84


@contextmanager
def listener(quiet: bool) -> Iterator[Progress]:
    """The listener that suits stderr, whose own troubles never stop the work (`streams.py` says what becomes of it)."""
    bars = None if quiet or not sys.stderr.isatty() else _bars()
    if quiet:
        yield Silent()
    elif bars is None:
        yield _Lines()
    else:
        with bars:
            yield _Bar(bars)


def _bars() -> rich.progress.Progress | None:
    """None where rich cannot make sense of the terminal: it takes COLUMNS and its like at their word."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with suppress(ValueError):
        return Progress(
            TextColumn("{task.description}", markup=False),  # a name of a folder
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
    return None


class _Bar:
    def __init__(self, bars: rich.progress.Progress) -> None:
        self._bars = bars
        self._task: rich.progress.TaskID | None = None
        self._name = ""
        self._total: int | None = None
        self._counted = True  # whether the bar shows that
        self._done = 0
        self._started = 0.0

    def phase(self, name: str) -> None:
        self._name = name
        self._show(None)  # counts are of the phase before, until this one counts as well

    def total(self, files: int) -> None:
        self._total, self._done, self._started = files, 0, time.monotonic()
        self._show(files)

    def _show(self, total: int | None) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        name = _short(self._name, max(_NAME, self._bars.console.width - _OTHERS))
        self._task = self._bars.add_task(name, total=total, completed=0 if total is None else self._done, rate="")
        self._counted = total is not None

    def advance(self, files: int) -> None:
        if not self._counted and self._total is not None:  # a total that was said before the name of its phase
            self._show(self._total)
        self._done += files
        rate = self._done / max(time.monotonic() - self._started, 1e-9)
        if self._task is not None:
            self._bars.update(self._task, advance=files, rate=_pace(rate))


class _Lines:
    def __init__(self) -> None:
        self._name = ""
        self._total = self._done = 0
        self._started = self._said = time.monotonic()

    def phase(self, name: str) -> None:
        self._name = escaped(name)
        _say(self._name)

    def total(self, files: int) -> None:
        self._total, self._done = files, 0
        self._started = self._said = time.monotonic()
        if not _COUNTED.search(self._name):
            _say(f"{files:,} to do")

    def advance(self, files: int) -> None:
        self._done += files
        now = time.monotonic()
        if now - self._said >= LINE_EVERY and self._done < self._total:  # of what is done the next phase tells
            self._said = now
            rate = max(self._done, 1) / (now - self._started)
            left = (self._total - self._done) / rate
            _say(f"{_of(self._name)}{self._done:,} of {self._total:,}, {_pace(rate)}, about {span(left)} left")


def _of(name: str) -> str:
    """The phase that counts are of, before them, where it is itself one of several; else the line before says it."""
    return f"{name.partition('; ')[0]}: " if _COUNTED.search(name) else ""


def _pace(rate: float) -> str:
    """`rate`: a second."""
    if rate >= 10:
        return f"{rate:,.0f}/s"
    return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:,.0f} s each" if rate > 0 else ""


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _short(name: str, length: int = _NAME) -> str:
    """Details behind a semicolon go first."""
    clean = "".join(char if char.isprintable() else "?" for char in name)
    while len(clean) > length and "; " in clean:
        clean = clean.rpartition("; ")[0]
    return clean if len(clean) <= length else clean[: length // 2 - 1] + "…" + clean[-length // 2 :]
