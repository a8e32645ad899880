"""`search train encoder` on the bundled encoder's form of graphs: trained, taken over by a store, asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import search
from indexer import doctor
from indexer.encoders import adapted_files
from indexer.training import fitting
from tests.conftest import Cli
from tests.fixtures.quarters import write
from tests.fixtures.tiny_graphs import tiny_folder

pytestmark = pytest.mark.usefixtures("one_torch_thread")

FULL = ("--method", "full", "--part", "last", "--rate", 0.01, "--epochs", 4, "--batch", 40, "--no-augment")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`photos`, `pairs.jsonl`, and `models/bundled`. Not to be changed."""
    folder = tmp_path_factory.mktemp("world")
    write(folder)
    tiny_folder(folder / "models" / "bundled")
    return folder


@pytest.fixture(autouse=True)
def ships(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny graphs are the encoder that ships."""
    monkeypatch.setattr("indexer.encoders.graph_model.models_folder", lambda: world / "models")


@pytest.fixture
def store(world: Path, tmp_path: Path, cli: Cli) -> Path:
    assert cli("index", world / "photos" / "0.png", "-s", tmp_path / "s").code == 0
    return tmp_path / "s"


def test_from_captions_to_a_query(cli: Cli, world: Path, store: Path) -> None:
    answer = cli("train", "encoder", "--pairs", world / "pairs.jsonl", "-s", store, *FULL)
    assert answer.code == 0, answer.err
    [folder] = (store / "adapted").iterdir()
    assert "full, judged on 20 other images:" in answer.out
    assert not (store / "adapted.work").exists()
    described = adapted_files.describe(folder)
    assert (described.base.name, described.method, described.settings) == ("bundled", "full", {"part": "last"})
    assert described.trained["tried"][0]["held-out"]["images"] == 20
    assert folder.name == described.digest[:12]
    [graphs] = folder.glob("graphs-*")
    assert json.loads((graphs / "encoder.json").read_text())["trained"]["layers"]["image"]
    taken = cli("index", "--reencode", "--encoder", f"adapted:{folder}", "-s", store)
    assert taken.code == 0, taken.err
    assert cli("query", "red and green over blue and white", "-s", store).code == 0
    with search.open(store) as library:
        assert library.status().encoder == described.identity(folder)
    assert [each.problem for each in doctor.check(store) if each.part == "encoder"] == []
    image = graphs / "image.bin"
    image.write_bytes(image.read_bytes()[:-1] + b"?")
    [finding] = [each for each in doctor.check(store) if each.part == "encoder"]
    assert finding.problem == f"The model file {image} is damaged; train it again."


def test_it_goes_on_where_it_was_stopped(
    cli: Cli, world: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the same graphs; a finished pass is not computed again."""
    options = ("--pairs", world / "pairs.jsonl", "-s", store, *FULL, "--json")
    whole = json.loads(cli("train", "encoder", *options, "--out", tmp_path / "whole").out)
    monkeypatch.setattr(fitting, "AT_LEAST", 0.0)
    measure, passes = fitting._Run._measure, []

    def stopping(run: fitting._Run, number: int, loss: float | None) -> None:
        passes.append(number)
        if passes == [0, 1, 2]:
            raise KeyboardInterrupt
        measure(run, number, loss)

    monkeypatch.setattr(fitting._Run, "_measure", stopping)
    assert cli("train", "encoder", *options, "--out", tmp_path / "again").code != 0
    assert list((tmp_path / "again.work" / "full").glob("*.pt"))
    again = json.loads(cli("train", "encoder", *options, "--out", tmp_path / "again").out)
    assert passes == [0, 1, 2, 2, 3, 4]
    assert again["tried"] == whole["tried"]
    digests = [adapted_files.describe(tmp_path / name).digest for name in ("whole", "again")]
    assert digests[0] == digests[1]


def test_auto_tries_each_method(cli: Cli, world: Path, store: Path) -> None:
    pytest.importorskip("peft")
    answer = cli(
        "train", "encoder", "--pairs", world / "pairs.jsonl", "-s", store, "--epochs", 1, "--no-augment", "--json"
    )
    assert answer.code == 0, answer.err
    tried = json.loads(answer.out)["tried"]
    assert [each["method"] for each in tried] == ["heads", "bitfit", "lora", "full"]
    assert [each["problem"] for each in tried] == [""] * 4


def test_a_method_that_graphs_have_not_is_said(cli: Cli, world: Path, store: Path) -> None:
    answer = cli("train", "encoder", "--pairs", world / "pairs.jsonl", "-s", store, "--method", "prompt")
    assert answer.code == 2
    assert "The encoder bundled can be trained by heads, bitfit, lora, full and not by prompt" in answer.err


def test_attacked_pixels_go_through_the_whole_graph(cli: Cli, world: Path, store: Path) -> None:
    options = ("--method", "full", "--epochs", 1, "--no-augment", "--adversarial", "fgsm", "--json")
    answer = cli("train", "encoder", "--pairs", world / "pairs.jsonl", "-s", store, *options)
    assert answer.code == 0, answer.err
    [tried] = json.loads(answer.out)["tried"]
    assert (tried["attack"]["kind"], tried["attack"]["images"]) == ("fgsm", 20)
    assert 0 <= tried["attack"]["adapted"] <= 1


def interrupted_auto(cli: Cli, world: Path, store: Path, monkeypatch: pytest.MonkeyPatch, *options: object) -> Path:
    """The work of `auto`, stopped in the second method, after its first pass; `heads` was judged."""
    real = fitting._Run._measure
    methods: list[str] = []

    def stopping(run: fitting._Run, number: int, loss: float | None) -> None:
        methods.append(run._method)
        if (run._method, number) == ("bitfit", 2):
            raise KeyboardInterrupt
        real(run, number, loss)

    with monkeypatch.context() as patched:
        patched.setattr(fitting, "AT_LEAST", 0.0)
        patched.setattr(fitting._Run, "_measure", stopping)
        answer = cli("train", "encoder", "--pairs", world / "pairs.jsonl", "-s", store, *options)
    assert answer.code == 130
    assert "the same command goes on from there, and with --budget 0.1 it ends with the best so far." in answer.err
    assert "Method 2 of 4: bitfit, pass 1 of 2\n" in answer.err
    assert set(methods) == {"heads", "bitfit"}
    return store / "adapted.work"


SHORT = ("--epochs", 2, "--no-augment")


def methods_in(work: Path) -> list[str]:
    return sorted({path.parent.name for path in work.glob("*/*.pt")})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--method", "heads", "--epochs", 1), "unfinished training with other settings (--epochs, --augment); give"),
        (("--method", "lora", "--epochs", 2, "--augment", "--rank", 4), "other settings (--augment, --rank)"),
        (("--pairs", "others", "--method", "full"), "an unfinished training with other pairs; give"),
    ],
)
def test_another_training_is_not_written_over_unfinished_work(
    cli: Cli,
    world: Path,
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[object, ...],
    said: str,
) -> None:
    """Not even by a method that has no states in it yet."""
    work = interrupted_auto(cli, world, store, monkeypatch, *SHORT)
    lines = (world / "pairs.jsonl").read_text().splitlines()
    others = tmp_path / "others.jsonl"
    others.write_text("\n".join(lines[:-1]))
    given = [others if each == "others" else each for each in options]
    if given[0] != "--pairs":
        given = ["--pairs", world / "pairs.jsonl", *given]
    command = ("train", "encoder", "-s", store, "--images", world, *given)
    answer = cli(*command)
    assert answer.code == 2
    assert said in answer.err
    assert "--restart to begin anew without it." in answer.err
    assert methods_in(work) == ["bitfit", "heads"]
    again = cli(*command, "--restart", "--budget", 0.0001)
    assert again.code == 0, again.err
    assert not work.exists()


