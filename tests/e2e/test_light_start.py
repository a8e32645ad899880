"""`search --help` and `import search` load nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "torchvision", "open_clip", "faiss", "sqlalchemy", "numpy", "openvino", "tokenizers", "PIL", "jinja2")
COMMANDS = ("index", "query", "status", "forget", "models", "doctor", "eval", "calibrate")


def loaded(program: str, names: tuple[str, ...]) -> list[str]:
    """Which of the modules `names` a new process has imported after `program`."""
    check = f"{program}\nimport sys\nprint('LOADED', *[name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def test_importing_the_library_loads_nothing_heavy() -> None:
    assert loaded("import search", HEAVY) == []


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["train", "reranker"]])
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    program = f"import search.__main__\nassert search.__main__.run([*{command!r}, '--help']) == 0"
    assert loaded(program, HEAVY) == []


def test_a_text_query_with_the_bundled_encoder_needs_no_torch(indexed: Path) -> None:
    program = f"import search\nassert search.open({str(indexed)!r}).query('a cat')"
    assert loaded(program, ("torch", "torchvision", "open_clip", "jinja2")) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
@pytest.mark.parametrize(
    "command", [["query", "a cat", "--json"], ["query", "a cat", "-k", "500", "--to", "any"], ["status"]]
)
def test_output_that_cannot_be_written_is_one_sentence(store: Path, command: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "search", *command, "-s", str(store)], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr.startswith("search: the output cannot be written (No space left on device)")
    assert done.stderr.count("\n") == 1
