"""docs/json.md tells the truth: what commands print conforms to their schemas, and the page is made from the schemas.

The fixture `cli` checks every `--json` of the whole suite in the same way, that of `train` in test_train.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import ValidationError

import search
from search.calibration.calibrate import CalibrationSettings
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.json_schemas import SCHEMAS, conform
from tests.fixtures.scenes import scenes, write
from tools.docs import json_reference


def ask(cli: Cli, *arguments: object, codes: tuple[int, ...] = (0,)) -> Any:
    answer = cli(*arguments, "--json")
    assert answer.code in codes, answer.err
    return json.loads(answer.out)


def test_query(cli: Cli, indexed: Path) -> None:
    found = conform("query", ask(cli, "query", "a cat on a table", "-s", indexed, "--explain", "--to", "any", "-k", 40))
    assert {hit["kind"] for hit in found["hits"]} == {"image", "text"}
    assert any("explain" in hit for hit in found["hits"])
    assert any("weak" in hit for hit in found["hits"])
    least = ("--min-probability", 0.9999)
    found = conform("query", ask(cli, "query", "a cat", "-s", indexed, *least, codes=(1,)))
    assert (found["hits"], found["left_out"]) == ([], 10)


def test_index_status_and_doctor(cli: Cli, tmp_path: Path, store: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "more" / "notes.doc").write_bytes(b"words")
    found = conform("index", ask(cli, "index", tmp_path / "more", "-s", store, codes=(3,)))
    assert [Path(failure["path"]).name for failure in found["failures"]] == ["broken.png"]
    found = conform("status", ask(cli, "status", "-s", store))
    assert found["indexes"]["image"]["count"] == found["images"] > 20
    assert len(found["failures"]) == found["failed"] == 1
    found = conform("doctor", ask(cli, "doctor", "-s", store))
    assert [one["part"] for one in found] == ["files"]
    assert conform("doctor", ask(cli, "doctor", "-s", store, "--repair")) is not None


def test_a_store_without_images(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    conform("index", ask(cli, "index", tmp_path / "empty", "-s", tmp_path / "s"))
    assert conform("status", ask(cli, "status", "-s", tmp_path / "s"))["indexes"] == {"image": None, "text": None}


def test_models(cli: Cli) -> None:
    assert conform("models", ask(cli, "models"))[0]["name"] == "bundled"


def test_eval(cli: Cli, indexed: Path) -> None:
    pairs = indexed.parent / "photos" / "captions.jsonl"
    found = conform("eval", ask(cli, "eval", pairs, "-s", indexed))
    assert [stage["name"] for stage in found["stages"]] == ["first stage", "reranked"]
    found = conform("eval", ask(cli, "eval", pairs, "-s", indexed, "--no-rerank", "--bootstrap", 0))
    assert found["reranking"] is None
    assert conform("eval", ask(cli, "eval", pairs, "-s", indexed, "--split", "none", codes=(1,)))["stages"] == []


def test_calibrate(tmp_path: Path) -> None:
    """The command prints what this returns."""
    pairs = write(tmp_path / "pairs.jsonl", scenes(tmp_path / "images", 60))
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder()) as library:
        library.index(tmp_path / "images")
        found = conform("calibrate", library.calibrate(pairs, settings=CalibrationSettings(rerank=0)).to_json())
        conform("calibrate", {"reset": library.reset_calibration()})
    assert [(one["asks"], one["finds"]) for one in found["models"]] == [
        ("text", "image"),
        ("image", "text"),
        ("text", "text"),
    ]


def test_a_schema_notices_what_is_not_documented() -> None:
    fine = {"part": "files", "problem": "a", "remedy": "b", "grave": True}
    conform("doctor", [fine])
    for wrong in ({**fine, "more": 1}, {**fine, "grave": 1}, {"part": "files"}, {**fine, "part": "roof"}):
        with pytest.raises(ValidationError):
            conform("doctor", [wrong])


def test_the_page_is_made_from_the_schemas() -> None:
    assert json_reference.main(["--check"]) == 0, "python -m tools.docs.json_reference"
    assert {path.name for path in SCHEMAS.iterdir()} == {f"{name}.schema.json" for name in json_reference.NAMES}


@pytest.mark.parametrize("path", sorted((SCHEMAS.parent / "examples").glob("*.json")), ids=lambda path: path.stem)
def test_examples_conform(path: Path) -> None:
    conform(path.name.partition(".")[0], json.loads(path.read_text(encoding="utf-8")))
