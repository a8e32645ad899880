"""Whoever listens to a long call may end it, at each of its steps; what was committed stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import search
from tests.fixtures.colour_encoder import ColourTokenEncoder

COLOURS = [f"#{red:02x}{green:02x}80" for red in (0, 90, 250) for green in (0, 90, 250)]


class StoppedError(Exception):
    """Raised by a listener of our own."""


class Listener:
    """Ends the call at its nth step, counted from 0."""

    def __init__(self, last: int | None = None) -> None:
        self.steps: list[str] = []
        self._last = last

    def phase(self, name: str) -> None:
        self._step(name)

    def total(self, files: int) -> None:
        self._step(f"{files} in all")

    def advance(self, files: int) -> None:
        self._step(f"{files} more")

    def _step(self, name: str) -> None:
        if len(self.steps) == self._last:
            raise StoppedError(name)
        self.steps.append(name)


def photos(folder: Path) -> Path:
    place = folder / "photos"
    place.mkdir()
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", (16, 16), colour).save(place / f"{number}.png")
    rows = [{"image": f"{number}.png", "captions": [f"red {number}"]} for number in range(len(COLOURS))]
    (place / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return place


Call = Callable[[search.Library, Path, Listener], Any]
CALLS: dict[str, Call] = {
    "index": lambda library, place, listener: library.index(place, progress=listener),
    "evaluate": lambda library, place, listener: library.evaluate(place / "captions.jsonl", progress=listener),
    "query_many": lambda library, place, listener: library.query_many(["red", "blue"], progress=listener),
    "embed": lambda library, place, listener: library.embed(images=[*place.glob("*.png")], progress=listener),
    "compact": lambda library, place, listener: library.compact(progress=listener),
    "check": lambda library, place, listener: library.check(progress=listener),
    "repair": lambda library, place, listener: library.repair(progress=listener),
}


@pytest.mark.parametrize("name", list(CALLS))
def test_a_call_ends_where_its_listener_says_and_can_be_made_again(tmp_path: Path, name: str) -> None:
    call, place = CALLS[name], photos(tmp_path)
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder()) as library:
        if name != "index":
            library.index(place)
        if name == "repair":
            for file in (tmp_path / "s" / "vectors").rglob("*"):
                if file.is_file():
                    file.write_bytes(b"damaged")
        last = 0
        while True:
            listener = Listener(last)
            try:
                call(library, place, listener)
            except StoppedError:
                assert len(listener.steps) == last
                last += 1
                continue
            break
        assert last >= 2
        assert library.check() == []
        assert library.status().images == len(COLOURS)
        assert len(library.query("red", k=3)) == 3


def test_a_calibration_that_is_stopped_leaves_the_one_before(tmp_path: Path) -> None:
    place = tmp_path / "photos"
    place.mkdir()
    rows = []
    for number in range(50):
        Image.new("RGB", (16, 16), (5 * number, 250 - 5 * number, 7 * number % 250)).save(place / f"{number}.png")
        rows.append({"image": f"{number}.png", "captions": [f"red {number}", f"blue {number}"]})
    (place / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder()) as library:
        library.index(place)
        whole = Listener()
        library.calibrate(place / "captions.jsonl", progress=whole)
        kept = (tmp_path / "s" / "calibration.json").read_bytes()
        assert len(whole.steps) >= 3
        for last in (0, len(whole.steps) // 2, len(whole.steps) - 1):
            listener = Listener(last)
            with pytest.raises(StoppedError):
                library.calibrate(place / "captions.jsonl", progress=listener)
            assert listener.steps == whole.steps[:last]
            assert (tmp_path / "s" / "calibration.json").read_bytes() == kept
        assert library.query("red green blue white", k=1).calibrated  # a sentence, as those that were fitted
        assert sorted(path.name for path in (tmp_path / "s").iterdir() if "calibration" in path.name) == [
            "calibration.json"
        ]
