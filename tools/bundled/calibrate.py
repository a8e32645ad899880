"""The probabilities that ship, fitted to data that the encoder was not trained on, and checked on test data:

    python -m tools.bundled.calibrate --data FOLDER [--work FOLDER] [--out data/models/bundled/calibration.json]
    python -m tools.bundled.calibrate --data FOLDER --check

FOLDER holds flickr8k/, coco_captioned/, caltech101/ and clothing_small/. Fitted on Flickr8k and COCO `val` (short
queries made of captions; sentences of Flickr8k alone), Caltech-101 `train` and clothing `val` (class names); checked on
Flickr8k, Caltech-101 and clothing `test`. Of Caltech-101 every fourth photograph is taken. By similarities: the
reranker trusts itself less with texts unlike captions, so its scores mean one thing here and another there. `--work`:
keep the index there, and use it again.
Last it tells, for bounds of the weak mark, how many queries with a right photograph keep one of their first ten hits,
and how many without one end in nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import search
from indexer.catalog.encoders import Encoders
from indexer.metrics import Float64
from indexer.progress import Silent
from indexer.settings import models_folder
from search.calibration.calibration_file import NAME, Calibration, read, write
from search.calibration.curve import describe
from search.calibration.evidence import Evidence, Key, as_asked, evidence_of_pairs, short_truth
from search.calibration.fit import Fitted, completed, fit
from search.calibration.reliability import reliability
from search.ground_truth.ground_truth import resolve
from search.ground_truth.pairs import Pairs
from search.rerank.encoded_ground_truth import encode_ground_truth

SEED = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A split of a data set; `every`: one of so many photographs is taken. `labels`: its captions are class names.
    `sentences`: they are asked as they are, too."""

    name: str
    split: str
    every: int = 1
    labels: bool = False
    sentences: bool = False


FITTED_ON = (
    Source("flickr8k", "val", sentences=True),
    Source("coco_captioned", "val"),
    Source("caltech101", "train", 4, labels=True),
    Source("clothing_small", "val", labels=True),
)
CHECKED_ON = (
    Source("flickr8k", "test", sentences=True),
    Source("caltech101", "test", 4, labels=True),
    Source("clothing_small", "test", labels=True),
)


