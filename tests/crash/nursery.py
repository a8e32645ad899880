"""A process that has imported everything and forks a child for each attempt: a child is at work after milliseconds.

Lines of JSON come in and go out. `{"begin": OPERATION, "world": FOLDER}` answers with the child's process id; it waits
until `{"go": true}`, so that a tracer can take hold of it. `{"wait": true}` answers with its exit status.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Final

from indexer.errors import SearchError
from indexer.pipeline import ingest
from tests.crash.every_operation import EVERY_OPERATION
from tests.crash.worlds import World

#: Exit status of a child that ended with a sentence.
REFUSED: Final = 4

LIGHT = (
    "PIL.Image",
    "PIL.PngImagePlugin",
    "faiss",
    "filelock",
    "indexer.doctor",
    "indexer.encoders.graph_model",
    "indexer.pipeline.forget",
    "indexer.pipeline.run",
    "indexer.vectors.backends.faiss_files.approximate",
    "indexer.vectors.recall",
    "search.calibration.calibrate",
    "search.exchange.export",
    "search.exchange.importing",
    "search.library",
)
TORCH = (
    "open_clip",
    "openvino",
    "openvino.tools.ovc",
    "search.rerank.train",
    "tests.contract.test_encoder",
    "torch",
)


def child(operation: str, world: World, gate: int) -> None:
    """One attempt, from the opening of the `gate`; never returns. What it says is in `attempt.log` of the world."""
    log = os.open(world.folder / "attempt.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    status = 1
    try:
        world.enter()
        ingest.SECONDS_A_COMMIT = 0.0  # as many transactions as a large collection has
        os.read(gate, 1)
        EVERY_OPERATION[operation].run(world)
        status = 0
    except SearchError as error:  # a sentence for people, as the shell would print it
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        status = REFUSED
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for name in LIGHT + (TORCH if "torch" in sys.argv[1:] else ()):
        importlib.import_module(name)
    opener, pid = -1, 0
    print(json.dumps("ready"), file=answers)
    for line in sys.stdin:
        asked = json.loads(line)
        if "begin" in asked:
            gate, opener = os.pipe()
            pid = os.fork()
            if pid == 0:
                child(asked["begin"], World(Path(asked["world"])), gate)
            os.close(gate)
            print(json.dumps(pid), file=answers)
        elif "go" in asked:
            os.write(opener, b"!")
            os.close(opener)
        elif "wait" in asked:
            print(json.dumps(os.waitpid(pid, 0)[1]), file=answers)


if __name__ == "__main__":
    main()
