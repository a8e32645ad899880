"""Arguments of the library's calls: what is taken, what is refused and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from indexer import arguments
from indexer.arguments import check_fields, checked, each, flag, follows, number, one_of, optional, several, text, whole
from indexer.errors import UsageError
from indexer.settings import DecodeLimits, IndexSettings
from indexer.vectors.base import SearchParameters


class Speaks(Protocol):
    @property
    def name(self) -> str: ...

    def say(self, words: str) -> None: ...


class Speaker:
    def __init__(self) -> None:
        self.name = "one"

    def say(self, words: str) -> None:
        pass


@pytest.mark.parametrize(
    ("rule", "given", "taken"),
    [
        (whole(1), 3, 3),
        (whole(1), np.int64(3), 3),
        (whole(0, 9), np.uint8(9), 9),
        (number(0, 1), 1, 1.0),
        (number(0, 1), np.float32(0.5), 0.5),
        (flag, np.bool_(True), True),
        (one_of(("a", "b")), "b", "b"),
        (optional(text), None, None),
        (optional(text), "x", "x"),
        (several(text), ["a", "b"], ("a", "b")),
        (several(whole(1), 2), (1,), (1,)),
        (each(arguments.path), ("a", Path("b")), ("a", Path("b"))),
    ],
)
def test_what_is_taken(rule: arguments.Rule, given: object, taken: object) -> None:
    found = rule("it", given)
    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("rule", "given", "error", "said"),
    [
        (whole(1), "3", TypeError, "`it` takes a whole number from 1 on, not '3'."),
        (whole(1), 2.5, TypeError, "`it` takes a whole number from 1 on, not 2.5."),
        (whole(1), True, TypeError, "`it` takes a whole number from 1 on, not True."),
        (whole(1), None, TypeError, "`it` takes a whole number from 1 on, not None."),
        (whole(1, 9_999), 0, UsageError, "`it` takes a whole number from 1 to 9,999, not 0."),
        (whole(1), -(10**30), UsageError, f"`it` takes a whole number from 1 on, not -1{'0' * 30}."),
        (number(0, 1e9, open_below=True), 0, UsageError, "`it` takes a number above 0 and up to 1,000,000,000, not 0."),
        (number(0.5, 1), "x", TypeError, "`it` takes a number from 0.5 to 1, not 'x'."),
        (number(0, 1), "x", TypeError, "`it` takes a number from 0 to 1, not 'x'."),
        (number(0, 10), 1e6, UsageError, "`it` takes a number from 0 to 10, not 1,000,000."),
        (number(0, 10), 2.5e300, UsageError, "`it` takes a number from 0 to 10, not 2.5e300."),
        (number(0, 10), -1e-06, UsageError, "`it` takes a number from 0 to 10, not -1e-6."),
        (number(0, 10), 10.25, UsageError, "`it` takes a number from 0 to 10, not 10.25."),
        (number(0, 1), float("nan"), UsageError, "`it` takes a number from 0 to 1, not nan."),
        (number(0, 1, open_below=True), 0, UsageError, "`it` takes a number above 0 and up to 1, not 0."),
        (flag, "no", TypeError, "`it` takes True or False, not 'no'."),
        (flag, 1, TypeError, "`it` takes True or False, not 1."),
        (one_of(("a", "b", "c")), "d", UsageError, "`it` takes a, b or c, not 'd'."),
        (one_of(("a", "b")), None, TypeError, "`it` takes a or b, not None."),
        (text, b"x", TypeError, "`it` takes a str, not bytes."),
        (text, np.zeros(3), TypeError, "`it` takes a str, not a numpy.ndarray."),
        (several(text), "*.jpg", TypeError, "`it` takes several values in a tuple, not '*.jpg'."),
        (several(whole(1), 2), (), UsageError, "`it` takes 1 to 2 values in a tuple, not 0."),
        (arguments.path, b"x", TypeError, "`it` takes a path, as a str or a pathlib.Path, not bytes."),
        (arguments.path, "", UsageError, "`it` takes a path, and this one is empty; '.' is the working folder."),
        (arguments.path, "a\0b", UsageError, r"`it` takes a path, and 'a\x00b' can be none: it holds a NUL character."),
        (each(arguments.path), (["a"],), TypeError, "`it` are given one by one, not in a list: put a star before it"),
        (follows(Speaks), Speaker, TypeError, "not the class Speaker (give an object of it: Speaker(...))."),
        (follows(Speaks), object(), TypeError, "follows search.Speaks, not an object, which has no name and no say."),
    ],
)
def test_what_is_refused(rule: arguments.Rule, given: object, error: type[Exception], said: str) -> None:
    with pytest.raises(error) as refused:
        rule("it", given)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_object_follows_a_protocol_by_what_it_has() -> None:
    speaker = Speaker()
    assert follows(Speaks)("it", speaker) is speaker

    class Stands:
        """For another one, by its attributes."""

        def __getattr__(self, name: str) -> Any:
            return getattr(speaker, name)

    assert follows(Speaks)("it", Stands())


def test_asking_what_an_object_has_computes_no_property() -> None:
    class Costly(Speaker):
        @property
        def name(self) -> str:  # type: ignore[override]
            raise AssertionError("was computed")

        @name.setter
        def name(self, value: str) -> None:
            pass

    assert follows(Speaks)("it", Costly())


def test_the_checked_call_gets_what_the_rules_return() -> None:
    @checked(count=whole(1), paths=each(arguments.path))
    def call(*paths: str, count: int = 0, other: object = None) -> tuple[object, ...]:
        """Says what it got."""
        return paths, count, other

    assert call("a", "b", count=np.int16(2), other="x") == (("a", "b"), 2, "x")
    assert call() == ((), 0, None)
    assert call.__doc__ == "Says what it got."
    with pytest.raises(TypeError, match="`count` takes a whole number"):
        call("a", count="2")
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        call(limit=3)  # type: ignore[call-arg]


def test_fields_of_a_frozen_value() -> None:
    @dataclass(frozen=True, slots=True)
    class Value:
        count: int = 1

        def __post_init__(self) -> None:
            check_fields(self, count=whole(1))

    assert type(Value(np.int64(3)).count) is int  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="`count`"):
        Value(0)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (IndexSettings, {"ignores": "*.jpg"}),
        (IndexSettings, {"workers": "x"}),
        (IndexSettings, {"limits": {}}),
        (IndexSettings, {"tokens": "no"}),
        (DecodeLimits, {"max_pixels": 1e6}),
        (SearchParameters, {"effort": "x"}),
        (SearchParameters, {"only": [1.5]}),
        (SearchParameters, {"exclude": 3}),
        (SearchParameters, {"only": "12"}),
    ],
)
def test_settings_of_a_wrong_type(kind: type, fields: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=f"`{next(iter(fields))}` takes "):
        kind(**fields)


def test_ids_are_taken_as_arrays_lists_and_sets() -> None:
    for given in ([2, 1], np.array([2, 1], np.int32), (2, 1), {1, 2}):
        found = SearchParameters(only=given).only  # type: ignore[arg-type]
        assert found is not None
        assert found.dtype == np.int64
        assert sorted(found) == [1, 2]
    assert len(SearchParameters(exclude=[]).exclude) == 0  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="`effort`"):
        SearchParameters(effort=0)
