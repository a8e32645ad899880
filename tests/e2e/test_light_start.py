"""`search --help` and `import search` load nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "torchvision", "open_clip", "faiss", "sqlalchemy", "numpy", "openvino", "tokenizers", "PIL", "jinja2")
COMMANDS = (
    "index",
    "query",
    "status",
    "serve",
    "roots",
    "export",
    "import",
    "merge",
    "split",
    "forget",
    "models",
    "doctor",
    "eval",
    "calibrate",
    "classify",
)


def loaded(program: str, names: tuple[str, ...]) -> list[str]:
    """Which of the modules `names` a new process has imported after `program`."""
    check = f"{program}\nimport sys\nprint('LOADED', *[name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def test_importing_the_library_loads_nothing_heavy() -> None:
    assert loaded("import search", HEAVY) == []


@pytest.mark.parametrize(
    "command",
    [[], *([name] for name in COMMANDS), ["train", "reranker"], ["train", "encoder"], ["probe", "train"]],
)
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    program = f"import search.__main__\nassert search.__main__.run([*{command!r}, '--help']) == 0"
    assert loaded(program, HEAVY) == []


def test_a_text_query_with_the_bundled_encoder_needs_no_torch(indexed: Path) -> None:
    program = f"import search\nassert search.open({str(indexed)!r}).query('a cat')"
    derives = ("indexer.catalog.facts", "indexer.catalog.derived", "indexer.dates.best", "indexer.places.gazetteer")
    assert loaded(program, ("torch", "torchvision", "open_clip", "jinja2", "numpy.ma", *derives)) == []


@pytest.mark.parametrize(
    "line", ["a cat in:2021 near:48.85,2.35,20 -type:png", "a cat camera:pixel name:img", "in:1970..2100"]
)
def test_a_query_with_filters_loads_no_more_than_a_plain_one(indexed: Path, line: str) -> None:
    """`in:1970..2100`, without words, needs no encoder either."""
    given = ["query", line, "--store", str(indexed), "--no-resident"]
    program = f"import search.__main__\nassert search.__main__.run({given!r}) in (0, 1)"
    others = ("torch", "faiss", "openvino", "typer", "PIL", "jinja2", "numpy.ma", "tokenizers")
    derives = ("indexer.catalog.derived", "indexer.dates.best", "indexer.places.gazetteer")
    answers = ("safetensors", "search.fast_start.prefetch") if line.startswith("in:") else ()
    assert loaded(program, (*others, *derives, *answers)) == []
