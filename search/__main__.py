"""The way in: the server of the store answers where there is one, else the command is parsed and run here.

Light: what is imported before the server is asked, every query pays for.
"""

import gc
import os
import sys

from search.resident import client
from search.shell.options import store_in
from search.shell.streams import OutputLostError, protect


def run(arguments: list[str]) -> int:
    """Run a command as a person does, in this process; its exit code. A query leaves the garbage collector off."""
    try:
        code = client.answer(arguments, store_in(arguments))
        if code is not None:
            return code
        if arguments[:1] == ["query"]:  # it ends before there is garbage to speak of: a tenth of the imports' time
            gc.disable()
        from search.shell import run as shell

        return shell.run(arguments)
    except KeyboardInterrupt:
        from search.shell.run import stopped

        return stopped(arguments)
    except OutputLostError as error:
        from search.shell.run import output_lost

        return output_lost(error)
    except Exception as error:
        from search.shell.internal_error import report

        return report(error, arguments)


def main() -> None:
    """Run the command of `sys.argv`, and leave with its exit code."""
    protect()
    code = run(sys.argv[1:])
    if sys.argv[1:2] in (["query"], ["index"]) and _is_flushed():
        os._exit(code)  # all is closed; taking the modules apart would take up to a fifth of the whole time
    sys.exit(code)


def _is_flushed() -> bool:
    """Whether all that was printed has been handed over. What fails is left to the interpreter, which says so."""
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError):
        return False
    return True


if __name__ == "__main__":
    main()
