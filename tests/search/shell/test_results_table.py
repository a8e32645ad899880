"""What the table of hits says beside a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.types import Metadata
from search.results import Hit, Results
from search.shell.results_table import print_paths, print_results


def lines(capsys: pytest.CaptureFixture[str], *hits: Hit) -> list[str]:
    print_results(Results("x", hits))
    return capsys.readouterr().out.splitlines()


def test_copies_missing_files_and_the_query_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    copies = tuple(f"{tmp_path}/sub/{number}.jpg" for number in range(5))
    taken = Metadata(4, 3, "JPEG", taken_at="2024-05-03T18:20:11")
    first, second, third, fourth = lines(
        capsys,
        Hit(1, "image", "/p/a.jpg", 0.5, 0.5, 0.5, metadata=taken, also=copies[:2], same=True),
        Hit(2, "image", "/p/b.jpg", 0.4, 0.4, 0.5, also=copies, missing=True),
        Hit(3, "text", "/p/c.jpg", 0.3, 0.3, 0.5, text="a\ncaption", also=copies),
        Hit(4, "image", "/p/d.jpg", 0.2, 0.2, 0.5),
    )
    assert first.endswith("/p/a.jpg  2024-05-03  (the query image)  (also sub/0.jpg, sub/1.jpg)")
    assert second.endswith("/p/b.jpg  (the file is not there)  (also sub/0.jpg, sub/1.jpg, sub/2.jpg and 2 more)")
    assert third.endswith("/p/c.jpg  “a\\ncaption”")
    assert fourth.endswith("/p/d.jpg")


def test_paths_name_each_photograph_once(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    hits = (Hit(1, "image", "/p/a", 0.5, 0.5, 0.5, also=("/p/b",)), Hit(2, "text", "/p/a", 0.4, 0.4, 0.5, text="x"))
    print_paths(Results("x", hits), b"\0")
    assert capfdbinary.readouterr().out == b"/p/a\0"
