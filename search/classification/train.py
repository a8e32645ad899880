"""Training a probe: examples are read, the strength is chosen, the probe is measured on photographs that it has not
seen, beside the class names, and then fitted to all examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from indexer.encoders.base import Encoder
from indexer.errors import UsageError
from indexer.progress import Progress
from indexer.types import Int64
from search.classification.examples import ByClass, Examples, read_by_class, read_examples, unseen
from search.classification.features import FeatureReader
from search.classification.few import about_few
from search.classification.fitting import Chosen, check_installed, choose, fit
from search.classification.folds import stratified
from search.classification.linear_probe import LinearClassifier
from search.classification.probe_file import Probe, beginning_of
from search.classification.report import ClassificationReport, report_of
from search.classification.zero_shot import zero_shot

#: One photograph of so many is held out where there is no folder to test on.
_HELD_OUT: Final = 5
#: Numbers of a probe: 80 MB.
_LARGEST: Final = 20_000_000
_NAMED: Final = 5

HELD_OUT: Final = "held out"


@dataclass(frozen=True, slots=True)
class Measured:
    """A probe, not yet saved, and what it did. `on`, `report`, `names`, `templates`: see `TrainedProbe`."""

    probe: Probe
    examples: Examples
    chosen: Chosen
    on: str | None
    report: ClassificationReport | None
    names: ClassificationReport | None
    templates: ClassificationReport | None
    notes: tuple[str, ...]


def train(
    folder: str, test: str | None, reader: FeatureReader, encoder: Encoder, seed: int, progress: Progress
) -> Measured:
    """Train a probe on the photographs in `folder` by class; measure it on those in `test`, or on a part held out.

    Raises PathNotFoundError, UsageError for what cannot be learned from or where scikit-learn is missing, EncoderError,
    StoreError, and what `progress` raises.
    """
    check_installed()
    by_class = read_by_class(folder)
    tested = None if test is None else read_by_class(test, among=by_class.classes)
    examples, notes = _with_classes(by_class, read_examples(by_class, reader, progress))
    if len(examples.classes) * encoder.identity.dimension > _LARGEST:
        raise UsageError(
            f"A probe of {len(examples.classes):,} classes and {encoder.identity.dimension:,} numbers a photograph is "
            "too large; leave some classes out, or classify by their names (`classify(classes=...)`)."
        )
    notes += _about_single(examples)
    if tested is not None:
        tested = _renumbered(tested, examples.classes)
    held, others = _held_out(examples, tested, reader, seed, progress)
    seen = examples if others is None else others
    chosen = choose(seen.vectors, seen.labels, seed, progress)
    progress.phase("Fitting the probe")
    classifier = fit(examples.vectors, examples.labels, chosen, seed)
    report = names = templates = None
    if held is not None:
        measured = classifier if others is None else fit(seen.vectors, seen.labels, chosen, seed)
        report = _report(measured, held)
        names, templates = (_report(zero_shot(encoder, examples.classes, wish), held) for wish in (False, True))
        notes += (*(held.notes if tested is not None else ()), *about_few(report))
    else:
        notes += (
            "There are too few photographs to hold some out, so nothing was measured; add examples, or a `test`.",
        )
    on = None if held is None else HELD_OUT if tested is None else tested.folder
    trained = _trained(examples, chosen, on, report, seed)
    seen_ones = frozenset(map(beginning_of, examples.digests))
    probe = Probe(examples.classes, encoder.identity, classifier, trained, examples=seen_ones)
    return Measured(probe, examples, chosen, on, report, names, templates, notes)


def _held_out(
    examples: Examples, tested: ByClass | None, reader: FeatureReader, seed: int, progress: Progress
) -> tuple[Examples | None, Examples | None]:
    """What to measure on, and the examples without it; None for these where they need not be parted."""
    if tested is not None:
        found = read_examples(tested, reader, progress)
        return unseen(found, tested.folder, set(examples.digests).__contains__), None
    part = stratified(examples.labels, _HELD_OUT, seed)
    held = part == 0
    left = np.bincount(examples.labels[~held], minlength=len(examples.classes))
    if not held.any() or not left.all():
        return None, None
    return examples.chosen(held), examples.chosen(~held)


def _with_classes(by_class: ByClass, read: Examples) -> tuple[Examples, tuple[str, ...]]:
    """Without classes of which nothing could be read, and notes. Raises UsageError where not two are left."""
    there = np.unique(read.labels)
    gone = [name for at, name in enumerate(read.classes) if at not in set(there.tolist())]
    if not gone:
        return read, read.notes
    if len(there) < 2:
        raise UsageError(
            f"{by_class.folder} has photographs that can be used of one class only, {read.classes[int(there[0])]}: of "
            f"{gone[0]} there is none{_why(by_class, read, read.classes.index(gone[0]))}; add some."
        )
    classes = tuple(read.classes[at] for at in there.tolist())
    labels: Int64 = np.searchsorted(there, read.labels).astype(np.int64)
    note = "1 class" if len(gone) == 1 else f"{len(gone):,} classes"
    listed = ", ".join(gone[:_NAMED]) + (", ..." if len(gone) > _NAMED else "")
    notes = (*read.notes, f"{note} left out, of which no photograph can be used: {listed}.")
    return replace(read, classes=classes, labels=labels), notes


def _why(by_class: ByClass, read: Examples, label: int) -> str:
    """Why nothing of a class can be used: its first file that cannot be read."""
    pairs = zip(by_class.candidates, by_class.labels.tolist(), strict=True)
    own = {candidate.path for candidate, of in pairs if of == label}
    first = next((failure for failure in read.failures if failure.path in own), None)
    return "" if first is None else f" (first: {first.path}: {first.reason})"


def _about_single(examples: Examples) -> tuple[str, ...]:
    sizes = np.bincount(examples.labels, minlength=len(examples.classes))
    single = [examples.classes[at] for at in np.flatnonzero(sizes == 1).tolist()]
    if not single:
        return ()
    listed = ", ".join(single[:_NAMED]) + (", ..." if len(single) > _NAMED else "")
    return (f"These classes have one example each, which is trained on and not measured with: {listed}.",)


def _renumbered(tested: ByClass, classes: tuple[str, ...]) -> ByClass:
    """With positions among `classes`, some of which may be gone."""
    position = {name: at for at, name in enumerate(classes)}
    pairs = [
        (candidate, position[tested.classes[label]])
        for candidate, label in zip(tested.candidates, tested.labels.tolist(), strict=True)
        if tested.classes[label] in position
    ]
    if not pairs:
        raise UsageError(f"{tested.folder} has no photograph of a class that was trained; name another `test`.")
    candidates = tuple(candidate for candidate, _ in pairs)
    labels: Int64 = np.array([label for _, label in pairs], np.int64)
    return ByClass(tested.folder, candidates, labels, classes, tested.notes)


def _report(classifier: LinearClassifier, on: Examples) -> ClassificationReport:
    return report_of(classifier, on.classes, on.vectors, on.labels)


def _trained(
    examples: Examples, chosen: Chosen, on: str | None, report: ClassificationReport | None, seed: int
) -> dict[str, Any]:
    """What the file of a probe says of its training: figures, no path of the person's own."""
    sizes = np.bincount(examples.labels, minlength=len(examples.classes))
    return {
        "examples": len(examples.labels),
        "sizes": sizes.tolist(),
        "strength": chosen.strength,
        "seed": seed,
        "measured_on": None if on is None else HELD_OUT if on == HELD_OUT else "test",
        "mean_accuracy": None if report is None else round(report.mean_accuracy, 6),
        "top_1": None if report is None else round(report.top_1, 6),
    }
