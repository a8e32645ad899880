"""What a table and a report say of an evaluation: figures with their intervals, titles and sentences."""

from __future__ import annotations

from search.calibration.reliability import Reliability
from search.evaluation.results import DirectionReliability, Estimate, Evaluation, StageResult, clear
from search.ground_truth.directions import DirectionName

#: What people call each direction.
TITLES: dict[DirectionName, str] = {
    "text-to-image": "text to image",
    "image-to-text": "image to text",
    "text-to-text": "text to text",
}


def protocol(found: Evaluation) -> str:
    """What was ranked, by what, and what the intervals are."""
    sentence = (
        "Ranked by meaning alone, without the words of captions and names that queries may search: a caption would "
        "be found by its own words. Among the images and texts of these pairs only, not the whole index; ties count "
        "against the result."
    )
    if not found.bootstrap:
        return sentence
    over = "images" if found.kind == "captions" else "images (text to image: labels)"
    return (
        f"{sentence} In brackets: 95 % bootstrap intervals over {over}, {found.bootstrap:,} resamples, "
        f"seed {found.seed}."
    )


def index_sentence(found: Evaluation) -> str:
    """How near the store's vector index comes to exact search."""
    index = found.index
    assert index is not None
    if index.index_type is None:
        return f"none: {index.images:,} images are compared one by one, so nothing is missed"
    raw = "behind the catalog, index again" if index.raw is None else f"{index.raw:.3f}"
    return (
        f"{index.index_type} over all {index.images:,} images: recall@{index.k} against exact search {raw}, "
        f"of the answers {index.answers:.3f} ({index.queries:,} queries)"
    )


def cell(name: str, estimate: Estimate) -> str:
    """A figure and, two spaces on, its interval: "22.3 %  [20.4, 24.1]"; see `number`."""
    if estimate.low is None or estimate.high is None:
        return number(name, estimate.value)
    low, high = (number(name, end).removesuffix(" %") for end in (estimate.low, estimate.high))
    return f"{number(name, estimate.value)}  [{low}, {high}]"


def number(name: str, value: float) -> str:
    """R@k in percent, ranks without needless digits, the rest with three."""
    if name.startswith("R@"):
        return f"{100 * value:.1f} %"
    return f"{value:g}" if name == "median rank" else f"{value:.3f}"


def metric_names(stage: StageResult) -> list[str]:
    """Every metric of either direction, once, in their order."""
    return list(dict.fromkeys(name for one in stage.directions for name in one.metrics))


def difference(name: str, estimate: Estimate) -> str:
    """By how much a figure is better, R@k in percentage points: "+2.3  [+1.1, +3.4], clear of 0"."""
    scale, digits = (100, 1) if name.startswith("R@") else (1, 3)
    value = f"{scale * estimate.value:+.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value
    said = "clear of 0" if clear(estimate) else "not clear of 0"
    return f"{value}  [{scale * estimate.low:+.{digits}f}, {scale * estimate.high:+.{digits}f}], {said}"


def comparison_title(found: Evaluation) -> str:
    """What is compared with what."""
    assert found.reranking is not None
    first, second = (stage.name for stage in found.stages)
    return (
        f"{second} minus {first}: the first {found.reranking.count:,} candidates by {found.reranking.reranker}, "
        "R@k in percentage points"
    )


def trust_sentence(one: DirectionReliability) -> str:
    """How far the probabilities of one direction can be trusted."""
    estimated = "" if one.fitted else " (estimated from the scores' spread, as nothing is fitted yet)"
    return reliability_sentence(one.direction, one.hits, one.first) + estimated


def reliability_sentence(direction: DirectionName, hits: Reliability, first: Reliability) -> str:
    """The expected calibration errors of one direction."""
    return (
        f"{TITLES[direction]}: {100 * hits.ece:.1f} over {hits.hits:,} hits, "
        f"{100 * first.ece:.1f} over the {first.hits:,} first ones"
    )
