"""open_clip models as graphs: the same vectors as torch, found again without it, made anew when damaged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import search
from indexer.encoders import export_cache, graph_encoder
from indexer.encoders import openvino_export as export
from indexer.encoders.exported_encoder import ExportedEncoder
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.openclip import OpenClipEncoder
from indexer.encoders.registry import load_encoder, prepare_for_indexing
from indexer.errors import EncoderUnavailableError
from indexer.images.decoder import decode
from indexer.images.preprocess import to_pixels
from indexer.progress import Silent
from indexer.settings import DecodeLimits
from indexer.types import Pixels
from tests.contract.test_encoder import TINY, tiny_folder
from tests.fixtures.encoded import images_with_tokens, texts_with_tokens


class Told(Silent):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def phase(self, name: str) -> None:
        self.phases.append(name)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_folder(tmp_path_factory.mktemp("model") / "tiny", seed=3)


@pytest.fixture(scope="module")
def reference(model: str) -> OpenClipEncoder:
    return OpenClipEncoder(model, device="cpu")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("SEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def kept(reference: OpenClipEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the export of the `reference`, which takes seconds to make. Not to be changed."""
    folder = tmp_path_factory.mktemp("kept") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEARCH_CACHE", str(folder))
        assert isinstance(prepare_for_indexing(reference, "cpu", Silent())[0], GraphEncoder)
    return folder


@pytest.fixture
def filled(kept: Path, cache: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(kept, cache))


