"""`search doctor`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from search.console.exit_codes import BROKEN_STORE, FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, STORE, Options, option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from indexer.doctor import Finding


class DoctorOptions(Options):
    """The options of `search doctor`."""

    store: Path | None = STORE
    repair: bool = option("--repair", default=False, help="Mend what can be mended.")
    as_json: bool = AS_JSON


def run(options: DoctorOptions) -> int:
    """Check the catalog, the indexes and the files against each other."""
    from search.console.wording import worded
    from search.shell.printing import print_json

    with library_of(options.store) as library:
        findings = library.repair() if options.repair else library.check()
        findings = [worded(finding) for finding in findings]
        left = [finding for finding in (library.check() if options.repair else findings) if finding.grave]
    if options.as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        _print_findings(findings, repaired=options.repair)
    return BROKEN_STORE if left else FOUND


def _print_findings(findings: Sequence[Finding], *, repaired: bool) -> None:
    """What is wrong, and what mends it or was done."""
    from search.shell.printing import print_line

    if not findings:
        print_line("All is well.")
        return
    for finding in findings:
        mark = "wrong" if finding.grave and not repaired else "mended" if finding.grave else "note"
        print_line(f"{mark:<6} {finding.part}: {finding.problem}; {finding.remedy}.")
