"""The programs in `examples/`, each in a process of its own, on real photographs."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PHOTOGRAPHS = ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg", "flower.jpg", "china.jpg")


@pytest.fixture
def folder(real_photos: Path, tmp_path: Path) -> Path:
    """Six photographs, three of them with captions."""
    for name in PHOTOGRAPHS:
        shutil.copy(real_photos / name, tmp_path / name)
    captions = {"chelsea.png": "a ginger cat", "coffee.png": "a cup of coffee", "rocket.jpg": "a rocket takes off"}
    rows = [json.dumps({"image": name, "captions": [text]}) for name, text in captions.items()]
    (tmp_path / "captions.jsonl").write_text("\n".join(rows))
    return tmp_path


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_index_and_query(folder: Path) -> None:
    first = run("index_and_query.py", folder)
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    assert lines[0] == "6 encoded, 0 unchanged, 0 failed"
    assert lines[1].endswith("chelsea.png")
    assert "Like chelsea.png:" in lines
    assert len(lines) == 1 + 5 + 1 + 3
    again = run("index_and_query.py", folder, "a rocket")
    assert again.stdout.startswith("0 encoded, 7 unchanged")
    assert again.stdout.splitlines()[1].endswith("rocket.jpg")


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    answer = run("index_and_query.py", tmp_path / "nowhere")
    assert answer.returncode == 1
    assert len(answer.stderr.splitlines()) == 1
    assert "nowhere is not there" in answer.stderr


def test_custom_encoder(folder: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64), (70, 130, 200)).save(folder / "sky.png")
    answer = run("custom_encoder.py", folder)
    assert answer.returncode == 0, answer.stderr
    scores = [float(line.split()[0]) for line in answer.stdout.splitlines()]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 5
    found = dict(reversed(line.split("  ")) for line in answer.stdout.splitlines())
    assert float(found[str(folder / "sky.png")]) == pytest.approx(0.5**0.5, abs=1e-3)  # all of one of two colours


def test_compare_encoders(folder: Path) -> None:
    answer = run("compare_encoders.py", folder)
    assert answer.returncode == 0, answer.stderr
    head, *rows = (line.split() for line in answer.stdout.splitlines())
    assert head == ["R@1", "R@5", "R@10", "median", "rank", "MRR", "nDCG@10"]
    assert [row[0] for row in rows] == ["bundled", "palette"]
    assert float(rows[0][1]) == 1.0  # the cat, the coffee and the rocket are easy


def test_web_app_threads(folder: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "web_app_threads.py"), str(folder), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split("?")[0]
            assert url.startswith("http://127.0.0.1:")

            def first(words: str) -> str:
                with urlopen(f"{url}?q={quote(words)}", timeout=60) as answer:
                    return Path(json.load(answer)["hits"][0]["path"]).name

            asked = ["a cat", "a cup of coffee", "a rocket", "a flower"] * 4
            with ThreadPoolExecutor(8) as pool:
                found = list(pool.map(first, asked))
            assert found == ["chelsea.png", "coffee.png", "rocket.jpg", "flower.jpg"] * 4
            with pytest.raises(HTTPError) as refused:
                first(" ")
            with refused.value as answer:
                assert answer.code == 400
            assert first(str(folder / "china.jpg")) in PHOTOGRAPHS  # words, however they look
        finally:
            server.terminate()  # Ctrl-C does not reach what was started in the background
        assert server.wait(60) == -signal.SIGTERM


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60
    assert f"python examples/{path.name} FOLDER" in lines[2]
