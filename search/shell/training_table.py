"""What `search train reranker` prints: whether the reranker is used, and the figures before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from indexer.counted import counted
from search.rerank.train import TrainReport
from search.rerank.validation import Gain
from search.shell.printing import print_line

#: Said once, before rows that have it.
MRR: Final = "MRR: mean reciprocal rank of the right answer, 100 = always first."
#: Above rows of recalls.
HEADING: Final = "                               R@1    R@5   R@10"


def print_training(report: TrainReport) -> None:
    """The verdict, notes, and a table of recalls on held-out images."""
    print_line(verdict(report))
    for note in report.notes:
        print_line(f"Note: {note}")
    for line in lines(report):
        print_line(line)


def lines(report: TrainReport) -> list[str]:
    """The table, a line a string."""
    found = report.gains
    return [
        f"Trained on {counted(report.images, 'image')} and {counted(report.texts, 'text')}; "
        f"judged on {found.images:,} other images. {MRR}",
        "",
        HEADING,
        *gain_rows("text to image", found.to_images, "first stage", "reranked"),
        *gain_rows("image to text", found.to_texts, "first stage", "reranked"),
    ]


def verdict(report: TrainReport) -> str:
    """One or two sentences: where it helps, and what becomes of it."""
    found = report.gains
    if report.enabled:
        said = f"It is used from now on ({report.folder})"
        for name, one in (("text to image", found.to_images), ("image to text", found.to_texts)):
            if not one.helps:
                said += f", but not for {name}, where it was not shown to help"
        return f"{said}."
    if report.kept_earlier:
        return f"It was not shown to help; the earlier reranker in {report.folder} stays. More pairs may help."
    return (
        f"It was not shown to help; it lies in {report.folder} and searches do not use it. "
        "More pairs, or another encoder, may help."
    )


def gain_rows(title: str, found: Gain, before: str, after: str) -> list[str]:
    """Two rows under HEADING: recalls `before` and `after`."""
    gain = f"   MRR {100 * found.gain:+.1f} (90 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f})"
    return [_row(f"{title}  {before}", found.before), _row(f"{'':<15}{after}", found.after) + gain]


def _row(title: str, recalls: Sequence[float]) -> str:
    return f"{title:<28}" + "".join(f"{100 * value:7.1f}" for value in recalls)
