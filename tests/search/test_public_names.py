"""The library's public names: importable, and documented in docs/library.md, all of them and no others."""

from __future__ import annotations

import builtins
import inspect
import re
import subprocess
import sys
from pathlib import Path

import search
from indexer import errors

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"


def test_every_name_can_be_imported() -> None:
    assert search.__all__ == sorted(search.__all__, key=lambda name: (not name[0].isupper(), name))
    for name in search.__all__:
        value = getattr(search, name)
        if name != "__version__":
            assert value.__name__ == name
            assert value.__doc__, name


def test_star_gives_the_same_names() -> None:
    program = "from search import *; print(' '.join(sorted(set(dir()) - {name for name in dir() if name[:2] == '__'})))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.split() == sorted(set(search.__all__) - {"__version__"})


def test_the_page_documents_exactly_these() -> None:
    documented = re.findall(r"^::: search\.(\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(set(search.__all__) - {"__version__"})
    assert len(set(documented)) == len(documented)


def public_docstrings() -> dict[str, str]:
    """Of every public name, and of the public parts of the classes."""
    found = {}
    for name in search.__all__:
        value = getattr(search, name)
        found[name] = inspect.getdoc(value) or ""
        for home in value.__mro__ if inspect.isclass(value) else ():
            for part, inner in vars(home).items() if home.__module__.startswith(("search", "indexer")) else ():
                if not part.startswith("_"):
                    found[f"{name}.{part}"] = inspect.getdoc(inner) or ""
    return found


def test_every_error_that_a_docstring_names_is_public_and_documented() -> None:
    own = {name for name in vars(errors) if name.endswith("Error")}
    documented = set(re.findall(r"^::: search\.(\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert own <= documented
    named = {
        error: where
        for where, text in public_docstrings().items()
        for error in re.findall(r"\b[A-Z]\w+Error\b", text)
        if not hasattr(builtins, error)
    }
    assert {"PathNotFoundError", "EmptyQueryError", "EncoderError", "StoreBusyError"} <= named.keys()
    assert {error: where for error, where in named.items() if error not in search.__all__} == {}


def test_every_call_that_a_docstring_names_is_public() -> None:
    """`search.NAME` in a public docstring can be imported so."""
    named = {name for text in public_docstrings().values() for name in re.findall(r"`search\.([A-Za-z_]+)`", text)}
    assert named <= {*search.__all__, "calibration", "rerank"}
