"""A library that is closed while other threads ask it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

import search
from indexer.encoders.base import Encoded
from indexer.types import Texts
from tests.fixtures.colour_encoder import ColourEncoder


class WaitingEncoder(ColourEncoder):
    """Once it `waits`: holds a query up until it is let go."""

    waits = False

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = threading.Event(), threading.Event()

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        if self.waits:
            self.reached.set()
            assert self.go_on.wait(60)
        return super().encode_texts(texts, tokens=tokens)


def test_what_was_asked_before_closing_is_answered_and_then_nothing_is_open(tmp_path: Path) -> None:
    for name in ("red", "blue"):
        Image.new("RGB", (16, 16), name).save(tmp_path / f"{name}.png")
    encoder = WaitingEncoder()
    library = search.open(tmp_path / "s", encoder=encoder)
    library.index(tmp_path / "red.png", tmp_path / "blue.png")
    encoder.waits = True
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(library.query, "red", k=1)
        assert encoder.reached.wait(60)
        opened = library._opened
        assert opened is not None
        library.close()
        library.close()  # nothing is left to close
        assert library._opened is None
        assert library.status().images == 2  # opened anew beside it
        again = library._opened
        assert again is not None
        assert again is not opened
        encoder.go_on.set()
        assert Path(asked.result()[0].path).name == "red.png"
    assert opened.users == 0
    assert "Connections in pool: 0 " in opened.store.catalog._engine.pool.status()
    assert Path(library.query("blue", k=1)[0].path).name == "blue.png"
    library.close()
    assert again.users == 0
