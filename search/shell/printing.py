"""What the commands print: tables for people, paths for pipes, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from search.results import Hit, Results, percent

if TYPE_CHECKING:
    from indexer.doctor import Finding
    from indexer.encoders.registry import EncoderInfo
    from indexer.types import Report
    from indexer.vectors.base import IndexState
    from search.rerank.explain import Explanation
    from search.status import Status

#: Words of a query that the table explains.
SHOWN_WORDS = 12
#: Failures that a report names; `search status --failed` names them all.
SHOWN_FAILURES = 10


def print_line(text: str = "") -> None:
    """One line to stdout; characters that a terminal would act on, or cannot show, are escaped."""
    sys.stdout.write(printable(text) + "\n")


def printable(text: str) -> str:
    """`text` on one line, safe for a terminal: control characters and undecodable bytes are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    escaped = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return escaped.encode(encoding, "backslashreplace").decode(encoding)


def print_json(value: Any) -> None:
    """JSON to stdout, ASCII only: a path that is not valid UTF-8 keeps its bytes as \\udcXX escapes."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def print_paths(results: Results, end: bytes) -> None:
    """The hits' paths as the file system has them, each once."""
    sys.stdout.flush()
    for path in dict.fromkeys(hit.path for hit in results):
        sys.stdout.buffer.write(os.fsencode(path) + end)


def print_results(results: Results) -> None:
    """A table: rank, score, probability, path, and what else is known. Weak hits are marked as such."""
    for note in results.notes:
        print_line(f"Note: {note}")
    if not results:
        print_line(results.absence)
        return
    width = len(str(len(results)))
    mark = len(" weak") if any(hit.weak for hit in results) else 0
    for rank, hit in enumerate(results, 1):
        chance = percent(hit.probability) if results.calibrated else f"~{percent(hit.probability)}"
        weak = " weak" if hit.weak else ""
        known = f"{rank:>{width}}  {hit.score:6.3f}  {chance:>5}{weak:<{mark}}  "
        print_line(f"{known}{display_path(hit.path)}{_details(hit)}")
        if hit.explanation is not None:
            print_line(f"{'':{len(known)}}{_words(hit.explanation)}")


def display_path(path: str) -> str:
    """Relative to the working folder when it lies below it."""
    here = os.getcwd() + os.sep
    return path[len(here) :] if path.startswith(here) else path


def _details(hit: Hit) -> str:
    if hit.text is not None:
        return f"  “{hit.text}”"
    if hit.metadata is not None and hit.metadata.taken_at is not None:
        return f"  {hit.metadata.taken_at[:10]}"
    return ""


def _words(explanation: Explanation) -> str:
    """The words that count most, in the order of the query: how well each was found, and how much it counts."""
    shown = [f"{word.word} {word.similarity:.2f} ({word.weight:.0%})" for _, word in explanation.heaviest(SHOWN_WORDS)]
    return "  ".join(shown) + ("  …" if len(explanation.words) > SHOWN_WORDS else "")


# -- index --------------------------------------------------------------------------------------------------


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
        (report.encoded, "encoded"),
        (report.reused, "known from another place"),
        (report.unchanged, "unchanged"),
        (report.texts, "texts encoded"),
        (report.tokens_added, "given tokens"),
        (report.vanished, "vanished"),
        (report.ignored, "ignored"),
        (len(report.failures), "failed"),
    ]
    said = ", ".join(f"{count:,} {what}" for count, what in parts if count) or "no images found"
    rate = f" ({report.encoded / report.seconds:,.0f} images/s)" if report.encoded >= 10 and report.seconds else ""
    print_line(f"{said}; {report.seconds:.1f} s{rate}")


def report_json(report: Report) -> dict[str, Any]:
    """The object of `search index --json`."""
    return dataclasses.asdict(report)


def complain(text: str) -> None:
    """One line to stderr, after everything that was printed before."""
    sys.stdout.flush()
    sys.stderr.write(f"search: {printable(text)}\n")


# -- status -------------------------------------------------------------------------------------------------


