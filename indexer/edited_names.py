"""Photographs that were edited in Google Photos: Takeout writes them beside their originals, without JSON of their own.

IMG_1-edited.jpg    of IMG_1.jpg, in the language of the account: IMG_1-bearbeitet.jpg
IMG_1-edited.jpg    of IMG_1.HEIC, IMG_1.png or IMG_1.JPG too: what is edited is often written as JPEG
IMG_1-edited(2).jpg of IMG_1(2).jpg

A name in NFC and the same in NFD are one name, as file systems of macOS change the one to the other.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection
from typing import Final

#: Each begins with "-": `edited_between`.
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
_COPY: Final = re.compile(r"(.+?)\([0-9]{1,4}\)", re.DOTALL)


def originals_between(path: str) -> list[tuple[str, str]]:
    """Where the original of the photograph at `path` may lie, if it is an edited one: paths from each first one to
    before the second, in the order of their bytes. `original_among` says which of those it is."""
    stem = _original_stem(path)
    return [] if stem is None else [(f"{each}.", f"{each}/") for each in _spelled(stem)]


def original_among(path: str, paths: Collection[str]) -> str | None:
    """Which of the `paths` is the original of the photograph at `path`: the one with its suffix, letter case aside, or
    else the only one. None where it is no edited one, where there is none, and where there are several."""
    stem = _original_stem(path)
    if stem is None:
        return None
    suffix = os.path.splitext(path)[1]
    if f"{stem}{suffix}" in paths:
        return f"{stem}{suffix}"
    spelled = _spelled(stem)
    found = [each for each in paths if os.path.splitext(each)[0] in spelled]
    same = [each for each in found if os.path.splitext(each)[1].lower() == suffix.lower()]
    wanted = same or found
    return wanted[0] if len(wanted) == 1 else None


def edited_between(path: str) -> list[tuple[str, str]]:
    """Where edited forms of the photograph at `path` may lie, as `originals_between`: `may_be_edited_of` says which."""
    found = {}
    for stem in _spelled(os.path.splitext(path)[0]):
        folder, name = os.path.split(stem)
        copy = _COPY.fullmatch(name)
        for each in (name, *(() if copy is None else (copy[1],))):
            beginning = os.path.join(folder, each)
            found[f"{beginning}-"] = f"{beginning}."  # the next character behind "-"
    return list(found.items())


def may_be_edited_of(path: str, original: str) -> bool:
    """Whether the photograph at `path` is an edited form of that at `original`, or of another that differs in its
    suffix alone."""
    stem = _original_stem(path)
    return stem is not None and os.path.splitext(original)[0] in _spelled(stem)


def _original_stem(path: str) -> str | None:
    """The path of its original without a suffix."""
    folder, name = os.path.split(path)
    found = _EDITED.fullmatch(os.path.splitext(name)[0])
    return None if found is None else os.path.join(folder, f"{found[1]}{found[2] or ''}")


def _spelled(stem: str) -> list[str]:
    """`stem` with its name in NFC and in NFD; alone where that is neither, so that of two each is the other's."""
    if stem.isascii():
        return [stem]
    folder, name = os.path.split(stem)
    forms = list(dict.fromkeys(unicodedata.normalize(form, name) for form in ("NFC", "NFD")))
    return [os.path.join(folder, each) for each in (forms if name in forms else [name])]
