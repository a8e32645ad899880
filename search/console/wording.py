"""The library's sentences in the words of the shell.

A message of the library names its next step as a program would write it, between backticks: a call, or an argument.
Here they become the command and the option that a person types:

    `repair()` saves what can be read            `search doctor --repair` saves what can be read
    `index('/my photos', reencode=True)`         `search index '/my photos' --reencode`
    name another `store`, or use `rerank=0`      name another --store, or use --no-rerank
    pass `Results.cursor` as it is               pass `cursor` as it is

What is between backticks and none of these stays as it is.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

T = TypeVar("T")

#: Calls of the library, and the commands that do the same.
COMMANDS: Final = {
    "calibrate": "search calibrate",
    "check": "search doctor",
    "classify": "search classify",
    "collections": "search roots list",
    "evaluate": "search eval",
    "export": "search export",
    "forget": "search forget",
    "compact": "search compact",
    "import_from": "search import",
    "index": "search index",
    "list_encoders": "search models",
    "merge": "search merge",
    "query": "search query",
    "relocate": "search roots move",
    "split": "search split",
    "repair": "search doctor --repair",
    "reset_calibration": "search calibrate --reset",
    "status": "search status",
    "status().failures": "search status --failed",
    "train_encoder": "search train encoder",
    "train_probe": "search probe train",
    "train_reranker": "search train reranker",
}
#: Arguments, and the options that give them.
OPTIONS: Final = {
    "adversarial": "--adversarial",
    "all": "--all",
    "all_copies": "--all-copies",
    "augment": "--augment",
    "batch": "--batch",
    "bootstrap": "--bootstrap",
    "budget": "--budget",
    "by_words": "--by-words",
    "chunk": "--chunk",
    "classes": "--classes",
    "cutoffs": "-k",
    "default_ignores": "--default-ignores",
    "device": "--device",
    "encoder": "--encoder",
    "engine": "--engine",
    "epochs": "--epochs",
    "epsilon": "--epsilon",
    "explain": "--explain",
    "format": "--format",
    "host": "--host",
    "idle": "--idle",
    "ignores": "--ignore",
    "images": "--images",
    "index_type": "--index",
    "into": "--into",
    "k": "-k",
    "labels": "--labels",
    "masked": "--masked",
    "matching": "--matching",
    "method": "--method",
    "min_probability": "--min-probability",
    "name": "--name",
    "out": "--out",
    "part": "--part",
    "port": "--port",
    "probe": "--probe",
    "rank": "--rank",
    "rate": "--rate",
    "recall": "--recall",
    "reencode": "--reencode",
    "replace": "--replace",
    "report": "--report",
    "rerank": "--rerank",
    "reranker": "--reranker",
    "restart": "--restart",
    "seed": "--seed",
    "sort": "--sort",
    "split": "--split",
    "store": "--store",
    "table": "--pairs",
    "templates": "--templates",
    "test": "--test",
    "thumbnails": "--thumbnails",
    "to": "--to",
    "tokens": "--tokens",
    "top": "--top",
    "trainings": "--trainings",
    "unignores": "--no-ignore",
    "vanished": "--vanished",
    "verify": "--verify",
}
#: Those with an option for each side.
_SWITCHES: Final = ("augment", "by_words", "default_ignores", "templates", "tokens")
#: What carries sentences, in the values that the library returns.
_SENTENCES: Final = ("notes", "warnings", "problem", "remedy")
QUOTED: Final = re.compile(r"`([^`]+)`")
#: A field of a value that the library returns; JSON has it by its name.
_FIELD: Final = re.compile(r"[A-Z]\w*\.([a-z_]+)")


def in_shell_words(text: str) -> str:
    """The same sentence, with commands and options."""
    return QUOTED.sub(_replaced, text) if "`" in text else text


def _replaced(found: re.Match[str]) -> str:
    translated = in_shell_word(found[1])
    return translated if translated.startswith("-") else f"`{translated}`"


def worded(found: T) -> T:
    """A value of the library with its sentences so."""
    changed: dict[str, object] = {}
    for name in _SENTENCES:
        said = getattr(found, name, None)
        if said:
            changed[name] = in_shell_words(said) if isinstance(said, str) else type(said)(map(in_shell_words, said))
    return replace(found, **changed) if changed else found  # type: ignore[type-var]


def in_shell_word(code: str) -> str:
    """What stands between two backticks, as a command, an option or the name of a field in JSON."""
    import ast

    if field := _FIELD.fullmatch(code):
        return field[1]
    if code in OPTIONS:
        return OPTIONS[code]
    if code in COMMANDS:
        return COMMANDS[code]
    for form in (code, f"_({code})"):  # a call, or arguments alone
        try:
            call = ast.parse(form, mode="eval").body
        except (SyntaxError, ValueError):
            continue
        if isinstance(call, ast.Call):
            return " ".join(_words(call)) or code
    return code


def _words(call: ast.Call) -> Iterator[str]:
    """The command and its arguments; nothing when it is no call that the shell knows."""
    import ast

    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    values = list(_values(call))
    options = [keyword for each in _calls(call) for keyword in each.keywords]
    if name != "_" and name not in COMMANDS:
        return
    if not all(keyword.arg in OPTIONS or isinstance(keyword.value, ast.Call) for keyword in options):
        return
    if name != "_":
        yield COMMANDS[name]
    elif values:
        return
    yield from values
    for keyword in options:
        if keyword.arg in OPTIONS:
            yield from _option(keyword.arg, keyword.value)


def _calls(call: ast.Call) -> Iterator[ast.Call]:
    """A call, the settings that it is given, and the `open(...)` before it."""
    import ast

    yield call
    for keyword in call.keywords:
        if isinstance(keyword.value, ast.Call):
            yield keyword.value
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
        yield call.func.value


def _values(call: ast.Call) -> Iterator[str]:
    import ast
    import shlex

    for value in call.args:
        if isinstance(value, ast.Constant):
            yield shlex.quote(str(value.value))
        else:
            yield ast.unparse(value)  # a stand-in such as FOLDER


def _option(name: str, value: ast.expr) -> Iterator[str]:
    import ast
    import shlex

    if isinstance(value, ast.Tuple | ast.List):
        for each in value.elts:
            yield from _option(name, each)
        return
    if name == "min_probability" and isinstance(value, ast.Constant):  # as the table has it
        yield from (OPTIONS[name], f"{float(f'{100 * float(value.value):.8g}'):g}%")  # type: ignore[arg-type]
        return
    given = value.value if isinstance(value, ast.Constant) else ast.unparse(value)
    if (name, given) == ("rerank", 0) or (name in _SWITCHES and given is False):
        yield OPTIONS[name].replace("--", "--no-", 1)
        return
    yield OPTIONS[name]
    if given is not True:
        yield shlex.quote(str(given)) if isinstance(value, ast.Constant) else str(given)
