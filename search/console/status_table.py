"""What `search status` prints, as text that is not yet escaped."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from indexer.counted import counted
from indexer.encoders.presets import typed_name
from indexer.files.scope import nearest
from indexer.private import is_shared
from indexer.settings import DEFAULT_IGNORES
from search.console.left_out import left_out_text
from search.console.offer_text import offer_text, shown_offer
from search.console.sizes import size_text
from search.console.trainings import training_text
from search.offers import offers

if TYPE_CHECKING:
    from indexer.catalog.roots import Root
    from indexer.vectors.base import IndexState
    from search.classification.probe_file import StoredProbe
    from search.status import Status


def status_lines(status: Status, left_out: Sequence[str] | None, *, failed: bool) -> Iterator[str]:
    """The lines of `search status`, not yet escaped: of `failed` files, of those `left_out`, of each that is asked for;
    or else what the store holds."""
    if failed:
        yield from (f"{failure.path}: {failure.reason}" for failure in status.failures)
        if not status.failures:
            yield "No file failed."
    if left_out is not None:
        yield from left_out or ["No file is left out."]
    if not failed and left_out is None:
        yield from _table(status)


def _table(status: Status) -> Iterator[str]:
    encoder = status.encoder
    rows = [
        ("store", f"{status.folder} ({size_text(status.bytes)}{_shared(status.folder)})"),
        (
            "encoder",
            "none yet" if encoder is None else f"{encoder.name} ({encoder.weights[:12]}, d={encoder.dimension})",
        ),
        *_former(status),
        ("images", _images(status)),
        ("texts", f"{status.texts:,}"),
    ]
    if status.failed:
        rows.append(("failed", f"{counted(status.failed, 'file')}  (search status --failed)"))
    if status.vanished:
        rows.append(("vanished", counted(status.vanished, "file")))
    if status.newly_ignored:
        rows.append(
            ("ignored", f"{counted(status.newly_ignored, 'file')} that patterns leave out since they were indexed")
        )
    if status.other:
        rows.append(("not indexed", f"{left_out_text(status.left_out)}  (search status --left-out)"))
    for kind, state in status.indexes.items():
        if state is None:
            if status.images if kind == "image" else status.texts:
                rows.append((f"{kind} index", "none that can be used; search doctor says why"))
        else:
            behind = f", {state.behind:,} changed since" if state.behind else ""
            size = f"{counted(state.count, 'vector')}, {size_text(state.bytes)}"
            rows.append((f"{kind} index", f"{state.index_type}, {size}{behind}{_tuned(state)}"))
    if status.tokens is not None:
        missing = status.images + status.texts - status.tokens.images - status.tokens.texts
        items = counted(status.tokens.images + status.tokens.texts, "item")
        having = f"{items}, {size_text(status.tokens.image_bytes)} an image"
        more = "search index adds them" if status.tokens.wanted else "search index --tokens adds them"
        rows.append(("tokens", having + (f"; {missing:,} without ({more})" if missing else "")))
    if status.thumbnails.files:
        kept = counted(status.thumbnails.files, "file")
        most = size_text(status.thumbnails.most_bytes)
        rows.append(("thumbnails", f"{kept}, {size_text(status.thumbnails.bytes)} of at most {most}"))
    if status.probes:
        rows.append(("probes", f"{', '.join(map(_probe, status.probes))}  (search classify --probe NAME)"))
    rows += [("unfinished", training_text(each)) for each in status.trainings]
    for root in status.roots:
        rows += _root_rows(root, nearest(root.path, (other.path for other in status.roots)))
    rows += [("forgotten", f"{path}  ({_step(path)})") for path in status.exclusions]
    rows += _better(status)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        yield f"{name:<{width}}  {value}"


def _probe(probe: StoredProbe) -> str:
    """Its name, and why it cannot be asked where it cannot."""
    if probe.fits:
        return probe.name
    if probe.encoder is None:
        return f"{probe.name} (damaged; train it again)"
    return f"{probe.name} (for {typed_name(probe.encoder)}; train it again)"


def _former(status: Status) -> list[tuple[str, str]]:
    """The encoder that can be taken back."""
    if status.former_encoder is None:
        return []
    back = "search index --reencode --encoder previous takes it back, search compact lets it go"
    return [("before", f"{status.former_encoder.name} ({back})")]


def _better(status: Status) -> list[tuple[str, str]]:
    """The encoder that most people should take, and what it costs, where the bundled one answers."""
    name = None if status.encoder is None else status.encoder.name
    offer = shown_offer(offers(name, status.photographs, status.pace))
    return [] if offer is None else [("better", offer_text(offer, None))]


def _shared(folder: str) -> str:
    """Said of a store that is not its owner's alone: one of an earlier version may be so by accident."""
    return "; other users of this machine can read it" if is_shared(Path(folder)) else ""


def _step(excluded: str) -> str:
    """What brings a forgotten path back, or that nothing can."""
    return f"search index {quote(excluded)}" if os.path.lexists(excluded) else "not there just now"


def _root_rows(root: Root, around: str | None) -> list[tuple[str, str]]:
    """A root, and the patterns that it has beside the usual ones."""
    inside = "" if around is None else f", inside {around}"
    what = "file" if os.path.isfile(root.path) else "folder"
    rows = [(what, f"{root.path}  (scanned {root.scanned_at or 'never to the end'}{inside})")]
    if what == "file":  # patterns say nothing of it
        return rows
    added = [quote(pattern) for pattern in root.ignores if pattern not in DEFAULT_IGNORES]
    if added:
        rows.append(("", f"  ignores {' '.join(added)}"))
    missing = [quote(pattern) for pattern in DEFAULT_IGNORES if pattern not in root.ignores]
    if len(missing) == len(DEFAULT_IGNORES):
        rows.append(("", "  without the default patterns: hidden folders are looked at too"))
    elif missing:
        rows.append(("", f"  without the default patterns {' '.join(missing)}"))
    return rows


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


def status_json(status: Status, left_out: Sequence[str] | None = None) -> dict[str, Any]:
    """The object of `search status --json`; `left_out`: the paths of such files, where they were asked for."""
    found = dataclasses.asdict(status)
    if left_out is not None:
        found["left_out_files"] = list(left_out)
    for state in filter(None, found["indexes"].values()):
        del state["generation"]  # of the catalog: nothing to a person
    return found


def _images(status: Status) -> str:
    """Files; and photographs, where some are copies of others."""
    if status.photographs == status.images:
        return f"{status.images:,}"
    return f"{counted(status.images, 'file')}, {counted(status.photographs, 'photograph')} without copies"
