"""Meaning, words, and both: how often the right photograph is found, and whether probabilities mean what they say.

    python tests/benchmarks/bench_fusion.py FLICKR8K --split val --choose
    python tests/benchmarks/bench_fusion.py FLICKR8K --split test [--json PATH]
    python tests/benchmarks/bench_fusion.py COCO --split train --short 400

FLICKR8K: a folder with `captions.jsonl` (image, captions, split) and `images/`; photographs with five captions count.
The first caption of half of the photographs of a split, drawn with a fixed seed, goes into a table beside them; the
others have none. The other captions are the queries (`--queries`: so many of each photograph), or `--short` phrases of
them (`short_queries.py`), each of which asks for all photographs that it names. Meaning alone is the product's answer
without words, reranker included; words alone are the rows that have one of the query's words, by BM25. `clear`: queries
whose first hit is at least as likely as not. `--choose` prints other constants of the fusion, and fits those of
`search/calibration/said.py`. The bundled encoder. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import search
from indexer.metrics import Float64
from search.calibration.curve_fitting import cross_fitted, fit_standardised
from search.calibration.reliability import reliability
from search.calibration.said import INTERCEPT, with_words
from search.engine import places
from search.engine.asked_words import best_by_words, weigh
from search.engine.by_words import ByWords
from search.engine.fusion import ORDER, fuse
from search.query.content_words import content_words
from search.query.query import Query
from tests.benchmarks.machine import about, save
from tests.benchmarks.short_queries import short_queries

SEED = 13
FOUND = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one query: ids of the right photographs, ids by meaning alone and by words alone, both as they are joined
    (None: no word has matched), and probabilities by meaning, by id, in the order of meaning."""

    right: frozenset[int]
    meaning: list[int]
    words: list[int]
    joined: ByWords | None
    chances: dict[int, float]

    def fused(self, order: float = ORDER) -> list[int]:
        """Ids by both; `order`: the constant of the fusion."""
        if self.joined is None:
            return self.meaning
        return [number for number, _ in fuse(self.chances, self.joined.matches, self.joined.trusted, order)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flickr8k", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--queries", type=int, default=4)
    parser.add_argument("--short", type=int, default=0, help="ask with so many short phrases instead")
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--store", type=Path, help="keep the index here, and use it again")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    lines = (given.flickr8k / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == given.split and len(row["captions"]) >= 5]
    asked = [(caption, frozenset([row["image"]])) for row in rows for caption in row["captions"][1 : 1 + given.queries]]
    if given.short:
        asked = short_queries({row["image"]: row["captions"][1:5] for row in rows}, given.short, SEED)
    with tempfile.TemporaryDirectory() as folder:
        answers, seconds = ask(rows, given.flickr8k / "images", given.store or Path(folder), asked)
    found: dict[str, Any] = {
        **about(split=given.split, photographs=len(rows), queries=len(answers), seconds=round(seconds, 1)),
        "meaning": figures([(answer.meaning, answer.right) for answer in answers]),
        "words": figures([(answer.words, answer.right) for answer in answers]),
        "fused": figures([(answer.fused(), answer.right) for answer in answers]),
        "clear": clear(answers, ORDER),
        "probabilities": calibration(answers),
    }
    for name in ("meaning", "words", "fused", "clear", "probabilities"):
        print(f"{name:13}", found[name])
    if given.choose:
        choose(answers)
    if given.json:
        save(given.json, found)


