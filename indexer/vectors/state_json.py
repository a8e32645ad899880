"""The state of an index as JSON, as it stands beside the index, and read again with distrust."""

from __future__ import annotations

from typing import Any

from indexer.vectors.base import INDEX_TYPES, IndexState, Tuned


def state_of(fields: dict[str, Any]) -> IndexState:
    """What `dataclasses.asdict` made of a state. Raises LookupError, TypeError, ValueError or AttributeError for what
    is none."""
    fields = dict(fields)
    tuned = fields.pop("tuned")
    state = IndexState(tuned=None if tuned is None else Tuned(**tuned), **fields)
    numbers = [state.count, state.bytes, state.behind, state.generation]
    if state.tuned is not None:
        numbers += [state.tuned.width, state.tuned.proposals, state.tuned.queries]
        if not all(isinstance(share, float | int) for share in (state.tuned.target, state.tuned.recall)):
            raise TypeError("a share is no number")
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("a number is none")
    if not {state.index_type, state.asked} <= {*INDEX_TYPES}:
        raise ValueError("it names no index")
    return state
