"""One nursery of each kind and one judge an operation, made when they are wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Final

import pytest

from tests.crash.attempts import Nursery
from tests.crash.every_operation import EVERY_OPERATION
from tests.crash.judge import Judge

#: Of each operation and sort of moment. `make test` takes few.
FEW: Final = 1
KILLS: Final = int(os.environ.get("CRASH_KILLS", FEW))


@pytest.fixture(scope="session")
def _nursery() -> Iterator[Callable[[bool], Nursery]]:
    """With torch or without."""
    made: dict[bool, Nursery] = {}
    with ExitStack() as stack:

        def find(torch: bool) -> Nursery:
            if torch not in made:
                made[torch] = stack.enter_context(closing(Nursery(torch=torch)))
            return made[torch]

        yield find


@pytest.fixture(scope="module", params=EVERY_OPERATION)
def judge(
    request: pytest.FixtureRequest, _nursery: Callable[[bool], Nursery], tmp_path_factory: pytest.TempPathFactory
) -> Judge:
    """Of each operation in turn."""
    operation = EVERY_OPERATION[request.param]
    if operation.long and KILLS <= FEW:
        pytest.skip("takes minutes; CRASH_KILLS asks for it")
    world = operation.prepare(tmp_path_factory.mktemp(operation.name.replace(" ", "-")) / "world")
    return Judge(_nursery(operation.torch), operation, world)


@pytest.fixture
def kills(judge: Judge) -> int:
    """How often to kill it."""
    return max(1, KILLS // 2) if judge.operation.torch else KILLS
