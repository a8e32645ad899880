"""`calibration.json`: read as it was written, and a note for every file that is none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.encoders.base import EncoderId, Preprocessing
from indexer.errors import StoreUnwritableError
from search.calibration import calibration_file
from search.calibration.calibration_file import Calibration, Entry, find_calibration
from search.calibration.curve import (
    FALLBACK,
    ProbabilityCurve,
    Slopes,
    TypicalBackground,
)
from tests.fixtures.paths import ROOT

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
FITTED = ProbabilityCurve(-2.0, Slopes(3.0, 0.0, 1.2, 0.9), TypicalBackground(0.1, 0.05))


IDENTITY = EncoderId("colours", "w" * 64, 4, Preprocessing(8, 8, "squash", "bilinear", (0, 0, 0), (1, 1, 1)))


def some(weights: str = IDENTITY.weights, reranker: str | None = None) -> Calibration:
    return Calibration(weights, (Entry("text", "image", reranker, FITTED, {"queries": 7}, 0.01, "sentence"),))


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / calibration_file.NAME
    calibration = Calibration(
        "w",
        (
            *some().entries,
            Entry("text", "image", None, replace(FITTED, intercept=0.5), {}, 0.0, "short"),
            Entry("image", "text", "abc", replace(FITTED, intercept=1.5), {}, 0.0),
        ),
    )
    calibration_file.write(path, calibration)
    assert calibration_file.read(path) == calibration
    assert calibration_file.read(tmp_path / "none.json") is None
    assert calibration.curve("text", "image", None, "short").intercept == 0.5
    assert calibration.curve("text", "image", None) == calibration.curve("text", "image", None, "sentence") == FITTED
    fields = json.loads(path.read_text())
    assert fields["models"][0]["coefficients"] == {"score": 3.0, "above": 0.0, "standard": 1.2, "items": 0.9}
    with pytest.raises(StoreUnwritableError, match="`out`"):
        calibration_file.write(tmp_path / "none" / calibration_file.NAME, calibration)


def _set(name: str, value: object) -> Callable[[dict[str, object]], object]:
    return lambda fields: fields.__setitem__(name, value)


@pytest.mark.parametrize(
    "change",
    [
        _set("format", 1),
        _set("format", 3),
        _set("features", ["score"]),
        _set("models", 3),
        _set("models", [{"asks": "sound"}]),
        lambda fields: fields["models"][0].__setitem__("form", "song"),  # type: ignore[attr-defined]
        lambda fields: fields.pop("encoder"),
        lambda fields: fields["models"][0].pop("coefficients"),  # type: ignore[attr-defined]
        lambda fields: fields["models"][0]["coefficients"].__setitem__("above", -1.0),  # type: ignore[attr-defined]
        lambda fields: fields["models"][0].__setitem__("intercept", float("nan")),  # type: ignore[attr-defined]
        lambda fields: fields["models"][0]["null"].__setitem__("spread", "wide"),  # type: ignore[attr-defined]
    ],
)
def test_a_damaged_calibration_is_a_note_and_the_fallback(
    tmp_path: Path, change: Callable[[dict[str, object]], object]
) -> None:
    path = tmp_path / calibration_file.NAME
    calibration_file.write(path, some())
    assert find_calibration(tmp_path, IDENTITY).curve("text", "image", None) == FITTED
    fields = json.loads(path.read_text())
    del fields["digest"], fields["models"][0]["form"]  # as in a file of before it had them
    path.write_text(json.dumps(fields))
    assert find_calibration(tmp_path, IDENTITY).curve("text", "image", None) == FITTED
    change(fields)
    path.write_text(json.dumps(fields))
    found = find_calibration(tmp_path, IDENTITY)
    assert found.curve("text", "image", None) == FALLBACK
    (note,) = found.notes
    assert "`calibrate()`" in note
    assert str(path) in note


def test_every_flipped_bit_is_said_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / calibration_file.NAME
    calibration_file.write(path, some())
    data = path.read_bytes()
    said = 0
    for bit in range(0, 8 * len(data), 5):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        found = find_calibration(tmp_path, IDENTITY)
        if found.notes:
            said += 1
            assert "is damaged" in found.notes[0]
            assert found.entries == ()
        else:  # a space, or the name of the digest
            assert found.entries == some().entries
    assert said > 0.8 * 8 * len(data) / 5


def test_a_changed_digit_is_said(tmp_path: Path) -> None:
    path = tmp_path / calibration_file.NAME
    calibration_file.write(path, some())
    path.write_text(path.read_text().replace('"intercept": -2.0', '"intercept": 2.0'))
    (note,) = find_calibration(tmp_path, IDENTITY).notes
    assert "is damaged (its digest is wrong)" in note


@POSIX
def test_a_calibration_that_may_not_be_read_is_not_damaged(tmp_path: Path) -> None:
    calibration_file.write(tmp_path / calibration_file.NAME, some())
    (tmp_path / calibration_file.NAME).unlink()
    (tmp_path / calibration_file.NAME).symlink_to(calibration_file.NAME)  # root may read all, but no link to itself
    (note,) = find_calibration(tmp_path, IDENTITY).notes
    assert "cannot be read" in note
    assert "damaged" not in note


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{", b"[" * 100_000, b'"' + b"x" * 2_000_000])
def test_a_file_that_is_no_calibration_is_a_note(tmp_path: Path, content: bytes) -> None:
    (tmp_path / calibration_file.NAME).write_bytes(content)
    assert len(find_calibration(tmp_path, IDENTITY).notes) == 1


def test_a_calibration_belongs_to_one_encoder_one_reranker_and_one_direction(tmp_path: Path) -> None:
    calibration_file.write(tmp_path / calibration_file.NAME, some("other"))
    found = find_calibration(tmp_path, IDENTITY)
    assert (found.entries, len(found.notes)) == ((), 1)
    calibration_file.write(tmp_path / calibration_file.NAME, some(reranker="abc"))
    found = find_calibration(tmp_path, IDENTITY)
    assert found.notes == ()
    assert found.curve("text", "image", "abc") == FITTED
    assert found.curve("text", "image", None) == found.curve("image", "text", "abc") == FALLBACK
    assert found.curve("text", "text", "abc") == FALLBACK


def test_the_stores_own_comes_before_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.calibration.calibration_file.models_folder", lambda: tmp_path / "models")
    store, shipped = tmp_path / "s", tmp_path / "models" / "bundled"
    store.mkdir()
    shipped.mkdir(parents=True)
    other = replace(FITTED, intercept=-9.0)
    calibration_file.write(
        shipped / calibration_file.NAME,
        Calibration(IDENTITY.weights, (Entry("text", "image", None, other), Entry("image", "text", None, other))),
    )
    calibration_file.write(store / calibration_file.NAME, some())
    found = find_calibration(store, IDENTITY)
    assert found.curve("text", "image", None) == FITTED
    assert found.curve("image", "text", None) == other


def test_what_ships_can_be_read() -> None:
    paths = list((ROOT / "data" / "models").glob(f"*/{calibration_file.NAME}"))
    assert [path.parent.name for path in paths] == ["bundled"]
    for path in paths:
        found = calibration_file.read(path)
        assert found is not None
        assert found.entries
        assert "digest" in json.loads(path.read_text())
