"""A plain `search query` becomes a request: words and filters, and options that say how to answer. Light.

What is not plain, or might name a file, is left to the command's own process, which says everything as ever. A test
holds these tables to the options of the command.
"""

import os

from search.query.fields import FIELDS
from search.resident.wire import JSON, PATHS, PATHS0, TABLE, percent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Options without a value, and what they ask for.
SWITCHES = {
    "--text": "as_words=true",
    "--no-rerank": "rerank=0",
    "--explain": "explain=true",
    "--by-words": "by_words=true",
    "--no-by-words": "by_words=false",
    "--templates": "templates=true",
    "--no-templates": "templates=false",
    "--all-copies": "all_copies=true",
    "--resident": "",
}
FORMS = {"--paths": PATHS, "--print0": PATHS0, "-0": PATHS0, "--json": JSON}
NUMBERS = {"-k": "k", "--limit": "k", "--rerank": "rerank"}
STORES = ("--store", "-s")
#: Fields of the language by their options; `like` names a file.
OPTIONS = {field.option: name for name, field in FIELDS.items() if name != "like"}
#: Characters of a line that a server takes, and pieces that are looked at.
MOST_CHARACTERS = 10_000
MOST_PIECES = 60
#: Pieces that one name of a file may go over.
_MOST_TOGETHER = 20


def target_of(arguments: "Sequence[str]") -> tuple[str, str] | None:
    """What is asked of a server behind the beginning of its routes, and the media type of the answer; None where the
    command is not plain. `arguments`: behind "query"."""
    words: list[str] = []
    asked: dict[str, str] = {}
    fields: list[str] = []
    forms: set[str] = set()
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=") if argument[:2] == "--" else (argument, "", "")
        if not equals and argument in SWITCHES:
            if not _add(asked, SWITCHES[argument]):
                return None
        elif not equals and argument in FORMS:
            forms.add(FORMS[argument])
        elif name in STORES or name in NUMBERS or name in OPTIONS:
            value = value if equals else next(rest, "")
            if not value or (value[0] == "-" and name != "--sort"):
                return None
            if name in OPTIONS:
                fields.append(f"{OPTIONS[name]}:{value}")
            elif name in NUMBERS and not (
                value.isascii() and value.isdecimal() and len(value) < 10 and _add(asked, f"{NUMBERS[name]}={value}")
            ):
                return None
        elif argument[:1] in ("", "-"):
            return None
        else:
            words.append(argument)
    if (JSON in forms and len(forms) > 1) or not (words or fields):
        return None
    if words and not (_is_words(words) if "as_words" in asked else _names_no_file(words)):
        return None
    said = [*(("q", " ".join(words)) for _ in words[:1]), *(("field", each) for each in fields), *asked.items()]
    form = PATHS0 if PATHS0 in forms else next(iter(forms), TABLE)
    try:
        return "/search?" + "&".join([f"{name}={percent(value.encode())}" for name, value in said]), form
    except UnicodeEncodeError:  # it is no text
        return None


def _add(asked: dict[str, str], what: str) -> bool:
    """Whether nothing else was said of it."""
    name, _, value = what.partition("=")
    return not name or asked.setdefault(name, value) == value


def _is_words(words: list[str]) -> bool:
    line = " ".join(words)
    return bool(line.strip()) and len(line) <= MOST_CHARACTERS


def _names_no_file(words: list[str]) -> bool:
    """Whether a line can have only one meaning, whatever files there are; how a line is read otherwise stands in
    `search/shell/query_argument.py`."""
    if not _is_words(words):
        return False
    line = " ".join(words)
    pieces = line.split()
    if len(pieces) > MOST_PIECES or line[0] == "~" or _is_there(line) or _is_there(line.strip()):
        return False
    if len(words) > 1 and any(len(word.split()) != 1 and (":" in word or _is_there(word)) for word in words):
        return False
    return all(map(_is_plain, pieces)) and not any(map(_is_there, _runs(pieces)))


def _is_plain(piece: str) -> bool:
    """Whether it is a word that looks like nothing else, or a field that names no file."""
    before, colon, _ = piece.partition(":")
    if colon:
        name = before.lstrip("-(").lower()
        return name in FIELDS and name != "like" and "://" not in piece
    return os.sep not in piece and "." not in piece.strip(".") and piece[0] != "~"


def _runs(pieces: list[str]) -> "Iterator[str]":
    """Texts within a line that could be the name of a file, which may hold spaces: those that end like one."""
    for end, piece in enumerate(pieces, 1):
        if "." in piece.strip("."):
            for begin in range(max(0, end - _MOST_TOGETHER), end):
                yield " ".join(pieces[begin:end])


def _is_there(name: str) -> bool:
    return os.path.lexists(name)
