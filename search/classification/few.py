"""How far figures of few photographs may be off."""

from __future__ import annotations

import math
from typing import Final

from indexer.counted import counted
from search.classification.report import ClassificationReport

#: Of fewer photographs a report says how far its accuracy may be off.
FEW: Final = 50
#: Of fewer photographs of a class its own figures say little.
FEW_OF_CLASS: Final = 5
#: Of the normal distribution, for 95 %.
_Z: Final = 1.959964
_NAMED: Final = 3


def wilson(right: int, of: int) -> tuple[float, float]:
    """Between what shares the true one lies, 0 to 1, with 95 % confidence, where `right` answers `of` some were so
    (Wilson 1927). `of`: 1 at least."""
    share, slack = right / of, _Z * _Z / of
    middle = (share + slack / 2) / (1 + slack)
    reach = _Z * math.sqrt(share * (1 - share) / of + slack / (4 * of)) / (1 + slack)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def about_few(report: ClassificationReport | None) -> tuple[str, ...]:
    """A sentence where a report is of few photographs, or of few of a class; none where nothing was measured."""
    if report is None:
        return ()
    n = report.photographs
    if n < FEW:
        low, high = (f"{100 * share:.0f}" for share in wilson(round(report.top_1 * n), n))
        return (
            f"Measured on {counted(n, 'photograph')} only, which fits an accuracy between {low} and {high} % (Wilson's "
            f"interval, 95 %); more photographs say more.",
        )
    few = [each.name for each in report.figures if each.support < FEW_OF_CLASS]
    if not few:
        return ()
    listed = ", ".join(few[:_NAMED]) + (", ..." if len(few) > _NAMED else "")
    which = "1 class" if len(few) == 1 else f"{len(few):,} classes"
    return (f"{which} measured on fewer than {FEW_OF_CLASS} photographs each, whose own figures say little: {listed}.",)
