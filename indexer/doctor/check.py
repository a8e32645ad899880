"""What is wrong with a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from indexer.doctor.catalog import SAVED, check_completeness, check_orphans, check_rows, check_structure
from indexer.doctor.encoder import check_encoder
from indexer.doctor.facts import check_facts
from indexer.doctor.files import check_files
from indexer.doctor.finding import Finding
from indexer.doctor.indexes import check_content, check_indexes
from indexer.doctor.thumbnails import check_thumbnails
from indexer.doctor.vectors import check_tokens, check_vectors
from indexer.doctor.words import check_words
from indexer.errors import StoreDamagedError
from indexer.progress import Progress, Silent
from indexer.reach import shown_store
from indexer.store import Store, writer


def check(folder: Path, progress: Progress | None = None) -> list[Finding]:
    """Everything that is wrong with a store; empty when all is well. Changes nothing.

    Of a store that another process writes into, the vector indexes are not judged: they come last.

    Raises StoreMissingError when there is no store, StoreTooNewError when this version cannot judge it.
    """
    before = writer(folder)
    findings = look_through(folder, progress or Silent()).findings
    at_work = before or writer(folder)
    if at_work is None or any(finding.part == "catalog" and finding.grave for finding in findings):
        return findings
    return [finding for finding in findings if finding.part not in ("index", "catalog")] + [
        Finding(
            "index",
            f"{at_work} is writing into this store, and what it builds last is not judged",
            "run `check()` again when it has ended",
            grave=False,
        )
    ]


#: What looks at one part each; the catalog itself is looked at before.
_PARTS: Final = {
    "the encoder": check_encoder,
    "what is known of photographs": check_facts,
    "words": check_words,
    "vectors": check_vectors,
    "tokens": check_tokens,
    "the vector indexes": check_indexes,
    "files": check_files,
    "what the indexes hold": check_content,
    "thumbnails": check_thumbnails,
    "what nothing leads to": check_orphans,
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`broken`: the database cannot be used as it is; then nothing else was looked at."""

    findings: list[Finding]
    broken: bool = False


def look_through(folder: Path, progress: Progress) -> Diagnosis:
    """As `check`, whoever writes."""
    try:
        store = Store.open(folder)
    except StoreDamagedError as error:
        return _broken(error)
    findings: list[Finding] = []
    try:
        progress.phase(f"Checking the catalog of {shown_store(folder)}")
        findings += check_structure(store)
        if findings:
            return Diagnosis(findings, broken=True)
        findings += check_rows(store)
        if findings:  # what the others would judge by is not what was written
            return Diagnosis(findings)
        findings += check_completeness(store)
        for name, part in _PARTS.items():
            progress.phase(f"Checking {name}")
            findings += part(store)
    except StoreDamagedError as error:
        return Diagnosis(findings) if findings else _broken(error)  # what was found says why
    finally:
        store.close()
    return Diagnosis(findings)


def _broken(error: StoreDamagedError) -> Diagnosis:
    problem, _, remedy = str(error).rstrip(".").partition("; ")
    return Diagnosis([Finding("catalog", problem, remedy or SAVED)], broken=True)
