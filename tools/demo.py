"""`python -m tools.demo FOLDER [PACKAGES]`: index real photographs, query them, write a contact sheet.

The photographs are those that scikit-image, scikit-learn and matplotlib ship inside their packages, as they are
installed, or as they lie in the folder PACKAGES. Every command is run as a user would, and the demo fails when a first
hit is not what it should be.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

#: Folders of pictures inside installed packages.
SOURCES = (("skimage", "data"), ("sklearn", "datasets/images"), ("matplotlib", "mpl-data/sample_data"))
#: Drawings, charts and test patterns among them.
NOT_PHOTOGRAPHS = {"Minduka_Present_Blue_Pack", "chessboard_GRAY", "chessboard_RGB", "color", "horse", "logo", "logo2"}
NOT_PHOTOGRAPHS |= {"no_time_for_that_tiny", "phantom"}
#: What is asked, and how the name of the photograph begins that has to come first.
EXPECTED = (
    ("a cat", "chelsea"),
    ("a cup of coffee", "coffee"),
    ("an astronaut", "astronaut"),
    ("a rocket", "rocket"),
    ("a motorcycle in a garage", "motorcycle"),
    ("a flower", "flower"),
    ("a temple in China", "china"),
)
#: Captions for a few of them, so that images find texts too.
CAPTIONS = {
    "chelsea.png": "Chelsea, a ginger cat, looks up at the camera",
    "coffee.png": "a cup of coffee on a wooden table with a spoon",
    "astronaut.png": "an astronaut in an orange suit in front of the American flag",
    "rocket.jpg": "a rocket is launched into the evening sky",
    "flower.jpg": "a dahlia in full bloom",
    "china.jpg": "a temple with a tiled roof in the trees",
}
SUFFIXES = {".png", ".jpg", ".gif"}


def main() -> None:
    """Run the demo into the folder named on the command line."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-out").resolve()
    packages = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    photos, store = out / "photos", out / "photos.search"
    shutil.rmtree(out, ignore_errors=True)
    count = collect(photos, packages)
    _say(f"{count} photographs from packages are in {photos}")
    os.environ["SEARCH_STORE"] = str(store)
    _run("index", str(photos))
    wrong = []
    for words, expected in EXPECTED:
        found = _run("query", words, "-k", "3")
        if f"{os.sep}{expected}" not in found.partition("\n")[0]:
            wrong.append(f"{words!r} did not find {expected} first:\n{found}")
    _run("query", str(photos / "motorcycle_left.png"), "-k", "3")
    _run("query", str(photos / "astronaut.png"), "--to", "text", "-k", "2")
    _run("query", "a motorcycle", "-k", "8", "--sheet", str(out / "contact-sheet.html"))
    _run("index", str(photos))
    _run("status")
    _run("doctor")
    if wrong:
        sys.exit("The demo found the wrong photographs:\n" + "\n".join(wrong))
    _say(f"Every first hit is right. Open {out / 'contact-sheet.html'} in a browser to see a contact sheet.")


def collect(photos: Path, packages: Path | None = None) -> int:
    """Copy the photographs into the new folder `photos`, with a few captions; returns how many they are."""
    photos.mkdir(parents=True)
    count = 0
    for package, inner in SOURCES:
        folder = _folder_of(package, packages)
        if folder is None:
            sys.exit(f"The demo needs the photographs in {package}; `make demo` fetches them.")
        for picture in sorted((folder / inner).iterdir()):
            if picture.suffix in SUFFIXES and picture.stem not in NOT_PHOTOGRAPHS:
                shutil.copy(picture, photos / picture.name)
                count += 1
    lines = [json.dumps({"image": name, "caption": caption}) for name, caption in CAPTIONS.items()]
    (photos / "captions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return count


def _folder_of(package: str, packages: Path | None) -> Path | None:
    if packages is not None:
        return packages / package if (packages / package).is_dir() else None
    found = importlib.util.find_spec(package)
    return Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None


def _run(*arguments: str) -> str:
    """What the command prints, which is shown."""
    _say("$ search " + " ".join(f'"{part}"' if " " in part else part for part in arguments))
    command = [sys.executable, "-m", "search", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own command)
    sys.stdout.write(done.stdout + done.stderr + "\n")
    if done.returncode:
        sys.exit(f"`search {' '.join(arguments)}` ended with {done.returncode}.")
    return done.stdout


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
