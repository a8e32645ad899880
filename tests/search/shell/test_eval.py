"""`search eval`: right figures where they can be worked out, and a clear sentence for every bad input."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import search
from tests.conftest import Answer, Cli
from tests.fixtures.colour_encoder import COLOURS, ColourEncoder

PAINTED = ("red", "green", "blue", "white", "black")


@pytest.fixture
def colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store over five pictures of one colour each, `photos/red.png` and so on, that the command line can open."""
    monkeypatch.setattr("indexer.encoders.registry.load_encoder", lambda name, device=None, **more: ColourEncoder())
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in PAINTED:
        paint(photos / f"{name}.png", name)
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
    return tmp_path / "s"


def paint(path: Path, colour: str, size: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), tuple(int(255 * part) for part in COLOURS[colour])).save(path)


def write(store: Path, *rows: object) -> Path:
    """A table beside the photographs' folder's images."""
    table = store.parent / "photos" / "pairs.jsonl"
    table.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return table


def row(name: str, *captions: str, **more: str) -> dict[str, object]:
    return {"image": f"{name}.png", "captions": list(captions), **more}


def figures(answer: Answer, direction: str = "text-to-image") -> dict[str, Any]:
    found = json.loads(answer.out)["stages"][0][direction]
    return {name: one["value"] for name, one in found["metrics"].items()}


# -- right figures ------------------------------------------------------------------------------------------


def test_figures_that_can_be_worked_out(cli: Cli, colours: Path) -> None:
    """Four colours are named rightly; "red" is said of the blue picture, which is third of five for it."""
    table = write(colours, *(row(name, f"a {name} thing") for name in PAINTED if name != "blue"), row("blue", "so red"))
    answer = cli("eval", table, "-s", colours, "--json", "--bootstrap", 50)
    assert answer.code == 0
    found = json.loads(answer.out)
    assert (found["images"], found["texts"], found["pairs"], found["kind"]) == (5, 5, 5, "captions")
    encoder = ColourEncoder()
    texts = ["red", "green", "white", "black", "red"]
    images = ["red", "green", "white", "black", "blue"]
    scores = encoder.encode_texts(texts).vectors @ encoder.encode_texts(images).vectors.T
    ranks = [1 + sum(scores[i][j] >= scores[i][i] for j in range(5) if j != i) for i in range(5)]
    assert ranks[:4] == [1, 1, 1, 1]
    assert ranks[4] > 1
    values = figures(answer)
    assert values["R@1"] == pytest.approx(4 / 5)
    assert values["MRR"] == pytest.approx((4 + 1 / ranks[4]) / 5, abs=1e-6)
    assert values["median rank"] == 1
    (miss,) = found["stages"][0]["misses"]
    assert (miss["text"], miss["rank"]) == ("so red", ranks[4])
    assert miss["wanted"]["path"].endswith("blue.png")
    assert miss["found"][0]["path"].endswith("red.png")
    assert len(miss["found"]) == min(3, ranks[4] - 1)
    assert found["index"]["recall"] == found["index"]["recall_of_answers"] == 1
    assert found["latency"]["queries"] == 5


def test_an_image_is_right_with_any_of_its_captions(cli: Cli, colours: Path) -> None:
    table = write(colours, *(row(name, name, "nothing known") for name in ("red", "green")), row("blue", "blue"))
    values = figures(cli("eval", table, "-s", colours, "--json"), "image-to-text")
    assert values["R@1"] == 1


def test_a_split_and_cutoffs(cli: Cli, colours: Path) -> None:
    table = write(colours, row("red", "red", split="train"), row("green", "green", split="test"), row("blue", "blue"))
    answer = cli("eval", table, "-s", colours, "--split", "test", "-k", "2,3", "--json")
    found = json.loads(answer.out)
    assert (found["images"], found["split"]) == (1, "test")
    assert [name for name in figures(answer) if name.startswith("R@")] == ["R@2", "R@3"]
    answer = cli("eval", table, "-s", colours, "--split", "val")
    assert answer.code == 1
    assert '"split": "val"' in answer.out


