"""Ray Data as the engine: files are read, decoded and encoded by actors on the machines of a Ray cluster.

candidates, `WINDOW` at a time -> rows of a batch each, in blocks -> actors (`EncodeFiles`) -> encoded files, in order

Ray runs a block again whose process died, holds back what would overfill its memory, and gives an actor to
each GPU, or to each CPU where there is none. Documentation: https://docs.ray.io/en/latest/data/data.html

Imports ray at the top; import this module only where ray is wanted.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import warnings
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import ray
import ray.data

from indexer.encoders.base import Encoder
from indexer.errors import EncoderError
from indexer.pipeline.engine import EncodeFiles, Work
from indexer.pipeline.values import EncodedFile
from indexer.types import Candidate

#: Files of one data set: its list of blocks is held by this process, and for the next one actors load the encoder anew.
WINDOW: Final = 100_000
#: Batches of a block, which is what Ray hands to an actor, holds back, and runs again where a process died: handing
#: over one costs some ten milliseconds of the processor. Actors get so many blocks each, or a block is of one batch.
A_BLOCK: Final = 4
_BLOCKS_AN_ACTOR: Final = 8
#: Times that Ray runs a block again whose process died, and that the rest is begun again without one file more: of a
#: file that ends every process that opens it, there has to be an end.
_AGAIN: Final = 3
#: Seconds in which the head of a cluster has to answer.
_PATIENCE: Final = 10.0


class RayEngine:
    """The Ray cluster at `address` ("HOST:PORT" of its head, from a machine that belongs to it; None: a cluster of this
    machine alone, which ends with the process).

    `actor`: what encodes in its processes. Raises EncoderError when there is none.
    """

    def __init__(self, address: str | None, actor: type[EncodingActor] | None = None) -> None:
        self._named = address or "this machine"
        self._actor = actor or EncodingActor
        if not ray.is_initialized():
            given: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
            try:
                if address is None:
                    ray.init(include_dashboard=False, **given)
                else:
                    _look(address)
                    ray.init(address=address, **given)
            except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                said = (str(error).splitlines() or [type(error).__name__])[0]
                raise EncoderError(
                    f"There is no Ray cluster at {self._named} ({said}); start one there, join it "
                    "with this machine, or index without `engine`."
                ) from error
        # It prints to standard output when a process dies, which is the answer's; there is no public switch.
        setattr(ray._private.worker, "_worker_logs_enabled", False)  # noqa: B010  for a version without it
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)

    def encoded(self, candidates: Iterable[Candidate], work: Work) -> Iterator[EncodedFile]:
        """See `Engine.encoded`."""
        left = iter(candidates)
        while window := list(islice(left, WINDOW)):
            yield from self._window(window, work)

    def _window(self, candidates: list[Candidate], work: Work) -> Iterator[EncodedFile]:
        """What Ray gives up is begun again behind the last file that came, on the machines that are there by then: an
        actor whose machine is gone finds no place on the others, which are full."""
        done = vain = 0
        while done < len(candidates):
            try:
                for each in self._run(candidates[done:], work):
                    done, vain = done + 1, 0
                    yield each
            except ray.exceptions.RayError as error:
                vain += 1
                if vain > _AGAIN or isinstance(error, ray.exceptions.RayTaskError):
                    raise EncoderError(_said(error, self._named)) from error

    def _run(self, candidates: list[Candidate], work: Work) -> Iterator[EncodedFile]:
        """One data set. Raises RayError."""
        batches = [candidates[at : at + work.batch] for at in range(0, len(candidates), work.batch)]
        rows = [{"files": pickle.dumps(each)} for each in batches]
        there: dict[str, float] = ray.cluster_resources()
        gpus = int(there.get("GPU", 0))
        cpus = max(1, int(there.get("CPU", 1)))
        actors = gpus or cpus
        blocks = -(-len(rows) // max(1, min(A_BLOCK, len(rows) // (_BLOCKS_AN_ACTOR * actors))))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the last two; there is no other way to say them
            encoded = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
                self._actor,
                fn_constructor_args=(work, max(1, cpus // actors)),
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(size=min(actors, blocks)),
                num_cpus=0 if gpus else 1,
                num_gpus=1 if gpus else 0,
                max_restarts=_AGAIN,
                max_task_retries=_AGAIN,
            )
        for row in encoded.iter_rows():
            yield from pickle.loads(row["files"])  # noqa: S301  of our own actors


class EncodingActor:
    """`EncodeFiles` over Ray's batches, with so many `threads`: those of the cores that it was given. Beside it others
    work, and threads that wait for a core hold up the run that they belong to."""

    def __init__(self, work: Work, threads: int) -> None:
        os.environ.setdefault("SEARCH_THREADS", str(threads))
        self._encode = EncodeFiles(work, self.encoder())

    def encoder(self) -> Encoder | None:
        """None: the one that the work names."""
        return None

    def __call__(self, batch: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        encoded = [pickle.dumps(self._encode(pickle.loads(each))) for each in batch["files"]]  # noqa: S301  of ours
        return {"files": np.array(encoded, dtype=object)}


def _look(address: str) -> None:
    """Ray itself would knock for minutes at a place where nobody is. Raises OSError."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), _PATIENCE).close()


def _said(error: Exception, named: str) -> str:
    cause = getattr(error, "cause", None)
    said = (str(cause or error).strip().splitlines() or [type(error).__name__])[-1]
    return f"Ray on {named} gave up encoding ({said}); what was encoded is kept: run the same command again."
