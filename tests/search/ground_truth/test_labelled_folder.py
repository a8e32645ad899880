"""Folders whose subfolders are labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from indexer.errors import PathNotFoundError, UsageError
from search.ground_truth.labelled_folder import read_labelled_folder


def test_each_image_has_the_name_of_its_first_folder(tmp_path: Path) -> None:
    for name in ("cat/a.png", "cat/deep/er/b.png", "dog/c.PNG", "loose.png", ".hidden/d.png", "cat/.thumb/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "dog" / "nameless").write_bytes((tmp_path / "dog" / "c.PNG").read_bytes())
    found = read_labelled_folder(tmp_path, "")
    rows = [(Path(candidate.path).relative_to(tmp_path).as_posix(), name) for candidate, name in found.rows]
    assert rows == [
        ("cat/a.png", "cat"),
        ("cat/deep/er/b.png", "cat"),
        ("dog/c.PNG", "dog"),
        ("dog/nameless", "dog"),
    ]
    assert (found.loose, found.problems, found.empty) == (1, (), {})


def test_subfolders_without_an_image(tmp_path: Path) -> None:
    for name in ("cat", "empty", "notes/deep", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "cat" / "a.png")
    (tmp_path / "notes" / "deep" / "a.txt").write_text("no image")
    found = read_labelled_folder(tmp_path, "")
    assert found.empty == {"empty": "", "notes": str(tmp_path / "notes" / "deep" / "a.txt")}


def test_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(PathNotFoundError, match="is not there"):
        read_labelled_folder(tmp_path / "nowhere", "")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="is not a folder; do so"):
        read_labelled_folder(tmp_path / "file", "do so")
