"""The library's sentences in the words of the API.

A client of the API has neither Python nor a shell before it, and whoever keeps the server has a shell: so calls become
commands, and what the API takes or gives has its name there.

    `repair()` saves what can be read            `search doctor --repair` saves what can be read
    name another `store`                         name another `--store`
    a lower `min_probability`                    a lower `min_probability`
    pass `Results.cursor` as it is               pass `cursor` as it is

What was said so already stays as it is, and reads in the shell (`console/wording.py`) as the library's own sentence.
"""

from __future__ import annotations

import re
from typing import Final

from search.calls.query_options import DEFAULT_OPTIONS
from search.console.wording import QUOTED, in_shell_word

#: Options of `Library.query` that a request does not take.
_NOT_TAKEN: Final = frozenset({"parameters", "reranker"})
#: Arguments of the library that a request takes by the same name.
PARAMETERS: Final = frozenset({*DEFAULT_OPTIONS, "after", "cursor", "kind", "limit"} - _NOT_TAKEN)
_ARGUMENT: Final = re.compile(r"([a-z_]+)(?:=[^()]*)?")


def in_api_words(text: str) -> str:
    """The same sentence, with commands, and with parameters and fields of the API."""
    return QUOTED.sub(_replaced, text) if "`" in text else text


def _replaced(found: re.Match[str]) -> str:
    argument = _ARGUMENT.fullmatch(found[1])
    if argument is not None and argument[1] in PARAMETERS:
        return found[0]
    return f"`{in_shell_word(found[1])}`"
