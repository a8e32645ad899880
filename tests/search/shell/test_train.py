"""`search train reranker`: from a table of captions to a reranker that searches use, and a sentence for bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import search
from indexer.encoders.base import Encoder
from search.rerank import fitting, reranker_files
from tests.conftest import Cli
from tests.fixtures.colour_encoder import COLOURS, ColourEncoder, ColourTokenEncoder

pytestmark = pytest.mark.usefixtures("one_torch_thread")

NAMES = tuple(COLOURS)
COUNT = 150


def quarters() -> list[tuple[str, ...]]:
    """Different pictures, the same every time."""
    every = list(product(NAMES, repeat=4))
    return [every[row] for row in np.random.default_rng(0).permutation(len(every))[:COUNT]]


def paint(path: Path, colours: tuple[str, ...]) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    for at, colour in enumerate(colours):
        top, left = 4 * (at // 2), 4 * (at % 2)
        pixels[top : top + 4, left : left + 4] = [int(255 * part) for part in COLOURS[colour]]
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`photos/0.png` and so on, and a store over them with tokens. Not to be changed."""
    folder = tmp_path_factory.mktemp("painted")
    (folder / "photos").mkdir()
    for number, colours in enumerate(quarters()):
        paint(folder / "photos" / f"{number}.png", colours)
    with search.open(folder / "s", encoder=ColourTokenEncoder()) as library:
        library.index(folder / "photos")
    return folder


@pytest.fixture
def store(painted: Path, tmp_path: Path, use: Callable[[Encoder], None]) -> Path:
    """A copy of the store, which the command line opens with the encoder of colours."""
    use(ColourTokenEncoder())
    return Path(shutil.copytree(painted / "s", tmp_path / "s"))


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Encoder], None]:
    def take(encoder: Encoder) -> None:
        monkeypatch.setattr("indexer.encoders.registry.load_encoder", lambda name, device=None, **more: encoder)

    return take


def rows(count: int = COUNT, **more: str) -> list[dict[str, object]]:
    named = list(enumerate(quarters()))[:count]
    return [{"image": f"{number}.png", "caption": " ".join(dict.fromkeys(each)), **more} for number, each in named]


def table(folder: Path, lines: list[dict[str, object]]) -> Path:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_a_trained_reranker_lies_in_the_store(cli: Cli, painted: Path, store: Path, tmp_path: Path) -> None:
    pairs = table(tmp_path, rows())
    answer = cli("train", "reranker", "--pairs", pairs, "--images", painted / "photos", "-s", store, "--epochs", 2)
    assert answer.code == 0, answer.err
    assert "pass 2 of 2" in answer.err
    assert answer.out.startswith("It was not" if "It was not" in answer.out else "It is used from now on")
    assert "Trained on 110 images" in answer.out
    assert "judged on 20 other images" in answer.out
    description, _ = reranker_files.load(store / "reranker")
    assert description.encoder == "colours"
    assert description.trained["images"] == 110
    assert len(description.trained["log"]) == 4
    assert ("It is used from now on" in answer.out) == description.enabled
    assert not (store / "reranker.work").exists()
    encoder = ColourTokenEncoder()
    assert reranker_files.find_reranker(store, encoder) == (store / "reranker" if description.enabled else None)
    found = cli("query", "red green", "-s", store, "--json", "--reranker", store / "reranker")
    assert found.code == 0, found.err


def test_json_and_another_place(cli: Cli, painted: Path, store: Path, tmp_path: Path) -> None:
    shutil.copytree(painted / "photos", tmp_path / "photos")
    pairs = table(tmp_path / "photos", rows())
    options = ("--pairs", pairs, "-s", store, "--epochs", 1, "--json", "--out", tmp_path / "mine")
    answer = cli("train", "reranker", *options)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["trained on"]["images"] == 110
    assert found["folder"] == str(tmp_path / "mine")
    assert set(found["validation"]["text-to-image"]["reranked"]) == {"R@1", "R@5", "R@10"}
    assert {"value", "low", "high"} == set(found["validation"]["image-to-text"]["gain in MRR"])
    first = reranker_files.load(tmp_path / "mine")[1]
    assert not (store / "reranker").exists()
    again = cli("train", "reranker", *options, "--restart")
    assert json.loads(again.out) == found
    second = reranker_files.load(tmp_path / "mine")[1]
    assert all(np.array_equal(first[name], second[name]) for name in first)  # the same seed
    other = cli("train", "reranker", *options, "--seed", 1)
    assert other.code == 0, other.err
    third = reranker_files.load(tmp_path / "mine")[1]
    assert not np.array_equal(first["enter.weight"], third["enter.weight"])


