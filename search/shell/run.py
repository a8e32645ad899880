"""Runs a command line in this process: what it returns or raises becomes an exit code and one sentence. Light.

A plain query is read without typer, which takes longer to import than the query itself takes.
"""

from __future__ import annotations

import sys

from indexer.errors import SearchError, StoreError
from search.console.exit_codes import BROKEN_STORE, INTERRUPTED, WRONG_USE
from search.console.wording import in_shell_words
from search.shell.named_store import naming_store
from search.shell.printing import sentence
from search.shell.streams import OutputLostError

#: Commands that go on where they were stopped.
_GOING_ON = ("index", "probe", "train")
_KEPT = "stopped; what was committed is kept, the same command goes on from there"


def run(arguments: list[str]) -> int:
    """Run a command, print what went wrong as one sentence, and return the documented exit code.

    Raises what nobody foresaw: `search/__main__.py` makes a report of it.
    """
    try:
        code = _command(arguments)
        sys.stdout.flush()
        if code == INTERRUPTED:  # so some versions of typer answer Ctrl-C, others raise Abort
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        code = stopped(arguments)
    except OutputLostError as error:
        code = output_lost(error)
    except MemoryError:
        sentence("there is not enough memory; close other programs, or set SEARCH_WORKERS and SEARCH_THREADS lower.")
        code = WRONG_USE
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        sentence(
            "no thread can be started, by a limit of this user or of memory; end other programs, or set SEARCH_WORKERS "
            "and SEARCH_THREADS lower."
        )
        code = WRONG_USE
    except SearchError as error:
        sentence(naming_store(in_shell_words(str(error)), arguments))
        if hasattr(error, "position"):  # of a query; its class takes longer to import than a query should
            from search.shell.caret import point_at

            point_at(error.line, error.position)  # type: ignore[attr-defined]
        code = BROKEN_STORE if isinstance(error, StoreError) else WRONG_USE
    return code


def _command(arguments: list[str]) -> int:
    if arguments[:1] == ["query"]:
        from search.fast_start.plain_arguments import read
        from search.shell.commands import query

        given = read(query.QueryOptions.rows(), query.QueryOptions.types(), arguments[1:])
        if given is not None:
            return query.run(query.QueryOptions(**given))
    from search.shell.cli import parsed

    return parsed(arguments)


def stopped(arguments: list[str]) -> int:
    """Say that a person ended the command; the exit code for it."""
    sys.stderr.write("\n")
    if arguments[:2] == ["train", "encoder"]:
        sentence(f"{_KEPT}, and with --budget 0.1 it ends with the best so far.")
    else:
        sentence(f"{_KEPT}." if arguments[:1] and arguments[0] in _GOING_ON else "stopped.")
    return INTERRUPTED


def output_lost(error: OutputLostError) -> int:
    """Say that nobody can read the answer; the exit code for it."""
    sentence(f"the output cannot be written ({error.strerror}); make room, or write it elsewhere.")
    return WRONG_USE
