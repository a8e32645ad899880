"""What becomes of the first ten when fewer candidates are reranked, and what it saves.

    python tests/benchmarks/bench_rerank_depth.py STORE CAPTIONS [--split val] [--queries 640] [--json PATH]

STORE holds the photographs of CAPTIONS (a captions.jsonl), and more beside them; one caption of each photograph is
asked, in batches of 32, at each depth. Prints recall, for how many the first ten are those of 100 candidates, and
processor time. Choose on `val`. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from pathlib import Path
from typing import Any, Final

import search
from tests.benchmarks.machine import about, save

DEPTHS: Final = (100, 60, 50, 40, 30, 20, 0)
TOGETHER: Final = 32


def asked(captions: Path, split: str, queries: int) -> list[tuple[str, str]]:
    """(caption, name of its photograph), in an order that is drawn once."""
    rows = [json.loads(line) for line in captions.read_text(encoding="utf-8").splitlines()]
    found = [(row["captions"][0], Path(row["image"]).name) for row in rows if row["split"] == split]
    random.Random(3).shuffle(found)
    return found[:queries]


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("captions", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--queries", type=int, default=640)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = about(queries=given.queries, split=given.split)
    pairs = asked(given.captions, given.split, given.queries)
    rows: list[dict[str, Any]] = []
    usual: list[list[int]] = []
    with search.open(given.store) as library:
        library.query_many([text for text, _ in pairs[:TOGETHER]])
        for depth in DEPTHS:
            answers: list[search.Results] = []
            started = time.process_time()
            for at in range(0, len(pairs), TOGETHER):
                texts = [text for text, _ in pairs[at : at + TOGETHER]]
                answers += library.query_many(texts, rerank=depth, by_words=False, k=10)
            spent = (time.process_time() - started) / len(pairs)
            firsts = [[hit.id for hit in answer] for answer in answers]
            usual = usual or firsts
            names = [[os.path.basename(hit.path) for hit in answer] for answer in answers]
            recall = {k: sum(own in each[:k] for each, (_, own) in zip(names, pairs, strict=True)) for k in (1, 5, 10)}
            same = sum(one == other for one, other in zip(firsts, usual, strict=True))
            rows.append(
                {
                    "candidates": depth,
                    **{f"R@{k}": round(100 * count / len(pairs), 2) for k, count in recall.items()},
                    "same_ten": round(same / len(pairs), 4),
                    "ms": round(1e3 * spent, 2),
                }
            )
            print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    save(given.json, found, rows=rows)


if __name__ == "__main__":
    main()
