"""An optimizer is made in the midst of Ctrl-C: nothing of C++ is imported where that is raised."""

from __future__ import annotations

import threading

import pytest

torch = pytest.importorskip("torch")

from indexer.training import optimizer  # noqa: E402


def groups() -> list[dict[str, object]]:
    return [{"params": [torch.nn.Parameter(torch.ones(2))], "weight_decay": 0.1}]


def test_the_compiler_is_imported_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[tuple[str, bool]] = []

    def record(name: str) -> None:
        imported.append((name, threading.current_thread() is threading.main_thread()))

    monkeypatch.setattr(optimizer, "import_module", record)
    made = optimizer.adamw(groups(), 0.5)
    assert imported == [("torch._dynamo", False)]
    assert isinstance(made, torch.optim.AdamW)
    assert [(each["lr"], each["weight_decay"]) for each in made.param_groups] == [(0.5, 0.1)]


def test_torch_imports_nothing_more_by_itself() -> None:
    """What is imported beforehand is all of it: otherwise the rest would come in the main thread."""
    import subprocess
    import sys

    program = (
        "import sys, torch\nfrom indexer.training.optimizer import _import_compiler\n_import_compiler()\n"
        "before = set(sys.modules)\n"
        "torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))])\n"
        "print(sorted(each for each in set(sys.modules) - before if 'triton' in each))\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_one_that_does_not_import_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(optimizer, "import_module", missing)
    assert isinstance(optimizer.adamw(groups(), 0.5), torch.optim.AdamW)
