"""The arguments of a plain `search query`, without typer. Whatever is not plain is left to typer, complaints included.

A test holds both to the same understanding.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from search.shell.query_options import Asking

_FLAGS: Final = {
    "--text": ("as_text", True),
    "--image": ("as_image", True),
    "--paths": ("paths", True),
    "--print0": ("print0", True),
    "-0": ("print0", True),
    "--json": ("as_json", True),
    "--no-rerank": ("no_rerank", True),
    "--explain": ("explain", True),
    "--resident": ("resident", True),
    "--no-resident": ("resident", False),
}
_VALUES: Final = {
    "--store": ("store", "path"),
    "-s": ("store", "path"),
    "--to": ("to", "text"),
    "--limit": ("limit", "int"),
    "-k": ("limit", "int"),
    "--sheet": ("sheet", "path"),
    "--rerank": ("rerank", "int"),
    "--reranker": ("reranker", "text"),
    "--min-probability": ("min_probability", "float"),
    "--encoder": ("encoder", "text"),
    "--device": ("device", "text"),
}
_INT: Final = re.compile(r"[0-9]{1,9}\Z")
_FLOAT: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z")


def parse(arguments: list[str]) -> Asking | None:
    """What a query of plain options means; None for everything else."""
    if not arguments or arguments[0] != "query":
        return None
    given: dict[str, Any] = {}
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in _FLAGS:
            name, state = _FLAGS[argument]
            if name in given:
                return None
            given[name] = state
        elif argument in _VALUES:
            name, kind = _VALUES[argument]
            value = _value(next(rest, ""), kind)
            if value is None or name in given:
                return None
            given[name] = value
        elif argument.startswith("-") or not argument or "what" in given:
            return None
        else:
            given["what"] = argument
    if "what" not in given:
        return None
    from search.shell.query_options import Asking

    return Asking(**given)


def _value(text: str, kind: str) -> Any | None:
    if not text or text.startswith("-"):
        return None
    if kind == "int":
        return int(text) if _INT.match(text) else None
    if kind == "float":
        return float(text) if _FLOAT.match(text) else None
    return Path(text) if kind == "path" else text