def test_one_method_takes_over_what_auto_finished_and_leaves_the_rest(
    cli: Cli, world: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = interrupted_auto(cli, world, store, monkeypatch, *SHORT)
    steps: list[str] = []
    real = fitting._Run._step

    def step(run: fitting._Run, *given: Any) -> float:
        steps.append(run._method)
        return real(run, *given)

    monkeypatch.setattr(fitting._Run, "_step", step)
    options = ("--pairs", world / "pairs.jsonl", "-s", store, *SHORT)
    heads = cli("train", "encoder", *options, "--method", "heads", "--json")
    assert heads.code == 0, heads.err
    assert steps == []
    assert methods_in(work) == ["bitfit", "heads"]
    found = json.loads(heads.out)
    assert [note for note in found["notes"] if f"The unfinished work of bitfit stays in {work}" in note]
    whole = json.loads(cli("train", "encoder", *options, "--json").out)
    assert "heads" not in steps
    assert whole["tried"][0] == found["tried"][0]
    assert not work.exists()


def test_a_short_budget_ends_with_the_best_so_far(
    cli: Cli, world: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with what a method has that is not done, and a pass that was interrupted is not taken to its end."""
    interrupted_auto(cli, world, store, monkeypatch, *SHORT)
    monkeypatch.setattr(fitting._Run, "_step", lambda *_given: pytest.fail("a step was computed"))
    options = ("--pairs", world / "pairs.jsonl", "-s", store, *SHORT, "--budget", 1e-7, "--json")
    answer = cli("train", "encoder", *options)
    assert answer.code == 0, answer.err
    tried = json.loads(answer.out)["tried"]
    assert [(each["method"], each["problem"], each["ended"], len(each["curve"])) for each in tried] == [
        ("heads", "", "", 11),
        ("bitfit", "", "its time was up", 2),
        ("lora", "it was not begun: the time was up", "", 0),
        ("full", "it was not begun: the time was up", "", 0),
    ]


def test_restart_of_one_method_leaves_the_others(
    cli: Cli, world: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = interrupted_auto(cli, world, store, monkeypatch, *SHORT)
    options = ("--pairs", world / "pairs.jsonl", "-s", store, *SHORT, "--method", "heads", "--restart")
    answer = cli("train", "encoder", *options)
    assert answer.code == 0, answer.err
    assert methods_in(work) == ["bitfit", "heads"]