def test_splits_are_kept_apart(cli: Cli, painted: Path, store: Path, tmp_path: Path) -> None:
    """100 to train on, 40 to judge on, 10 of the test that nothing may see: also not under another name."""
    photos = Path(shutil.copytree(painted / "photos", tmp_path / "photos"))
    lines = rows()
    for number, line in enumerate(lines):
        line["split"] = "train" if number < 100 else "val" if number < 140 else "test"
    shutil.copy(photos / "149.png", photos / "copy.png")
    lines.append({"image": "copy.png", "caption": "a copy", "split": "train"})
    answer = cli(
        "train",
        "reranker",
        "--pairs",
        table(photos, lines),
        "-s",
        store,
        "--epochs",
        1,
        "--json",
        "--out",
        tmp_path / "r",
    )
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["trained on"]["images"] == 100
    assert found["validation"]["images"] == 20
    assert any("10 images of the split test are not used" in note for note in found["notes"])


def test_more_held_out_images_than_are_needed(
    cli: Cli, painted: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not trained on for that."""
    monkeypatch.setattr("search.rerank.training_data.MAX_VALIDATED", 42)
    lines = [line | {"split": "val" if number < 50 else "train"} for number, line in enumerate(rows())]
    options = ("--images", painted / "photos", "-s", store, "--epochs", 1, "--json")
    answer = cli("train", "reranker", "--pairs", table(tmp_path, lines), *options)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert (found["trained on"]["images"], found["validation"]["images"]) == (100, 21)
    assert any(note.startswith("8 held-out images are not used") for note in found["notes"])


def test_odd_rows_are_said_and_left_out(cli: Cli, painted: Path, store: Path, tmp_path: Path) -> None:
    """Empty captions, other scripts, copies, missing images, lines that are no JSON."""
    photos = Path(shutil.copytree(painted / "photos", tmp_path / "photos"))
    shutil.copy(photos / "0.png", photos / "copy of 0.png")
    odd = [
        {"image": "1.png", "caption": ""},
        {"image": "2.png", "caption": "一只红色的猫 🐈"},
        {"image": "3.png", "caption": "красный " * 500},
        {"image": "copy of 0.png", "caption": "a copy of it"},
        {"image": "gone.png", "caption": "nothing"},
    ]
    pairs = table(photos, rows() + odd)
    pairs.write_text(pairs.read_text() + "{no json\n", encoding="utf-8")
    answer = cli(
        "train", "reranker", "--pairs", pairs, "-s", store, "--epochs", 1, "--json", "--out", tmp_path / "r", "--quiet"
    )
    assert answer.code == 0, answer.err
    notes = " ".join(json.loads(answer.out)["notes"])
    assert "name no image that is there" in notes
    assert "gone.png" in notes
    assert "copies of others" in notes
    assert "it is not JSON" in notes


def test_what_does_not_help_never_replaces_what_does(cli: Cli, painted: Path, store: Path, tmp_path: Path) -> None:
    """Captions that are about other pictures teach nothing."""
    lines = rows()
    shuffled = np.random.default_rng(1).permutation(len(lines))
    wrong = [line | {"caption": lines[other]["caption"]} for line, other in zip(lines, shuffled, strict=True)]
    pairs = table(tmp_path, wrong)
    options = ("--pairs", pairs, "--images", painted / "photos", "-s", store, "--epochs", 1)
    answer = cli("train", "reranker", *options)
    assert answer.code == 0, answer.err
    assert "It was not shown to help" in answer.out
    assert "searches do not use it" in answer.out
    description, arrays = reranker_files.load(store / "reranker")
    assert not description.enabled
    assert reranker_files.find_reranker(store, ColourTokenEncoder()) is None
    reranker_files.save(store / "reranker", replace(description, enabled=True, weight=0.125), arrays)
    answer = cli("train", "reranker", *options, "--seed", 3)
    assert "the earlier reranker" in answer.out
    assert reranker_files.describe(store / "reranker").weight == 0.125


def test_an_interrupted_training_goes_on(
    cli: Cli, painted: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = table(tmp_path, rows())
    options = ("--pairs", pairs, "--images", painted / "photos", "-s", store)
    whole = cli("train", "reranker", *options, "--epochs", 2, "--out", tmp_path / "whole")
    real, passes = fitting._Run._pass, []

    def stop_at_the_third(run: fitting._Run, step: int, epoch: int, optimizer: object) -> None:
        if len(passes) == 2:
            raise KeyboardInterrupt
        passes.append((step, epoch))
        real(run, step, epoch, optimizer)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting._Run, "_pass", stop_at_the_third)
    stopped = cli("train", "reranker", *options, "--epochs", 2)
    assert stopped.code == 130
    assert "the same command goes on" in stopped.err
    assert not (store / "reranker").exists()
    monkeypatch.undo()
    monkeypatch.setattr(
        "indexer.encoders.registry.load_encoder", lambda name, device=None, **more: ColourTokenEncoder()
    )
    other = cli("train", "reranker", *options, "--epochs", 3)
    assert other.code == 2
    assert "--restart" in other.err
    answer = cli("train", "reranker", *options, "--epochs", 2)
    assert answer.code == 0, answer.err
    assert "against regions: pass" not in answer.err  # the first step was done
    assert "Encoding" not in answer.err  # nor are captions encoded again
    assert answer.out.splitlines()[1:] == whole.out.splitlines()[1:]  # all but the verdict, which names the folder
    mine, wholes = reranker_files.load(store / "reranker")[1], reranker_files.load(tmp_path / "whole")[1]
    assert all(np.array_equal(mine[name], wholes[name]) for name in wholes)


def sentence(cli: Cli, *options: object) -> str:
    """The one sentence of a wrong use."""
    answer = cli("train", "reranker", *options)
    assert answer.code == 2, answer.err
    assert not answer.out
    lines = [line for line in answer.err.splitlines() if line.startswith("search: ")]
    assert len(lines) == 1
    return lines[0]


def test_photographs_that_are_not_indexed(cli: Cli, painted: Path, store: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(200):
        Image.new("RGB", (9, 9), (number, 255 - number, number // 2)).save(photos / f"{number}.png")
    lines: list[dict[str, object]] = [{"image": f"{number}.png", "caption": f"shade {number}"} for number in range(200)]
    pairs = table(photos, lines)
    said = sentence(cli, "--pairs", pairs, "-s", store)
    assert (
        f"0 of the 200 images of the table are in the index, and 140 or more are needed; run `search index {photos}"
        in said
    )
    for number in range(120):
        shutil.copy(painted / "photos" / f"{number}.png", photos / f"{number}.png")
    assert "120 of the 200 images" in sentence(cli, "--pairs", pairs, "-s", store)
    assert not (store / "reranker").exists()
    assert not (store / "reranker.work").exists()


def test_an_index_without_tokens(cli: Cli, painted: Path, tmp_path: Path, use: Callable[[Encoder], None]) -> None:
    """Made before there were any: the same encoder now yields them."""
    use(ColourEncoder())
    options = ("--pairs", table(tmp_path, rows()), "--images", painted / "photos", "-s", tmp_path / "old")
    with search.open(tmp_path / "old", encoder=ColourEncoder()) as library:
        library.index(painted / "photos")
    assert "The encoder colours yields no tokens" in sentence(cli, *options)
    use(ColourTokenEncoder())
    assert "0 of the 150 indexed images of the table have tokens" in sentence(cli, *options)


def test_bad_input_is_one_sentence(cli: Cli, painted: Path, store: Path, tmp_path: Path) -> None:
    photos = painted / "photos"
    good = table(tmp_path, rows())
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(line) + "\n" for line in rows(30)))
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    silent = tmp_path / "silent.jsonl"
    silent.write_text('{"image": "0.png", "caption": "  "}\n')
    at = ("--images", photos, "-s", store)
    assert "captions of 30 different images to learn from, and 140 or more are needed" in sentence(
        cli, "--pairs", few, *at
    )
    assert "names no image that is there" in sentence(cli, "--pairs", empty, *at)
    assert "it holds no captions" in sentence(cli, "--pairs", silent, *at)
    assert "names no image that is there" in sentence(cli, "--pairs", good, "--images", tmp_path, "-s", store)
    assert "is not there" in sentence(cli, "--pairs", tmp_path / "gone.jsonl", *at)
    assert "--pairs takes a table" in sentence(cli, "--pairs", tmp_path, *at)
    assert "--epochs takes" in sentence(cli, "--pairs", good, *at, "--epochs", 0)
    assert "--seed takes" in sentence(cli, "--pairs", good, *at, "--seed", -1)
    assert "is no device" in sentence(cli, "--pairs", good, *at, "--device", "abacus")
    assert "something else" in sentence(cli, "--pairs", good, *at, "--out", photos)
    assert "search index" in sentence(cli, "--pairs", good, "--images", photos, "-s", tmp_path / "none")
    unsplit = tmp_path / "split.jsonl"
    lines = [line | {"split": "val" if number < 5 else "train"} for number, line in enumerate(rows())]
    unsplit.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "145 images to train on and 5 of the split val" in sentence(cli, "--pairs", unsplit, *at)
