"""Runs a command line in this process: what it returns or raises becomes an exit code and one sentence. Light.

A plain query is read without typer, which takes longer to import than the query itself takes.
"""

from __future__ import annotations

import errno
import os
import sys

from indexer.errors import SearchError, StoreError
from search.shell.exit_codes import BROKEN_STORE, FOUND, INTERRUPTED, WRONG_USE


def run(arguments: list[str]) -> int:
    """Run a command, print what went wrong as one sentence, and return the documented exit code."""
    try:
        code = _command(arguments)
        sys.stdout.flush()
        if code == INTERRUPTED:  # so some versions of typer answer Ctrl-C, others raise Abort
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        code = stopped()
    except BrokenPipeError:  # the reader of our output has seen enough
        _leave_stdout()
        code = FOUND
    except OSError as error:
        if (
            error.errno not in (errno.ENOSPC, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC))
            or error.filename is not None
        ):
            raise
        _leave_stdout()
        reason = f"the output cannot be written ({error.strerror}); make room, or write it elsewhere."
        print(f"search: {reason}", file=sys.stderr)  # noqa: T201
        code = WRONG_USE
    except SearchError as error:
        print(f"search: {_printable(str(error))}", file=sys.stderr)  # noqa: T201
        code = BROKEN_STORE if isinstance(error, StoreError) else WRONG_USE
    return code


def _command(arguments: list[str]) -> int:
    if arguments[:1] == ["query"]:
        from search.fast_start.plain_arguments import read
        from search.shell.commands import query

        given = read(query.QueryOptions.rows(), query.QueryOptions.__annotations__, arguments[1:])
        if given is not None:
            return query.run(query.QueryOptions(**given))
    from search.shell.cli import parsed

    return parsed(arguments, run)


def _leave_stdout() -> None:
    """What is still in its buffer goes nowhere, instead of failing once more when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stopped() -> int:
    """Say that a person ended the command; the exit code for it."""
    print("\nsearch: stopped; what was committed is kept, the same command goes on from there.", file=sys.stderr)  # noqa: T201
    return INTERRUPTED


def _printable(text: str) -> str:
    """A sentence on one line, whatever a path in it contains."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
