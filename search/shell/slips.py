"""What people type by mistake, and what they are told. Imported only where something is wrong."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from indexer.errors import UsageError
from search.query.fields import FIELDS, OTHER_NAMES
from search.shell.options import Options

#: What people call a command that has another name here.
_OTHER_NAMES = {
    **dict.fromkeys(("find", "ask", "search", "look", "show"), "query"),
    **dict.fromkeys(("add", "scan", "update", "reindex", "create", "init"), "index"),
    **dict.fromkeys(("remove", "delete", "rm", "drop"), "forget"),
    **dict.fromkeys(("info", "list", "ls", "stats"), "status"),
    **dict.fromkeys(("check", "verify", "repair", "fix"), "doctor"),
    **dict.fromkeys(("evaluate", "benchmark", "measure"), "eval"),
    **dict.fromkeys(("server", "daemon", "start", "stop"), "serve"),
    **dict.fromkeys(("label", "tag", "predict", "sort"), "classify"),
    **dict.fromkeys(("encoders", "model"), "models"),
    **dict.fromkeys(("folders", "collections"), "roots"),
    **dict.fromkeys(("move", "mv", "relocate", "moved"), "roots move"),
}
#: What people call an option that has another name here.
_OTHER_FLAGS = {
    **dict.fromkeys(("-n", "--num", "--count", "--top", "--top-k", "--max", "--number"), "--limit"),
    **dict.fromkeys(("--threshold", "--min-score", "--min"), "--min-probability"),
    **dict.fromkeys(("--copy", "--cp", "--export"), "--copy-to"),
    **dict.fromkeys(("--html", "--output", "-o"), "--sheet"),
    **dict.fromkeys(("--db", "--index-path", "--database"), "--store"),
    **dict.fromkeys(("--model",), "--encoder"),
    **dict.fromkeys(("--view", "--show"), "--open"),
}
_OTHER_FIELDS = {f"--{other}": FIELDS[name].option for other, name in OTHER_NAMES.items()}


def near(
    given: str, known: Iterable[str], meant: Mapping[str, str] | None = None, *, cutoff: float = 0.6
) -> str | None:
    """Which of `known` was probably meant; `meant`: other words for them. `cutoff`: how alike, 0 to 1."""
    import difflib

    known = list(known)
    lower = given.lower()
    if meant and lower in meant:
        return meant[lower]
    return next(iter(difflib.get_close_matches(lower, known, 1, cutoff)), None)


def choice(option: str, given: str, known: Sequence[str], meant: Mapping[str, str] | None = None) -> UsageError:
    """What to say of a value that an option does not take."""
    guess = near(given, known, meant)
    hint = "" if guess is None else f"; did you mean {guess}?"
    return UsageError(f"{option} takes {', '.join(known)}, not {given!r}{hint or '.'}")


def no_command(arguments: Sequence[str], commands: Iterable[str]) -> UsageError:
    """What to say of a command line that begins with no command."""
    first, rest = arguments[0], list(arguments[1:])
    if first.startswith("-"):
        return UsageError('Name a command first; its options stand behind it, as in `search query "a red car" -k 5`.')
    whole = " ".join(arguments)
    if os.path.isdir(os.path.expanduser(first)):
        return UsageError(f"{first} is a folder and no command; `{_line('index', *arguments)}` indexes it.")
    if os.path.isfile(os.path.expanduser(first)):
        return UsageError(f"{first} is a file and no command; `{_line('query', *arguments)}` asks with an image.")
    commands = list(commands)
    if first == "search" and rest and rest[0] in commands:  # typed twice
        return UsageError(f"There is no command {first!r}; did you mean `{_line(*rest)}`?")
    guess = near(first, commands, _OTHER_NAMES)
    if guess is not None and " " not in first:
        return UsageError(f"There is no command {first!r}; did you mean `{_line(guess, *rest)}`?")
    if os.sep in first:
        return UsageError(f"{first} is no command, and no folder that is there; `search index FOLDER` indexes one.")
    if " " in whole or rest:
        return UsageError(f"There is no command {_short(first)!r}; to look for words: `{_line('query', *arguments)}`.")
    return UsageError(
        f"There is no command {first!r}; `{_line('query', first)}` looks for that, and `search --help` lists all "
        "commands."
    )


def complaint(error: Any, arguments: Sequence[str], commands: Mapping[str, type[Options]]) -> str:
    """One sentence out of what the parser raised at `arguments`."""
    context = getattr(error, "ctx", None)
    path = f"search {arguments[0]}" if context is None else context.command_path
    option = getattr(error, "option_name", None)
    if option is None or not hasattr(error, "possibilities"):
        no_number = _no_number(error, arguments, commands.get(path.removeprefix("search ").strip()))
        if no_number is not None:
            return no_number
        said = " ".join(error.format_message().split()).rstrip(".")
        return f"{said}{'' if said.endswith('?') else ';'} `{path} --help` says what it takes."
    own = commands.get(path.removeprefix("search ").strip())
    flags = [] if own is None else _flags(own)
    typed = next((f"-{each}" for each in arguments if each.startswith(option) and f"-{each}" in flags), None)
    if typed is not None:  # with one dash, as `-to`: read as the options -t and -o
        return f"`{path}` has no option {typed[1:]}; did you mean {typed}?"
    others = [name for name, options in commands.items() if option in _flags(options)]
    meant = {other: flag for other, flag in (_OTHER_FIELDS | _OTHER_FLAGS).items() if flag in flags}
    guess = near(option, flags, meant, cutoff=0.75)
    if guess is not None and (not others or guess == meant.get(option)):
        hint = f"did you mean {guess}?"
    elif others:
        hint = f"`search {others[0]}` has it; `{path} --help` lists its own."
    else:
        hint = f"`{path} --help` lists what it has; words that begin so stand behind --."
    return f"`{path}` has no option {option}; {hint}"


def _no_number(error: Any, arguments: Sequence[str], own: type[Options] | None) -> str | None:
    """What to say of an option that takes a number and was given something else; None of other errors. The parser's
    own words depend on its version."""
    field = getattr(getattr(error, "param", None), "name", None)
    if own is None or field not in own.rows():
        return None
    kind = own.types()[field].split(" | ")[0]
    flags = own.rows()[field].flags
    given = _given(arguments, flags)
    if kind not in ("int", "float") or given is None:
        return None
    try:
        (int if kind == "int" else float)(given)
    except ValueError:
        return f"{flags[0]} takes a {'whole ' if kind == 'int' else ''}number, not {_short(given)}."
    return None


def _given(arguments: Sequence[str], flags: Sequence[str]) -> str | None:
    """The value that one of an option's `flags` was given last."""
    found = None
    for at, each in enumerate(arguments):
        if each == "--":
            break
        for flag in flags:
            if each == flag:
                found = arguments[at + 1] if at + 1 < len(arguments) else None
            elif flag.startswith("--") and each.startswith(f"{flag}="):
                found = each[len(flag) + 1 :]
            elif not flag.startswith("--") and each.startswith(flag) and not each.startswith("--"):
                found = each[len(flag) :]
    return found


def _flags(options: type[Options]) -> list[str]:
    return [side for row in options.rows().values() for flag in row.flags for side in flag.split("/")]


def _line(command: str, *arguments: str) -> str:
    """A command line as it would be typed."""
    shown = shlex.join(arguments)
    return f"search {command} {_short(shown)}".strip()


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
