"""What `search status` prints."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from search.shell.printing import print_line

if TYPE_CHECKING:
    from indexer.vectors.base import IndexState
    from search.status import Status


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
