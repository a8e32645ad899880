"""The way in: the resident process answers where there is one, else the command is parsed and run here.

Light: what is imported before the resident process is asked, every query pays for.
"""

import gc
import sys


def main() -> None:
    """Run the command of `sys.argv`, and leave with its exit code."""
    from search.resident import client

    try:
        code = client.answer(sys.argv[1:])
    except KeyboardInterrupt:
        from search.running import stopped

        code = stopped()
    if code is None:
        if sys.argv[1:2] == ["query"]:  # it ends before there is garbage to speak of: a tenth of the imports' time
            gc.disable()
        from search.running import run

        code = run(sys.argv[1:])
    sys.exit(code)


if __name__ == "__main__":
    main()
