"""The three roads of `classify`: what a store has, photographs that are named, and a folder that is sorted by class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexer.catalog.catalog import Catalog
from indexer.encoders.base import Encoder
from indexer.errors import UsageError
from indexer.progress import Progress
from search.classification.classes import check_classes, legible
from search.classification.examples import read_by_class, read_examples, unseen
from search.classification.features import FeatureReader
from search.classification.few import about_few
from search.classification.indexed import IndexedPhotographs
from search.classification.linear_probe import LinearClassifier
from search.classification.named import classified, find
from search.classification.probe_file import Probe
from search.classification.report import report_of
from search.classification.results import Classification
from search.classification.vector_cache import VectorCache
from search.classification.zero_shot import by_chance, zero_shot
from search.query.filter import Filter


@dataclass(frozen=True, slots=True)
class Work:
    """What a call works with: an encoder, and the catalog of a store whose vectors are of it, with its row there, where
    there is one; `notes`: what a person should know."""

    encoder: Encoder
    catalog: tuple[Catalog, int] | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Road:
    """What classifies: a probe, or the names of classes. `by_chance`: positions of classes whose names say nothing to
    the encoder; `notes`: what a person should know of it."""

    classes: tuple[str, ...]
    classifier: LinearClassifier
    probe: Probe | None
    by_chance: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, probe: Probe | None, classes: tuple[str, ...], encoder: Encoder, templates: bool | None) -> Road:
        """`templates`: whether names are asked for in the encoder's templates, None for its own choice. Raises
        UsageError where a probe is to do that."""
        if probe is None:
            chance = by_chance(encoder, classes)
            return cls(classes, zero_shot(encoder, classes, templates), None, chance.columns, chance.notes)
        if templates is not None:
            raise UsageError("A probe has learned from photographs, and asks in no templates; leave `templates` away.")
        return cls(classes, probe.classifier, probe)


def names_of(classes: Sequence[str]) -> tuple[str, ...]:
    """The names as they are asked for, each once. Raises UsageError."""
    names = tuple(dict.fromkeys(legible(name) for name in classes))
    if not all(names):
        raise UsageError("A class has an empty name; take it out, or give it one.")
    check_classes(names, "The list")
    return names


def indexed(road: Road, work: Work, where: Filter | None, top: int, progress: Progress) -> Classification:
    """What the store has, from its vectors. Raises UsageError for an empty store."""
    if work.catalog is None:
        raise UsageError("This index is empty; fill it with `index(FOLDER)`, or name photographs.")
    catalog, row = work.catalog
    photographs = IndexedPhotographs(catalog, row, work.encoder.identity.dimension, where)
    ids, paths, order, shares = photographs.classified(road.classifier, top, progress)
    return replace(_empty(road, work), ids=ids, paths=paths, order=order, shares=shares, notes=photographs.notes)


def named(
    road: Road, work: Work, given: Sequence[str | os.PathLike[str]], top: int, progress: Progress
) -> Classification:
    """Files and folders. Raises PathNotFoundError, UsageError, EncoderError."""
    candidates, problems = find(given)
    reader = FeatureReader(work.encoder, work.catalog, VectorCache.of(work.encoder.identity))
    paths, order, shares = classified(candidates, reader, road.classifier, top, progress)
    failures = (*problems, *reader.counts.failures)
    return replace(_empty(road, work), paths=paths, order=order, shares=shares, failures=failures)


def reported(road: Road, work: Work, folder: str | os.PathLike[str], top: int, progress: Progress) -> Classification:
    """A folder that is sorted by class, with how right the answers are: of all but the probe's own examples. Raises as
    `named`, and UsageError where it has nothing else."""
    reader = FeatureReader(work.encoder, work.catalog, VectorCache.of(work.encoder.identity))
    by_class = read_by_class(folder, among=road.classes)
    found = read_examples(by_class, reader, progress)
    order, shares = road.classifier.first(found.vectors, top)
    measured = found if road.probe is None else unseen(found, by_class.folder, road.probe.has_seen)
    report = report_of(road.classifier, road.classes, measured.vectors, measured.labels)
    return replace(
        _empty(road, work),
        paths=found.paths,
        order=order,
        shares=shares,
        report=report,
        failures=found.failures,
        notes=(*measured.notes, *_about_forgotten(road.probe), *about_few(report)),
    )


def _about_forgotten(probe: Probe | None) -> tuple[str, ...]:
    if probe is None or probe.examples is not None:
        return ()
    return (
        "This probe is of an earlier version and does not say what it was trained on: where the folder has some of its "
        "examples, the figures are too good; train it again with `train_probe(FOLDER)`.",
    )


def _empty(road: Road, work: Work) -> Classification:
    """Of no photograph."""
    return Classification(
        method="zero-shot" if road.probe is None else "probe",
        classes=road.classes,
        encoder=work.encoder.identity.name,
        calibrated=road.classifier.calibrated,
        paths=(),
        order=np.empty((0, 1), np.int64),
        shares=np.empty((0, 1), np.float32),
        probe=None if road.probe is None else road.probe.path,
        by_chance=road.by_chance,
    )
