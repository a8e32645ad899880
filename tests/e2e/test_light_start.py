"""`search --help` and `import search` load nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "open_clip", "faiss", "sqlalchemy", "numpy", "onnxruntime", "tokenizers", "PIL")


@pytest.mark.parametrize(
    "program",
    [
        "import search",
        "import sys; sys.argv = ['search', '--help']\nfrom search.cli import main\ntry:\n    main()\n"
        "except SystemExit:\n    pass",
        "import sys; sys.argv = ['search', 'query', '--help']\nfrom search.cli import main\ntry:\n    main()\n"
        "except SystemExit:\n    pass",
    ],
)
def test_nothing_heavy_is_imported(program: str) -> None:
    check = f"{program}\nimport sys\nprint('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_a_text_query_with_the_bundled_encoder_needs_no_torch(indexed: object) -> None:
    program = (
        f"import search, sys\nlibrary = search.open({str(indexed)!r})\nassert library.query('a cat')\n"
        "print('LOADED', *[name for name in ('torch', 'torchvision', 'open_clip') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"
