"""Probes on disk: what was written comes back, and what is damaged or strange is one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.encoders.base import EncoderId, Preprocessing
from indexer.errors import EncoderMismatchError, PathNotFoundError, StoreUnwritableError, UsageError
from search.classification import probe_file
from search.classification.classes import legible
from search.classification.linear_probe import LinearClassifier
from search.classification.probe_file import (
    Probe,
    StoredProbe,
    beginning_of,
    is_name,
    load,
    names_in,
    place_of,
    probes_in,
    save,
)

PREPROCESSING = Preprocessing(8, 8, "squash", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
IDENTITY = EncoderId("colours", "1", 4, PREPROCESSING)


def probe(classes: tuple[str, ...] = ("cat", "dog"), seed: int = 0) -> Probe:
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=(len(classes), 4)).astype(np.float32)
    bias = generator.normal(size=len(classes)).astype(np.float32)
    return Probe(classes, IDENTITY, LinearClassifier(weights, bias, 1.5, True), {"examples": 7})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pets.safetensors"


names = st.text(min_size=1, max_size=30).map(legible).filter(bool)


@settings(max_examples=40, deadline=None)
@given(st.lists(names, min_size=2, max_size=8, unique=True), st.integers(0, 9))
def test_what_was_written_comes_back(tmp_path_factory: pytest.TempPathFactory, classes: list[str], seed: int) -> None:
    path = tmp_path_factory.mktemp("probes") / "a.safetensors"
    written = probe(tuple(classes), seed)
    save(path, written)
    found = load(path)
    assert (found.classes, found.encoder, found.trained) == (written.classes, IDENTITY, {"examples": 7})
    assert (found.classifier.weights == written.classifier.weights).all()
    assert (found.classifier.bias == written.classifier.bias).all()
    assert (found.classifier.temperature, found.classifier.calibrated, found.path) == (1.5, True, str(path))


def test_examples_are_known_again_by_their_digests(path: Path) -> None:
    seen = [bytes([at]) * 32 for at in range(3)]
    save(path, probe())
    assert (load(path).examples, load(path).has_seen(seen[0])) == (None, False)
    save(path, replace(probe(), examples=frozenset(map(beginning_of, seen))))
    assert all(map(load(path).has_seen, seen))
    assert not load(path).has_seen(bytes([9]) * 32)


@pytest.mark.parametrize("examples", [None, frozenset({b"12345678"})])
def test_every_changed_byte_is_noticed(path: Path, examples: frozenset[bytes] | None) -> None:
    save(path, replace(probe(), examples=examples))
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(UsageError, match="pets"):
            load(path)
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(UsageError, match=r"damaged .*`train_probe\(FOLDER\)`"):
            load(path)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("probes") / "a.safetensors"
    path.write_bytes(data)
    with pytest.raises(UsageError):
        load(path)


def rewritten(path: Path, change: dict[str, Any]) -> None:
    """With a header that says something else, and a right digest of that."""
    from safetensors.numpy import load as from_bytes
    from safetensors.numpy import save as to_bytes

    data = path.read_bytes()
    about = probe_file._about(data) | change
    about.pop("digest")
    about["digest"] = probe_file.json_digest(about)
    path.write_bytes(to_bytes(from_bytes(data), metadata={"probe": json.dumps(about)}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format 2 and this version reads 1"),
        ({"classes": ["cat"]}, "no list of names"),
        ({"classes": ["cat", "cat"]}, "no list of names"),
        ({"classes": ["cat", "dog", "fox"]}, "another size"),
        ({"classes": "ab"}, "another size|weights|names"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": "x"}, "damaged"),
        ({"calibrated": 1}, "temperature"),
        ({"encoder": {"name": "x"}}, "identity of an encoder"),
        ({"trained": []}, "no object"),
        ({"weights": "0"}, "not what was written"),
    ],
)
def test_a_header_that_says_what_cannot_be(path: Path, change: dict[str, Any], said: str) -> None:
    save(path, probe())
    rewritten(path, change)
    if change == {"classes": "ab"}:
        load(path)  # two names of a letter
        return
    with pytest.raises(UsageError, match=said):
        load(path)


def test_a_probe_of_another_encoder_is_refused_with_the_next_step(path: Path) -> None:
    save(path, probe())
    load(path).check_fits(EncoderId("renamed", "1", 4, PREPROCESSING))
    with pytest.raises(EncoderMismatchError, match=r"colours.*not for other.*`train_probe\(FOLDER\)`"):
        load(path).check_fits(EncoderId("other", "2", 4, PREPROCESSING))
    named = (
        r"`open\(..., encoder='other'\)\.train_probe\(FOLDER, out=FILE\)`, or name the probe's own, `encoder='colours'`"
    )
    with pytest.raises(EncoderMismatchError, match=named):
        load(path).check_fits(EncoderId("other", "2", 4, PREPROCESSING), own=False)


def test_what_is_not_there_names_the_others(tmp_path: Path) -> None:
    store = tmp_path / "s"
    with pytest.raises(PathNotFoundError, match="check the spelling"):
        load(place_of("pets", store))
    save(place_of("birds", store), probe())
    (store / "probes" / "-x.safetensors").write_bytes(b"")
    with pytest.raises(PathNotFoundError, match=r"are birds\."):
        load(place_of("pets", store))
    assert names_in(store) == ["birds"]


def test_a_file_of_something_else_is_called_no_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is named as a path or as it is called in the working folder; a probe of the store goes before it."""
    from safetensors.numpy import save as to_bytes

    monkeypatch.chdir(tmp_path)
    store = tmp_path / "s"
    (tmp_path / "captions.jsonl").write_text('{"image": "a.jpg", "caption": "a"}\n')
    (tmp_path / "weights.safetensors").write_bytes(to_bytes({"weights": np.zeros(2, np.float32)}, {"format": "pt"}))
    for name in ("captions.jsonl", "./captions.jsonl", "weights.safetensors"):
        with pytest.raises(UsageError) as refused:
            load(place_of(name, store))
        assert str(refused.value) == (
            f"{tmp_path / name} is no probe; name one of the store, or a file that "
            "`train_probe(FOLDER, out=FILE)` has written."
        )
    save(store / "probes" / "captions.jsonl.safetensors", probe())
    assert load(place_of("captions.jsonl", store)).classes == probe().classes


