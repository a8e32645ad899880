"""What the calls of the library take: an argument is checked before anything is done, and refused in one sentence.

    @checked(k=whole(1), progress=optional(follows(Progress)))
    def query(self, words: str, *, k: int = 10, progress: Progress | None = None) -> Results: ...

A wrong type is a TypeError, a value out of range a UsageError. Numbers of numpy are taken as Python's. A rule gets
the argument's name and its value, and returns the value to work with.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import math
import numbers
import operator
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, ParamSpec, TypeVar

from indexer.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")
Rule = Callable[[str, Any], Any]

#: Under this name a checked function keeps its rules, for the test that every argument has one.
RULES: Final = "__rules__"


def checked(**rules: Rule) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check the arguments that are given, by these rules; a default needs none. Of a function that takes `**options`
    these are all that have a rule."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        free = next((each.name for each in signature.parameters.values() if each.kind is each.VAR_KEYWORD), None)

        @functools.wraps(function)
        def call(*positional: P.args, **named: P.kwargs) -> R:
            try:
                bound = signature.bind(*positional, **named)
            except TypeError:
                bound = None
            if bound is None:
                return function(*positional, **named)  # raises what Python says, with the function's name
            options = bound.arguments.get(free, {}) if free is not None else {}
            for name, given in options.items():
                if name not in rules:
                    raise TypeError(f"{function.__qualname__}() got an unexpected keyword argument {name!r}")
                options[name] = rules[name](name, given)
            for name, given in bound.arguments.items():
                if name in rules and name != free:
                    bound.arguments[name] = rules[name](name, given)
            return function(*bound.args, **bound.kwargs)

        setattr(call, RULES, rules)
        return call

    return decorate


def check_fields(value: object, **rules: Rule) -> None:
    """The same for the fields of a frozen dataclass, in its `__post_init__`."""
    for name, rule in rules.items():
        object.__setattr__(value, name, rule(name, getattr(value, name)))


# -- rules ------------------------------------------------------------------------------------------------------


def optional(rule: Rule) -> Rule:
    """None, or what `rule` takes."""
    return lambda name, given: None if given is None else rule(name, given)


def each(rule: Rule) -> Rule:
    """Arguments that are given one by one: `*paths`."""

    def read(name: str, given: Sequence[object]) -> tuple[Any, ...]:
        for one in given:
            if isinstance(one, list | tuple | set | frozenset):
                raise TypeError(f"`{name}` are given one by one, not in {shown(one)}: put a star before it, `*{name}`.")
        return tuple(rule(name, one) for one in given)

    return read


def path(name: str, given: object) -> Any:
    """A path in words or as a `pathlib.Path`; it is returned as it is."""
    if not isinstance(given, str | os.PathLike) or not isinstance(os.fspath(given), str):
        raise TypeError(f"`{name}` takes a path, as a str or a pathlib.Path, not {shown(given)}.")
    text = os.fspath(given)
    if not text.strip():
        raise UsageError(f"`{name}` takes a path, and this one is empty; '.' is the working folder.")
    if "\0" in text:
        raise UsageError(f"`{name}` takes a path, and {text!r} can be none: it holds a NUL character.")
    return given


def text(name: str, given: object) -> str:
    """Words."""
    if not isinstance(given, str):
        raise TypeError(f"`{name}` takes a str, not {shown(given)}.")
    return given


def content(name: str, given: object) -> bytes:
    """The bytes of a file; what can change later is copied."""
    if not isinstance(given, bytes | bytearray | memoryview):
        raise TypeError(f"`{name}` takes the content of a file as bytes, not {shown(given)}.")
    return bytes(given)


def flag(name: str, given: object) -> bool:
    """True or False."""
    if isinstance(given, bool) or (type(given).__module__ == "numpy" and type(given).__name__ in ("bool", "bool_")):
        return bool(given)
    raise TypeError(f"`{name}` takes True or False, not {shown(given)}.")


def whole(least: int, most: int | None = None) -> Rule:
    """A whole number in this range, ends included."""
    span = f"a whole number from {least:,} {'on' if most is None else f'to {most:,}'}"

    def read(name: str, given: object) -> int:
        try:
            if isinstance(given, bool):
                raise TypeError
            number = operator.index(given)  # type: ignore[arg-type]
        except TypeError:
            raise TypeError(f"`{name}` takes {span}, not {shown(given)}.") from None
        if number < least or (most is not None and number > most):
            raise UsageError(f"`{name}` takes {span}, not {number}.")
        return number

    return read


def number(least: float, most: float, *, open_below: bool = False) -> Rule:
    """A number in this range, ends included; with `open_below` above the lower one."""
    low = f"above {plain(least)} and up to" if open_below else f"from {plain(least)} to"
    span = f"a number {low} {plain(most)}"

    def read(name: str, given: object) -> float:
        if isinstance(given, bool) or not isinstance(given, numbers.Real):
            raise TypeError(f"`{name}` takes {span}, not {shown(given)}.")
        value = float(given)
        if not least <= value <= most or (open_below and value == least):  # nan is in no range
            raise UsageError(f"`{name}` takes {span}, not {plain(value)}.")
        return value

    return read


def plain(number: float) -> str:
    """As people write it: 1,000 and 0.5; what is huge or tiny as 1e20."""
    if not math.isfinite(number):
        return f"{number:g}"
    if number and not 1e-4 <= abs(number) < 1e15:
        return re.sub(r"e([+-])0*", lambda found: "e" + found[1].replace("+", ""), f"{number:g}")
    return f"{int(number):,}" if number == int(number) else f"{number:,}"


def one_of(values: Sequence[str]) -> Rule:
    """One of these words."""
    listed = f"{', '.join(values[:-1])} or {values[-1]}"

    def read(name: str, given: object) -> str:
        if not isinstance(given, str):
            raise TypeError(f"`{name}` takes {listed}, not {shown(given)}.")
        if given not in values:
            raise UsageError(f"`{name}` takes {listed}, not {given!r}.")
        return given

    return read


def several(rule: Rule, most: int | None = None) -> Rule:
    """A tuple of what `rule` takes; words alone would be taken for their letters."""

    def read(name: str, given: object) -> tuple[Any, ...]:
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise TypeError(f"`{name}` takes several values in a tuple, not {shown(given)}.")
        values = tuple(rule(name, one) for one in given)
        if most is not None and not 1 <= len(values) <= most:
            raise UsageError(f"`{name}` takes 1 to {most} values in a tuple, not {len(values)}.")
        return values

    return read


def instance(module: str, kind: str) -> Rule:
    """An object of this class, which is loaded when one is given; it is a public name of `search`."""

    def read(name: str, given: object) -> object:
        if not isinstance(given, getattr(importlib.import_module(module), kind)):
            raise TypeError(f"`{name}` takes a search.{kind}, not {shown(given)}.")
        return given

    return read


def follows(protocol: type) -> Rule:
    """An object with all that the protocol names; it is a public name of `search`."""
    wanted = [name for name in vars(protocol) if not name.startswith("_")]

    def read(name: str, given: object) -> object:
        missing = [each for each in wanted if not hasattr(type(given), each) and not hasattr(given, each)]
        if isinstance(given, type) or missing:
            lacks = "" if isinstance(given, type) else f", which has no {' and no '.join(missing[:3])}"
            raise TypeError(
                f"`{name}` takes an object that follows search.{protocol.__name__}, not {shown(given)}{lacks}."
            )
        return given

    return read


def shown(given: object) -> str:
    """What was given, for a sentence."""
    if isinstance(given, type):
        return f"the class {given.__name__} (give an object of it: {given.__name__}(...))"
    if isinstance(given, int) and given.bit_length() > 1_000:  # Python prints none of 4,300 digits
        return "a huge number"
    if given is None or isinstance(given, bool | int | float):
        return repr(given)
    if isinstance(given, str):
        return repr(given if len(given) <= 60 else f"{given[:57]}...")
    kind = type(given)
    if kind is bytes:
        return "bytes"
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
