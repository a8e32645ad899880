"""A store with a handful of captions: the one that was asked for is found, also among photographs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import search
from indexer.encoders.base import Encoded
from indexer.types import Float32, Texts
from search.calibration.background import Sample
from search.calibration.calibration_file import find_calibration
from search.calibration.curve import Background, TypicalBackground
from search.calibration.typical_texts import SENTENCES, typical_of_texts
from tests.fixtures.colour_encoder import ColourEncoder

ABOUT = {"coffee.png": "Birthday of Tom, at home", "rocket.jpg": "Holiday in Italy", "chelsea.png": "our cat Minka"}


@pytest.fixture(scope="module")
def library(real_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> search.Library:
    folder = tmp_path_factory.mktemp("few")
    photos = shutil.copytree(real_photos, folder / "photos")
    for name, text in ABOUT.items():
        (photos / name).with_suffix(".txt").write_text(text)
    opened = search.open(folder / "s")
    opened.index(photos)
    return opened


@pytest.mark.parametrize(
    ("words", "name"), [("birthday of Tom", "coffee.png"), ("Italy", "rocket.jpg"), ("our cat", "chelsea.png")]
)
@pytest.mark.parametrize("to", ["any", "text"])
def test_own_words_find_the_photograph(library: search.Library, words: str, name: str, to: str) -> None:
    first, *others = library.query(words, to=to)  # type: ignore[call-overload]
    assert (first.path.endswith(name), first.text) == (True, ABOUT[name])
    assert first.probability > 0.3
    assert first.probability > 2 * max(hit.probability for hit in others if hit.path != first.path)


@pytest.mark.parametrize("to", ["any", "text"])
def test_a_name_that_the_encoder_does_not_know_finds_who_says_it(library: search.Library, to: str) -> None:
    results = library.query("Minka", to=to)  # type: ignore[arg-type]
    assert results[0].path.endswith("chelsea.png")
    assert {hit.probability for hit in results} == {None}
    assert "does not know “Minka”" in results.notes[0]


def test_the_very_caption_is_first(library: search.Library) -> None:
    for name, text in ABOUT.items():
        assert library.query(text, to="any", k=1)[0].path.endswith(name)


def test_the_same_words_are_nearly_sure_and_hardly_any_are_not(library: search.Library) -> None:
    assert library.query("birthday of Tom", to="text")[0].probability > 0.95
    assert library.query("an astronaut in space", to="text")[0].probability < 0.5


def test_captions_about_other_things_stay_behind(library: search.Library) -> None:
    found = library.query("a rocket is launched", to="any", k=5)
    assert found[0].path.endswith("rocket.jpg")
    assert [hit.probability for hit in found] == sorted((hit.probability for hit in found), reverse=True)


def test_what_ships_has_a_curve_for_it(library: search.Library) -> None:
    encoder = library._models.encoder(None)
    curve = find_calibration(library.folder, encoder.identity).curve("text", "text", None)
    assert curve.fitted
    guessed = typical_of_texts(encoder)  # what an encoder without a curve would get: no less strict by far
    assert curve.typical is not None
    assert abs(curve.typical.mean - guessed.mean) < curve.typical.spread / 2
    assert guessed.spread == pytest.approx(curve.typical.spread, rel=0.5)
    assert library.query("Italy", to="text").calibrated
    assert not library.query(library.folder.parent / "photos" / "chelsea.png", to="any").calibrated


def test_many_captions_of_one_kind_are_not_held_against_each_other() -> None:
    typical = TypicalBackground(0.1, 0.05)
    words: Float32 = np.array([1.0, 0.0], np.float32)
    angles = np.arccos([0.9] * 30 + [0.05, 0.1, 0.15])
    sample = Sample(np.stack([np.cos(angles), np.sin(angles)], axis=1), 33)
    found = sample.background(words, typical)
    assert (found.sampled, found.items) == (3, 33)
    assert found.mean == pytest.approx(0.1)
    assert sample.background(words) == Background.of(np.cos(angles), 33)


def test_another_encoder_is_asked_once(tmp_path: Path) -> None:
    class Counting(ColourEncoder):
        asked = 0

        def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
            self.asked += len(set(texts) & set(SENTENCES))
            return super().encode_texts(texts, tokens=tokens)

    encoder = Counting()
    with search.open(tmp_path / "s", encoder=encoder) as library:
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "captions.csv").write_text("caption\nred\nblue\n")
        library.index(tmp_path / "photos")
        for _ in range(2):
            assert [hit.text for hit in library.query("red", to="text")] == ["red", "blue"]
        assert encoder.asked == len(SENTENCES)
        library.query("red")
    assert encoder.asked == len(SENTENCES)