def test_the_same_seed_twice_gives_the_same_figures(cli: Cli, colours: Path) -> None:
    table = write(colours, *(row(name, name) for name in PAINTED), row("red", "blue"), row("green", "white"))
    runs = [cli("eval", table, "-s", colours, "--json", "--seed", seed) for seed in (1, 1, 2)]
    stages = [json.loads(run.out)["stages"] for run in runs]
    assert stages[0] == stages[1]
    plain = cli("eval", table, "-s", colours, "--bootstrap", 0, "--json")
    assert json.loads(plain.out)["stages"][0]["text-to-image"]["metrics"]["R@1"]["low"] is None
    assert figures(plain) == figures(runs[0])


def test_a_table_with_columns(cli: Cli, colours: Path) -> None:
    table = colours.parent / "photos" / "pairs.csv"
    table.write_text("image,caption\nred.png,red\ngreen.png,green\nnone.png,blue\n,white\n")
    answer = cli("eval", table, "-s", colours, "--json")
    assert json.loads(answer.out)["pairs"] == 2
    assert figures(answer)["R@1"] == 1
    notes = json.loads(answer.out)["notes"]
    assert "1 row names an image that is not there (line 4: none.png)" in notes[0]
    assert "1 row names no image (line 5)" in notes[1]
    assert "2 of 4 captions" in notes[2]


@pytest.mark.parametrize("kind", ["absolute", "url", "composed"])
def test_a_table_that_lies_elsewhere_may_name_whole_paths(cli: Cli, colours: Path, tmp_path: Path, kind: str) -> None:
    photos = colours.parent / "photos"
    (photos / "Cafe\u0301").mkdir()  # as macOS writes it
    paint(photos / "Cafe\u0301" / "grey.png", "white", 20)
    with search.open(colours, encoder=ColourEncoder()) as library:
        library.index(photos)
    paths = [photos / f"{name}.png" for name in ("red", "green")]
    if kind == "composed":
        paths.append(photos / "Caf\u00e9" / "grey.png")
    names = [path.as_uri() if kind == "url" else str(path) for path in paths]
    table = tmp_path / "elsewhere" / "pairs.jsonl"
    table.parent.mkdir()
    rows = [{"image": name, "caption": text} for name, text in zip(names, ("red", "green", "white"), strict=False)]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = json.loads(cli("eval", table, "-s", colours, "--json").out)
    assert (found["pairs"], found["notes"]) == (len(paths), [])
    assert found["stages"][0]["text-to-image"]["metrics"]["R@1"]["value"] == 1


def test_the_folder_of_the_images_can_be_named(cli: Cli, colours: Path, tmp_path: Path) -> None:
    table = tmp_path / "elsewhere.csv"
    table.write_text("image,caption\nphotos/red.png,red\nphotos/green.png,green\nred.png,blue\n")
    found = json.loads(cli("eval", table, "--images", tmp_path, "-s", colours, "--json").out)
    assert found["pairs"] == 2
    assert "(line 4: red.png)" in found["notes"][0]
    assert f"looked for in {tmp_path}" in found["notes"][1]
    found = json.loads(cli("eval", table, "--images", tmp_path / "photos", "-s", colours, "--json").out)
    assert found["pairs"] == 1
    for folder, said in ((tmp_path / "none", "is not there"), (table, "is not a folder")):
        answer = cli("eval", table, "--images", folder, "-s", colours)
        assert (answer.code, said in answer.err) == (2, True)
    answer = cli("eval", tmp_path, "--labels", "--images", tmp_path, "-s", colours)
    assert (answer.code, "exclude" in answer.err) == (2, True)


