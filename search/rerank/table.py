"""What `search train reranker` prints: the figures before and after, and whether the reranker is used."""

from __future__ import annotations

from collections.abc import Sequence

from search.render import print_line
from search.rerank.training import TrainReport


def print_training(report: TrainReport) -> None:
    """Notes, a table of recalls on held-out images, and the verdict."""
    for note in report.notes:
        print_line(f"Note: {note}")
    for line in lines(report):
        print_line(line)


def lines(report: TrainReport) -> list[str]:
    """The table and the verdict, a line a string."""
    found = report.judgement
    return [
        f"Trained on {report.images:,} images and {report.texts:,} texts; judged on {found.images:,} other images:",
        "",
        "                               R@1    R@5   R@10",
        _row("text to image  first stage", found.texts_before),
        _row("               reranked", found.texts_after),
        _row("image to text  first stage", found.images_before),
        _row("               reranked", found.images_after),
        "",
        verdict(report),
    ]


def verdict(report: TrainReport) -> str:
    """One sentence: whether it helps, and what becomes of it."""
    found = report.judgement
    gain = f"{100 * found.gain:+.1f} points of MRR (90 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f})"
    if report.enabled:
        return f"It helps: {gain}; searches of this index use it from now on ({report.folder})."
    if report.kept_earlier:
        return f"It was not shown to help: {gain}; the earlier reranker in {report.folder} stays. More pairs may help."
    return (
        f"It was not shown to help: {gain}; it lies in {report.folder} and searches do not use it. "
        "More pairs, or another encoder, may help."
    )


def _row(title: str, recalls: Sequence[float]) -> str:
    return f"{title:<28}" + "".join(f"{100 * value:7.1f}" for value in recalls)