def test_what_is_damaged_is_said_in_words(path: Path) -> None:
    save(path, probe())
    rewritten(path, {"temperature": "x"})
    with pytest.raises(
        UsageError, match=r"is damaged \(a value in it is not of the kind that belongs there\); train it"
    ):
        load(path)


def test_of_each_probe_of_a_store_whether_it_can_be_asked(tmp_path: Path) -> None:
    other = EncoderId("other", "2", 4, PREPROCESSING)
    save(place_of("ours", tmp_path), probe())
    save(place_of("theirs", tmp_path), replace(probe(), encoder=other))
    save(place_of("torn", tmp_path), probe())
    place_of("torn", tmp_path).write_bytes(place_of("torn", tmp_path).read_bytes()[:40])
    assert probes_in(tmp_path, IDENTITY) == [
        StoredProbe("ours", "colours", fits=True),
        StoredProbe("theirs", "other", fits=False),
        StoredProbe("torn", None, fits=False),
    ]
    assert [each.fits for each in probes_in(tmp_path, None)] == [False] * 3


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "-x", "a\nb", "a ", "x" * 65, "a.safetensors", "\x1b[1m", "a\0"]
)
def test_names_that_none_can_have(name: str, tmp_path: Path) -> None:
    assert not is_name(name)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnwritableError, match="name another file with `out`"):
        save(tmp_path / "file" / "a.safetensors", probe())
    with pytest.raises(UsageError, match="cannot be read"):
        (tmp_path / "d.safetensors").mkdir()
        load(tmp_path / "d.safetensors")
