"""What `search index` prints: what it did, and what went wrong."""

from __future__ import annotations

import dataclasses
from shlex import quote
from typing import TYPE_CHECKING, Any

from indexer.counted import counted
from indexer.files.kinds import by_kind
from indexer.pipeline.pace import ENOUGH
from search.console.left_out import left_out_json, left_out_text
from search.shell.printing import complain, print_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from indexer.types import EncoderComparison, Report

#: Failures that a report names; `search status --failed` names them all.
SHOWN_FAILURES = 10
#: Seconds from which on a person wonders what they were spent on: an export takes so long, the bundled encoder less.
LONG = 2.0


def print_report(report: Report, *, quiet: bool, store: Path | None = None) -> None:
    """What a run did, then what went wrong; after the first run of a store what a better encoder costs. `store`: as it
    was given."""
    for warning in report.warnings:
        complain(warning)
    for failure in report.failures[:SHOWN_FAILURES]:
        complain(f"{failure.path}: {failure.reason}")
    more = len(report.failures) - SHOWN_FAILURES
    if more > 0:
        complain(f"and {more:,} more; `search status --failed` names them all")
    if quiet:
        return
    parts = [
        (report.encoded, "", "encoded"),
        (report.reused, "", "known from another place"),
        (report.unchanged, "file", "unchanged"),
        (report.texts, "text", "encoded"),
        (report.sidecars, "sidecar", "read"),
        (report.tokens_added, "", "had tokens added"),
        (report.vanished, "", "vanished"),
        (report.newly_ignored, "", "left out from now on"),
        (len(report.failures), "", "failed"),
        (report.known_failures, "", "still failing (search status --failed)"),
    ]
    said = ", ".join(f"{counted(count, noun) if noun else f'{count:,}'} {what}" for count, noun, what in parts if count)
    said = said or "no images found"
    rate = f" ({_rate(report.encoded / report.seconds)} images/s)" if report.encoded >= 10 and report.seconds else ""
    before = f", after {report.preparing:.1f} s in which the encoder was made ready" if report.preparing >= LONG else ""
    print_line(f"{said}; {report.seconds:.1f} s{rate}{before}")
    if report.left_out:
        print_line(f"neither images nor captions: {left_out_text(by_kind(report.left_out))}")
    for line in _encoder_lines(report, store):
        print_line(line)


def _rate(images: float) -> str:
    return f"{images:,.0f}" if images >= 10 else f"{images:.1f}"


def _encoder_lines(report: Report, store: Path | None) -> Iterator[str]:
    """A change of encoder, with the recall of both; or what another one costs, where the store is new."""
    from search.console.offer_text import offer_text, shown_offer
    from search.offers import offers

    if report.replaced is not None:
        where = "" if store is None else f" --store {quote(str(store))}"
        yield (
            f"{report.encoder} answers now, in the place of {report.replaced}; `search index --reencode --encoder "
            f"previous{where}` takes it back, `search compact{where}` lets go of what is kept for that"
        )
        if report.comparison is not None:
            yield _comparison(report.comparison)
    elif not report.unchanged and report.encoded:
        pace = report.seconds / report.encoded if report.encoded >= ENOUGH else None
        offer = shown_offer(offers(report.encoder, report.encoded + report.reused, pace))
        if offer is not None:
            yield f"for better answers: {offer_text(offer, store)}"


def _comparison(found: EncoderComparison) -> str:
    """What each of the encoders finds on the captions of the store."""
    shares = (found.recall_1, found.recall_10, found.before_1, found.before_10)
    first, ten, first_before, ten_before = (f"{100 * share:.0f}" for share in shares)
    return (
        f"asked {counted(found.captions, 'caption')} of your own for their photographs among {found.images:,}: "
        f"{first} of 100 are first and {ten} among ten (before: {first_before} and {ten_before}), without reranking"
    )


def report_json(report: Report) -> dict[str, Any]:
    """The object of `search index --json`."""
    return {**dataclasses.asdict(report), "left_out": left_out_json(by_kind(report.left_out))}
