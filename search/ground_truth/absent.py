"""Images of pairs that the index does not have: why, and what brings them in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from indexer.catalog.exclusions import Exclusions
from indexer.catalog.roots import Roots
from indexer.catalog.transaction import Transaction
from indexer.files.ignores import Ignores
from indexer.files.scope import is_below, nearest, relative
from indexer.path_forms import spellings


def absent_notes(absent: Sequence[str], total: int, snapshot: Transaction, hint: str) -> list[str]:
    """A sentence for each reason for which some of `total` images are `absent`: they were forgotten, a pattern leaves
    them out, or nobody has indexed them; `hint` is the folder that the last one says to index."""
    excluded = Exclusions(snapshot).all()
    patterns = {row.path: row.ignores for row in Roots(snapshot).all()}
    unread = f"; `index({hint!r})` adds them, `status().failures` names the unreadable."
    reasons: defaultdict[tuple[str, str], list[str]] = defaultdict(list)  # how a sentence goes on and ends: paths
    for path in absent:
        reasons[_forgotten(path, excluded) or _ignored(path, patterns) or ("", unread)].append(path)
    return [
        f"{len(paths):,} of {total:,} images are not in the index and are left out{why} (first: {paths[0]}){step}"
        for (why, step), paths in reasons.items()
    ]


def _forgotten(path: str, excluded: Sequence[str]) -> tuple[str, str] | None:
    for spelling in spellings(path):
        for above in excluded:
            if spelling == above or is_below(spelling, above):
                return ", for they were forgotten", f"; `index({above!r})` brings back what was forgotten there."
    return None


def _ignored(path: str, patterns: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    root = nearest(path, patterns)
    if root is None or not Ignores(patterns[root]).leaves_out(relative(path, root), is_folder=False):
        return None
    pattern = next(p for p in patterns[root] if Ignores([p]).leaves_out(relative(path, root), is_folder=False))
    return f" by the pattern {pattern!r} of {root}", f"; `index({root!r}, unignores=({pattern!r},))` takes it away."
