"""An evaluation ranks by meaning alone: captions that the store keeps would be found by their own words."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

import search
from search.evaluation.wording import protocol
from tests.fixtures.colour_encoder import ColourEncoder

COLOURS = ("red", "green", "blue")


def test_a_caption_that_the_store_keeps_is_not_found_by_its_own_words(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    lines = []
    for number, colour in enumerate(COLOURS):
        said = COLOURS[number - 1]  # of each another's colour
        Image.new("RGB", (8, 8), colour).save(photos / f"{number}.png")
        (photos / f"{number}.txt").write_text(said)
        lines.append(json.dumps({"image": f"{number}.png", "caption": said}))
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines))
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
        found = library.evaluate(
            tmp_path / "pairs.jsonl", settings=search.EvaluationSettings(images=str(photos), cutoffs=(1,))
        )
        by_words = [library.query(said, by_words=True)[0].path for said in COLOURS]
        by_meaning = [library.query(said, by_words=False)[0].path for said in COLOURS]
    (stage,) = found.stages
    assert stage.directions[0].metrics["R@1"].value == 0
    assert protocol(found).startswith("Ranked by meaning alone")
    assert [Path(path).stem for path in by_meaning] == ["0", "1", "2"]
    assert [Path(path).stem for path in by_words] == ["1", "2", "0"]  # none shows it so surely
