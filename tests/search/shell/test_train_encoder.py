"""`search train encoder`: from a table of captions to an encoder for a store, and a sentence for bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import search
from indexer.encoders import adapted_files
from indexer.encoders.base import Encoded, Encoder
from indexer.encoders.mapped_encoder import MappedEncoder
from indexer.types import Texts
from search.training import attempt
from tests.conftest import Cli
from tests.contract.test_encoder import tiny_folder
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.quarters import COUNT, caption, paint, quarters, table, write

pytestmark = pytest.mark.usefixtures("one_torch_thread")


class TurnedEncoder(ColourTokenEncoder):
    """Its texts name other colours than its pictures show: a map sets that right."""

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        found = super().encode_texts(texts, tokens=tokens)
        return Encoded(np.roll(found.vectors, 1, axis=1), found.tokens)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`photos`, `pairs.jsonl`, a store `s` of one of the pictures. Not to be changed."""
    folder = tmp_path_factory.mktemp("world")
    write(folder)
    with search.open(folder / "s", encoder=TurnedEncoder()) as library:
        library.index(folder / "photos" / "0.png")
    return folder


@pytest.fixture
def store(world: Path, tmp_path: Path, use: Callable[[Encoder], None]) -> Path:
    """A copy of the store, which the command line opens with that encoder."""
    use(TurnedEncoder())
    return Path(shutil.copytree(world / "s", tmp_path / "s"))


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Encoder], None]:
    def take(encoder: Encoder) -> None:
        monkeypatch.setattr("indexer.encoders.registry.load_encoder", lambda name, device=None, **more: encoder)

    return take


def rows(count: int = COUNT, **more: str) -> list[dict[str, object]]:
    return [
        {"image": f"photos/{number}.png", "caption": caption(each), **more}
        for number, each in enumerate(quarters(count))
    ]


RATE = ("--rate", 0.03, "--batch", 20)


def test_what_helps_lies_in_the_store_and_says_the_next_command(cli: Cli, world: Path, store: Path) -> None:
    (store / "probes").mkdir()
    (store / "probes" / "pets.safetensors").write_bytes(b"of the base")
    answer = cli("train", "encoder", "--pairs", world / "pairs.jsonl", "-s", store, *RATE)
    assert answer.code == 0, answer.err
    [folder] = (store / "adapted").iterdir()
    verdict, few, note, figures, *_ = answer.out.splitlines()
    assert verdict.startswith("heads helps. It lies in ")
    assert note == "Note: Going over to it takes away the probes (pets), until `search probe train FOLDER`."
    assert few == "Note: Only 20 images judged, so it may be chance; more held-out pairs tell more."
    assert figures.endswith("MRR: mean reciprocal rank of the right answer, 100 = always first.")
    assert f"search index --reencode --encoder adapted:{folder}`." in answer.out
    assert "Trained on 110 images and 110 texts." in answer.out
    assert "heads, judged on 20 other images:" in answer.out
    described = adapted_files.describe(folder)
    assert described.helps
    assert described.base == TurnedEncoder().identity
    assert (described.method, described.trained["images"], described.trained["seed"]) == ("heads", 110, 0)
    tried = described.trained["tried"][0]
    assert tried["held-out"]["gain in MRR"]["low"] > 0
    assert len(tried["curve"]) > tried["best pass"] > 0
    assert folder.name == described.identity(folder).weights[:12]
    assert not (store / "adapted.work").exists()
    assert not list(folder.glob(".*"))


def test_the_store_goes_over_to_it(world: Path, store: Path, use: Callable[[Encoder], None], cli: Cli) -> None:
    cli("train", "encoder", "--pairs", world / "pairs.jsonl", "-s", store, *RATE)
    [folder] = (store / "adapted").iterdir()
    adapted = MappedEncoder.load(folder, adapted_files.describe(folder), TurnedEncoder())
    use(adapted)
    assert cli("index", "--reencode", "--encoder", f"adapted:{folder}", "-s", store).code == 0
    found = cli("query", "red", "-s", store, "--json")
    assert found.code == 0, found.err
    with search.open(store, encoder=adapted) as library:
        assert library.status().encoder.name == f"adapted:{folder}"


