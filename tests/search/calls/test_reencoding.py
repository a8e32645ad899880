"""An encoder takes another's place: the store is told of, and the old one answers until all is encoded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import search
from indexer.encoders.base import Encoded
from indexer.errors import EncoderMismatchError, EncoderUnavailableError, UsageError
from indexer.types import Float32
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


# -- what was encoded before is kept, and can be taken back


def photographs(folder: Path, each: int = 4, captions: int = 0) -> Path:
    """So many `each` of three colours; with so many captions of each photograph in a table."""
    folder.mkdir()
    lines = []
    for name in ("red", "green", "blue"):
        for number in range(each):
            Image.new("RGB", (8 + number, 8), name).save(folder / f"{name}-{number}.png")
            lines.append({"image": f"{name}-{number}.png", "captions": [f"{name} {n}" for n in range(captions)]})
    if captions:
        (folder / "captions.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


def test_the_former_encoder_comes_back_at_once_and_only_what_is_new_is_encoded(tmp_path: Path) -> None:
    folder, store = photographs(tmp_path / "photos"), tmp_path / "store"
    first, second = ColourEncoder("1"), ColourEncoder("2")
    with search.open(store, encoder=first) as library:
        report = library.index(folder)
        assert (report.encoder, report.replaced) == ("colours", None)
    with search.open(store, encoder=second) as library:
        report = library.index(reencode=True)
        assert (report.encoded, report.replaced) == (12, "colours")
        assert library.status().former_encoder == first.identity
        Image.new("RGB", (9, 9), "white").save(folder / "white.png")
        library.index()
    with search.open(store, encoder=first) as library:
        assert library.index(reencode=True).encoded == 1
        assert library.status().encoder == first.identity
        assert library.status().former_encoder == second.identity
        assert Path(library.query("white", k=1).hits[0].path).name == "white.png"
    with search.open(store) as library:
        library.compact()
        assert library.status().former_encoder is None
    with search.open(store, encoder=ColourEncoder("2")) as library:
        assert library.index(reencode=True).encoded == 13


def test_previous_is_the_encoder_that_the_store_had_before(tmp_path: Path) -> None:
    folder, store = photographs(tmp_path / "photos"), tmp_path / "store"
    with search.open(store) as library:
        library.index(folder)
        bundled = library.status().encoder
    with (
        search.open(store, encoder="previous") as library,
        pytest.raises(UsageError, match=r"has no previous encoder.*`encoder='bundled'`"),
    ):
        library.index(reencode=True)
    with search.open(store, encoder=ColourEncoder()) as library:
        library.index(reencode=True)
    with search.open(store, encoder="previous") as library:
        with pytest.raises(UsageError, match="is the one that a store had before"):
            library.query("red")
        report = library.index(reencode=True)
        assert (report.encoded, report.encoder, report.replaced) == (0, "bundled", "colours")
        assert library.status().encoder == bundled
        assert library.query("red").hits


def test_an_adapted_encoder_that_is_gone_is_told_with_what_works_at_once(tmp_path: Path) -> None:
    """The store names its folder, and nobody typed it."""
    folder, store = photographs(tmp_path / "photos"), tmp_path / "store"
    gone = f"adapted:{tmp_path / 'gone'}"
    with search.open(store) as library:
        library.index(folder)
    adapted = ColourEncoder()
    adapted.identity = replace(adapted.identity, name=gone)
    with search.open(store, encoder=adapted) as library:
        library.index(reencode=True)
    back = r"which is no longer there; put its folder back, or .*encoder='previous'.*takes back bundled\."
    with search.open(store) as library, pytest.raises(EncoderUnavailableError, match=back):
        library.query("red")
    with search.open(store) as library, pytest.raises(EncoderUnavailableError, match=back):
        library.index()
    with search.open(store, encoder=f"{gone}2") as library, pytest.raises(EncoderUnavailableError, match="spelling"):
        library.query("red")
    with search.open(store) as library:
        library.compact()
    with search.open(store) as library, pytest.raises(EncoderUnavailableError, match=r"encoder='bundled'.*encodes it"):
        library.query("red")


def test_a_change_that_is_not_through_keeps_both_that_were_there(tmp_path: Path) -> None:
    """A third one is begun and killed: the second answers, and the first can still be taken back."""
    folder, store = photographs(tmp_path / "photos"), tmp_path / "store"
    for weights in "12":
        with search.open(store, encoder=ColourEncoder(weights)) as library:
            library.index(folder, reencode=weights == "2")

    class Killing:
        def phase(self, name: str) -> None: ...
        def total(self, files: int) -> None: ...
        def advance(self, files: int) -> None:
            raise KeyboardInterrupt

    with search.open(store, encoder=ColourEncoder("3")) as library, pytest.raises(KeyboardInterrupt):
        library.index(reencode=True, progress=Killing())
    with search.open(store, encoder=ColourEncoder("1")) as library:
        report = library.index(reencode=True)
        assert (report.encoded, report.replaced) == (0, "colours")


def test_both_are_measured_on_the_captions_of_the_store(tmp_path: Path) -> None:
    """The plain way beside it: a rank for each caption, over different photographs."""
    folder, store = photographs(tmp_path / "photos", each=6, captions=2), tmp_path / "store"
    Image.open(folder / "red-0.png").save(tmp_path / "photos" / "copy-of-red-0.png")
    with search.open(store, encoder=ColourEncoder("1")) as library:
        assert library.index(folder).comparison is None
    blind = ColourEncoder("2")
    blind.encode_texts = lambda texts, *, tokens=False: Encoded(np.tile(_toward_green(), (len(texts), 1)))  # type: ignore[method-assign]
    with search.open(store, encoder=blind) as library:
        found = library.index(reencode=True).comparison
    assert found is not None
    assert (found.captions, found.images) == (36, 18)
    assert (found.before_1, found.before_10) == (1.0, 1.0)  # of one colour all are as near
    assert (found.recall_1, found.recall_10) == (pytest.approx(1 / 3), pytest.approx(2 / 3))


def _toward_green() -> Float32:
    """(4,) float32, unit norm: nearer to green than to blue, and to blue than to red."""
    vector = np.array([0.0, 1.0, 0.5, 0.1], np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def test_few_captions_tell_nothing(tmp_path: Path) -> None:
    folder, store = photographs(tmp_path / "photos", captions=1), tmp_path / "store"
    for weights in "12":
        with search.open(store, encoder=ColourEncoder(weights)) as library:
            assert library.index(folder, reencode=weights == "2").comparison is None