def print_status(status: Status, *, failed: bool) -> None:
    """What the store holds."""
    if failed:
        for failure in status.failures:
            print_line(f"{failure.path}: {failure.reason}")
        if not status.failures:
            print_line("No file failed.")
        return
    encoder = status.encoder
    rows = [
        ("store", f"{status.folder} ({_size(status.bytes)})"),
        (
            "encoder",
            "none yet" if encoder is None else f"{encoder.name} ({encoder.weights[:12]}, d={encoder.dimension})",
        ),
        ("images", f"{status.images:,}"),
        ("texts", f"{status.texts:,}"),
    ]
    for count, what in ((status.failed, "failed"), (status.vanished, "vanished"), (status.other, "ignored")):
        if count:
            rows.append((what, f"{count:,} files" + ("  (search status --failed)" if what == "failed" else "")))
    for kind, state in status.indexes.items():
        if state is not None:
            behind = f", {state.behind:,} changed since" if state.behind else ""
            size = f"{state.count:,} vectors, {_size(state.bytes)}"
            rows.append((f"{kind} index", f"{state.index_type}, {size}{behind}{_tuned(state)}"))
    if status.tokens is not None:
        missing = status.images + status.texts - status.tokens.images - status.tokens.texts
        having = f"{status.tokens.images + status.tokens.texts:,} items, {_size(status.tokens.image_bytes)} an image"
        more = "search index adds them" if status.tokens.wanted else "search index --tokens adds them"
        rows.append(("tokens", having + (f"; {missing:,} without ({more})" if missing else "")))
    rows += [("folder", f"{root.path}  (scanned {root.scanned_at or 'never to the end'})") for root in status.roots]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print_line(f"{name:<{width}}  {value}")


def _tuned(state: IndexState) -> str:
    """What was measured of an index, where it is not exact."""
    instead = f" ({state.asked} missed the recall)" if state.asked != state.index_type else ""
    tuned = state.tuned
    if tuned is None or not tuned.width:
        return instead
    return (
        f"{instead}; recall@10 {tuned.recall:.3f} (wanted {tuned.target:g}), "
        f"{'efSearch' if state.index_type == 'hnsw' else 'probes'} {tuned.width:,}"
    )


def status_json(status: Status) -> dict[str, Any]:
    """The object of `search status --json`."""
    found = dataclasses.asdict(status)
    for state in filter(None, found["indexes"].values()):
        del state["generation"]  # of the catalog: nothing to a person
    return found


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1_000:
            return f"{size:.0f} {unit}"
        size /= 1_000
    return f"{size:.1f} GB"


# -- models and doctor --------------------------------------------------------------------------------------


def print_encoders(encoders: Sequence[EncoderInfo]) -> None:
    """A table: name, dimensions, size on disk, languages, and what to know about it."""
    rows = [
        (
            encoder.name,
            "" if encoder.dimension is None else f"{encoder.dimension}",
            "" if encoder.megabytes is None else f"{encoder.megabytes:,} MB",
            encoder.languages,
            encoder.note,
        )
        for encoder in encoders
    ]
    name, dimension, size, languages, _ = (max(len(cell) for cell in column) for column in zip(*rows, strict=True))
    for row in rows:
        line = f"{row[0]:<{name}}  {row[1]:>{dimension}}  {row[2]:>{size}}  {row[3]:<{languages}}  {row[4]}"
        print_line(line.rstrip())


def encoders_json(encoders: Iterable[EncoderInfo]) -> list[dict[str, Any]]:
    """The object of `search models --json`."""
    return [dataclasses.asdict(encoder) for encoder in encoders]


def print_findings(findings: Sequence[Finding], *, repaired: bool) -> None:
    """What is wrong, and what mends it or was done."""
    if not findings:
        print_line("All is well.")
        return
    for finding in findings:
        mark = "!!" if finding.grave and not repaired else "ok" if finding.grave else "--"
        print_line(f"{mark} {finding.part}: {finding.problem}; {finding.remedy}.")


def findings_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The object of `search doctor --json`."""
    return [dataclasses.asdict(finding) for finding in findings]
