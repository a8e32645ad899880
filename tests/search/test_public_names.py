"""The library's public names: importable, and documented in docs/library.md, all of them and no others."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import search

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"


def test_every_name_can_be_imported() -> None:
    assert search.__all__ == sorted(search.__all__, key=lambda name: (name[0] in "_o", name))
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
