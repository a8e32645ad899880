"""Photographs to measure with, made from the real ones that installed packages ship (the `demo` extra).

    python tests/benchmarks/photographs.py FOLDER --count 1000 --size 500x375
    python tests/benchmarks/photographs.py FOLDER --count 200 --size 4000x3000

Each is another part of a real photograph, mirrored or not, brought to the size that is asked for, with the noise of a
camera's sensor, which is what most of a JPEG's bytes are spent on: without it an enlarged photograph decodes too fast.
The same command makes the same pixels.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SOURCES = (("skimage", "data"), ("sklearn", "datasets/images"), ("matplotlib", "mpl-data/sample_data"))
NAMES = {
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png", "coins.png", "grass.png",
    "gravel.png", "hubble_deep_field.jpg", "ihc.png", "immunohistochemistry.png", "moon.png", "motorcycle_left.png",
    "motorcycle_right.png", "page.png", "retina.jpg", "rocket.jpg", "china.jpg", "flower.jpg", "grace_hopper.jpg",
}  # fmt: skip
#: Standard deviation of the noise in grey levels: a phone's camera at ISO 200 or so.
NOISE = 3.0
#: As cameras write them; 12 megapixels come to 4 to 6 MB.
QUALITY = 92


def sources() -> list[Image.Image]:
    """The real photographs, mode "RGB"."""
    found = []
    for package, inner in SOURCES:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise SystemExit(f"{package} is missing: pip install -e '.[demo]'")
        for path in sorted((Path(spec.submodule_search_locations[0]) / inner).iterdir()):
            if path.name in NAMES:
                with Image.open(path) as opened:
                    found.append(opened.convert("RGB"))
    return found


def make(folder: Path, count: int, width: int, height: int, seed: int = 0) -> list[Path]:
    """`count` JPEG files of `width` x `height` pixels in `folder`; those that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = sources()
    paths = []
    for number in range(count):
        path = folder / f"photo-{number:05}.jpg"
        paths.append(path)
        if path.exists():
            continue
        chance = np.random.default_rng((seed, number))
        picture = pictures[number % len(pictures)]
        share = chance.uniform(0.5, 1.0)
        across = min(picture.width, picture.height * width / height) * share
        down = across * height / width
        left, upper = chance.uniform(0, picture.width - across), chance.uniform(0, picture.height - down)
        part = picture.resize((width, height), Image.Resampling.BICUBIC, box=(left, upper, left + across, upper + down))
        if chance.random() < 0.5:
            part = ImageOps.mirror(part)
        pixels = np.asarray(part, np.float32)  # (h, w, 3)
        pixels = pixels + NOISE * chance.standard_normal(pixels.shape, dtype=np.float32)
        Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).save(path, "JPEG", quality=QUALITY)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--size", default="500x375")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    paths = make(given.folder, given.count, width, height)
    total = sum(path.stat().st_size for path in paths)
    print(f"{len(paths)} photographs of {width} x {height}, {total / len(paths) / 1e3:,.0f} kB each")


if __name__ == "__main__":
    main()
