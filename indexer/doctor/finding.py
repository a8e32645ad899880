"""What `check` and `repair` say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    `part`: encoder, catalog, facts, words, vectors, tokens, index, files or thumbnails. `problem`: a sentence.

    `grave`: answers are wrong or missing because of it (the rest is only out of date). `remedy`: what mends it, or
    what was done.
    """

    part: str
    problem: str
    remedy: str
    grave: bool = True
