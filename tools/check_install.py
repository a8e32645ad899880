"""Both forms of the product, installed as users do: `python -m tools.check_install [light] [full]`.

Makes the source distribution, both wheels from it, and for each form a fresh environment with that wheel and nothing
else. There `pip check` has to be content, and real photographs are indexed and found. Prints what each form takes. The
full one fetches several GB.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.demo import collect

ROOT: Final = Path(__file__).resolve().parents[1]
#: The project of each form within a checkout, and how its distribution is called.
PROJECTS: Final = {"light": "packaging/light", "full": "."}
NAMES: Final = {"light": "image-collection-search-light", "full": "image-collection-search"}
#: What the light form is without.
HEAVY: Final = ("torch", "torchvision", "open_clip", "faiss-gpu")


@dataclass(frozen=True, slots=True)
class Measured:
    """`megabytes` (10^6 bytes) and `packages` of the environment; seconds of each step."""

    megabytes: int
    packages: int
    install: float
    index: float
    query: float


def build(folder: Path) -> dict[str, Path]:
    """The wheel of each form, made in `folder` from an unpacked source distribution."""
    hatchling = [str(environment(folder / "build")), "-m", "hatchling", "build", "-d", str(folder)]
    pip = [hatchling[0], "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), "hatchling"]
    run(pip)
    run([*hatchling, "-t", "sdist"], ROOT)
    (sources,) = folder.glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        archive.extractall(folder, filter="data")
    for project in PROJECTS.values():
        run([*hatchling, "-t", "wheel"], folder / sources.name.removesuffix(".tar.gz") / project)
    return {form: next(folder.glob(f"{name.replace('-', '_')}-[0-9]*.whl")) for form, name in NAMES.items()}


def environment(folder: Path, *, pip: bool = True) -> Path:
    """A new environment; its Python."""
    venv.create(folder, with_pip=pip)
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def try_out(wheel: Path, folder: Path, photos: Path) -> Measured:
    """Install the wheel into a new environment in `folder`, check it, index `photos` and find the cat among them."""
    python = environment(folder / "env")
    before = size(folder / "env")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    _, install = run([*pip, "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)])
    run([*pip, "check"])
    packages, _ = run([*pip, "list", "--format", "freeze"])
    search, store = str(python.with_name("search")), str(folder / "photos.search")
    _, index = run([search, "index", "-q", str(photos), "-s", store], folder)
    found, query = run([search, "query", "a cat", "-k", "1", "--paths", "-s", store], folder)
    if not found.strip().endswith("chelsea.png"):
        sys.exit(f"{wheel.name}: 'a cat' found {found!r}")
    run([search, "models"], folder)
    installed = (size(folder / "env") - before) / 1e6
    return Measured(round(installed), len(packages.split()), install, index, query)


def size(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def run(command: Sequence[str], folder: Path | None = None) -> tuple[str, float]:
    """What the command prints, and the seconds it takes; ends this program when it fails."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # it could lead to the checkout
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout, time.perf_counter() - started


def main(forms: Sequence[str]) -> None:
    """Check the forms that are named, by default both."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        wheels = build(work)
        collect(work / "photos")
        for form in forms or PROJECTS:
            found = try_out(wheels[form], work / form, work / "photos")
            print(
                f"{form}: pip check is content; {found.megabytes:,} MB in {found.packages} packages; installed in "
                f"{found.install:.0f} s, first index {found.index:.1f} s, query {found.query:.2f} s",
                flush=True,
            )
            shutil.rmtree(work / form)


if __name__ == "__main__":
    main(sys.argv[1:])
