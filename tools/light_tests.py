"""Runs the light part of the tests on the newest Pythons that pyproject.toml claims: `python -m tools.light_tests`.

One Python runs the whole suite, because torch for each would be several GB. The others get an environment of
the light form and the test tools, and of `WHERE` run what needs no more (`pytest --light`). A Python that is
not installed is named and left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
NEWEST: Final = 2
TOOLS: Final = ("hypothesis", "jsonschema", "pytest", "pytest-xdist")
#: Rooms whose code is Python's own; what drives SQLite and FAISS takes minutes and does the same on each.
WHERE: Final = (
    "tests/indexer/files",
    "tests/indexer/images",
    "tests/search/calibration",
    "tests/search/console/test_results_table.py",
    "tests/search/fast_start",
    "tests/search/ground_truth",
    "tests/search/html",
    "tests/search/rerank",
    "tests/search/resident",
    "tests/search/shell/test_commands.py",
    "tests/search/test_public_names.py",
    "tests/test_architecture.py",
)
#: What the light form is made from.
MADE_FROM: Final = (
    "constraints.txt",
    "packaging/light/hatch_build.py",
    "packaging/light/pyproject.toml",
    "pyproject.toml",
)


def claimed() -> list[str]:
    """The newest versions that the package claims, such as "3.13"."""
    found = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return sorted(found, key=lambda version: int(version.split(".")[1]))[-NEWEST:]


def interpreter(version: str) -> str | None:
    """A Python of this version that runs: on the path, or installed beside the one that runs this."""
    name = f"python{version}"
    beside = Path(sys.base_prefix).parent.glob(f"*{version}*/bin/{name}")
    for path in (shutil.which(name), *map(str, sorted(beside))):
        if path is not None and _version(path) == version:
            return path
    return None


def _version(path: str) -> str | None:
    """None for a stand-in on the path that cannot start anything."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([path, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    return answer.stdout.strip() if answer.returncode == 0 else None


def environment(version: str, path: str) -> Path:
    """The Python of `.venv-light-VERSION`, made anew when what it is made of has changed."""
    folder = ROOT / f".venv-light-{version}"
    python = folder / "bin" / "python"
    made_of = "\n".join([*((ROOT / name).read_text(encoding="utf-8") for name in MADE_FROM), *TOOLS])
    stamp = folder / "made-of"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != made_of:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([path, "-m", "venv", str(folder)], check=True)  # noqa: S603
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", MADE_FROM[0], "-e", "./packaging/light", *TOOLS], cwd=ROOT, check=True)  # noqa: S603
        stamp.write_text(made_of, encoding="utf-8")
    return python


def main() -> int:
    """0 when every run passed."""
    for version in claimed():
        if version == "{}.{}".format(*sys.version_info[:2]):
            continue  # runs the whole suite
        path = interpreter(version)
        if path is None:
            print(f"Python {version} is not installed here: its tests are left out.", flush=True)
            continue
        print(f"Python {version}:", flush=True)
        command = [str(environment(version, path)), "-m", "pytest", "-q", "--light", "-n", "2", *WHERE]
        ended = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)  # noqa: S603
        if ended.returncode:
            return ended.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
