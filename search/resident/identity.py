"""Which code a process runs, so that a newer command never takes the answer of an older process."""

import os
import sys

from indexer.files.fingerprint import fingerprint
from search import __version__
from search.resident.socket_paths import digest

#: Variables that change answers or how they are made: a process that was started with others does not answer.
PREFIXES = (
    "SEARCH_",
    "HF_",
    "HUGGINGFACE_",
    "TRANSFORMERS_",
    "TORCH",
    "PYTORCH_",
    "CUDA_",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
)
NAMES = ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "TZ")
#: Of these, what is for the command or the server alone.
PER_PROCESS = ("SEARCH_STORE", "SEARCH_RESIDENT", "SEARCH_TOKEN")


def package() -> str:
    """The folder of this package."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def identity() -> str:
    """The code of this process: a mark of where it lies, a dot, and one of what it is."""
    where = f"{sys.prefix}\n{package()}"
    what = f"{__version__}\n{sys.version}\n{sys.getfilesystemencoding()}"
    return f"{_mark(where)}.{_mark(what)}"


def is_same_place(one: str, other: str) -> bool:
    """Whether two identities are of one installation, at different times."""
    return one.partition(".")[0] == other.partition(".")[0]


def environment() -> str:
    """A mark of the variables that matter and of their values, which may be secrets."""
    lines = [
        f"{name}={value}"
        for name, value in os.environ.items()
        if (name in NAMES or name.startswith(PREFIXES)) and name not in PER_PROCESS
    ]
    return _mark("\0".join(sorted(lines)))


def _mark(text: str) -> str:
    return digest(text, 16)


def node(here: str) -> str:
    """Which folders a working folder and the root are: another process may see others by the same names. Raises
    OSError."""
    folder, root = os.stat(here), os.stat("/")
    return f"{folder.st_dev}:{folder.st_ino}:{root.st_dev}:{root.st_ino}"


def stamp() -> int:
    """Changes when the files of the product do: its code, its data, and the folders of what it depends on.

    For comparison within one process.
    """
    here = os.path.dirname(package())
    data = (os.path.join("data", name) for name in ("models", "places"))
    roots = [os.path.join(here, name) for name in ("search", "indexer", *data)]
    packages = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    found: list[object] = [fingerprint(path) for path in packages]
    while roots:
        root = roots.pop()
        if not os.path.isdir(root):
            continue
        with os.scandir(root) as entries:
            for entry in entries:
                if entry.name == "__pycache__":
                    continue
                if entry.is_dir():
                    roots.append(entry.path)
                else:
                    found.append((entry.path, fingerprint(entry.path)))
    return hash(tuple(sorted(map(repr, found))))
