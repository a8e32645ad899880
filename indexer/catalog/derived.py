"""What is derived from the rows of the catalog, and kept: facts, which filters ask, and words.

No writer has to think of it: a transaction notes which rows it changes, and before it ends what is derived from them
is made again. Where the rules have changed since it was made, all is.
"""

from __future__ import annotations

from indexer.catalog import facts, words
from indexer.catalog.facts import Facts
from indexer.catalog.meta import FACTS, WORDS, Meta
from indexer.catalog.sources import Sources
from indexer.catalog.transaction import Transaction
from indexer.catalog.words import Words


def refresh(transaction: Transaction) -> None:
    """Make again what is derived from rows that the transaction has changed."""
    files, contents = transaction.restated_files, transaction.restated_contents
    paths, told = transaction.restated_paths, transaction.retold_paths
    if files or contents or paths or told:
        for sources in Sources(transaction).changed(files, contents, paths, told):
            Facts(transaction).save(sources)
            Words(transaction).save(sources)


def make_all(transaction: Transaction) -> None:
    """Make everything anew."""
    Facts(transaction).clear()
    Words(transaction).clear()
    for sources in Sources(transaction).pages():
        Facts(transaction).save(sources)
        Words(transaction).save(sources)
    Facts(transaction).index_names()
    Meta(transaction).set(FACTS, str(facts.RULES))
    Meta(transaction).set(WORDS, str(words.RULES))


def make_words(transaction: Transaction) -> None:
    """Make words anew."""
    Words(transaction).clear()
    for sources in Sources(transaction).pages():
        Words(transaction).save(sources)
    Meta(transaction).set(WORDS, str(words.RULES))


def follow_rules(transaction: Transaction) -> None:
    """Make anew what was made by the rules of another version, and what was lost."""
    if not Facts(transaction).are_of_these_rules():
        make_all(transaction)
    elif not Words(transaction).are_of_these_rules():
        make_words(transaction)
    elif lost := Facts(transaction).lacking():
        Facts(transaction).mend(lost)
