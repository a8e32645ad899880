"""What `search probe train` and `search classify` print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from indexer.counted import counted
from search.classification.report import ClassFigures, ClassificationReport
from search.classification.results import Classification, Classified, ClassShare, TrainedProbe
from search.classification.train import HELD_OUT
from search.results import percent

#: Mistakes that are named.
_CONFUSED: Final = 10
#: Classes whose photographs are counted each.
_COUNTED: Final = 40
#: Characters of a name of a class in a table.
_WIDEST: Final = 40


def classified_lines(found: Classification) -> Iterator[str]:
    """Notes; a line a photograph, or with a report its figures alone."""
    for note in found.notes:
        yield f"Note: {note}"
    if found.report is not None:
        yield from report_lines(found.report)
        return
    widest = min(_WIDEST, max((len(name) for name in found.classes), default=0))
    for each in found:
        yield _line(each, widest)
    if not len(found):
        yield "No photograph was classified."


def count_lines(found: Classification) -> Iterator[str]:
    """What many lines come to: how many photographs were called what, most first, and what called them so."""
    by = "by the names of the classes" if found.probe is None else f"by the probe {Path(found.probe).stem}"
    counts = np.bincount(found.order[:, 0], minlength=len(found.classes)).tolist()
    there = sorted((at for at, count in enumerate(counts) if count), key=lambda at: (-counts[at], at))
    yield f"{counted(len(found), 'photograph')} {by}:"
    for at in there[:_COUNTED]:
        yield f"{counts[at]:>9,}  {_short(found.classes[at])}"
    if len(there) > _COUNTED:
        left = sum(counts[at] for at in there[_COUNTED:])
        yield f"{left:>9,}  of {len(there) - _COUNTED:,} other classes"


def training_lines(found: TrainedProbe) -> Iterator[str]:
    """What was trained on, what it did beside the class names, class by class, and where it is."""
    for note in found.notes:
        yield f"Note: {note}"
    where = f"{found.stored:,} vectors from the index, {found.cached:,} kept from before, {found.encoded:,} encoded"
    yield f"{counted(found.examples, 'example')} of {len(found.classes):,} classes ({where}); encoder {found.encoder}"
    if found.report is not None:
        yield ""
        held_out = found.measured_on == HELD_OUT
        yield f"Measured on {'examples held out' if held_out else found.measured_on}:"
        yield from _beside(
            [("probe", found.report), ("names alone", found.names), ("names in templates", found.templates)]
        )
        yield ""
        yield from report_lines(found.report)
    yield ""
    yield f"Written: {found.path}"


def report_lines(report: ClassificationReport) -> Iterator[str]:
    """Figures of all, of each class, and the mistakes that are made most."""
    yield from _summary(report)
    yield ""
    names = [_short(each.name) for each in report.figures]
    first = max(len("class"), *map(len, names))
    yield f"{'class':<{first}}  precision  recall     F1  photographs"
    for name, each in zip(names, report.figures, strict=True):
        yield f"{name:<{first}}  {_figures(each)}"
    confused = report.confused(_CONFUSED)
    if confused:
        yield ""
        yield "Mistaken most:"
        for is_, called, count in confused:
            yield f"   {_short(is_)} for {_short(called)}: {count:,}"


def _summary(report: ClassificationReport) -> Iterator[str]:
    yield (
        f"{counted(report.photographs, 'photograph')}: mean per-class accuracy {_percent(report.mean_accuracy)}, "
        f"top-1 {_percent(report.top_1)}" + ("" if report.top_5 is None else f", top-5 {_percent(report.top_5)}")
    )
    if report.calibration_error is not None:
        yield f"expected calibration error of the percentages {100 * report.calibration_error:.1f} points"


def _beside(rows: Iterable[tuple[str, ClassificationReport | None]]) -> Iterator[str]:
    measured = [(name, one) for name, one in rows if one is not None]
    yield f"{'':<18}  mean per-class  top-1" + ("  top-5" if any(one.top_5 is not None for _, one in measured) else "")
    for name, one in measured:
        fifth = "" if one.top_5 is None else f"  {100 * one.top_5:5.1f}"
        yield f"{name:<18}  {100 * one.mean_accuracy:14.1f}  {100 * one.top_1:5.1f}{fifth}"


def _figures(each: ClassFigures) -> str:
    precision = "-" if each.precision is None else f"{100 * each.precision:.1f}"
    return f"{precision:>9}  {100 * each.recall:6.1f}  {100 * each.f1:5.1f}  {each.support:11,}"


def _line(each: Classified, widest: int) -> str:
    said = "  ".join(f"{_sure(one):>6}  {_short(one.name):<{widest}}" for one in each.classes)
    return f"{said}  {each.path}"


def _sure(one: ClassShare) -> str:
    return one.match or "" if one.probability is None else percent(one.probability)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _short(name: str) -> str:
    return name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…"
