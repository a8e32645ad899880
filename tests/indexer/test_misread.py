"""What is said of content that cannot be understood has none of Python's own words."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from indexer.misread import misread


def deep() -> None:
    raise RecursionError("maximum recursion depth exceeded")


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        (lambda: json.loads('{\n"a" 1}'), "it is no JSON from line 2, column 5 on"),
        (lambda: json.loads(b"\xff{"), "it is no text"),
        (lambda: {}["text_cfg"], "it has no text_cfg"),
        (lambda: int("x"), "a value in it is not of the kind that belongs there"),
        (lambda: float("x"), "a value in it is not of the kind that belongs there"),
        (lambda: dict([1]), "a value in it is not of the kind that belongs there"),  # type: ignore[list-item]
        (lambda: dict(["abc"]), "a value in it is not of the kind that belongs there"),  # type: ignore[list-item]
        (lambda: int(float("inf")), "a value in it is not of the kind that belongs there"),
        (lambda: None.shape, "a value in it is not of the kind that belongs there"),  # type: ignore[attr-defined]
        (deep, "its parts lie too deep in one another"),
    ],
)
def test_errors_of_python(fails: Callable[[], Any], said: str) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011
        fails()
    assert misread(raised.value) == said


def test_what_is_ours_or_the_systems_says_itself() -> None:
    assert misread(ValueError("its digest is wrong")) == "its digest is wrong"
    assert misread(OSError(errno.EACCES, os.strerror(errno.EACCES))) == "permission denied"