@pytest.fixture
def copy_graphs(kept: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on nothing is converted, which takes seconds: the graphs of `kept` are, where only what becomes of
    them is the subject."""
    [made] = (kept / "exported").iterdir()
    arithmetic = json.loads((made / "model.json").read_text())["arithmetic"]

    def copied(_forward: object, _rows: object, file: Path, **_more: object) -> export.ExportedTower:
        for suffix in (".xml", ".bin"):
            shutil.copyfile(made / f"{file.stem}{suffix}", file.with_suffix(suffix))
        return export.ExportedTower(arithmetic[file.stem])

    return lambda: monkeypatch.setattr(export, "export_tower", copied)


@pytest.fixture(scope="module")
def pictures(real_photos: Path, reference: OpenClipEncoder) -> Pixels:
    """(n, h, w, 3): real photographs."""
    wanted = reference.identity.preprocessing
    paths = [path for path in sorted(real_photos.iterdir()) if path.suffix in {".png", ".jpg"}]
    return np.stack([to_pixels(decode(path.read_bytes(), DecodeLimits(), None), wanted) for path in paths])


def test_the_same_vectors_and_tokens_as_torch(reference: OpenClipEncoder, pictures: Pixels, cache: Path) -> None:
    told = Told()
    made, notes = prepare_for_indexing(reference, "cpu", told)
    assert isinstance(made, GraphEncoder)
    assert notes == ()
    assert told.phases == [f"Exporting {reference.identity.name} for this CPU (once)"]
    assert made.identity == reference.identity
    assert made.token_shape == reference.token_shape
    assert made.max_text_tokens == reference.max_text_tokens
    vectors, tokens = images_with_tokens(made, pictures)
    wanted, wanted_tokens = images_with_tokens(reference, pictures)
    assert float((vectors * wanted).sum(axis=1).mean()) >= export.LEAST_COSINE
    assert float((tokens.astype(float) * wanted_tokens).sum(axis=-1).mean()) / 127**2 >= export.LEAST_COSINE
    texts = ["a cat", "two dogs run through the snow", "", "Ünïcödé & <b>more</b>", "word " * 40]
    vectors, words = texts_with_tokens(made, texts)
    wanted, wanted_words = texts_with_tokens(reference, texts)
    assert float((vectors * wanted).sum(axis=1).mean()) >= export.LEAST_COSINE
    assert [each.shape for each in words] == [each.shape for each in wanted_words]
    assert [made.words(text) for text in texts] == [reference.words(text) for text in texts]
    assert [made.count_tokens(text) for text in texts] == [reference.count_tokens(text) for text in texts]


def test_a_query_of_an_exported_model_needs_no_torch(model: str, real_photos: Path, filled: Path) -> None:
    cache = filled
    with search.open(cache.parent / "store", encoder=model, device="cpu") as library:
        assert not library.index(real_photos / "coffee.png", real_photos / "rocket.jpg").warnings
    program = (
        f"import search, sys\nfound = search.open({str(cache.parent / 'store')!r}, device='cpu').query('a cat')\n"
        "assert len(found) == 2\nassert not {'torch', 'open_clip', 'ftfy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_an_export_the_same_store_answers_from_torch(model: str, real_photos: Path, filled: Path) -> None:
    cache = filled
    with search.open(cache.parent / "store", encoder=model, device="cpu") as library:
        library.index(real_photos / "coffee.png", real_photos / "rocket.jpg")
        exported = library.query("a cat")
    (cache / "exported").rename(cache / "gone")
    with search.open(cache.parent / "store", device="cpu") as library:
        plain = library.query("a cat")
    assert [hit.path for hit in plain] == [hit.path for hit in exported]
    np.testing.assert_allclose([hit.score for hit in plain], [hit.score for hit in exported], atol=0.02)


@pytest.mark.parametrize("together", [1, 4])
@pytest.mark.parametrize("count", [2, 3, 4, 5, 9])
def test_images_that_share_a_run_keep_their_bits(
    model: str, kept: Path, monkeypatch: pytest.MonkeyPatch, together: int, count: int
) -> None:
    monkeypatch.setattr(graph_encoder, "_TOGETHER", together)
    monkeypatch.setenv("SEARCH_CACHE", str(kept))
    encoder = load_encoder(model, device="cpu")
    assert isinstance(encoder, GraphEncoder)
    wanted = encoder.identity.preprocessing
    pixels = np.random.default_rng(3).integers(0, 256, (9, wanted.height, wanted.width, 3), np.uint8)
    vectors, tokens = images_with_tokens(encoder, pixels)
    some, their_tokens = images_with_tokens(encoder, pixels[:count])
    np.testing.assert_array_equal(some, vectors[:count])
    np.testing.assert_array_equal(their_tokens, tokens[:count])
    last, _ = images_with_tokens(encoder, pixels[::-1])
    np.testing.assert_array_equal(last[::-1], vectors)


@pytest.mark.parametrize("damage", ["description", "cut", "missing", "format"])
def test_a_damaged_export_is_made_anew(
    reference: OpenClipEncoder, filled: Path, copy_graphs: Callable[[], None], damage: str
) -> None:
    copy_graphs()
    [folder] = (filled / "exported").iterdir()
    description = folder / "model.json"
    if damage == "description":
        description.write_text("{")
    elif damage == "format":
        description.write_text(json.dumps(json.loads(description.read_text()) | {"format": 99}))
    elif damage == "cut":
        (folder / "text.bin").write_bytes(b"short")
    else:
        (folder / "image.xml").unlink()
    name = reference.identity.name
    assert export_cache.find(name, reference.identity) is None
    assert isinstance(prepare_for_indexing(reference, "cpu", Silent())[0], GraphEncoder)
    assert export_cache.find(name, reference.identity) is not None
    assert [path.name for path in (filled / "exported").iterdir()] == [folder.name]


def test_a_checkpoint_that_changed_is_not_taken_for_the_one_that_was_exported(
    tmp_path: Path, cache: Path, copy_graphs: Callable[[], None]
) -> None:
    copy_graphs()
    name = tiny_folder(tmp_path / "model", seed=4)
    first = load_encoder(name, device="cpu")
    prepare_for_indexing(first, "cpu", Silent())
    assert isinstance(load_encoder(name, device="cpu"), GraphEncoder)
    tiny_folder(tmp_path / "other", seed=5)
    weights = "open_clip_model.safetensors"
    (tmp_path / "other" / weights).replace(tmp_path / "model" / weights)
    assert load_encoder(name, device="cpu").identity.weights != first.identity.weights
    # An index that was made with the former weights still has its encoder.
    assert load_encoder(name, device="cpu", stored=first.identity).identity == first.identity


def test_a_model_that_does_not_export_runs_in_torch_and_says_so_once_and_again(
    reference: OpenClipEncoder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def refuse(*_arguments: object, **_settings: object) -> None:
        tries.append(1)
        raise export.NotExportableError("it does not convert (a strange operator)")

    monkeypatch.setattr(export, "export_tower", refuse)
    for _ in range(2):
        kept, [note] = prepare_for_indexing(reference, "cpu", Silent())
        assert kept is reference
        assert "runs in torch" in note
        assert "a strange operator" in note
    assert len(tries) == 1  # minutes, for a large model


def test_another_tokenizer_is_not_exported(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "model"
    name = tiny_folder(folder, seed=6)
    config = json.loads(json.dumps(TINY))
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"clean": "whitespace"}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    encoder = load_encoder(name, device="cpu")
    kept, [note] = prepare_for_indexing(encoder, "cpu", Silent())
    assert kept is encoder
    assert "tokenizer" in note


def test_a_cache_that_cannot_be_written_costs_only_speed(
    reference: OpenClipEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SEARCH_CACHE", str(tmp_path / "file" / "cache"))
    kept, [note] = prepare_for_indexing(reference, "cpu", Silent())
    assert kept is reference
    assert "cannot be kept" in note


@pytest.mark.skipif(sys.platform == "win32", reason="forbids a process to let files grow")
@pytest.mark.parametrize("room", [0, 3_000, 30_000])
def test_a_disk_that_is_full_in_the_middle_of_an_export_costs_only_speed(
    reference: OpenClipEncoder, cache: Path, copy_graphs: Callable[[], None], room: int
) -> None:
    """Of no file more than so many bytes can be written: the tokenizer's, a graph's, its weights'."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        kept, [note] = prepare_for_indexing(reference, "cpu", Silent())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert kept is reference
    assert "runs in torch, slower than exported: its export cannot be kept" in note
    assert "\n" not in note
    assert list((cache / "exported").iterdir()) == []  # nothing half, and no note that it cannot be exported
    copy_graphs()
    assert isinstance(prepare_for_indexing(reference, "cpu", Silent())[0], ExportedEncoder)


def test_a_cache_that_is_deleted_meanwhile_costs_only_speed(
    reference: OpenClipEncoder, cache: Path, copy_graphs: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_graphs()
    real = export_cache.file_sum

    def deleting(file: Path) -> str:
        shutil.rmtree(cache, ignore_errors=True)
        return real(file)

    with monkeypatch.context() as patch:
        patch.setattr(export_cache, "file_sum", deleting)
        kept, [note] = prepare_for_indexing(reference, "cpu", Silent())
    assert kept is reference
    assert "cannot be kept" in note
    assert not list(cache.rglob("*.tmp"))
    assert isinstance(prepare_for_indexing(reference, "cpu", Silent())[0], ExportedEncoder)


def test_whatever_goes_wrong_costs_only_speed(
    reference: OpenClipEncoder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strange(*_arguments: object, **_settings: object) -> None:
        raise KeyError("a strange one")

    monkeypatch.setattr(export, "export_tower", strange)
    for _ in range(2):  # and no note is kept
        kept, [note] = prepare_for_indexing(reference, "cpu", Silent())
        assert kept is reference
        assert "exporting it failed" in note
    assert list((cache / "exported").iterdir()) == []


FILES = ["text.bin", "text.xml", "image.bin", "image.xml", "tokenizer.json", "model.json"]


def damage(folder: Path, name: str) -> None:
    """Change 30 bytes of a file, its size and times being as before."""
    file = folder / name
    before = file.stat()
    content = bytearray(file.read_bytes())
    for place in np.random.default_rng(len(content)).integers(0, len(content), 30):
        content[place] ^= 1 + int(place) % 255
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("name", FILES)
def test_a_query_with_a_damaged_export_is_answered_by_the_model_itself(
    reference: OpenClipEncoder, pictures: Pixels, filled: Path, name: str
) -> None:
    shutil.rmtree(filled / "compiled", ignore_errors=True)  # else nothing of it would be used
    [folder] = (filled / "exported").iterdir()
    damage(folder, name)
    encoder = load_encoder(reference.identity.name, "cpu", stored=reference.identity)
    vectors, _ = texts_with_tokens(encoder, ["a cat"])
    images, _ = images_with_tokens(encoder, pictures[:2])
    np.testing.assert_allclose(vectors, reference.encode_texts(["a cat"]).vectors, atol=0.02)
    np.testing.assert_allclose(images, reference.encode_images(pictures[:2]).vectors, atol=0.02)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["text.bin", "image.bin"])
def test_a_run_makes_a_damaged_export_anew_and_stores_no_wrong_vector(
    model: str, real_photos: Path, filled: Path, copy_graphs: Callable[[], None], name: str
) -> None:
    copy_graphs()
    cache = filled
    photographs = [real_photos / each for each in ("coffee.png", "rocket.jpg")]
    with search.open(cache.parent / "one", encoder=model, device="cpu") as library:
        library.index(*photographs)
        wanted = library.query("a cat")
    [folder] = (cache / "exported").iterdir()
    damage(folder, name)
    shutil.rmtree(cache / "compiled")  # else nothing of it would be used
    with search.open(cache.parent / "two", encoder=model, device="cpu") as library:
        report = library.index(*photographs)
        found = library.query("a cat")
    assert report.encoded == 2
    assert len(report.warnings) == (name == "image.bin")  # a run has no text to encode
    assert all("was damaged and was removed" in warning for warning in report.warnings)
    assert [(hit.path, hit.score) for hit in found] == [(hit.path, hit.score) for hit in wanted]
    assert folder.exists()


def test_without_the_model_itself_the_truth_is_said(
    tmp_path: Path, cache: Path, copy_graphs: Callable[[], None]
) -> None:
    copy_graphs()
    name = tiny_folder(tmp_path / "model", seed=7)
    first = load_encoder(name, device="cpu")
    prepare_for_indexing(first, "cpu", Silent())
    [folder] = (cache / "exported").iterdir()
    encoder = load_encoder(name, "cpu", stored=first.identity)
    damage(folder, "text.bin")
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(EncoderUnavailableError) as error:
        encoder.encode_texts(["a cat"])
    assert f"in {folder} was damaged and was removed" in str(error.value)
    assert "`index()` makes it again" in str(error.value)
    assert "install" not in str(error.value)
    assert not folder.exists()


def test_int8_that_loses_too_much_is_not_taken(
    reference: OpenClipEncoder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_int8_rows", lambda matrix: (np.ones(matrix.shape, np.int8), matrix[:, :1] * 0 + 1))
    made, notes = prepare_for_indexing(reference, "cpu", Silent())
    assert isinstance(made, GraphEncoder), notes
    pixels = export.probe_pixels(32, 32)
    assert (
        float((made.encode_images(pixels).vectors * reference.encode_images(pixels).vectors).sum(axis=1).mean()) > 0.99
    )


@pytest.mark.parametrize(
    ("device", "variable", "expected"),
    [("cpu", "", True), ("cuda", "", False), ("mps", "", False), (None, "cpu", True), (None, "cuda:1", False)],
)
def test_where_a_model_would_run(
    device: str | None, variable: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCH_DEVICE", variable)
    assert export_cache.runs_on_cpu(device) is expected
