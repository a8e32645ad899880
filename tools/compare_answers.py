"""Two checkouts asked the same: ids, scores, probabilities, JSON and exit codes have to be identical, byte for byte.

    python tools/compare_answers.py OLD NEW --photos FOLDER [--photos FOLDER ...]

OLD and NEW are checkouts of this repository; both run with the Python that runs this. Each indexes the folders into a
store of its own, and answers the same commands, each in a process of its own (`python -m search`). Then NEW answers
over a copy of OLD's store, as after an upgrade. What a run says of itself (seconds, sizes of files, times, the place of
the store) is left out. Prints every difference; exit code 1 when there is one.

A folder with a `captions.jsonl` in it is evaluated too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WORDS = (
    "a cat", "a cup of coffee", "an astronaut", "two dogs run through the snow", "a red car", "a man riding a bicycle",
    "children playing in water", "a black dog", "sunset over the sea", "people", "a woman in a blue dress", "Schnee",
    "a dog catches a frisbee in the park while a man watches", "text on a page", "1789",
)  # fmt: skip
VARIANTS = ((), ("--no-rerank",), ("--to", "text"), ("--to", "any", "-k", "30"), ("--explain",))
#: Fields of JSON that say how a run went, and not what it found.
VOLATILE = frozenset(
    {"seconds", "bytes", "scanned_at", "folder", "path_of_store", "latency", "index_recall", "megabytes"}
)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--photos", type=Path, action="append", required=True)
    given = parser.parse_args()
    photos = [folder.resolve() for folder in given.photos]
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        old = list(_index(given.old, photos, work / "old"))
        shutil.copytree(work / "old", work / "upgraded")
        old += _answers(given.old, photos, work / "old")
        new = [*_index(given.new, photos, work / "new"), *_answers(given.new, photos, work / "new")]
        upgraded = list(_answers(given.new, photos, work / "upgraded"))
    differences = _differences(old, new, "its own store") + _differences(old[1:], upgraded, "the older store")
    for line in differences:
        print(line)
    print(f"{len(new)} + {len(upgraded)} answers compared, {len(differences)} differ")
    return 1 if differences else 0


#: A command, and how it ended: exit code, what it printed, what it complained.
Answer = tuple[str, int, str, str]


def _index(checkout: Path, photos: list[Path], work: Path) -> Iterator[Answer]:
    work.mkdir()
    yield _run(checkout, work, "index", *map(str, photos), "--json")


def _answers(checkout: Path, photos: list[Path], work: Path) -> Iterator[Answer]:
    for words in WORDS:
        for variant in VARIANTS:
            yield _run(checkout, work, "query", words, "--json", *variant)
    some = sorted(path for path in photos[0].iterdir() if path.suffix in {".jpg", ".png"})[:4]
    for picture in some:
        for variant in ((), ("--to", "text"), ("--paths",)):
            yield _run(
                checkout,
                work,
                "query",
                str(picture),
                *(("--json",) if not variant or variant[0] == "--to" else ()),
                *variant,
            )
    yield _run(checkout, work, "query", "a cat")
    yield _run(checkout, work, "query", "a cat", "-0")
    yield _run(checkout, work, "query", "a cat", "--min-probability", "0.999", "--json")
    yield _run(checkout, work, "query", "a cat", "--min-probability", "2")
    yield _run(checkout, work, "query", "")
    yield _run(checkout, work, "query", "missing.jpg")
    yield _run(checkout, work, "query", "a cat", "--to", "sound")
    yield _run(checkout, work, "query", "a cat", "-k", "0")
    yield _run(checkout, work, "query", "a cat", "--rerank", "5", "--json")
    yield _run(checkout, work, "query", "a cat", "--reranker", "nowhere")
    yield _run(checkout, work, "query", "a cat", "--encoder", "nothing")
    yield _run(checkout, work, "status", "--json")
    yield _run(checkout, work, "status", "--failed")
    yield _run(checkout, work, "models", "--json")
    yield _run(checkout, work, "doctor", "--json")
    yield _run(checkout, work, "forget", "/nowhere/at/all")
    for folder in photos:
        if (folder / "captions.jsonl").is_file():
            yield _run(checkout, work, "eval", str(folder / "captions.jsonl"), "--json")
    yield _run(checkout, work, "index", "--json")
    yield _run(checkout, work, "forget", str(some[0]))
    yield _run(checkout, work, "query", "a cat", "--json")


def _run(checkout: Path, work: Path, *arguments: str) -> Answer:
    environment = os.environ | {
        "PYTHONPATH": str(checkout.resolve()),
        "SEARCH_STORE": str(work / "store"),
        "SEARCH_CACHE": str(work / "cache"),
        "SEARCH_RESIDENT": "off",
    }
    command = [sys.executable, "-m", "search", *arguments]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, check=False)  # noqa: S603
    out, err = (
        stream.decode("utf-8", "backslashreplace")
        .replace(str(work), "WORK")
        .replace(str(checkout.resolve()), "CHECKOUT")
        for stream in (done.stdout, done.stderr)
    )
    if "--json" in arguments and out:
        out = json.dumps(_lasting(json.loads(out)), indent=1)
    shown = "search " + " ".join(repr(part) if " " in part or not part else part for part in arguments)
    return shown, done.returncode, out, _said(err)


def _lasting(value: Any) -> Any:
    """The same without what a run says of itself."""
    if isinstance(value, dict):
        return {name: _lasting(each) for name, each in value.items() if name not in VOLATILE}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


def _said(err: str) -> str:
    return re.sub(r"\d+(\.\d+)? (s|min)\b", "TIME", err)


def _differences(old: list[Answer], new: list[Answer], where: str) -> list[str]:
    found = []
    for before, after in zip(old, new, strict=True):
        for name, one, other in zip(("command", "exit code", "output", "complaints"), before, after, strict=True):
            if one != other:
                found.append(f"{before[0]} over {where}: {name}\n--- old\n{one}\n+++ new\n{other}")
    return found


if __name__ == "__main__":
    sys.exit(main())
