"""SIGKILL while an operation writes: what was committed stays, what is half-done is gone once it has been run again."""

from __future__ import annotations

import os
import random
import shutil
import time

import pytest

from tests.crash.attempts import SYSTEM_CALLS, Ended
from tests.crash.judge import Judge
from tests.crash.nursery import REFUSED
from tests.crash.observed import Committed

#: Of the moments and of which system calls are taken; a failure says it.
SEED = int(os.environ.get("CRASH_SEED", "12"))

pytestmark = pytest.mark.slow

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def test_killed_at_random_moments(judge: Judge, kills: int) -> None:
    name = judge.operation.name
    chance = random.Random(f"{SEED} {name}")
    troubles: list[str] = []
    killed, seconds = 0, judge.seconds
    for number in range(kills):
        judge.world.begin()
        for again in range(2):
            moment = chance.uniform(0, 1.0) * seconds
            ended, seen = killed_after(judge, moment)
            killed += ended.killed
            if not ended.killed:  # on a machine that has less to do by now
                seconds = min(seconds, ended.seconds)
            said = [*judge.after_a_kill(seen), *([] if ended.killed or ended.code == 0 else [ended.said])]
            troubles += [f"{name}, seed {SEED}, kill {number}.{again} after {moment:.3f} s: {one}" for one in said]
            if chance.random() < 0.6:
                break
        troubles += [f"{name}, seed {SEED}, kill {number}, run again: {one}" for one in judge.after_the_end()]
    assert not troubles, "\n".join(troubles)
    assert killed >= kills // 4  # or the moments were badly chosen


def killed_after(judge: Judge, moment: float) -> tuple[Ended, Committed]:
    """`moment` in seconds. What a reader saw just before, too."""
    attempt = judge.nursery.begin(judge.operation, judge.world)
    attempt.go()
    time.sleep(moment)
    seen = judge.so_far()
    attempt.kill()
    return attempt.end(), seen


@needs_strace
def test_killed_at_system_calls(judge: Judge, kills: int) -> None:
    name = judge.operation.name
    troubles: list[str] = []
    killed = 0
    chosen = some_calls(judge, kills)
    for call, count in chosen:
        ended = injected(judge, call, count, "signal=KILL")
        killed += ended.killed
        said = [] if ended.killed or ended.code == 0 else [ended.said]
        said += [*judge.after_a_kill({}), *judge.after_the_end()]
        troubles += [f"{name}, killed at {call} number {count}: {one}" for one in said]
    assert not troubles, "\n".join(troubles)
    assert killed >= 0.8 * len(chosen)


@needs_strace
def test_a_disk_that_fails(judge: Judge, kills: int) -> None:
    """Errors of the system end in a sentence, and cost no more than a kill would."""
    name = judge.operation.name
    troubles: list[str] = []
    for number, (call, count) in enumerate(some_calls(judge, max(1, kills // 2), salt="errors")):
        error = ("EIO", "ENOSPC")[number % 2]
        ended = injected(judge, call, count, f"error={error}")
        said = [] if ended.code in (0, REFUSED) and not ended.signal else [ended.said]
        said += [*judge.after_a_kill({}), *judge.after_the_end(undeleted=call.startswith(("unlink", "rmdir")))]
        troubles += [f"{name}, {error} from {call} number {count}: {one}" for one in said]
    assert not troubles, "\n".join(troubles)


def injected(judge: Judge, call: str, count: int, what: str) -> Ended:
    """An attempt in which the system call `call` does something else, the time `count` that it is made."""
    judge.world.begin()
    attempt = judge.nursery.begin(judge.operation, judge.world)
    attempt.trace("-e", f"trace={SYSTEM_CALLS}", "-e", f"inject={call}:{what}:when={count}")
    attempt.go()
    return attempt.end()


def some_calls(judge: Judge, most: int, salt: str = "") -> list[tuple[str, int]]:
    """The system calls of the operation, as (name, which of that name), in order: all of them, or some by chance."""
    calls = judge.system_calls
    assert len(calls) > 5
    chance = random.Random(f"{SEED} {judge.operation.name} {salt}")
    return calls if most >= len(calls) else [calls[place] for place in sorted(chance.sample(range(len(calls)), most))]
