"""What `search index` prints: what it did, and what went wrong."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from indexer.counted import counted
from indexer.files.kinds import by_kind
from search.console.left_out import left_out_json, left_out_text
from search.shell.printing import complain, print_line

if TYPE_CHECKING:
    from indexer.types import Report

#: Failures that a report names; `search status --failed` names them all.
SHOWN_FAILURES = 10


def print_report(report: Report, *, quiet: bool) -> None:
    """What a run did, then what went wrong."""
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
    rate = f" ({report.encoded / report.seconds:,.0f} images/s)" if report.encoded >= 10 and report.seconds else ""
    print_line(f"{said}; {report.seconds:.1f} s{rate}")
    if report.left_out:
        print_line(f"neither images nor captions: {left_out_text(by_kind(report.left_out))}")


def report_json(report: Report) -> dict[str, Any]:
    """The object of `search index --json`."""
    return {**dataclasses.asdict(report), "left_out": left_out_json(by_kind(report.left_out))}
