"""What a person sees while the indexer works: a bar on a terminal, quiet lines elsewhere. Written to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from indexer.progress import Progress, Silent

if TYPE_CHECKING:
    import rich.progress

#: Seconds between two lines where there is no terminal: a log stays readable, and a long run shows that it lives.
LINE_EVERY = 30.0


@contextmanager
def listener(quiet: bool) -> Iterator[Progress]:
    """The listener that suits stderr."""
    if quiet:
        yield Silent()
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as bars:
            yield _Bar(bars)
    else:
        yield _Lines()


class _Bar:
    def __init__(self, bars: rich.progress.Progress) -> None:
        self._bars = bars
        self._task: rich.progress.TaskID | None = None
        self._name = ""
        self._done = 0
        self._started = 0.0

    def phase(self, name: str) -> None:
        self._name = name
        if self._task is None:
            self._task = self._bars.add_task(_short(name), total=None, rate="")
        else:
            self._bars.update(self._task, description=_short(name))

    def total(self, files: int) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(_short(self._name), total=files, rate="")
        self._done, self._started = 0, time.monotonic()

    def advance(self, files: int) -> None:
        self._done += files
        rate = self._done / max(time.monotonic() - self._started, 1e-9)
        if self._task is not None:
            self._bars.update(self._task, advance=files, rate=f"{rate:,.0f}/s")


class _Lines:
    def __init__(self) -> None:
        self._total = self._done = 0
        self._started = self._said = time.monotonic()

    def phase(self, name: str) -> None:
        print(name, file=sys.stderr)  # noqa: T201

    def total(self, files: int) -> None:
        self._total, self._done = files, 0
        self._started = self._said = time.monotonic()
        print(f"{files:,} to do", file=sys.stderr)  # noqa: T201

    def advance(self, files: int) -> None:
        self._done += files
        now = time.monotonic()
        if now - self._said >= LINE_EVERY:
            self._said = now
            rate = self._done / (now - self._started)
            left = (self._total - self._done) / rate
            print(  # noqa: T201
                f"{self._done:,} of {self._total:,}, {rate:,.0f}/s, about {left / 60:.0f} min left",
                file=sys.stderr,
            )


def _short(name: str, length: int = 40) -> str:
    clean = "".join(char if char.isprintable() else "?" for char in name)
    return clean if len(clean) <= length else clean[: length // 2 - 1] + "…" + clean[-length // 2 :]