def test_an_approximate_index_is_measured_and_one_that_is_behind_is_not(
    cli: Cli, colours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = colours.parent / "photos"
    table = write(colours, *(row(name, name) for name in PAINTED))
    with search.open(colours, encoder=ColourEncoder()) as library:
        library.index(index_type="hnsw")
    found = json.loads(cli("eval", table, "-s", colours, "--json").out)["index"]
    assert (found["type"], found["recall"], found["recall_of_answers"]) == ("hnsw", 1, 1)
    paint(photos / "late.png", "red", 20)
    monkeypatch.setattr("indexer.pipeline.run.build_indexes", lambda *args, **more: [])
    with search.open(colours, encoder=ColourEncoder()) as library:
        library.index(photos)
    found = json.loads(cli("eval", table, "-s", colours, "--json").out)["index"]
    assert (found["recall"], found["recall_of_answers"]) == (None, 1)
    assert "behind" in cli("eval", table, "-s", colours).out


def test_folders_as_labels(cli: Cli, colours: Path) -> None:
    folder = colours.parent / "things"
    for size in (8, 16, 24):
        paint(folder / "red_things" / "deep" / f"{size}.png", "red", size)
        paint(folder / "green" / f"{size}.png", "green", size)
    paint(folder / "blue" / "one.png", "white")
    paint(folder / "loose.png", "black")
    with search.open(colours, encoder=ColourEncoder()) as library:
        library.index(folder)
    answer = cli("eval", folder, "--labels", "-s", colours, "--json")
    assert answer.code == 0
    found = json.loads(answer.out)
    assert (found["images"], found["texts"], found["kind"]) == (7, 3, "labels")
    assert "no subfolder" in found["notes"][0]
    values = figures(answer)
    encoder = ColourEncoder()
    scores = (
        encoder.encode_texts(["blue"]).vectors @ encoder.encode_texts(["red"] * 3 + ["green"] * 3 + ["white"]).vectors.T
    )
    rank = 1 + int((scores[0, :6] >= scores[0, 6]).sum())
    assert values["mAP"] == pytest.approx((1 + 1 + 1 / rank) / 3, abs=1e-6)
    assert values["R@1"] == pytest.approx((2 + (rank == 1)) / 3, abs=1e-6)
    assert cli("eval", folder, "-s", colours).code == 2
    assert "labels" in cli("eval", folder, "--labels", "-s", colours).out


def test_pairs_of_every_script_and_odd_names(cli: Cli, colours: Path) -> None:
    texts = [
        "красный red",
        "غروب الشمس",
        "夕焼け",
        "🌅🔥",
        "e\u0301te\u0301 rouge red",
        "x" * 5_000,
        "a\u202eb\x1b[31m",
    ]
    table = write(colours, row("red", *texts), row("green", "green"))
    answer = cli("eval", table, "-s", colours)
    assert answer.code == 0
    assert "\x1b" not in answer.out
    assert json.loads(cli("eval", table, "-s", colours, "--json").out)["texts"] == 8


def test_copies_of_a_photograph_are_equally_right(cli: Cli, colours: Path) -> None:
    photos = colours.parent / "photos"
    shutil.copy(photos / "red.png", photos / "again.png")
    with search.open(colours, encoder=ColourEncoder()) as library:
        library.index(photos)
    table = write(colours, row("red", "red"), row("again", "red indeed"), row("green", "green"))
    answer = cli("eval", table, "-s", colours, "--json")
    found = json.loads(answer.out)
    assert (found["images"], found["pairs"]) == (2, 3)
    assert any("copies" in note for note in found["notes"])
    assert figures(answer)["R@1"] == figures(answer, "image-to-text")["R@1"] == 1


def test_copies_elsewhere_are_found_by_their_content(cli: Cli, colours: Path, tmp_path: Path) -> None:
    away = shutil.copytree(colours.parent / "photos", tmp_path / "away")
    (away / "pairs.jsonl").write_text("".join(json.dumps(row(name, name)) + "\n" for name in PAINTED))
    answer = cli("eval", away / "pairs.jsonl", "-s", colours, "--json")
    assert json.loads(answer.out)["images"] == 5
    assert figures(answer)["R@1"] == 1


def test_a_text_said_of_two_images_is_right_for_both(cli: Cli, colours: Path) -> None:
    photos = colours.parent / "photos"
    paint(photos / "red2.png", "red", 12)
    with search.open(colours, encoder=ColourEncoder()) as library:
        library.index(photos)
    table = write(colours, row("red", "red"), row("red2", "red"), row("green", "green"))
    answer = cli("eval", table, "-s", colours, "--json")
    assert figures(answer)["R@1"] == 1
    assert any("several images" in note for note in json.loads(answer.out)["notes"])


# -- the report ---------------------------------------------------------------------------------------------


def test_the_report_is_one_file_with_its_pictures(cli: Cli, colours: Path, tmp_path: Path) -> None:
    table = write(colours, row("red", "<b>red</b>"), row("green", "red too"), row("blue", "blue"))
    answer = cli("eval", table, "-s", colours, "--html", tmp_path / "out.html")
    assert answer.code == 0
    page = (tmp_path / "out.html").read_text()
    assert page.count("<svg") == 5
    assert page.count("data:image/jpeg;base64,") >= 2
    assert "<b>red</b>" not in page
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")
    assert not re.search(r"\bnan\b|\binf\b", page)
    answer = cli("eval", table, "-s", colours, "--html", tmp_path / "none" / "out.html")
    assert answer.code == 2
    assert "cannot be written" in answer.err


def test_a_report_without_a_failure_and_of_one_pair(cli: Cli, colours: Path, tmp_path: Path) -> None:
    table = write(colours, row("red", "red"))
    assert cli("eval", table, "-s", colours, "--html", tmp_path / "out.html").code == 0
    assert "None: every text" in (tmp_path / "out.html").read_text()


# -- bad input ----------------------------------------------------------------------------------------------


def test_missing_and_unindexed_images_are_named_and_left_out(cli: Cli, colours: Path) -> None:
    paint(colours.parent / "photos" / "new.png", "white", 16)
    table = write(colours, row("red", "red"), row("nowhere", "gone"), row("new", "white"), row("green", "green"))
    answer = cli("eval", table, "-s", colours)
    assert answer.code == 0
    assert "line 2: nowhere.png" in answer.out
    assert "1 of 3 images are not in the index" in answer.out
    assert "search index" in answer.out
    assert "2 images, 2 captions" in answer.out


def test_of_images_that_are_left_out_it_is_said_what_brings_them_back(cli: Cli, colours: Path) -> None:
    photos = colours.parent / "photos"
    paint(photos / "old" / "a.png", "white", 16)
    paint(photos / "old" / "b.png", "black", 16)
    paint(photos / "draft.png", "red", 24)
    assert cli("index", photos, "-s", colours, "--ignore", "draft.*").code == 0
    assert cli("forget", photos / "old", "-s", colours).code == 0
    paint(photos / "new.png", "blue", 30)
    names = ("red", "old/a", "draft", "new", "old/b", "green")
    answer = cli("eval", write(colours, *(row(name, f"of {name}") for name in names)), "-s", colours)
    assert answer.code == 0
    start = "of 6 images are not in the index and are left out"
    assert (
        f"2 {start}, for they were forgotten (first: {photos}/old/a.png); `search index {photos}/old` brings back what "
        "was forgotten there."
    ) in answer.out
    assert (
        f"1 {start} by the pattern 'draft.*' of {photos} (first: {photos}/draft.png); `search index {photos} "
        "--no-ignore 'draft.*'` takes it away."
    ) in answer.out
    assert f"1 {start} (first: {photos}/new.png); `search index {photos}` adds them" in answer.out
    for step in ([photos / "old"], [photos, "--no-ignore", "draft.*"]):
        assert cli("index", *step, "-s", colours).code == 0
    answer = cli("eval", colours.parent / "photos" / "pairs.jsonl", "-s", colours)
    assert "not in the index" not in answer.out
    assert "6 images, 6 captions" in answer.out


def test_lines_that_do_not_parse_are_named(cli: Cli, colours: Path) -> None:
    table = write(colours, "{not json", row("red", "red"), "[1]", '{"image": "red.png"}', row("green", "", "green"), "")
    answer = cli("eval", table, "-s", colours)
    assert answer.code == 0
    for said in ("line 1: it is not JSON", "line 3: it is not a JSON object", "line 4: it has no text"):
        assert said in answer.out
    answer = cli("eval", write(colours, "{not json", row("red", "red", split="x")), "-s", colours, "--split", "x")
    assert (answer.code, "line 1: it is not JSON" in answer.out) == (0, True)


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"", 1, "is empty"),
        (b"\n \n", 1, "is empty"),
        (b"\xff\xfe", 2, "no captions"),
        (b"\x00\x01\x02", 2, "line 1: it is not JSON"),
        (b'{"image": "red.png", "captions": []}', 2, "no captions"),
        (b'{"image": "red.png", "caption": "  "}', 2, "no captions"),
        (b'{"image": "gone.png", "caption": "red"}', 1, "name no image that is there"),
        (b'{"caption": "red"}', 1, "name no image that is there"),
        (b'{"image": "../s/catalog.sqlite", "caption": "red"}', 1, "not in the index"),
        (b'{"image": "pairs.jsonl", "caption": "red"}', 1, "not in the index"),
        (b"[" * 100_000, 2, "not JSON"),
    ],
)
def test_nothing_to_evaluate_is_1_and_no_table_is_2(
    cli: Cli, colours: Path, content: bytes, code: int, said: str
) -> None:
    table = write(colours)
    table.write_bytes(content)
    answer = cli("eval", table, "-s", colours)
    assert answer.code == code
    assert said in answer.out + answer.err
    assert "Traceback" not in answer.err
    if code == 1:
        assert "Nothing to evaluate." in answer.out
        assert json.loads(cli("eval", table, "-s", colours, "--json").out)["stages"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eval", "nowhere.jsonl"], "not there"),
        (["eval", "photo.jpg"], "no table"),
        (["eval", "nowhere", "--labels"], "not there"),
        (["eval", "x.csv", "--split", "test"], "JSON lines"),
        (["eval", "x", "--labels", "--split", "test"], "exclude"),
        (["eval", "x.jsonl", "-k", "1,x"], "whole numbers"),
        (["eval", "x.jsonl", "-k", "0"], "from 1"),
        (["eval", "x.jsonl", "-k", ","], "whole numbers"),
        (["eval", "x.jsonl", "-k", ""], "is empty"),
        (["eval", "x.jsonl", "--bootstrap", "-1"], "--bootstrap"),
        (["eval", "x.jsonl", "--seed", "-1"], "--seed"),
        (["eval"], "PAIRS"),
    ],
)
def test_wrong_use_is_one_sentence_and_2(
    cli: Cli, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = cli(*arguments, "-s", colours)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_labels_of_a_file_and_of_an_empty_folder(cli: Cli, colours: Path, tmp_path: Path) -> None:
    assert "not a folder" in cli("eval", write(colours), "--labels", "-s", colours).err
    (tmp_path / "empty" / "red").mkdir(parents=True)
    answer = cli("eval", tmp_path / "empty", "--labels", "-s", colours)
    assert answer.code == 1
    assert "no subfolder with images" in answer.out


def test_a_store_that_is_not_there(cli: Cli, colours: Path) -> None:
    answer = cli("eval", write(colours, row("red", "red")), "-s", colours.parent / "none")
    assert answer.code == 2
    assert "search index" in answer.err


# -- real photographs ---------------------------------------------------------------------------------------


def test_real_photographs_with_the_bundled_encoder(cli: Cli, indexed: Path, tmp_path: Path) -> None:
    """Captions that name what is to be seen: far better than the one in about thirty of a random order."""
    rows = {
        "chelsea.png": ["a cat looks at the camera", "a cat with orange fur"],
        "coffee.png": ["a cup of coffee on a table", "a spoon beside a cup"],
        "rocket.jpg": ["a rocket on its launch pad"],
        "astronaut.png": ["a smiling woman in an orange suit"],
        "flower.jpg": ["a red flower"],
        "brick.png": ["a brick wall"],
    }
    folder = tmp_path / "pairs"
    folder.mkdir()
    for name in rows:
        shutil.copy(indexed.parent / "photos" / name, folder / name)
    table = folder / "captions.jsonl"
    table.write_text("".join(json.dumps({"image": name, "captions": rows[name]}) + "\n" for name in rows))
    answer = cli("eval", table, "-s", indexed, "--json", "--html", tmp_path / "out.html")
    assert answer.code == 0
    assert figures(answer)["R@5"] > 0.9
    assert figures(answer, "image-to-text")["R@1"] >= 0.5
    found = json.loads(answer.out)
    assert found["index"]["images"] > 20
    assert 0 < found["latency"]["encode"]["p50_ms"] <= found["latency"]["total"]["p95_ms"]
    assert np.isfinite([one["low"] for one in found["stages"][0]["text-to-image"]["metrics"].values()]).all()
