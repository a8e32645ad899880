"""Probes and class names over real files: where vectors come from, what is measured, and a sentence for bad input."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import search
from search.classification import examples as examples_file
from search.classification.classes import MOST
from search.classification.probe_file import StoredProbe, load, save
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.painted_classes import paint_classes

CLASSES = {"fire": "red", "leaf": "green", "sea": "blue"}
EACH = 12


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return paint_classes(tmp_path / "by-class", CLASSES, EACH)


@pytest.fixture
def encoder() -> ColourEncoder:
    return ColourEncoder()


@pytest.fixture
def library(tmp_path: Path, folder: Path, encoder: ColourEncoder) -> Iterator[search.Library]:
    """A store over half of the photographs, of which none was encoded since."""
    some = tmp_path / "photos"
    for name in CLASSES:
        shutil.copytree(folder / name, some / name, ignore=lambda _, names: [each for each in names if each > "5"])
    with search.open(tmp_path / "s.search", encoder=encoder) as opened:
        opened.index(some)
        encoder.images = 0
        yield opened


def test_a_probe_is_trained_measured_saved_and_used(library: search.Library, folder: Path, tmp_path: Path) -> None:
    found = library.train_probe(folder, name="elements")
    assert found.classes == ("fire", "leaf", "sea")
    assert found.report is not None
    assert found.report.mean_accuracy == 1
    assert found.measured_on == "held out"
    assert 6 <= found.report.photographs <= 9
    assert library.probes() == ["elements"]
    assert library.status().probes == (StoredProbe("elements", "colours", fits=True),)
    for each in library.classify(probe="elements", top=3):
        assert each.classes[0].name == Path(each.path).parent.name
        assert each.classes[0].probability is not None
        assert sum(one.probability or 0 for one in each.classes) == pytest.approx(1, abs=1e-5)
    others = paint_classes(tmp_path / "others", CLASSES, EACH, seed=5)
    reported = library.classify(others, probe="elements", report=True).report
    assert reported is not None
    assert reported.photographs == 3 * EACH
    assert (reported.top_1, reported.top_5) == (1, None)


def test_a_report_is_not_of_the_probes_own_examples(library: search.Library, folder: Path, tmp_path: Path) -> None:
    library.train_probe(folder, name="p")
    with pytest.raises(search.UsageError, match=r"All photographs in .* are examples that the probe was trained on"):
        library.classify(folder, probe="p", report=True)
    some = paint_classes(tmp_path / "some", CLASSES, 3, seed=5)
    shutil.copy(folder / "sea" / "3.png", some / "sea" / "known.png")
    found = library.classify(some, probe="p", report=True)
    assert len(found) == 10
    assert found.report is not None
    assert found.report.photographs == 9
    assert "1 photograph not measured on, as the probe was trained on the same." in found.notes
    assert library.classify(folder, classes=list(CLASSES), report=True).report is not None


def test_a_report_of_a_probe_that_kept_no_examples_says_so(
    library: search.Library, folder: Path, tmp_path: Path
) -> None:
    path = Path(library.train_probe(folder, name="p").path)
    save(path, replace(load(path), examples=None))
    found = library.classify(folder, probe="p", report=True)
    assert found.report is not None
    assert any("does not say what it was trained on" in note for note in found.notes)


def test_figures_of_few_photographs_say_how_far_they_may_be_off(
    library: search.Library, folder: Path, tmp_path: Path
) -> None:
    few = library.train_probe(folder, name="p")
    assert few.report is not None
    said = [note for note in few.notes if "Wilson" in note]
    assert len(said) == 1
    assert said[0].startswith(f"Measured on {few.report.photographs} photographs only, which fits an accuracy between ")
    test = paint_classes(tmp_path / "test", CLASSES, 5, seed=7)
    ten = library.classify(test, probe="p", report=True)
    assert any("between 80 and 100 %" in note for note in ten.notes)


def test_vectors_come_from_the_store_then_the_cache_and_only_then_from_the_encoder(
    library: search.Library, folder: Path, encoder: ColourEncoder
) -> None:
    stored = sum(name.name < "5" for name in folder.rglob("*.png"))
    first = library.train_probe(folder)
    assert (first.stored, first.cached, first.encoded) == (stored, 0, 3 * EACH - stored)
    encoder.images = 0
    again = library.train_probe(folder)
    assert (again.stored, again.cached, again.encoded) == (stored, 3 * EACH - stored, 0)
    assert encoder.images == 0
    assert (load(Path(first.path)).classifier.weights == load(Path(again.path)).classifier.weights).all()


def test_the_vectors_are_those_that_indexing_gives(library: search.Library, folder: Path, tmp_path: Path) -> None:
    """From a file, from the cache and from a store: the same answers to the last bit."""
    library.train_probe(folder, name="p")
    named = library.classify(folder, probe="p", top=3)
    from_cache = library.classify(folder, probe="p", top=3)
    with search.open(tmp_path / "other.search", encoder=ColourEncoder()) as other:
        other.index(folder)
        indexed = other.classify(probe=Path(load(tmp_path / "s.search/probes/p.safetensors").path), top=3)
    assert list(named.paths) == list(from_cache.paths) == list(indexed.paths)
    assert (named.shares == from_cache.shares).all()
    assert (named.shares == indexed.shares).all()
    assert (named.order == indexed.order).all()


def test_names_need_no_examples_and_no_scikit_learn(
    library: search.Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    found = library.classify(folder, classes=["red", "green", "blue"], top=2)
    assert [each.classes[0].name for each in found][::EACH] == ["red", "green", "blue"]
    assert all(one.probability is None and one.match for each in found for one in each.classes)
    assert not found.calibrated


def test_a_name_that_the_encoder_does_not_know_is_said(tmp_path: Path, folder: Path) -> None:
    with search.open(tmp_path / "none.search") as library:
        found = library.classify(folder / "sea", classes=["krabbe", "lobster"])
        assert any(note.startswith("The encoder does not know “krabbe”, so") for note in found.notes)
        assert library.classify(folder / "sea", classes=["crab", "red_car"]).notes == ()


def test_names_with_templates(tmp_path: Path, folder: Path) -> None:
    """The encoder of colours reads words: in a template of white every name is whiter, and none is nearer."""
    asked: list[str] = []

    class Templated(ColourEncoder):
        templates = ("a white {}",)

        def encode_texts(self, texts, *, tokens=False):  # type: ignore[no-untyped-def]
            asked.extend(texts)
            return super().encode_texts(texts, tokens=tokens)

    with search.open(tmp_path / "none.search", encoder=Templated()) as library:
        library.classify(folder, classes=["red", "dark_green"])
        assert {"red", "a white red", "dark green", "a white dark green"} <= set(asked)
        asked.clear()
        library.classify(folder, classes=["red", "dark_green"], templates=False)
        assert "a white red" not in asked


def test_a_filter_chooses_among_what_is_indexed(library: search.Library, folder: Path) -> None:
    library.train_probe(folder, name="p")
    some = library.classify(where=search.Filter(path="leaf/"))
    assert {Path(path).parent.name for path in some.paths} == {"leaf"}
    assert some.ids is not None
    assert list(some.ids) == sorted(some.ids)
    assert len(library.classify(where=search.Filter(path="nowhere/"))) == 0


def test_copies_of_a_photograph_are_each_classified_and_once_encoded(
    library: search.Library, folder: Path, tmp_path: Path, encoder: ColourEncoder
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(5):
        shutil.copy(folder / "sea" / "9.png", many / f"{number}.png")
    encoder.images = 0
    found = library.classify(many, classes=["red", "blue"])
    assert [each.classes[0].name for each in found] == ["blue"] * 5
    assert encoder.images <= encoder.batch_size


def test_a_test_folder_is_measured_on(library: search.Library, folder: Path, tmp_path: Path) -> None:
    test = paint_classes(tmp_path / "test", CLASSES | {"snow": "white"}, 4, seed=7)
    shutil.copy(folder / "sea" / "3.png", test / "sea" / "known.png")
    found = library.train_probe(folder, test=test)
    assert found.measured_on == str(test)
    assert found.examples == 3 * EACH
    assert found.report is not None
    assert found.report.photographs == 12
    assert any("snow" in note for note in found.notes)
    assert any("1 photograph not measured on" in note for note in found.notes)


def test_without_a_store_a_probe_is_a_file(tmp_path: Path, folder: Path) -> None:
    with search.open(tmp_path / "none.search", encoder=ColourEncoder()) as library:
        with pytest.raises(search.StoreMissingError, match="name a file with `out`"):
            library.train_probe(folder)
        found = library.train_probe(folder, out=tmp_path / "p")
        assert found.path == str(tmp_path / "p.safetensors")
        assert len(library.classify(folder, probe=Path(found.path))) == 3 * EACH
        with pytest.raises(search.StoreMissingError):
            library.classify(probe=Path(found.path))
    assert not (tmp_path / "none.search").exists()


def test_nothing_is_written_through_a_link(library: search.Library, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (library.folder / "probes").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(search.UsageError, match="is a link and may lead anywhere"):
        library.train_probe(folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_probe_of_another_encoder_is_refused(library: search.Library, folder: Path, tmp_path: Path) -> None:
    path = library.train_probe(folder).path
    with (
        search.open(tmp_path / "none.search", encoder=ColourEncoder("2")) as other,
        pytest.raises(search.EncoderMismatchError, match=r"train_probe\(FOLDER, out=FILE\)`\.$"),
    ):
        other.classify(folder, probe=path)


def test_unreadable_photographs_are_told_and_stop_nothing(library: search.Library, folder: Path) -> None:
    (folder / "sea" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (folder / "sea" / "empty.jpg").write_bytes(b"")
    found = library.train_probe(folder)
    assert sorted(Path(failure.path).name for failure in found.failures) == ["broken.png", "empty.jpg"]
    assert found.examples == 3 * EACH
    assert any("2 photographs left out that cannot be read" in note for note in found.notes)
    classified = library.classify(folder / "sea")
    assert len(classified) == EACH
    assert len(classified.failures) == 2


def test_a_photograph_in_two_classes_is_said_and_left_out(library: search.Library, folder: Path) -> None:
    shutil.copy(folder / "sea" / "1.png", folder / "fire" / "sea.png")
    shutil.copy(folder / "sea" / "2.png", folder / "sea" / "again.png")
    found = library.train_probe(folder)
    assert found.examples == 3 * EACH - 1
    assert any("1 photograph in two classes left out" in note and "sea.png in fire" in note for note in found.notes)
    assert any("1 copy left out" in note for note in found.notes)


def test_a_class_of_one_and_a_class_of_none(library: search.Library, folder: Path) -> None:
    paint_classes(folder, {"snow": "white"}, 1)
    (folder / "mist").mkdir()
    (folder / "mist" / "a.png").write_bytes(b"no image")
    (folder / "void").mkdir()
    found = library.train_probe(folder, name="p")
    assert "1 folder left out: void has no photograph." in found.notes
    assert found.classes == ("fire", "leaf", "sea", "snow")
    assert any("one example each" in note and "snow" in note for note in found.notes)
    assert any("1 class left out, of which no photograph can be used: mist" in note for note in found.notes)


def test_a_photograph_a_class_is_enough_to_train_and_not_to_measure(tmp_path: Path) -> None:
    folder = paint_classes(tmp_path / "few", CLASSES, 1)
    with search.open(tmp_path / "none.search", encoder=ColourEncoder()) as library:
        found = library.train_probe(folder, out=tmp_path / "p")
        assert (found.report, found.measured_on, found.calibrated) == (None, None, False)
        assert any("too few photographs" in note for note in found.notes)
        for each in library.classify(folder, probe=Path(found.path)):
            assert each.classes[0].name == Path(each.path).parent.name
            assert each.classes[0].probability is None


def alike(folder: Path) -> None:
    paint_classes(folder, {"Red_car": "red", "red car": "green"}, 2)


def empty(folder: Path) -> None:
    folder.mkdir()


def one_class(folder: Path) -> None:
    paint_classes(folder, {"cat": "red"}, 3)


def the_same(folder: Path) -> None:
    paint_classes(folder, {"cat": "red"}, 2)
    shutil.copytree(folder / "cat", folder / "dog")


def loose(folder: Path) -> None:
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(folder / "a.png")


def unreadable(folder: Path) -> None:
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.png").write_bytes(b"no image")


def one_and_empty(folder: Path) -> None:
    one_class(folder)
    (folder / "dog").mkdir()


def one_and_no_image(folder: Path) -> None:
    one_and_empty(folder)
    (folder / "dog" / "notes.txt").write_text("no image", encoding="utf-8")


def one_and_unreadable(folder: Path) -> None:
    one_and_empty(folder)
    (folder / "dog" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")


def nameless(folder: Path) -> None:
    paint_classes(folder, {"cat": "red", "\x01\x02": "blue"}, 2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (alike, "'Red_car' and 'red car', which are one name"),
        (empty, "has no photographs in subfolders"),
        (one_class, "has only the class cat"),
        (one_and_empty, r"of one class only, cat: dog has no photograph\."),
        (one_and_no_image, r"of one class only, cat: dog has no photograph \(.*notes\.txt is none\)\."),
        (one_and_unreadable, r"of one class only, cat: of dog there is none \(first: .*broken\.png: .*\); add some"),
        (the_same, "learned from: 2 photographs in two classes left out, as nobody knows"),
        (loose, "has no photographs in subfolders"),
        (unreadable, "Not one photograph in .* can be used"),
        (nameless, "whose name cannot be read"),
    ],
)
def test_what_cannot_be_learned_from_is_one_sentence(tmp_path: Path, make, said: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "f")
    with search.open(tmp_path / "none.search", encoder=ColourEncoder()) as library:
        with pytest.raises(search.UsageError, match=said) as told:
            library.train_probe(tmp_path / "f", out=tmp_path / "p")
        assert str(told.value).count("\n") == 0
    assert not (tmp_path / "p.safetensors").exists()


def test_names_with_line_ends_are_made_legible(tmp_path: Path) -> None:
    folder = paint_classes(tmp_path / "f", {"a\nb\x1b[1m": "red", "--help": "green"}, 3)
    with search.open(tmp_path / "none.search", encoder=ColourEncoder()) as library:
        found = library.train_probe(folder, out=tmp_path / "p")
        assert found.classes == ("--help", "a b[1m")
        other = paint_classes(tmp_path / "other", {"a\nb\x1b[1m": "red", "--help": "green"}, 3, seed=5)
        assert library.classify(other, probe=found.path, report=True).report is not None


def test_too_much_is_refused_before_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    with search.open(tmp_path / "none.search", encoder=ColourEncoder()) as library:
        with pytest.raises(search.UsageError, match="10,001 classes, and 10,000 are the most"):
            library.classify(folder, classes=[f"c{number}" for number in range(MOST + 1)])
        many = library.classify(folder / "sea", classes=["blue", *(f"c{number}" for number in range(MOST - 1))], top=2)
        assert [each.classes[0].name for each in many] == ["blue"] * EACH
        monkeypatch.setattr(examples_file, "MOST", 10)
        with pytest.raises(search.UsageError, match="has 36 photographs, and 10 are the most"):
            library.train_probe(folder, out=tmp_path / "p")


def test_what_excludes_each_other(library: search.Library, folder: Path, tmp_path: Path) -> None:
    for call, said in (
        (lambda: library.classify(), "The store has no probe"),
        (lambda: library.classify(probe="x", classes=["a", "b"]), "has its own classes"),
        (lambda: library.classify(folder, where=search.Filter(path="x"), classes=["a", "b"]), "give one of them"),
        (lambda: library.classify(classes=["a", "b"], report=True), "needs one folder"),
        (lambda: library.classify(folder, classes=["a"]), "has only the class a"),
        (lambda: library.classify(folder, classes=["a", ""]), "empty name"),
        (lambda: library.classify(folder, classes=["a", "A"]), "one name but for letter case"),
        (lambda: library.classify(folder, classes=["x", "y"], report=True), "is called as one of the 2 classes"),
        (lambda: library.classify(tmp_path / "nowhere", classes=["a", "b"]), "is not there"),
        (lambda: library.train_probe(folder, name="a/b"), "cannot be called"),
        (lambda: library.train_probe(folder, name="a", out=tmp_path / "a"), "give one"),
        (lambda: library.train_probe(folder, out=tmp_path), "is a folder, and a probe is one file"),
    ):
        with pytest.raises(search.UsageError, match=said):
            call()
    library.train_probe(folder, name="p")
    with pytest.raises(search.UsageError, match="leave `templates` away"):
        library.classify(folder, probe="p", templates=True)


def test_an_interrupted_run_keeps_what_it_encoded(tmp_path: Path, folder: Path, encoder: ColourEncoder) -> None:
    class Impatient:
        def phase(self, name: str) -> None: ...
        def total(self, files: int) -> None: ...
        def advance(self, files: int) -> None:
            raise KeyboardInterrupt

    with search.open(tmp_path / "none.search", encoder=encoder) as library:
        with pytest.raises(KeyboardInterrupt):
            library.train_probe(folder, out=tmp_path / "p", progress=Impatient())
        assert library.train_probe(folder, out=tmp_path / "p").encoded == 0


def test_a_classification_is_a_sequence(library: search.Library, folder: Path) -> None:
    found = library.classify(folder, classes=["red", "blue"])
    assert len(found) == len(list(found)) == len(found.to_json()["photographs"]) == 3 * EACH
    assert found[-1] == found[len(found) - 1] == found[len(found) - 1 :][0]
    with pytest.raises(IndexError):
        found[len(found)]
    assert isinstance(found.shares, np.ndarray)
