"""Both forms as their wheels are: what is in them, that they are typed, and that the light one works by itself."""

from __future__ import annotations

import email.message
import email.parser
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.fixtures.paths import ROOT
from tools import check_install

pytestmark = pytest.mark.slow

#: What a user's program may well say; mypy has to know all of it from the wheel.
PROGRAM = """
import search
from search import Encoder, Filter, IndexSettings, PathNotFoundError, Query, Reranker, SearchParameters

def first(library: search.Library, words: str) -> str | None:
    try:
        results = library.query(Query(text=words), k=1, parameters=SearchParameters(effort=2.0))
    except (PathNotFoundError, search.EmptyQueryError):
        return None
    return results[0].path if results else None

def made(encoder: Encoder, reranker: Reranker) -> float | None:
    with search.open("photos.search", encoder=encoder) as library:
        report: search.Report = library.index("photos", settings=IndexSettings(workers=2))
        assert report.encoded >= 0
        where = Filter(taken=("2021-01-01", "2022-01-01"), near=("Paris", 5))
        return library.query("a red car", reranker=reranker, where=where, sort="date")[0].probability
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By form, from the source distribution."""
    return check_install.build(tmp_path_factory.mktemp("wheels"))


def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.parser.Parser().parsestr(archive.read(name).decode())


def test_both_hold_the_same_files(wheels: dict[str, Path]) -> None:
    held = {}
    for form, wheel in wheels.items():
        with zipfile.ZipFile(wheel) as archive:
            held[form] = {info.filename: info.CRC for info in archive.infolist() if ".dist-info/" not in info.filename}
    assert held["light"] == held["full"]
    names = set(held["full"])
    assert {"search/py.typed", "indexer/py.typed", "search/__main__.py"} <= names
    assert {name.split("/")[0] for name in names} == {"search", "indexer"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    data = {path.relative_to(ROOT).as_posix() for path in (ROOT / "data").rglob("*") if path.is_file()}
    assert {f"indexer/{path}" for path in data} == {name for name in names if name.startswith("indexer/data/")}


def test_they_differ_in_five_dependencies(wheels: dict[str, Path]) -> None:
    said = {form: metadata(wheel) for form, wheel in wheels.items()}
    needs = {
        form: {line for line in one.get_all("Requires-Dist", []) if "extra ==" not in line}
        for form, one in said.items()
    }
    names = {form: {re.split(r"[^\w-]", line)[0] for line in some} for form, some in needs.items()}
    assert names["full"] - names["light"] == {"faiss-gpu", "huggingface-hub", "open-clip-torch", "torch", "torchvision"}
    assert names["light"] <= names["full"]
    assert [line for line in needs["light"] if ";" in line] == []  # faiss-cpu on every platform
    assert said["light"]["Version"] == said["full"]["Version"]
    assert said["light"]["License-Expression"] == said["full"]["License-Expression"] == "Apache-2.0"
    assert not said["light"].get_all("Provides-Extra")


def test_a_users_program_is_checked_strictly_against_the_wheel(wheels: dict[str, Path], tmp_path: Path) -> None:
    python = check_install.environment(tmp_path / "env", pip=False)
    command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    with zipfile.ZipFile(wheels["light"]) as archive:
        archive.extractall(site)
    (site / "numpy").symlink_to(
        Path(sysconfig.get_path("purelib")) / "numpy"
    )  # its types are in ours; others cost a minute
    (tmp_path / "program.py").write_text(PROGRAM)
    strict = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "program.py"]
    done = subprocess.run(strict, cwd=tmp_path, env={"MYPY_CACHE_DIR": ".cache"}, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("Success: no issues found in 1 source file\n", 0), (
        done.stdout + done.stderr
    )


def test_the_light_form_works_by_itself(
    wheels: dict[str, Path], real_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_COMPILE", "1")  # half of the time, for files of which most are never imported
    photos = Path(shutil.copytree(real_photos, tmp_path / "photos"))
    measured = check_install.try_out(wheels["light"], tmp_path, photos)
    assert measured.megabytes < 700
    python = check_install.environment(tmp_path / "env", pip=False)
    for name in ("torch", "open_clip", "torchvision"):
        assert subprocess.run([str(python), "-c", f"import {name}"], capture_output=True, check=False).returncode != 0
    index = [
        str(python.with_name("search")),
        "index",
        str(photos),
        "-s",
        "t",
        "--encoder",
        "ViT-B-32/laion2b_s34b_b79k",
    ]
    refused = subprocess.run(index, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "pip uninstall image-collection-search-light faiss-cpu" in refused.stderr
    assert "--encoder bundled" in refused.stderr
    assert not (tmp_path / "t").exists()
