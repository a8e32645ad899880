"""`search probe train` and `search classify`: what a person types, sees, and is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import search
from indexer.encoders.base import Encoder
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.painted_classes import paint_classes

pytest.importorskip("sklearn")

CLASSES = {"fire": "red", "leaf": "green", "sea": "blue"}
EACH = 10


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Encoder], None]:
    monkeypatch.setenv("SEARCH_CACHE", str(tmp_path / "cache"))

    def take(encoder: Encoder) -> None:
        monkeypatch.setattr("indexer.encoders.registry.load_encoder", lambda name, device=None, **more: encoder)

    return take


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return paint_classes(tmp_path / "elements", CLASSES, EACH)


@pytest.fixture
def store(folder: Path, tmp_path: Path, use: Callable[[Encoder], None]) -> Path:
    use(ColourEncoder())
    with search.open(tmp_path / "s.search", encoder=ColourEncoder()) as library:
        library.index(folder)
    return tmp_path / "s.search"


def test_train_then_classify(cli: Cli, folder: Path, store: Path, tmp_path: Path) -> None:
    trained = cli("probe", "train", folder, "-s", store)
    assert trained.code == 0, trained.err
    note, *lines = trained.out.splitlines()
    assert note.startswith("Note: Measured on 6 photographs only, which fits an accuracy between 61 and 100 %")
    assert lines[0].startswith("30 examples of 3 classes (30 vectors from the index, 0 kept from before, 0 encoded)")
    assert "Measured on examples held out:" in lines
    assert any(line.split() == ["probe", "100.0", "100.0"] for line in lines)
    assert any(line.startswith("names alone") for line in lines)
    assert lines[-2] == f"Written: {store / 'probes' / 'elements.safetensors'}"
    assert lines[-1] == f"Next: `search classify FOLDER --probe elements --store {store}`"
    named = cli("classify", folder / "sea", "-s", store)
    assert named.code == 0, named.err
    assert all(line.split()[-2] == "sea" and "%" in line and ".png" in line for line in named.out.splitlines())
    everything = cli("classify", "-s", store, "--top", "2", "--query", "path:leaf/")
    assert everything.code == 0, everything.err
    assert len(everything.out.splitlines()) == EACH
    assert all(line.count("%") == 2 for line in everything.out.splitlines())


def test_json(cli: Cli, folder: Path, store: Path, tmp_path: Path) -> None:
    """`cli` holds it against docs/schemas."""
    trained = json.loads(cli("probe", "train", folder, "-s", store, "--json").out)
    assert trained["reports"]["probe"]["mean_accuracy"] == 1
    assert trained["reports"]["names"]["photographs"] == trained["reports"]["probe"]["photographs"]
    found = json.loads(cli("classify", "-s", store, "--json", "-k", 3).out)
    assert len(found["photographs"]) == 3 * EACH
    assert all("id" in each and len(each["classes"]) == 3 for each in found["photographs"])
    with search.open(store, encoder=ColourEncoder()) as library:
        own = library.classify(top=3).to_json()
    assert found["photographs"] == own["photographs"]
    names = json.loads(cli("classify", folder, "-s", store, "--classes", "red,green,blue", "--json").out)
    assert (names["method"], names["calibrated"], names["probe"]) == ("zero-shot", False, None)
    assert names["photographs"][0]["classes"][0]["class"] == "red"
    assert "match" in names["photographs"][0]["classes"][0]
    others = paint_classes(tmp_path / "others", CLASSES, EACH, seed=5)
    report = json.loads(cli("classify", others, "-s", store, "--probe", "elements", "--report", "--json").out)["report"]
    assert report["top_5"] is None
    assert sum(cell["count"] for cell in report["confusion"]) == report["photographs"] == 3 * EACH


def test_names_of_classes(cli: Cli, folder: Path, store: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("# colours\nred\n\nblue\ngreen\nred\n", encoding="utf-8")
    from_file = cli("classify", folder, "-s", store, "--classes-file", names)
    listed = cli("classify", folder, "-s", store, "--classes", "red, blue,green,")
    assert from_file.code == 0, from_file.err
    assert from_file.out == listed.out
    assert listed.out.split()[1] == "red"
    like_options = cli("classify", folder, "-s", store, "--classes=--help,-s blue")
    assert like_options.code == 0, like_options.err
    assert {line.split()[1] for line in like_options.out.splitlines()} <= {"--help", "-s"}


class FewWords(ColourEncoder):
    """Has read of red and blue alone."""

    def unread(self, text: str) -> list[str]:
        return [word for word in text.split() if word not in ("red", "blue")]


@pytest.mark.parametrize("name", ["qzxv", "qzxv blue", "b", "B c"])
def test_what_is_chance_is_never_strong(
    cli: Cli, folder: Path, store: Path, use: Callable[[Encoder], None], name: str
) -> None:
    """What the note says of a name holds for the words beside it, on paper and in JSON."""
    use(FewWords() if "q" in name else ColourEncoder())
    arguments = ("classify", folder, "-s", store, "--classes", f"red,blue,{name}", "-k", 3)
    found = cli(*arguments)
    assert found.code == 0, found.err
    [note, *lines] = found.out.splitlines()
    assert note.startswith("Note: ")
    assert "so what is called so is chance; " in note
    assert all(f"weak  {name}" in line for line in lines)
    assert any("strong  red" in line for line in lines)
    shares = [each for row in json.loads(cli(*arguments, "--json").out)["photographs"] for each in row["classes"]]
    assert {each["match"] for each in shares if each["class"] == name} == {"weak"}
    assert "strong" in {each["match"] for each in shares}


def test_a_terminal_ends_with_a_count_of_each_class(
    cli: Cli, folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "sea" / "0.png").unlink()
    assert cli("probe", "train", folder, "-s", store, "-q").code == 0
    assert len(cli("classify", folder, "-s", store).out.splitlines()) == 3 * EACH - 1
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    lines = cli("classify", folder, "-s", store).out.splitlines()
    assert lines[3 * EACH - 1 :] == [
        "",
        "29 photographs by the probe elements:",
        "       10  fire",
        "       10  leaf",
        "        9  sea",
    ]


def test_a_report_of_names(cli: Cli, tmp_path: Path, store: Path) -> None:
    folder = paint_classes(tmp_path / "colours", {"red": "red", "blue": "blue", "green": "green"}, 4, seed=3)
    found = cli("classify", folder, "-s", store, "--classes", "red,green,blue", "--report")
    assert found.code == 0, found.err
    note, figures = found.out.splitlines()[:2]
    assert "between 76 and 100 %" in note
    assert figures == "12 photographs: mean per-class accuracy 100.0 %, top-1 100.0 %"
    assert "calibration" not in found.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("classify",), "say which classes there are, by a --probe or by their names, --classes."),
        (("classify", "--probe", "cats"), "There is no probe at"),
        (("classify", "--probe", "../x"), "There is no probe at"),
        (("classify", "--classes", "cat"), "has only the class cat"),
        (("classify", "--classes", "cat,Cat"), "one name but for letter case"),
        (("classify", "--classes", "a,b", "--classes-file", "x"), "exclude each other"),
        (("classify", "--classes-file", "nowhere.txt"), "is not there"),
        (("classify", "--classes", "a,b", "--query", "a red car"), "a red car"),
        (("classify", "--classes", "a,b", "--top", "0"), "takes a whole number from 1"),
        (("classify", "nowhere", "--classes", "a,b"), "is not there"),
        (("probe", "train", "nowhere"), "is not there"),
        (("probe", "train", ".", "--name", "a/b"), "give another --name"),
        (("probe", "train", ".", "--out", "a/p"), "/a to put p into; make it, or name another place with --out."),
    ],
)
def test_what_is_wrong_is_one_sentence(
    cli: Cli, store: Path, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    found = cli(*arguments, "-s", store)
    assert (found.code, found.out) == (2, "")
    assert found.err.count("\n") == 1
    assert said in found.err
    assert not (tmp_path / "a").exists()


def test_a_damaged_probe_and_one_of_another_encoder(
    cli: Cli, folder: Path, store: Path, use: Callable[[Encoder], None], tmp_path: Path
) -> None:
    assert cli("probe", "train", folder, "-s", store, "-q").code == 0
    path = store / "probes" / "elements.safetensors"
    kept = tmp_path / "kept.safetensors"
    shutil.copy(path, kept)
    path.write_bytes(path.read_bytes()[:-3])
    damaged = cli("classify", "-s", store)
    assert damaged.code == 2
    assert "is damaged" in damaged.err
    assert f"`search probe train FOLDER --store {store}`" in damaged.err
    shutil.copy(kept, path)
    assert "elements  (search classify --probe NAME)" in cli("status", "-s", store).out
    use(ColourEncoder("2"))
    assert cli("index", "-s", store, "--reencode", "--encoder", "other", "-q").code == 0
    assert "elements (for colours; train it again)  (search classify --probe NAME)" in cli("status", "-s", store).out
    other = cli("classify", folder, "-s", tmp_path / "none.search", "--encoder", "other", "--probe", kept)
    assert other.code == 2
    assert "train one for that with `search probe train FOLDER --out FILE --encoder colours --store" in other.err
    own = cli("classify", folder, "-s", store, "--probe", kept)
    assert own.code == 2
    assert f"train it again with `search probe train FOLDER --store {store}`, or name another --encoder" in own.err


def test_unreadable_files_are_told_at_the_end(cli: Cli, folder: Path, store: Path) -> None:
    (folder / "sea" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    found = cli("classify", folder / "sea", "-s", store, "--classes", "red,blue")
    assert found.code == 3
    assert len(found.out.splitlines()) == EACH
    assert "broken.png: " in found.err


def test_without_an_index(cli: Cli, folder: Path, use: Callable[[Encoder], None], tmp_path: Path) -> None:
    use(ColourEncoder())
    none, probe = tmp_path / "none.search", tmp_path / "my probe.safetensors"
    refused = cli("probe", "train", folder, "-s", none)
    assert refused.code == 2
    assert "name a file with --out" in refused.err
    trained = cli("probe", "train", folder, "-s", none, "--out", probe, "-q")
    assert trained.code == 0
    assert trained.out.endswith(f"Next: `search classify FOLDER --probe '{probe}'`\n")
    assert cli("classify", folder, "-s", none, "--probe", probe, "-q").code == 0
    assert not none.exists()
