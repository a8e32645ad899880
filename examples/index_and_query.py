"""Index a folder of photographs, then find some by words, and more that look like the best of them.

python examples/index_and_query.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import search


def main(folder: Path, words: str = "a cat") -> None:
    with search.open(folder / "photos.search") as library:  # made by the first run, brought up to date by later ones
        report = library.index(folder)
        print(f"{report.encoded} encoded, {report.unchanged} unchanged, {len(report.failures)} failed")
        for failure in report.failures:
            print(f"  {failure.path}: {failure.reason}")

        hits = library.query(words, k=5)
        for hit in hits:
            chance = hit.match or "" if hit.probability is None else f"{hit.probability:.1%}"
            mark = " (weak)" if hit.weak and hit.match is None else ""
            print(f"{hit.score:.3f}  {chance:>6}{mark}  {hit.path}")

        if hits:
            print(f"Like {Path(hits[0].path).name}:")
            for hit in library.query(Path(hits[0].path), k=4)[1:]:  # the first is the picture itself
                print(f"{hit.similarity:.3f}  {hit.path}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *sys.argv[2:3])
    except search.SearchError as error:
        sys.exit(str(error))