def test_captions_that_say_nothing_of_their_image_are_refused(
    cli: Cli, world: Path, store: Path, tmp_path: Path, use: Callable[[Encoder], None]
) -> None:
    """It is written, and marked; one that helps stays in its place."""
    wrong = rows()
    captions = [row["caption"] for row in wrong]
    for row, said in zip(wrong, np.random.default_rng(1).permutation(captions), strict=True):
        row["caption"], row["image"] = str(said), str(world / str(row["image"]))
    pairs = table(tmp_path / "wrong.jsonl", wrong)
    answer = cli("train", "encoder", "--pairs", pairs, "-s", store, "--out", tmp_path / "out", *RATE)
    assert answer.code == 0, answer.err
    assert "It was not shown to help" in answer.out
    assert "the store stays with colours" in answer.out
    assert "--reencode" not in answer.out
    assert "Going over" not in answer.out
    assert not adapted_files.describe(tmp_path / "out").helps
    options = ("-s", store, "--out", tmp_path / "good", *RATE)
    assert cli("train", "encoder", "--pairs", world / "pairs.jsonl", *options).code == 0
    good = adapted_files.describe(tmp_path / "good")
    assert good.helps
    answer = cli("train", "encoder", "--pairs", pairs, *options)
    assert f"the earlier one in {tmp_path / 'good'} stays" in answer.out
    assert adapted_files.describe(tmp_path / "good") == good


def test_json_is_the_same_for_the_same_seed(cli: Cli, world: Path, store: Path, tmp_path: Path) -> None:
    options = ("--pairs", world / "pairs.jsonl", "-s", store, "--out", tmp_path / "o", "--epochs", 1, "--json", *RATE)
    first = json.loads(cli("train", "encoder", *options).out)
    files = {path.name: path.read_bytes() for path in (tmp_path / "o").iterdir()}
    assert first["method"] == "heads"
    assert json.loads(cli("train", "encoder", *options).out) == first
    assert {path.name: path.read_bytes() for path in (tmp_path / "o").iterdir()} == files
    other = json.loads(cli("train", "encoder", *options, "--seed", 1).out)
    assert other["tried"] != first["tried"]


def test_splits_are_kept_apart(cli: Cli, store: Path, tmp_path: Path) -> None:
    """Copies under other names too; the test split is not used."""
    write(tmp_path / "w")
    lines = rows()
    for number, line in enumerate(lines):
        line["split"] = "train" if number < 100 else "val" if number < 140 else "test"
    shutil.copy(tmp_path / "w" / "photos" / "149.png", tmp_path / "w" / "photos" / "copy.png")
    lines.append({"image": "photos/copy.png", "caption": "a copy", "split": "train"})
    pairs = table(tmp_path / "w" / "pairs.jsonl", lines)
    answer = cli("train", "encoder", "--pairs", pairs, "-s", store, "--epochs", 1, "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["trained on"] == {"images": 100, "texts": 100}
    assert found["tried"][0]["held-out"]["images"] == 20
    assert any("10 images of the split test not used" in note for note in found["notes"])
    assert any("1 image is a copy of others" in note for note in found["notes"])


def test_images_that_do_not_decode_are_left_out(cli: Cli, store: Path, tmp_path: Path) -> None:
    write(tmp_path / "w")
    (tmp_path / "w" / "photos" / "3.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    answer = cli("train", "encoder", "--pairs", tmp_path / "w" / "pairs.jsonl", "-s", store, "--epochs", 1)
    assert answer.code == 0, answer.err
    assert "1 image cannot be read and left out" in answer.out


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (rows(1), "captions of 1 different image to learn from, and 140 or more are needed"),
        (rows(139), "captions of 139 different images"),
        ([{**row, "caption": "the same"} for row in rows()], "All captions of the table are equal"),
        (
            [{**row, "image": "nowhere.png"} for row in rows()],
            "so nothing can be trained: few.jsonl: 150 rows name",
        ),
        ([{**row, "image": "nowhere.png"} for row in rows()], "; mend the table, or --images."),
        (
            [{**row, "image": "nowhere.png"} if n % 2 else row for n, row in enumerate(rows())],
            "needed (few.jsonl: 75 rows name images",
        ),
        (
            [{**row, "image": "nowhere.png"} if n % 2 else row for n, row in enumerate(rows())],
            "); mend the table, or --images, or add pairs.",
        ),
        ([{**row, "split": "test"} for row in rows()], "marks 150 of 150 images as of the split test, which is never"),
        ([{**row, "split": "val"} for row in rows()], "0 images to train on and 150 of the split val"),
        ([{"image": row["image"]} for row in rows()], "it holds no captions"),
    ],
)
def test_pairs_that_teach_nothing(
    cli: Cli, world: Path, store: Path, tmp_path: Path, lines: list[dict[str, object]], said: str
) -> None:
    pairs = table(tmp_path / "few.jsonl", lines)
    answer = cli("train", "encoder", "--pairs", pairs, "--images", world, "-s", store)
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.strip().splitlines()[-1]) > 20
    assert not (store / "adapted").exists()
    assert not (store / "adapted.work").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--method", "lora"), "The encoder colours can be trained by heads and not by lora; name another --method"),
        (("--method", "magic"), "--method takes auto, heads"),
        (("--adversarial", "pgd"), "--adversarial changes pixels, and heads is trained on vectors"),
        (("--adversarial", "x"), "--adversarial takes fgsm or pgd"),
        (("--epochs", 0), "--epochs"),
        (("--part", "some"), "--part takes last or all"),
    ],
)
def test_options_that_do_not_fit(cli: Cli, world: Path, store: Path, options: tuple[str, ...], said: str) -> None:
    answer = cli("train", "encoder", "--pairs", world / "pairs.jsonl", "-s", store, *options)
    assert answer.code == 2
    assert said in answer.err


