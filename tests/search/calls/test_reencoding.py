"""An encoder takes another's place: the store is told of, and the old one answers until all is encoded."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import search
from indexer.errors import EncoderMismatchError
from tests.fixtures.colour_encoder import ColourEncoder


def test_the_earlier_encoder_answers_until_all_is_encoded_and_then_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("red", "green", "blue"):
        for number in range(4):
            Image.new("RGB", (8 + number, 8), name).save(tmp_path / "photos" / f"{name}-{number}.png")
    store = tmp_path / "store"
    earlier, later = (search.open(store, encoder=ColourEncoder(weights, batch_size=2)) for weights in "12")
    with earlier, later:
        earlier.index(tmp_path / "photos")
        with pytest.raises(EncoderMismatchError, match=r"index\(reencode=True\)"):
            later.query("red")
        answers: list[str] = []

        class Asking:
            def phase(self, name: str) -> None: ...
            def total(self, files: int) -> None: ...
            def advance(self, files: int) -> None:
                answers.append(Path(earlier.query("red", k=1).hits[0].path).name)
                with pytest.raises(EncoderMismatchError):
                    later.query("red")

        assert later.index(reencode=True, progress=Asking()).encoded == 12
        assert len(answers) > 2
        assert all(name.startswith("red") for name in answers)
        assert Path(later.query("green", k=1).hits[0].path).name.startswith("green")
        with pytest.raises(EncoderMismatchError, match="was made with"):
            earlier.query("red")
