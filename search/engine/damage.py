"""What a person should know where the catalog is not what was written."""

from __future__ import annotations

from typing import Final

from indexer.catalog.schema import fact
from indexer.catalog.transaction import Transaction
from indexer.catalog.words import DAMAGED

_WORDS: Final = "The words of captions, names and places are damaged, so meaning alone answers; `repair()` mends them."
#: In a larger collection a sample tells whether filters miss photographs.
_COUNTED: Final = 200_000


def damage_of(snapshot: Transaction, *, filtered: bool) -> list[str]:
    """Sentences on what was read and left out; `filtered`: and on what no filter finds, as nothing is known of it."""
    left_out = snapshot.left_out - {DAMAGED}
    words = [_WORDS] if DAMAGED in snapshot.left_out else []
    if filtered:
        from indexer.catalog.facts import Facts  # which a plain query does without

        left_out = left_out | {(fact.name, number) for number in Facts(snapshot).lacking(_COUNTED)}
    count = sum(table != "token" for table, _ in left_out)
    if count:
        what = "one item" if count == 1 else f"{count:,} items"
        return [
            f"The catalog is damaged: at least {what} cannot be read, and so not be found; `repair()` mends it.",
            *words,
        ]
    if left_out:
        return ["The catalog is damaged: tokens of some candidates cannot be read; `repair()` mends it.", *words]
    return words