def ask(
    rows: Sequence[dict[str, Any]], images: Path, folder: Path, queries: Sequence[tuple[str, frozenset[str]]]
) -> tuple[list[Answer], float]:
    """Index the photographs, half of them with their first caption, and ask; by each query the images that it means."""
    photos = folder / "photos"
    with search.open(folder / "store") as library:
        if not photos.exists():
            photos.mkdir(parents=True)
            told = random.Random(SEED).sample(rows, len(rows) // 2)
            for row in rows:
                os.symlink((images / row["image"]).resolve(), photos / row["image"])
            lines = [json.dumps({"image": row["image"], "caption": row["captions"][0]}) for row in told]
            (photos / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
            library.index(photos)
        seen: list[tuple[list[places.Place], ByWords]] = []
        join = places._fused

        def watched(
            by_meaning: Sequence[places.Place], words: ByWords, k: int, *, said_only: bool = False
        ) -> list[places.Place]:
            seen.append((list(by_meaning), words))
            return join(by_meaning, words, k, said_only=said_only)

        places._fused = watched
        ids = {os.path.basename(hit.path): hit.id for hit in library.query("a photograph", k=len(rows))}
        answers: list[Answer] = []
        start = time.perf_counter()
        for text, images_meant in queries:
            seen.clear()
            hits = library.query(text, k=100)
            words = by_words_alone(library, text)
            right = frozenset(ids[name] for name in images_meant)
            if not seen:
                chances = {hit.id: hit.probability or 0.0 for hit in hits}
                answers.append(Answer(right, [hit.id for hit in hits], words, None, chances))
                continue
            by_meaning, joined = seen[0]
            chances = {each.id: each.probability or 0.0 for each in by_meaning}
            alone = [each.id for each in by_meaning if each.id not in joined.known]
            answers.append(Answer(right, alone, words, joined, chances))
        return answers, time.perf_counter() - start


def by_words_alone(library: search.Library, caption: str) -> list[int]:
    """The rows that have one of its words, by BM25."""
    with library._reading() as opened, opened.store.catalog.snapshot() as snapshot:
        asked = weigh(snapshot, [(content_words(Query(text=caption)), ())])
        return best_by_words(snapshot, asked, 100)[0]


def figures(found: Sequence[tuple[Sequence[int], frozenset[int]]]) -> dict[str, float]:
    """Of (ids, right ones): how often one of them is among the first, in percent, the mean reciprocal rank of the first
    one, and the mean average precision in percent."""
    ranks, precise = [], []
    for ids, right in found:
        at = [place for place, number in enumerate(ids, 1) if number in right]
        ranks.append(at[0] if at else np.inf)
        precise.append(sum(count / place for count, place in enumerate(at, 1)) / len(right))
    recall = {f"R@{k}": round(100 * float((np.array(ranks) <= k).mean()), 1) for k in (1, 5, 10)}
    means = {"MRR": float((1 / np.array(ranks)).mean()), "mAP": 100 * float(np.mean(precise))}
    return {**recall, **{name: round(value, 4) for name, value in means.items()}}


def clear(answers: Sequence[Answer], order: float) -> dict[str, int]:
    """Of the queries whose first hit by meaning is at least as likely as not: how many are right, and how many of those
    are wrong by both; how many become right."""
    found = {"right": 0, "lost": 0, "won": 0}
    for answer in answers:
        first = next(iter(answer.chances), None)
        if first is None or answer.chances[first] < 0.5:
            continue
        before, after = first in answer.right, answer.fused(order)[0] in answer.right
        found["right"] += before
        found["lost"] += before and not after
        found["won"] += after and not before
    return found


def evidence(answers: Sequence[Answer]) -> tuple[Float64, Float64, Float64, Float64]:
    """Of the first hits of which words say something, half of the queries without their photograph: probabilities by
    meaning, shares that are said, whether they are right, and of which query they are, each (m,)."""
    rows = []
    for number, answer in enumerate(answers):
        if answer.joined is None:
            continue
        for there in (True, False):
            gone = frozenset() if there else answer.right
            ids = [each for each in answer.fused() if each not in gone]
            for each in ids[:FOUND]:
                match = answer.joined.matches.get(each)
                if match is not None and match.said > 0:
                    rows.append((answer.chances[each], match.said, float(each in answer.right), float(number)))
    chances, said, right, of = np.array(rows, np.float64).T
    return chances, said, right, of


def calibration(answers: Sequence[Answer]) -> dict[str, Any]:
    """Expected calibration error of the hits of which words say something, by meaning alone and by both."""
    chances, said, right, _ = evidence(answers)
    both = np.array([with_words(*each) for each in zip(chances.tolist(), said.tolist(), strict=True)])
    errors = {"meaning": reliability(chances, right).ece, "both": reliability(both, right).ece}
    means = {"said": both.mean(), "right": right.mean()}
    return {"hits": len(right), **{name: round(float(value), 4) for name, value in {**errors, **means}.items()}}


def choose(answers: Sequence[Answer]) -> None:
    """Other constants of the fusion; the fit of the probabilities."""
    for order in (INTERCEPT, -3.1, ORDER, -2.6, -2.3, -2.0):
        print(
            f"order {order}: {figures([(each.fused(order), each.right) for each in answers])} {clear(answers, order)}"
        )
    chances, said, right, of = evidence(answers)
    held = np.clip(chances, 1e-9, 1 - 1e-9)
    clusters = of.astype(np.int64)
    fits = []
    for full in (0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0):
        features = np.stack([np.log(held / (1 - held)), np.minimum(said, full)], axis=1)
        unseen = np.clip(cross_fitted(features, right, clusters), 1e-9, 1 - 1e-9)
        loss = -float((right * np.log(unseen) + (1 - right) * np.log(1 - unseen)).mean())
        fits.append((loss, full, unseen, fit_standardised(features, right)))
        error = reliability(unseen, right).ece
        intercept, slopes = fits[-1][-1]
        print(f"bound {full}: intercept {intercept:.3f}, slopes {slopes.round(3).tolist()}, "
              f"cross-fitted log loss {loss:.4f}, calibration error {error:.4f}")  # fmt: skip
    _, _, fitted, _ = min(fits, key=lambda one: one[0])
    for low, high in ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.99), (0.99, 2.0)):
        rows = (said >= low) & (said < high)
        if rows.any():
            means = ", ".join(f"{name} {values[rows].mean():.3f}" for name, values in
                              (("by meaning", chances), ("fitted", fitted), ("right", right)))  # fmt: skip
            print(f"share {low} to {high}: {int(rows.sum())} hits, {means}")


if __name__ == "__main__":
    main()
