"""Meaning, words, and both: how often the right photograph is found, and whether probabilities mean what they say.

    python tests/benchmarks/bench_fusion.py FLICKR8K --split val --choose
    python tests/benchmarks/bench_fusion.py FLICKR8K --split test [--json PATH]

FLICKR8K: a folder with `captions.jsonl` (image, captions, split) and `images/`. The first caption of half of the
photographs of a split, drawn with a fixed seed, goes into a table beside them; the others have none. The other captions
are the queries (`--queries`: so many of each photograph). Meaning alone is the product's answer without words, reranker
included; words alone are the rows that have one of the query's words, by BM25. `--choose` prints other constants of
the fusion, and fits those of `search/calibration/said.py`. The bundled encoder. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import search
from indexer.metrics import Float64
from search.calibration.curve_fitting import cross_fitted, fit_standardised
from search.calibration.reliability import reliability
from search.calibration.said import with_words
from search.engine import places
from search.engine.asked_words import AskedWords
from search.engine.by_words import ByWords
from search.engine.fusion import K, fuse
from search.query.content_words import content_words
from search.query.query import Query
from tests.benchmarks.machine import about, save

SEED = 13
FOUND = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one query: id of the right photograph, ids by meaning alone and by words alone, both as they are joined (None:
    no word has matched), and probabilities by meaning, by id."""

    right: int
    meaning: list[int]
    words: list[int]
    joined: ByWords | None
    chances: dict[int, float]

    def fused(self, join: Callable[[ByWords], list[tuple[int, float]]]) -> list[int]:
        """Ids by both."""
        return self.meaning if self.joined is None else [number for number, _ in join(self.joined)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flickr8k", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--queries", type=int, default=4)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--store", type=Path, help="keep the index here, and use it again")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    lines = (given.flickr8k / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == given.split]
    with tempfile.TemporaryDirectory() as folder:
        answers, seconds = ask(rows, given.flickr8k / "images", given.store or Path(folder), given.queries)
    found: dict[str, Any] = {
        **about(split=given.split, photographs=len(rows), queries=len(answers), seconds=round(seconds, 1)),
        "meaning": figures([place(answer.meaning, answer.right) for answer in answers]),
        "words": figures([place(answer.words, answer.right) for answer in answers]),
        "fused": figures(fused_places(answers, lambda joined: fuse(joined.places, joined.matches, joined.trusted))),
        "probabilities": calibration(answers),
    }
    for name in ("meaning", "words", "fused", "probabilities"):
        print(f"{name:13}", found[name])
    if given.choose:
        choose(answers)
    if given.json:
        save(given.json, found)


def ask(rows: Sequence[dict[str, Any]], images: Path, folder: Path, queries: int) -> tuple[list[Answer], float]:
    """Index the photographs, half of them with their first caption, and ask with the other captions."""
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

        def watched(by_meaning: Sequence[places.Place], words: ByWords, k: int) -> list[places.Place]:
            seen.append((list(by_meaning), words))
            return join(by_meaning, words, k)

        places._fused = watched
        ids = {os.path.basename(hit.path): hit.id for hit in library.query("a photograph", k=len(rows))}
        answers: list[Answer] = []
        start = time.perf_counter()
        for row in rows:
            for caption in row["captions"][1 : 1 + queries]:
                seen.clear()
                hits = library.query(caption, k=100, by_words=True)
                words = by_words_alone(library, caption)
                if not seen:
                    chances = {hit.id: hit.probability for hit in hits}
                    answers.append(Answer(ids[row["image"]], [hit.id for hit in hits], words, None, chances))
                    continue
                by_meaning, joined = seen[0]
                chances = {each.id: each.probability for each in by_meaning}
                alone = [each.id for each in by_meaning if each.id not in joined.known]
                answers.append(Answer(ids[row["image"]], alone, words, joined, chances))
        return answers, time.perf_counter() - start


def by_words_alone(library: search.Library, caption: str) -> list[int]:
    """The rows that have one of its words, by BM25."""
    with library._reading() as opened, opened.store.catalog.snapshot() as snapshot:
        asked = AskedWords.of(snapshot, content_words(Query(text=caption)))
        return asked.best(100) if asked else []


def place(ids: Sequence[int], right: int) -> float:
    """Where the right one stands, from 1; infinity where it does not."""
    return ids.index(right) + 1 if right in ids else np.inf


def fused_places(answers: Sequence[Answer], join: Callable[[ByWords], list[tuple[int, float]]]) -> list[float]:
    return [place(answer.fused(join), answer.right) for answer in answers]


def figures(found: Sequence[float]) -> dict[str, float]:
    """Recall in percent, and the mean reciprocal rank."""
    ranks = np.array(found)
    recall = {f"R@{k}": round(100 * float((ranks <= k).mean()), 1) for k in (1, 5, 10)}
    return {**recall, "MRR": round(float((1 / ranks).mean()), 4)}


def evidence(answers: Sequence[Answer]) -> tuple[Float64, Float64, Float64, Float64]:
    """Of the first hits of which words say something, half of the queries without their photograph: probabilities by
    meaning, shares that are said, whether they are right, and of which query they are, each (m,)."""
    rows = []
    for number, answer in enumerate(answers):
        if answer.joined is None:
            continue
        for there in (True, False):
            gone = set() if there else {answer.right}
            ids = [
                each
                for each in answer.fused(lambda joined: fuse(joined.places, joined.matches, joined.trusted))
                if each not in gone
            ]
            for each in ids[:FOUND]:
                match = answer.joined.matches.get(each)
                if match is not None and match.said > 0:
                    rows.append((answer.chances[each], match.said, float(each == answer.right), float(number)))
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
    tried = []
    for constant in (3, K, 10, 20, 60):
        for power in (0.0, 0.5, 1.0, 2.0):

            def join(joined: ByWords, constant: int = constant, power: float = power) -> list[tuple[int, float]]:
                order = sorted(
                    (each for each in joined.places if each in joined.matches),
                    key=lambda each: -joined.matches[each].share,
                )
                scores = {each: 1 / (constant + at) for each, at in joined.places.items()}
                for at, each in enumerate(order, 1):
                    scores[each] += joined.matches[each].share ** power / (constant + at)
                return sorted(scores.items(), key=lambda one: (-one[1], one[0]))

            tried.append((figures(fused_places(answers, join)), constant, power))
    for found, constant, power in sorted(tried, key=lambda one: -one[0]["MRR"]):
        print(f"K {constant:3}, share to the power {power}: {found}")
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
