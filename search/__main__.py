"""The way in: the resident process answers where there is one, else the command is parsed and run here.

Light: what is imported before the resident process is asked, every query pays for.
"""

import gc
import os
import sys


def main() -> None:
    """Run the command of `sys.argv`, and leave with its exit code."""
    from search.resident import client

    try:
        code = client.answer(sys.argv[1:])
    except KeyboardInterrupt:
        from search.shell.run import stopped

        code = stopped()
    if code is None:
        command = sys.argv[1:2]
        if command == ["query"]:  # it ends before there is garbage to speak of: a tenth of the imports' time
            gc.disable()
        from search.shell.run import run

        code = run(sys.argv[1:])
        if command in (["query"], ["index"]) and _is_flushed():
            os._exit(code)  # all is closed; taking the modules apart would take up to a fifth of the whole time
    sys.exit(code)


def _is_flushed() -> bool:
    """Whether all that was printed has been handed over. What fails is left to the interpreter, which says so."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return False
    return True


if __name__ == "__main__":
    main()
