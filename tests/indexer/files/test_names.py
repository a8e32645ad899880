"""Files are found by names that are written otherwise."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from indexer.files.names import Names, as_named
from indexer.path_forms import composed, spellings

NFC, NFD = "Caf\u00e9", "Cafe\u0301"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / NFD / "sub").mkdir(parents=True)
    (tmp_path / NFD / "sub" / f"{NFD}.jpg").write_bytes(b"")
    (tmp_path / NFC.upper()).mkdir()
    (tmp_path / NFC.upper() / "IMG_1.JPG").write_bytes(b"")
    (tmp_path / "Both" / "x").mkdir(parents=True)
    (tmp_path / "both").mkdir()
    return tmp_path


def test_the_forms_of_a_name() -> None:
    assert spellings("plain.jpg") == ["plain.jpg"]
    assert spellings(NFC) == [NFC, NFD]
    assert spellings(NFD) == [NFD, NFC]
    assert (composed(NFD), composed(NFC), composed("a")) == (NFC, NFC, "a")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (NFD, NFD),
        (NFC, NFD),
        (f"{NFC}/sub/{NFC}.jpg", f"{NFD}/sub/{NFD}.jpg"),
        (f"{NFD}/sub/{NFC}.jpg", f"{NFD}/sub/{NFD}.jpg"),
        (f"{NFC}/none/x", None),
        (f"{NFC}/sub/none\u00e9", None),
        ("none", None),
        (NFC.lower(), None),
        ("a\0\u00e9", None),
        ("\ud800\u00e9", None),
    ],
)
def test_what_is_there_under_another_form(folder: Path, given: str, found: str | None) -> None:
    path = str(folder / given)
    assert Names().find(path) == (None if found is None else str(folder / found))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (f"{NFC}/sub/{NFC}.JPG", f"{NFD}/sub/{NFD}.jpg"),
        (unicodedata.normalize("NFD", NFC.upper()) + "/img_1.jpg", f"{NFC.upper()}/IMG_1.JPG"),
        (f"{NFC.upper()}/ IMG_1.JPG ", f"{NFC.upper()}/IMG_1.JPG"),
        ("Both/X", "Both/x"),
        ("BOTH/x", None),  # which of the two is meant, nobody can say
    ],
)
def test_loosely_by_another_letter_case_too(folder: Path, given: str, found: str | None) -> None:
    path = str(folder / given)
    assert Names(loose=True).find(path) == (None if found is None else str(folder / found))
    assert Names().find(path) is None or found == given


def test_a_folder_is_listed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    listdir = os.listdir

    def listing(path: str) -> list[str]:
        listed.append(path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", listing)
    names = Names(loose=True)
    for number in range(50):
        assert names.find(str(folder / NFD / f"none{number}")) is None
        assert names.find(str(folder / NFC / "sub" / f"{NFC}.jpg")) is not None
    assert sorted(listed) == sorted({str(folder), str(folder / NFD), str(folder / NFD / "sub")})


def test_what_a_person_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    assert as_named(NFC) == str(folder / NFD)
    assert as_named(f"~/{NFC}/sub/.") == str(folder / NFD / "sub")
    assert as_named(Path("none\u00e9")) == str(folder / "none\u00e9")
    assert as_named((folder / NFC).as_uri()) == str(folder / NFD)
    assert as_named("file:///none%20there") == "/none there"
    for text in ("file://[", "file:", "file:relative"):
        assert as_named(text) == os.path.abspath(text)


def test_a_url_stays_what_it_is_and_what_pathlib_made_of_it_is_understood(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert as_named("S3://Bucket/Photos/ä b/") == "s3://Bucket/Photos/ä b"
    assert as_named(Path("s3://bucket/photos/")) == "s3://bucket/photos"
    assert as_named("s3:/bucket/photos") == str(folder / "s3:" / "bucket" / "photos")  # as a text it is a path
    (folder / "s3:" / "bucket").mkdir(parents=True)
    assert as_named(Path("s3:/bucket")) == str(folder / "s3:" / "bucket")


def test_a_member_of_a_tar_is_named_by_its_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "a.tar").write_bytes(b"")
    assert as_named("a.tar/2024/b.jpg") == str(folder / "a.tar" / "2024" / "b.jpg")
