"""Folders that are indexed and forgotten in any order, against a few lines that say what has to be found."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from indexer.errors import PathNotFoundError
from indexer.pipeline.forget import forget
from indexer.store import Store
from tests.indexer.pipeline.test_run import RED, Bench, paint

#: Folders of the tree, the hidden ones too; each holds one photograph.
FOLDERS = ("", "a", "a/b", "a/.h", "a/.h/c", "a/.h/.i", ".d", ".d/e", "f", "f/g")


def _parents(path: str) -> list[str]:
    """The path and all above it, the nearest first."""
    found = [path]
    while path:
        path = os.path.dirname(path)
        found.append(path)
    return found


class Model:
    """What a person is told: the nearest folder decides, hidden names below it are left out, what was forgotten too."""

    def __init__(self) -> None:
        self.roots: set[str] = set()
        self.excluded: set[str] = set()

    def nearest(self, path: str) -> str | None:
        return next((each for each in _parents(path) if each in self.roots), None)

    def reaches(self, root: str, path: str) -> bool:
        between = [each for each in _parents(path) if each != root and (not root or each.startswith(root + "/"))]
        return not any(each in self.excluded or os.path.basename(each).startswith(".") for each in between)

    def index(self, path: str) -> None:
        self.excluded.discard(path)
        root = self.nearest(path)
        if root is None or not self.reaches(root, path):
            self.roots.add(path)

    def forget(self, path: str) -> None:
        self.roots = {each for each in self.roots if path not in _parents(each)}
        self.excluded = {each for each in self.excluded if path not in _parents(each)}
        if self.nearest(path) is not None:
            self.excluded.add(path)

    def found(self) -> set[str]:
        roots = {path: self.nearest(path) for path in FOLDERS}
        return {path for path, root in roots.items() if root is not None and self.reaches(root, path)}


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_indexing_and_forgetting(tmp_path: Path, seed: int) -> None:
    chosen = random.Random(seed)
    top = tmp_path / "photos"
    for folder in FOLDERS:
        paint(top / folder / "x.png", RED, (8, 8))
    bench, model = Bench(tmp_path / "s"), Model()
    for _ in range(7):
        path = chosen.choice(FOLDERS)
        if chosen.random() < 0.6 or not model.roots:
            bench.run(top / path)
            model.index(path)
        else:
            known = model.found() & {each for each in FOLDERS if path in _parents(each)}
            store = Store.open(bench.folder)
            with store.writing():
                if known:
                    forget(store.catalog, str(top / path))
                    model.forget(path)
                elif not any(path in _parents(root) for root in model.roots):
                    with pytest.raises(PathNotFoundError):
                        forget(store.catalog, str(top / path))
            store.close()
        if model.roots:
            report = bench.run()
            assert (report.encoded, report.reused, report.vanished, report.newly_ignored) == (0, 0, 0, 0), path
            assert report.unchanged == len(model.found())  # each is looked at once
        found = {os.path.relpath(os.path.dirname(each), top) for each in bench.visible()}
        assert {"" if each == "." else each for each in found} == model.found()
