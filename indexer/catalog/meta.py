"""The `meta` table: single values about the store."""

from __future__ import annotations

from sqlalchemy import delete, select

from indexer.catalog import stored
from indexer.catalog.expressions import upsert
from indexer.catalog.schema import meta
from indexer.catalog.transaction import Part

#: Key: tells this store from every other one, and from what it was before damage.
STORE = "store"
#: Key: see `Transaction.generation`.
GENERATION = "generation"
#: Key: row id of the encoder that answers queries.
ENCODER = "encoder"
#: Key: row id of the encoder that answered before it, whose vectors are kept so that it can answer again.
FORMER = "former_encoder"
#: Key: seconds a photograph of the last run that encoded, and its encoder (`pipeline/pace.py`).
PACE = "pace"
#: Key: by whose rules the roots' patterns are read; none in a store in which they were given as `fnmatch`'s.
IGNORE_RULES = "ignore_rules"
#: Key: JSON, the excluded paths of which a run has told that they are no longer there.
LOST_EXCLUSIONS = "lost_exclusions"
#: Key: "done" when there are no contents to which nothing refers; anything else when there may be some.
SWEEP = "sweep"
#: Key: "found" where texts about photographs that are gone can be found; none in a store in which they were hidden.
TEXTS_OF_GONE = "texts_of_gone"
#: Key: the generation up to which runs came to their ends (`pipeline/owed.py`).
SETTLED = "settled"
#: Key: "due" while a run is at work, or was killed, that may bring back what was forgotten.
BACK = "back"
#: Key: the version of the rules by which facts were derived (`facts.RULES`).
FACTS = "facts"
#: Key: the version of the rules by which words are kept (`words.RULES`).
WORDS = "words"
#: Key: JSON, the files that are not read because a run ended on them (`pipeline/suspects.py`).
LEFT_OUT = "left_out"
#: Its value after a repair: what no file holds may be of files that were lost.
REPAIRED = "repaired"


class Meta(Part):
    """Values by key. Keys: store, generation, encoder, former_encoder, pace, recall, index_type, tokens,
    token_shape:ID, items:KIND, buried:KIND, ignore_rules, lost_exclusions, sweep, left_out, facts, words,
    texts_of_gone, settled, back."""

    def get(self, key: str) -> str | None:
        """A value, None where there is none. Raises StoreDamagedError for one that is no text."""
        return stored.text(self._read(select(meta.c.value).where(meta.c.key == key)).scalar(), repr(key))

    def set(self, key: str, value: str) -> None:
        """Set a value."""
        self._write(upsert(meta, ["key"], ["value"]), {"key": key, "value": value})

    def delete(self, key: str) -> None:
        """Delete a value, if it is there."""
        self._write(delete(meta).where(meta.c.key == key))
