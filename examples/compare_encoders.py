"""Which encoder finds your pictures best? Two of them on FOLDER/captions.jsonl, a line of {"image", "captions"} each.

python examples/compare_encoders.py FOLDER
python examples/compare_encoders.py FOLDER bundled ViT-B-32-256/datacomp_s34b_b86k
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from custom_encoder import ColourEncoder

import search


def measure(folder: Path, encoder: str, store: Path) -> dict[str, float]:
    """R@1, R@5, MRR and so on, text to image; each encoder needs a store of its own."""
    with search.open(store, encoder=ColourEncoder() if encoder == "palette" else encoder) as library:
        library.index(folder)
        found = library.evaluate(folder / "captions.jsonl", settings=search.EvaluationSettings(bootstrap=0, rerank=0))
    if not found:
        raise search.UsageError(" ".join(found.notes))
    first_stage = found.stages[0]
    to_images = next(each for each in first_stage.directions if each.direction == "text-to-image")
    return {name: figure.value for name, figure in to_images.metrics.items()}


def main(folder: Path, *names: str) -> None:
    names = names or ("bundled", "palette")
    with tempfile.TemporaryDirectory() as stores:
        results = [measure(folder, name, Path(stores) / str(number)) for number, name in enumerate(names)]
    width = max(len(name) for name in names)
    print(" " * width, *(f"{metric:>11}" for metric in results[0]))
    for name, result in zip(names, results, strict=True):
        print(f"{name:<{width}}", *(f"{value:11.3f}" for value in result.values()))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
    except search.SearchError as error:
        sys.exit(str(error))
