"""What is derived from the rows of the catalog, and kept: facts, which filters ask, and words.

No writer has to think of it: a transaction notes which rows it changes, and before it ends what is derived from them
is made again.
"""

from __future__ import annotations

from indexer.catalog.facts import Facts
from indexer.catalog.transaction import Transaction
from indexer.catalog.words import Words


def refresh(transaction: Transaction) -> None:
    """Make again what is derived from rows that the transaction has changed."""
    files, contents, paths = transaction.restated_files, transaction.restated_contents, transaction.restated_paths
    if files:
        files |= Facts(transaction).told_of(files)
    if files or contents or paths:
        Facts(transaction).refresh(files, contents, paths)
        Words(transaction).refresh(files, contents, paths)


def make_all(transaction: Transaction) -> None:
    """Make everything anew."""
    Facts(transaction).make_all()
    Words(transaction).make_all()  # places are facts


def follow_rules(transaction: Transaction) -> None:
    """Make anew what was made by the rules of another version."""
    if not Facts(transaction).are_of_these_rules():
        make_all(transaction)
    elif not Words(transaction).are_of_these_rules():
        Words(transaction).make_all()