def main() -> None:
    """The commands above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = given.work or Path(folder)
        path = given.out or models_folder() / "bundled" / NAME
        sources = CHECKED_ON if given.check else FITTED_ON
        evidence = [one for source in sources for one in gather(source, given.data, work)]
        if given.check:
            calibration = read(path)
            assert calibration is not None, f"{path} is not there"
            check(evidence, calibration)
            return
        encoder = weights(work)
        keys = sorted({one.key for one in evidence}, key=_order)
        fits = [fit([one for one in evidence if one.key == key], SEED) for key in keys]
        for found in fits:
            print(line(found), flush=True)
        write(path, Calibration(encoder, tuple(one.entry for one in fits)))
        check(evidence, Calibration(encoder, tuple(one.entry for one in fits)))


def _order(key: Key) -> tuple[bool, bool, str, str]:
    """Sentences before short queries: what knows no forms takes the first."""
    return key.form == "short", key.asks == "image", key.finds, key.asks


def gather(source: Source, data: Path, work: Path) -> Iterator[Evidence]:
    """The evidence of one source."""
    pairs, folder = pairs_of(source, data, work)
    with search.open(work / "store") as library:
        library.index(folder)
        with library._reading() as opened:
            session = library._session(opened, None, with_reranker=False)
            encoder = session.encoder
            with session.store.catalog.snapshot() as snapshot:
                row, identity = Encoders(snapshot).required()
                truth = resolve(pairs, snapshot, row, identity.dimension, os.fspath(folder))
                short = short_truth(truth, SEED)
                shortly = None
                if short is not None:
                    shortly = encode_ground_truth(short.truth, encoder, snapshot, row, None, Silent())
                    shortly = as_asked(shortly, encoder)
                encoded = shortly
                if encoded is None or not source.labels:
                    encoded = encode_ground_truth(truth, encoder, snapshot, row, None, Silent())
            for one in evidence_of_pairs(encoded, short, shortly, None, 0, SEED, Silent()):
                if one.key.form == "short" or source.sentences:
                    yield replace(one, source=f"{source.name} {source.split}")


def pairs_of(source: Source, data: Path, work: Path) -> tuple[Pairs, Path]:
    """Its pairs, and the folder below `work` with links to its photographs."""
    lines = (data / source.name / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == source.split]
    rows = sorted(rows, key=lambda row: str(row["image"]))[:: source.every]
    folder = work / "photographs" / source.name / source.split
    folder.mkdir(parents=True, exist_ok=True)
    pairs = []
    for row in rows:
        link = folder / row["image"].replace("/", "_")
        if not link.exists():
            link.symlink_to((data / source.name / "images" / row["image"]).resolve())
        texts = [row["captions"][0].replace("_", " ")] if source.labels else row["captions"]
        pairs += [(os.fspath(link), text) for text in texts]
    return Pairs("labels" if source.labels else "captions", tuple(pairs)), folder


def weights(work: Path) -> str:
    """SHA-256 of those of the encoder."""
    with search.open(work / "store") as library, library._reading() as opened:
        return library._session(opened, None, with_reranker=False).encoder.identity.weights


def line(found: Fitted) -> str:
    """What was fitted, and how far it is off on queries and photographs that the fit has not seen."""
    entry = found.entry
    name = f"{entry.asks}-to-{entry.finds} {entry.form or ''} {'reranked' if entry.reranker else ''}"
    slopes = ", ".join(f"{slope:.3f}" for slope in entry.curve.slopes)
    return (
        f"{' '.join(name.split())}: {entry.fitted_on['queries']:,} queries, calibration error "
        f"{100 * found.hits.ece:.1f} all hits, {100 * found.first.ece:.1f} first hits; "
        f"intercept {entry.curve.intercept:.3f}, slopes {slopes}"
    )


def check(evidence: Sequence[Evidence], calibration: Calibration) -> None:
    """Calibration errors of each kind of query by what captions and labels say, and the cut."""
    for key in sorted({one.key for one in evidence}, key=_order):
        for part in (one for one in evidence if one.key == key):
            found = part.examples
            curve = calibration.curve(key.asks, key.finds, key.reranker, key.form)
            features = describe(found.scores, found.backgrounds, curve.typical)
            chances, first = curve.of_features(features), found.places == 0
            labels = completed(features, found.right, np.full(len(found), part.missed), found.whole)
            name = f"{key.asks}-to-{key.finds} {key.form or ''} {'reranked' if key.reranker else ''}"
            print(
                f"{' '.join(name.split())}, {part.source}: {part.queries:,} queries; first hits "
                f"{_percent(chances[first])} said, {_percent(labels[first])} right; calibration error "
                f"{_error(chances, labels)} all hits, {_error(chances[first], labels[first])} first hits "
                f"({_error(chances, found.right)}, {_error(chances[first], found.right[first])} by what is said alone)"
            )
            if key.form is not None:
                print(f"   cut: {cuts(chances[first & found.whole], chances[first & ~found.whole])}", flush=True)


def cuts(there: Float64, gone: Float64) -> str:
    """Of first hits of queries with their right photographs, and without: for bounds how many stay, how many go."""
    bounds = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
    return ", ".join(f"{bound:g}: {_share(there >= bound)}, {_share(gone < bound)}" for bound in bounds)


def _share(kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    return _percent(kept.astype(np.float64))


def _percent(values: Float64) -> str:
    return f"{100 * float(values.mean()):.0f} %"


def _error(chances: Float64, labels: Float64) -> str:
    return f"{100 * reliability(chances, labels).ece:.1f}"


if __name__ == "__main__":
    main()
