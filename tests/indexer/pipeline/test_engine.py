"""Photographs that an engine encodes are written as if they had been encoded here."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.catalog.encoders import Encoders
from indexer.catalog.files import Files
from indexer.catalog.items import Items
from indexer.catalog.tokens import Tokens
from indexer.catalog.vectors import Vectors
from indexer.errors import EncoderUnavailableError, UsageError
from indexer.pipeline import engines, run
from indexer.pipeline.engine import EncodeFiles, Engine, Work, suits
from indexer.pipeline.values import EncodedFile, Failed
from indexer.settings import DecodeLimits, IndexSettings
from indexer.store import Store
from indexer.types import Candidate, Report
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder


class Sent:
    """An engine of this process: what it is given and what it gives are bytes in between, as they are between
    machines."""

    def __init__(self, encoder: ColourEncoder) -> None:
        self._encoder = encoder
        self.paths: list[str] = []

    def encoded(self, candidates: Iterable[Candidate], work: Work) -> Iterator[EncodedFile]:
        encode = EncodeFiles(pickle.loads(pickle.dumps(work)), self._encoder)
        for each in candidates:
            self.paths.append(os.path.basename(each.path))
            [found] = encode([pickle.loads(pickle.dumps(each))])
            yield pickle.loads(pickle.dumps(found))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(("red", "green", "blue", "white", "black") * 4):
        Image.new("RGB", (8 + number, 9), name).save(folder / f"{name}-{number:02}.png")
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (folder / "notes.doc").write_bytes(b"no picture")
    (folder / "picture.odd").write_bytes((folder / "red-00.png").read_bytes() + b"\n")
    (folder / "captions.csv").write_text("image,caption\nred-00.png,a red thing\nblue-02.png,blue\n")
    return folder


def index(folder: Path, photos: Path, engine: Engine | None = None, encoder: ColourEncoder | None = None) -> Report:
    store = Store.create(folder)
    try:
        with store.writing():
            report = run.run(store, encoder or ColourTokenEncoder(), [str(photos)], IndexSettings(), engine=engine)
    finally:
        store.close()
    report.seconds = 0.0
    return report


def content(folder: Path) -> object:
    """All that a search could see: items by id, their files, vectors and tokens, bit by bit."""
    store = Store.open(folder)
    try:
        with store.catalog.snapshot() as snapshot:
            row, identity = Encoders(snapshot).required()
            items = Items(snapshot).get(list(range(1, 200)))
            held = Vectors(snapshot).of_items(list(items), row, identity.dimension)
            tokens = Tokens(snapshot).of_items(list(items), row, 4)
            failed = list(Files(snapshot).failures())
            return (
                [(number, each.path, each.text) for number, each in items.items()],
                {number: each.tobytes() for number, each in held.vectors.items()},
                {number: each.tobytes() for number, each in tokens.items()},
                failed,
            )
    finally:
        store.close()


def test_a_store_is_the_same_to_the_last_bit(tmp_path: Path, photos: Path) -> None:
    engine = Sent(ColourTokenEncoder())
    here, there = index(tmp_path / "here", photos), index(tmp_path / "there", photos, engine)
    assert there == here
    assert there.encoded == 21
    assert content(tmp_path / "there") == content(tmp_path / "here")
    assert len(engine.paths) == 21  # the damaged one too; neither captions nor what only its content shows
    assert engine.paths == sorted(engine.paths)


def test_what_is_known_is_recognised(tmp_path: Path, photos: Path) -> None:
    """Moved and copied files are no new photographs, as without an engine."""
    for name, engine in (("here", None), ("there", Sent(ColourTokenEncoder()))):
        index(tmp_path / name, photos, engine)
    (photos / "red-00.png").rename(photos / "zz.png")
    (photos / "copy.png").write_bytes((photos / "blue-02.png").read_bytes())
    reports = [index(tmp_path / "here", photos), index(tmp_path / "there", photos, Sent(ColourTokenEncoder()))]
    assert reports[0] == reports[1]
    assert (reports[1].encoded, reports[1].reused) == (0, 2)
    assert content(tmp_path / "there") == content(tmp_path / "here")


def test_tokens_that_are_missing_come_from_the_engine(tmp_path: Path, photos: Path) -> None:
    for name in ("here", "there"):
        index(tmp_path / name, photos, encoder=ColourEncoder())
    reports = [index(tmp_path / "here", photos), index(tmp_path / "there", photos, Sent(ColourTokenEncoder()))]
    assert reports[0] == reports[1]
    assert reports[1].tokens_added == 21 + 2  # and texts
    assert content(tmp_path / "there") == content(tmp_path / "here")


def test_what_is_wrong_with_a_file_is_in_its_answer(tmp_path: Path, photos: Path) -> None:
    encoder = ColourTokenEncoder()
    work = Work(encoder.identity, DecodeLimits(max_bytes=400), 4, tokens=True)
    encode = EncodeFiles(work, encoder)
    large = photos / "large.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(large)
    files = [photos / "red-00.png", photos / "damaged.jpg", photos / "gone.png", large, photos / "blue-02.png"]
    found = encode([candidate(each) for each in files])
    assert [each.file.candidate.path for each in found] == [str(each) for each in files]
    assert [each.vector is None for each in found] == [False, True, True, True, False]
    reasons = [each.file.reason if isinstance(each.file, Failed) else "" for each in found]
    assert reasons[2] == "it vanished during the run"
    assert "more than the limit" in reasons[3]
    assert [each.file.passing for each in found if isinstance(each.file, Failed)] == [False, True, False]


def candidate(path: Path) -> Candidate:
    status = path.stat() if path.exists() else os.stat(__file__)
    return Candidate(str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def test_which_files_an_engine_reads(photos: Path) -> None:
    found = {each.name for each in photos.iterdir() if suits(candidate(each))}
    assert found == {each.name for each in photos.iterdir()} - {"captions.csv", "notes.doc", "picture.odd"}


@pytest.mark.parametrize("name", ["", "dask", "ray:", "ray://", "ray://host", "ray://:6379", "ray://host:port"])
def test_what_is_no_engine_is_said(name: str) -> None:
    with pytest.raises(UsageError, match=r"`engine` takes ray, or ray://HOST:PORT of a cluster's head, not"):
        engines.check_engine(name)


def test_a_package_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(EncoderUnavailableError, match="`engine` needs the package ray; `pip install"):
        engines.check_engine("ray")
    engines.check_engine(None)
