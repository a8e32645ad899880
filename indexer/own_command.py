"""The command of a process that runs our own code: the same Python and the same modules as here, whatever its working
folder. Light."""

import os
import sys
from contextlib import suppress

#: -P and an explicit path: no module is taken from the working folder.
_MODULES_AS_HERE = "import os, sys; sys.path[:] = sys.argv.pop(1).split(os.pathsep); "


def own_command(program: str, *arguments: str) -> list[str]:
    """`program`: what Python runs; `arguments`: its `sys.argv` from the second on."""
    return [sys.executable, "-P", "-c", _MODULES_AS_HERE + program, os.pathsep.join(module_folders()), *arguments]


def module_folders() -> list[str]:
    """Where modules are looked for, whatever the working folder will be."""
    found = []
    for entry in sys.path:
        with suppress(OSError):  # of a working folder that was deleted
            found.append(os.path.abspath(entry))
    return found
