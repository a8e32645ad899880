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
from indexer.doctor.vectors import check_tokens, check_vectors
from indexer.doctor.words import check_words
from indexer.errors import StoreDamagedError
from indexer.store import Store, writer


def check(folder: Path) -> list[Finding]:
    """Everything that is wrong with a store; empty when all is well. Changes nothing.

    Of a store that another process writes into, the vector indexes are not judged: they come last.

    Raises StoreMissingError when there is no store, StoreTooNewError when this version cannot judge it.
    """
    before = writer(folder)
    findings = look_through(folder).findings
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
_PARTS: Final = (
    check_encoder,
    check_facts,
    check_words,
    check_vectors,
    check_tokens,
    check_indexes,
    check_files,
    check_content,
    check_orphans,
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`broken`: the database cannot be used as it is; then nothing else was looked at."""

    findings: list[Finding]
    broken: bool = False


def look_through(folder: Path) -> Diagnosis:
    """As `check`, whoever writes."""
    try:
        store = Store.open(folder)
    except StoreDamagedError as error:
        return _broken(error)
    findings: list[Finding] = []
    try:
        findings += check_structure(store)
        if findings:
            return Diagnosis(findings, broken=True)
        findings += check_rows(store)
        if findings:  # what the others would judge by is not what was written
            return Diagnosis(findings)
        findings += check_completeness(store)
        for part in _PARTS:
            findings += part(store)
    except StoreDamagedError as error:
        return Diagnosis(findings) if findings else _broken(error)  # what was found says why
    finally:
        store.close()
    return Diagnosis(findings)


def _broken(error: StoreDamagedError) -> Diagnosis:
    problem, _, remedy = str(error).rstrip(".").partition("; ")
    return Diagnosis([Finding("catalog", problem, remedy or SAVED)], broken=True)
