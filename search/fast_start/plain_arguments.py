"""Reads a plain command line without typer, from the same rows of options. Whatever is not plain is left to typer,
complaints included.

A test holds both to the same understanding.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_INT: Final = re.compile(r"[0-9]{1,9}\Z")
#: What an option may take though it begins like one: `--sort -date`.
_MINUS: Final = re.compile(r"-[a-z]{3,20}\Z")
_FLOAT: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z")


class Row(Protocol):
    """The part of an option that is needed here; an argument has no flags."""

    @property
    def flags(self) -> tuple[str, ...]:
        """As they are typed; "--on/--off" for both sides of a switch."""
        ...


def read(rows: Mapping[str, Row], types: Mapping[str, str], arguments: Sequence[str]) -> dict[str, Any] | None:
    """The values that `arguments` give to the fields of `rows`; None where that takes typer.

    `types`: the annotations of the fields, as text.
    """
    known: dict[str, tuple[str, str | bool]] = {}
    place = None
    for name, row in rows.items():
        kind = types[name].removesuffix(" | None")
        if not row.flags and kind == "list[str]":
            place = name
            continue
        for flag in row.flags:
            if kind == "bool":
                known |= {side: (name, state) for side, state in zip(flag.split("/"), (True, False), strict=False)}
            else:
                known[flag] = (name, kind)
    given: dict[str, Any] = {}
    rest = iter(arguments)
    for argument in rest:
        if argument in known:
            name, kind_or_state = known[argument]
            if kind_or_state == "list[str]":
                value = _value(next(rest, ""), "str")
                if value is None:
                    return None
                given.setdefault(name, []).append(value)
                continue
            value = kind_or_state if isinstance(kind_or_state, bool) else _value(next(rest, ""), kind_or_state)
        elif place is not None and argument and not argument.startswith("-"):
            given.setdefault(place, []).append(argument)
            continue
        else:
            return None
        if value is None or name in given:
            return None
        given[name] = value
    return given or None


def _value(text: str, kind: str) -> Any | None:
    if not text or (text.startswith("-") and not (kind == "str" and _MINUS.match(text))):
        return None
    if kind == "int":
        return int(text) if _INT.match(text) else None
    if kind == "float":
        return float(text) if _FLOAT.match(text) else None
    if kind == "Path":
        if "://" not in text:
            return Path(text)
        from indexer.store_address import store_folder

        return store_folder(text)
    return text if kind == "str" else None
