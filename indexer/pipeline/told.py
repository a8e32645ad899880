"""What a run tells at its end of what a person may want to look at."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.pipeline.choose import Chosen


def of_idle_patterns(chosen: Sequence[Chosen], idle: Sequence[str]) -> list[str]:
    """A sentence for each of the `idle` patterns, which matched nothing in all that was looked through: often they are
    misspelt."""
    folders = ", ".join(each.scope.top for each in chosen if each.given)
    untold = list(dict.fromkeys(root for each in chosen for root in each.untold))
    if untold:
        own = "has patterns of its own" if len(untold) == 1 else "have patterns of their own"
        folders += f" outside {', '.join(untold)} (which {own})"
    return [
        f"The pattern {pattern!r} matched nothing in {folders}; it is kept (patterns follow gitignore's rules; "
        f"`unignores=({pattern!r},)` takes it away)."
        for pattern in idle
    ]


def of_altered(paths: Sequence[str]) -> list[str]:
    """A sentence about files whose bytes are others, though nothing else says so; none where there are none."""
    if not paths:
        return []
    return [
        f"{len(paths):,} files held other bytes than were indexed, though size and time of change were the same "
        f"(first: {paths[0]}); they were read anew. If nobody edited them, check the disk."
    ]
