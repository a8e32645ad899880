"""Photographs that were edited in Google Photos: Takeout writes them beside their originals, without JSON of their own.

IMG_1-edited.jpg    of IMG_1.jpg, in the language of the account: IMG_1-bearbeitet.jpg
IMG_1-edited(2).jpg of IMG_1(2).jpg
"""

from __future__ import annotations

import os
import re
import unicodedata
from typing import Final

_ADDITIONS: Final = (
    "-edited",
    "-effects",
    "-smile",
    "-mix",
    "-edytowane",
    "-bearbeitet",
    "-bewerkt",
    "-編集済み",
    "-modificato",
    "-modifié",
    "-ha editado",
    "-editado",
    "-editat",
)
#: As Windows and Linux write names, and as macOS does.
_SPELLINGS: Final = tuple(
    dict.fromkeys(unicodedata.normalize(form, each) for each in _ADDITIONS for form in ("NFC", "NFD"))
)
_EDITED: Final = re.compile(rf"(.+?)(?:{'|'.join(map(re.escape, _SPELLINGS))})(\([0-9]{{1,4}}\))?", re.DOTALL)
_COPY: Final = re.compile(r"(.+?)(\([0-9]{1,4}\))?", re.DOTALL)


def original_of(path: str) -> str | None:
    """Where the original of the photograph at `path` lies, if it is an edited one; whether it is there is not asked."""
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    found = _EDITED.fullmatch(stem)
    return None if found is None else os.path.join(folder, f"{found[1]}{found[2] or ''}{suffix}")


def edited_of(path: str) -> list[str]:
    """Where edited forms of the photograph at `path` may lie: all paths of which it is the `original_of`."""
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    found = _COPY.fullmatch(stem)
    if found is None:
        return []
    return [os.path.join(folder, f"{found[1]}{each}{found[2] or ''}{suffix}") for each in _SPELLINGS]
