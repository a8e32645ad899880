"""Where an operation is disturbed: photographs that stay, and a store and caches that are put back before each attempt.

<folder>/photos/     not changed once the world is made
<folder>/before/     what the operation begins with: `store/`, `cache/`, and `tmp/`, which is the system's to clear
<folder>/work/       a copy of it, on which one attempt works
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import search
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.scenes import scenes

#: Images of a batch, and so of a transaction.
BATCH = 8


@dataclass(frozen=True, slots=True)
class World:
    """The folder, and what lies in it."""

    folder: Path

    @property
    def photos(self) -> Path:
        return self.folder / "photos"

    @property
    def pairs(self) -> Path:
        """A table of captions that is not among the photographs."""
        return self.folder / "pairs.jsonl"

    @property
    def model(self) -> Path:
        """An open_clip model."""
        return self.folder / "model"

    @property
    def graphs(self) -> Path:
        """What the model was converted to, where that is not done each time."""
        return self.folder / "graphs"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def store(self) -> Path:
        return self.work / "store"

    @property
    def cache(self) -> Path:
        return self.work / "cache"

    def begin(self) -> None:
        """Put everything that an attempt may change back to what it was."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.folder / "before", self.work)

    def keep(self) -> None:
        """What lies in `work` now is what an attempt begins with."""
        shutil.rmtree(self.folder / "before", ignore_errors=True)
        shutil.copytree(self.work, self.folder / "before")

    def enter(self) -> None:
        """Let this process keep its caches and temporary files in `work`."""
        os.environ["SEARCH_CACHE"] = str(self.cache)
        os.environ["TMPDIR"] = str(self.work / "tmp")
        tempfile.tempdir = None

    def library(self, weights: str = "1") -> search.Library:
        return search.open(self.store, encoder=ColourTokenEncoder(weights, batch_size=BATCH))


def new_world(folder: Path, photographs: int) -> World:
    """Photographs with captions beside them, in two folders, a copy, a file that is broken and one that is none; an
    empty `work`."""
    world = World(folder)
    for inner in ("cache", "tmp"):
        (world.work / inner).mkdir(parents=True)
    rows = scenes(world.photos, photographs)
    world.pairs.write_text("".join(json.dumps(row | {"split": None}) + "\n" for row in rows))
    table = [row for number, row in enumerate(rows) if number % 3 == 0]
    (world.photos / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    (world.photos / "inner").mkdir()
    shutil.copy(world.photos / "001.png", world.photos / "inner" / "copy.png")
    (world.photos / "inner" / "copy.txt").write_text("a red copy")
    (world.photos / "inner" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (world.photos / "inner" / "notes.pdf").write_text("none")
    return world
