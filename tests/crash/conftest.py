"""One nursery of each kind and one judge an operation, made when they are wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from tests.crash.attempts import Nursery
from tests.crash.judge import Judge
from tests.crash.operations import OPERATIONS


@pytest.fixture(scope="session")
def judge_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Judge]]:
    """By the name of an operation."""
    nurseries: dict[bool, Nursery] = {}
    judges: dict[str, Judge] = {}
    with ExitStack() as stack:

        def find(name: str) -> Judge:
            operation = OPERATIONS[name]
            if operation.torch not in nurseries:
                nurseries[operation.torch] = stack.enter_context(closing(Nursery(torch=operation.torch)))
            if name not in judges:
                world = operation.prepare(tmp_path_factory.mktemp(name.replace(" ", "-")) / "world")
                judges[name] = Judge(nurseries[operation.torch], operation, world)
            return judges[name]

        yield find


@pytest.fixture(scope="session")
def kills() -> int:
    """Of each operation and kind of moment: SEARCH_TEST_KILLS, else few."""
    return int(os.environ.get("SEARCH_TEST_KILLS", "2"))
