"""Whether "not" works: queries "X -Y" over the photographs of a split of Flickr8k or of COCO, judged by their captions.

    python tests/benchmarks/bench_not.py --data FOLDER [--split test] [--store FOLDER]
    python tests/benchmarks/bench_not.py --data FOLDER --coco [--store FOLDER]
    python tests/benchmarks/bench_not.py --data FOLDER --choose        # writes not_pairs.json anew, from `val`

FOLDER holds flickr8k/ and coco_captioned/. A photograph names a word when one of its captions holds it, an s at its end
aside. Of the first ten hits: the share that names Y and the share that names X, for X alone and for X -Y, means over
the pairs. There are two sets of them: fifty pairs that captions say together (`dog -grass`), and kindred ones
(`car -truck`), of which a picture shows one or the other. The first are asked with images, too: with that of a
photograph that names both, and with that image minus Y.

All are chosen by rule from `val`, without asking any encoder. Together: X is named by at least 100 photographs, Y by 20
to 40 % of those, and at least 70 % of the photographs that name both do so within one caption (else they are two words
for one thing: "man", "person"). The fifty pairs that the most photographs name are taken. Words that say no more than
that there is a picture (function words, and what everybody does in captions) are left out: STOP. Kindred: two things
of one of the KINDS, most of which are COCO's categories, X named by at least 20 photographs, Y by 10, and both by at
most 15 % of those that name X. (Of COCO 25 and 15 photographs, chosen on all of them.) Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import permutations
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


#: Things that are alternatives: COCO's categories of one kind, people, sports and places.
KINDS = tuple(
    kind.split()
    for kind in (
        "man woman boy girl child baby",
        "bike car motorcycle plane bus train truck boat",
        "bird cat dog horse sheep cow elephant bear zebra giraffe",
        "banana apple sandwich orange broccoli carrot pizza donut cake",
        "frisbee ski snowboard kite baseball skateboard surfboard tennis football soccer basketball hockey",
        "chair couch bed table toilet",
        "bottle cup fork knife spoon bowl",
        "television laptop mouse remote keyboard phone",
        "microwave oven toaster sink refrigerator",
        "beach lake river pool ocean mountain snow street field forest park",
    )
)
#: What captions call them besides.
_CALLED = {
    "bicycle": "bike",
    "airplane": "plane",
    "jet": "plane",
    "motorbike": "motorcycle",
    "tv": "television",
    "men": "man",
    "women": "woman",
    "cellphone": "phone",
    "skier": "ski",
    "skiing": "ski",
    "children": "child",
    "kid": "child",
}
LEAST_KINDRED, LEAST_KINDRED_COCO, MOST_KINDRED = (20, 10), (25, 15), 0.15


def words_of(caption: str) -> set[str]:
    """The words that a caption names."""
    found = re.findall(r"[a-z]+", caption.lower())
    singular = (
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found
    )
    return {word for word in singular if len(word) > 2 and word not in STOP}


def read(folder: Path, split: str | None) -> dict[str, list[set[str]]]:
    """The words of each caption of each photograph of a split (None: all), by the name of its file."""
    rows = map(json.loads, (folder / "captions.jsonl").read_text().splitlines())
    kept = [row for row in rows if split is None or row["split"] == split]
    return {row["image"]: [words_of(caption) for caption in row["captions"]] for row in kept}


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


def kinds_of(said: Iterable[set[str]]) -> set[str]:
    """The words of the captions of one photograph, things by one name each."""
    return {_CALLED.get(word, word) for words in said for word in words}


def choose_kindred(captions: dict[str, list[set[str]]], least: tuple[int, int]) -> list[tuple[str, str]]:
    """The rule above; `least`: photographs that name X, and Y."""
    named = [kinds_of(said) for said in captions.values()]
    count = Counter(word for words in named for word in words)
    return [
        (x, y)
        for kind in KINDS
        for x, y in permutations(kind, 2)
        if count[x] >= least[0]
        and count[y] >= least[1]
        and sum({x, y} <= words for words in named) <= MOST_KINDRED * count[x]
    ]


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


def of_words(
    library: search.Library, pairs: Sequence[tuple[str, str]], named: dict[str, set[str]]
) -> list[list[float]]:
    """For each pair the shares that name X and Y, of X alone and of X -Y."""
    rows = []
    for x, y in pairs:
        alone = shares(library, Query(terms=(words(x),)), named, (x, y))
        rows.append([*alone, *shares(library, Query(terms=(words(x), words(y, -1.0))), named, (x, y))])
    return rows


def of_images(
    library: search.Library, pairs: Sequence[tuple[str, str]], named: dict[str, set[str]], folder: Path
) -> list[list[float]]:
    """The same for images that name both, and for these minus Y."""
    rows = []
    for pair in pairs:
        for name in [name for name in sorted(named) if set(pair) <= named[name]][:IMAGES]:
            image = Term(image=str(folder / name))
            alone = shares(library, Query(terms=(image,)), named, pair)
            rows.append([*alone, *shares(library, Query(terms=(image, words(pair[1], -1.0))), named, pair)])
    return rows


def line(what: str, rows: Sequence[Sequence[float]]) -> str:
    x, y, x_after, y_after = (100 * sum(column) / len(rows) for column in zip(*rows, strict=True))
    return f"| {what} | {x:.1f} | {x_after:.1f} | {x_after - x:+.1f} | {y:.1f} | {y_after:.1f} | {y_after / y:.2f} |"


def main() -> None:
    """The commands above."""
    parser = argparse.ArgumentParser(description="Measure what is subtracted.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds flickr8k/")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--store", type=Path, help="keep the store here for the next run")
    parser.add_argument("--coco", action="store_true", help="kindred pairs over COCO instead")
    parser.add_argument("--choose", action="store_true", help="write the pairs anew")
    given = parser.parse_args()
    flickr = given.data / "flickr8k"
    if given.choose:
        captions = read(flickr, "val")
        sets = {"together": choose(captions), "kindred": choose_kindred(captions, LEAST_KINDRED)}
        PAIRS.write_text(
            json.dumps({name: list(map(" -".join, pairs)) for name, pairs in sets.items()}, indent=1) + "\n"
        )
        return
    data, split = (given.data / "coco_captioned", None) if given.coco else (flickr, given.split)
    captions = read(data, split)
    named = {name: set().union(*said) for name, said in captions.items()}
    things = {name: kinds_of(said) for name, said in captions.items()}
    with tempfile.TemporaryDirectory() as temporary:
        store = given.store or Path(temporary) / "store"
        with indexed(store, data, sorted(named)) as library:
            measured: dict[str, list[list[float]]] = {}
            if given.coco:
                measured["kindred"] = of_words(library, choose_kindred(captions, LEAST_KINDRED_COCO), things)
            else:
                together, kindred = (
                    [(x, y) for x, _, y in (pair.partition(" -") for pair in pairs)]
                    for pairs in json.loads(PAIRS.read_text()).values()
                )
                measured["together"] = of_words(library, together, named)
                measured["kindred"] = of_words(library, kindred, things)
                folder = store.parent / f"{store.name}-photographs"
                measured["together, images"] = of_images(library, together, named, folder)
    print(f"{data.name} {split or ''}, {len(named)} photographs, the first {FIRST}; percent\n")
    print("| | names X | minus Y | | names Y | minus Y | ratio |\n|---|---|---|---|---|---|---|")
    for what, rows in measured.items():
        print(line(f"{what} ({len(rows)})", rows))


if __name__ == "__main__":
    main()
