"""What a forked process makes good before it goes on: `multiprocessing` by fork, `gunicorn --preload`.

A child has the memory of its parent and none of its threads. A lock that another thread held stays locked, a pool
waits for threads that are not there, and so does the thread that forked when it asks OpenMP for the others. Objects
that hold such things register here; their locks come from here. Light.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from contextlib import suppress
from typing import Any, Protocol


class Forked(Protocol):
    """Has to do something when the process is forked. Neither call may fail, or wait for another thread."""

    def before_fork(self) -> None:
        """In the parent, before."""
        ...

    def after_fork(self) -> None:
        """In the child, before anything else runs."""
        ...


_forked: weakref.WeakSet[Any] = weakref.WeakSet()
_locks: weakref.WeakSet[Any] = weakref.WeakSet()
_left = False


def register(thing: Forked) -> None:
    """Call `thing` when the process is forked, for as long as somebody else holds it."""
    _forked.add(thing)


def lock() -> threading.Lock:
    """A lock that is free in a forked child."""
    made = threading.Lock()
    _locks.add(made)
    return made


def rlock() -> threading.RLock:
    """As `lock`, one that its owner can take again."""
    made = threading.RLock()
    _locks.add(made)
    return made


def has_left_threads() -> bool:
    """Whether this process was forked from one that had loaded FAISS or torch: it computes with one thread of OpenMP,
    and without a GPU."""
    return _left


def keep_for_ever(thing: object) -> None:
    """Never destroy an object, not at the end of the process either: its destructor would wait for threads that are
    not there."""
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _before() -> None:
    for thing in list(_forked):
        with suppress(Exception):
            thing.before_fork()


def _in_child() -> None:
    global _left
    for made in list(_locks):
        made._at_fork_reinit()  # what `logging` and `concurrent.futures` do with theirs
    for thing in list(_forked):
        with suppress(Exception):
            thing.after_fork()
    for name, limit in (("faiss", "omp_set_num_threads"), ("torch", "set_num_threads")):
        if name in sys.modules:
            _left = True
            with suppress(Exception):
                getattr(sys.modules[name], limit)(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
