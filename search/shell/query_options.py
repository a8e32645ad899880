"""What `search query` does, once its arguments are known."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import ResidentError, UsageError
from search.resident.library_context import folder_of, is_lent
from search.resident.library_context import library as library_of
from search.shell.run import FOUND, NOTHING_FOUND

if TYPE_CHECKING:
    from search.query.query import Query
    from search.results import Results


@dataclass(frozen=True, slots=True)
class Asking:
    """The arguments of `search query`, named as its options are (`search query --help` explains them)."""

    what: str
    store: Path | None = None
    to: str = "image"
    limit: int = 10
    as_text: bool = False
    as_image: bool = False
    paths: bool = False
    print0: bool = False
    as_json: bool = False
    sheet: Path | None = None
    rerank: int | None = None
    no_rerank: bool = False
    reranker: str | None = None
    explain: bool = False
    min_probability: float = 0.0
    encoder: str | None = None
    device: str | None = None
    resident: bool | None = None

    def run(self) -> int:
        """Answer the query, print, and return the exit code. Raises SearchError."""
        from search.query.query import TARGETS, image_query, parse, text_query

        if self.as_text and self.as_image:
            raise UsageError("--text and --image exclude each other; give one.")
        target = next((known for known in TARGETS if known == self.to), None)
        if target is None:
            raise UsageError(f"--to takes {', '.join(TARGETS)}, not {self.to!r}.")
        count = rerank_count(self.rerank, self.no_rerank, None if self.explain else self.reranker)
        keeps_resident = _keeps_resident(self.resident)
        if self.as_text:
            asked = text_query(self.what)
        else:
            asked = image_query(self.what) if self.as_image else parse(self.what)
        early = None
        if asked.text is not None and self.encoder is None and not is_lent():
            from search.fast_start.prefetch import early_encoder

            early = early_encoder(folder_of(self.store), asked.text, self.device)
        with library_of(self.store, self.encoder, self.device, early, once=True) as library:
            results = library.query(
                asked,
                k=self.limit,
                to=target,
                rerank=count,
                reranker=self.reranker,
                explain=self.explain,
                min_probability=self.min_probability,
            )
        self._print(asked, results)
        if keeps_resident:
            sys.stdout.flush()
            _start_resident(library.folder)
        return FOUND if results else NOTHING_FOUND

    def _print(self, asked: Query, results: Results) -> None:
        from search.shell import printing

        if self.sheet is not None:
            from search.html.contact_sheet import write_sheet

            write_sheet(self.sheet, results, asked)
        if self.as_json:
            printing.print_json(results.to_json())
        elif self.paths or self.print0:
            printing.print_paths(results, b"\0" if self.print0 else b"\n")
            if not results and results.cut is not None:
                printing.complain(results.absence)
        else:
            printing.print_results(results)
            if self.sheet is not None:
                printing.print_line(f"Contact sheet: {self.sheet}")


def rerank_count(rerank: int | None, no_rerank: bool, reranker: str | None) -> int | None:
    """What --rerank and --no-rerank say together; `reranker`: a named one, which must not go unused."""
    if no_rerank and rerank is not None:
        raise UsageError("--rerank and --no-rerank exclude each other; give one.")
    if reranker is not None and (no_rerank or rerank == 0):
        raise UsageError("--reranker names what takes the second look, and --no-rerank leaves it out; give one.")
    return 0 if no_rerank else rerank


def _keeps_resident(asked: bool | None) -> bool:
    """Whether this query is to leave a resident process behind for the next one."""
    wish = os.environ.get("SEARCH_RESIDENT", "")
    if wish not in ("", "auto", "off"):
        raise UsageError(f"SEARCH_RESIDENT takes auto or off, not {wish!r}; correct it or unset it.")
    return not is_lent() and (wish == "auto" if asked is None else asked)


def _start_resident(folder: Path) -> None:
    from search.resident import background, client
    from search.shell import printing

    try:
        if client.is_there(os.fspath(folder)):
            return
        background.start(os.fspath(folder))
    except ResidentError as error:  # the query is answered
        printing.complain(str(error))
