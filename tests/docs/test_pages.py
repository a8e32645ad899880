"""The README and the pages of docs/: links lead somewhere; the site builds without a complaint and fetches nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.paths import ROOT
from tests.test_architecture import graph_of_rooms

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_named_files_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []
    named = re.findall(r"`((?:examples|tests|tools|indexer|search|docs|data)/[\w./]+)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []
    modules = re.findall(r"python -m (tools(?:\.\w+)+)", text)
    assert [name for name in modules if not (ROOT / (name.replace(".", "/") + ".py")).exists()] == []


def test_every_promise_of_security_has_its_test() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!promise |-)(.+?) \| (.+?) \|$", text, re.MULTILINE)
    assert len(rows) > 20
    for promise, tests in rows:
        named = re.findall(r"`(tests/[\w./]+\.py)(?:::(\w+))?`", tests)
        assert named, promise
        for file, name in named:
            defined = re.findall(r"^def (\w+)", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
            assert not name or name in defined, f"{promise}: {file} has no {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_words_are_those_of_the_field(page: Path) -> None:
    assert re.findall(r"careful guess|second look|closer look|given tokens", page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("package", ["indexer", "search"])
def test_every_room_is_on_the_map(package: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split(f"| `{package}/` |")[1].split("\n\n")[0]
    rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)/` \|", table, re.MULTILINE)) == rooms


def test_a_room_imports_only_what_the_picture_shows_below_it() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    above, below = re.split("-{20,}", text.split("```")[1])
    layers = {}
    for package, part in (("search", above), ("indexer", below)):
        rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")} | {"library"}
        for height, line in enumerate(part.splitlines()):
            layers |= {f"{package}.{word}": height for word in re.findall(r"\w+", line) if word in rooms}
    graph = graph_of_rooms()
    rooms = {name for name in graph if (ROOT / name.replace(".", "/")).is_dir()}
    assert rooms <= layers.keys()
    drawn = [(one, other) for one in layers.keys() & graph.keys() for other in graph[one] & layers.keys()]
    assert len(drawn) > 30
    wrong = [(one, other) for one, other in drawn if one[:6] == other[:6] and layers[one] >= layers[other]]
    assert wrong == []


def test_the_site_builds_and_fetches_nothing(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (built.returncode, built.stdout) == (0, ""), built.stderr
    pages = list((tmp_path / "site").glob("*.html"))
    assert len(pages) == len(PAGES)  # 404.html in place of the README
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|img|iframe)[^>]+src=.?https?://|<link[^>]+stylesheet[^>]+https?://", text) == []
