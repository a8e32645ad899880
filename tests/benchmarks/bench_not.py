"""Whether "not" works: fifty queries "X -Y" over the photographs of a split of Flickr8k, judged by their captions.

    python tests/benchmarks/bench_not.py --data FOLDER [--split test] [--store FOLDER]
    python tests/benchmarks/bench_not.py --data FOLDER --choose        # writes not_pairs.json anew, from `val`

FOLDER holds flickr8k/. A photograph names a word when one of its five captions holds it, an s at its end aside. Of the
first ten hits: the share that names Y and the share that names X, for X alone and for X -Y, means over the pairs. Then
the same for the image of a photograph that names both, and for that image minus Y.

The pairs are chosen by rule from `val`, without asking any encoder: X is named by at least 100 photographs, Y by 20 to
40 % of those, and at least 70 % of the photographs that name both do so within one caption (else they are two words
for one thing: "man", "person"). The fifty pairs that the most photographs name are taken. Words that say no more than
that there is a picture (function words, and what everybody does in captions) are left out: STOP. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import search
from search.query.query import Query
from search.query.terms import Term, Words

PAIRS = Path(__file__).parent / "not_pairs.json"
COUNT, FIRST, LEAST_PHOTOGRAPHS = 50, 10, 100
LEAST_SHARE, MOST_SHARE, LEAST_TOGETHER = 0.2, 0.4, 0.7
#: Photographs of each pair whose images are asked with.
IMAGES = 4
_SAID = (
    "a across after against all along an and another are around as at be before behind being big between by down "
    "during each every for four from front has have he her his holding in into is it its jumping large little looking "
    "looks near of off old on one onto or other out over past playing running runs she sits sitting small some "
    "something standing stands that the their them there they this three through to top two under up very walking "
    "wearing which while who with young "
)
STOP = frozenset(_SAID.split())


def words_of(caption: str) -> set[str]:
    """The words that a caption names."""
    found = re.findall(r"[a-z]+", caption.lower())
    singular = (
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found
    )
    return {word for word in singular if len(word) > 2 and word not in STOP}


def read(folder: Path, split: str) -> dict[str, list[set[str]]]:
    """The words of each caption of each photograph of a split, by the name of its file."""
    rows = map(json.loads, (folder / "captions.jsonl").read_text().splitlines())
    return {row["image"]: [words_of(caption) for caption in row["captions"]] for row in rows if row["split"] == split}


def choose(captions: dict[str, list[set[str]]]) -> list[tuple[str, str]]:
    """The rule above; pairs of equally many photographs in the order of the alphabet."""
    count: Counter[str] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    for said in captions.values():
        named = set().union(*said)
        count.update(named)
        both.update((x, y) for x in named for y in named if x != y)
        together.update({(x, y) for caption in said for x in caption for y in caption if x != y})
    fit = [
        (-many, pair)
        for pair, many in both.items()
        if count[pair[0]] >= LEAST_PHOTOGRAPHS
        and LEAST_SHARE <= many / count[pair[0]] <= MOST_SHARE
        and together[pair] >= LEAST_TOGETHER * many
    ]
    return [pair for _, pair in sorted(fit)[:COUNT]]


def indexed(store: Path, data: Path, names: Sequence[str]) -> search.Library:
    """A store of these photographs."""
    photographs = store.parent / f"{store.name}-photographs"
    photographs.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (photographs / name).exists():
            shutil.copyfile(data / "images" / name, photographs / name)
    library = search.open(store)
    library.index(photographs)
    return library


def words(text: str, weight: float = 1.0) -> Term:
    return Term((Words(text),), weight=weight)


def shares(library: search.Library, query: Query, named: dict[str, set[str]], pair: tuple[str, str]) -> list[float]:
    """Of the first hits, without the image that was asked with: the shares that name X and Y."""
    hits = [hit for hit in library.query(query, k=FIRST + 1) if not hit.same][:FIRST]
    return [sum(word in named[Path(hit.path).name] for hit in hits) / FIRST for word in pair]


def line(what: str, rows: Sequence[Sequence[float]]) -> str:
    x, y, x_after, y_after = (100 * sum(column) / len(rows) for column in zip(*rows, strict=True))
    return f"| {what} | {x:.1f} | {x_after:.1f} | {x_after - x:+.1f} | {y:.1f} | {y_after:.1f} | {y_after / y:.2f} |"


def main() -> None:
    """The commands above."""
    parser = argparse.ArgumentParser(description="Measure what is subtracted.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds flickr8k/")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--store", type=Path, help="keep the store here for the next run")
    parser.add_argument("--choose", action="store_true", help="write the pairs anew")
    given = parser.parse_args()
    data = given.data / "flickr8k"
    if given.choose:
        PAIRS.write_text(json.dumps([" -".join(pair) for pair in choose(read(data, "val"))], indent=1) + "\n")
        return
    named = {name: set().union(*said) for name, said in read(data, given.split).items()}
    pairs = [(x, y) for x, _, y in (pair.partition(" -") for pair in json.loads(PAIRS.read_text()))]
    with tempfile.TemporaryDirectory() as temporary:
        store = given.store or Path(temporary) / "store"
        with indexed(store, data, sorted(named)) as library:
            texts, images = [], []
            for pair in pairs:
                x, y = words(pair[0]), words(pair[1], -1.0)
                alone = shares(library, Query(terms=(x,)), named, pair)
                texts.append([*alone, *shares(library, Query(terms=(x, y)), named, pair)])
                showing = [name for name in sorted(named) if set(pair) <= named[name]][:IMAGES]
                for name in showing:
                    image = Term(image=str(store.parent / f"{store.name}-photographs" / name))
                    alone = shares(library, Query(terms=(image,)), named, pair)
                    images.append([*alone, *shares(library, Query(terms=(image, y)), named, pair)])
    print(f"Flickr8k {given.split}, {len(named)} photographs, {len(pairs)} pairs, the first {FIRST}; percent\n")
    print("| | names X | minus Y | | names Y | minus Y | ratio |\n|---|---|---|---|---|---|---|")
    print(line("words", texts))
    print(line("images", images))


if __name__ == "__main__":
    main()
