"""What a command leaves to its own process when a resident one has answered it: what touches a person's files and
screen is done where it can be stopped with Ctrl-C, with that process's rights and environment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_left: ContextVar[list[bytes] | None] = ContextVar("left", default=None)


def leave(work: bytes) -> bool:
    """Leave `work` to the process of the command that runs here; False where that is this one, which has to do it."""
    left = _left.get()
    if left is None:
        return False
    left.append(work)
    return True


@contextmanager
def collected() -> Iterator[list[bytes]]:
    """What is left by a command that runs inside, in this thread."""
    left: list[bytes] = []
    token = _left.set(left)
    try:
        yield left
    finally:
        _left.reset(token)