def test_a_folder_of_something_else_is_left_alone(cli: Cli, world: Path, store: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear")
    answer = cli("train", "encoder", "--pairs", world / "pairs.jsonl", "-s", store, "--out", tmp_path / "mine")
    assert answer.code == 2
    assert "holds something else than an adapted encoder" in answer.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["diary.txt"]


def test_ctrl_c_loses_nothing(cli: Cli, world: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was encoded is there when the same command is run again."""
    real = attempt.fit

    def interrupted(*_given: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(attempt, "fit", interrupted)
    options = ("--pairs", world / "pairs.jsonl", "-s", store, "--epochs", 1)
    assert cli("train", "encoder", *options).code == 130
    assert (store / "adapted.work" / "vectors.npz").exists()
    monkeypatch.setattr(attempt, "fit", real)
    again = cli("train", "encoder", *options)
    assert again.code == 0, again.err
    assert "Encoding" not in again.err
    assert not (store / "adapted.work").exists()


def test_auto_takes_the_cheapest_that_wins(cli: Cli, world: Path, tmp_path: Path) -> None:
    """A tiny open_clip model: each method that there was time for is reported, and the others too. Then a store takes
    what came of it, and is adapted again from the base."""
    model = tiny_folder(tmp_path / "model", seed=3)
    store = tmp_path / "s"
    assert cli("index", world / "photos" / "0.png", "-s", store, "--encoder", model).code == 0
    pairs = ("--pairs", world / "pairs.jsonl", "-s", store)
    answer = cli("train", "encoder", *pairs, "--epochs", 1, "--batch", 50, "--budget", 0.0001, "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert [each["method"] for each in found["tried"]] == ["heads", "bitfit", "prompt", "lora", "adapters", "full"]
    assert found["method"] == "heads"
    assert {each["problem"] for each in found["tried"][1:]} == {"it was not begun: the time was up"}
    options = (*pairs, "--method", "bitfit", "--epochs", 1, "--batch", 50, "--adversarial", "fgsm", "--json")
    answer = cli("train", "encoder", *options)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["tried"][0]["attack"]["kind"] == "fgsm"
    assert cli("index", "--reencode", "--encoder", found["encoder"], "-s", store).code == 0
    answer = cli("query", "red and blue", "-s", store, "--json")
    assert answer.code == 0, answer.err
    answer = cli("train", "encoder", *pairs, "--method", "heads", "--epochs", 1, "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["base"] == model
    assert any("the training begins with its base" in note for note in found["notes"])


def test_what_is_painted_is_what_is_said(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", ("red", "green", "blue", "white"), side=2)
    assert caption(("red", "green", "blue", "white")) == "red and green over blue and white"


def test_weights_of_an_earlier_training_keep_their_record(cli: Cli, world: Path, store: Path, tmp_path: Path) -> None:
    """Where nothing is learned all trainings come to the same weights: those of the base."""
    write(tmp_path / "w")
    none = [{**line, "caption": f"{line['caption']} {number % 7}"} for number, line in enumerate(rows())]
    answers, records = [], []
    for name, lines in (("first", rows()), ("second", none)):
        pairs = table(tmp_path / "w" / f"{name}.jsonl", lines)
        answers.append(cli("train", "encoder", "--pairs", pairs, "-s", store, "--rate", 1e-30, "--epochs", 1))
        assert answers[-1].code == 0, answers[-1].err
        (folder,) = (store / "adapted").iterdir()
        records.append(json.loads((folder / "adapted.json").read_text())["trained"]["pairs"])
    assert records[0] == records[1]
    assert "A training on other pairs came to the same weights; its record in" in answers[1].out
    assert "no pass was better than colours itself" in answers[1].out
    assert "may be chance" not in answers[0].out
