"""Runs exported graphs. The only file that knows which runtime does it (ONNX Runtime)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from indexer.errors import EncoderError, EncoderUnavailableError
from indexer.settings import environment_int


def thread_count() -> int:
    """Threads that one graph may use: SEARCH_THREADS, else every core. Raises UsageError for a wrong value."""
    return environment_int("SEARCH_THREADS", os.cpu_count() or 1)


class Graph:
    """One exported graph, loaded and ready. Safe to run from several threads at once.

    `path` is an ONNX file, `threads` how many cores one run may use (default `thread_count()`). Raises
    EncoderUnavailableError when the file or the runtime is missing, or the file is no graph that it can load.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        if not path.is_file():
            raise EncoderUnavailableError(f"The model file {path} is missing; install the package again.")
        try:
            import onnxruntime
        except ImportError as error:
            raise EncoderUnavailableError(
                f"The package onnxruntime cannot be imported ({error}); install it: pip install onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or thread_count()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # fatal only: everything else arrives as an exception
        # Idle threads sleep at once: they would otherwise spin on the cores that decode the next photographs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's classes share no base but Exception
            raise EncoderUnavailableError(
                f"The model file {path} is damaged and cannot be loaded; install the package again."
            ) from error
        self.path = path
        self._outputs: list[str] = [output.name for output in self._session.get_outputs()]

    def run(
        self, inputs: Mapping[str, npt.NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """The graph's outputs by name: all, or those that are asked for (the others are not handed over).

        Raises EncoderError when the inputs do not fit, an output is not there, or memory runs out.
        """
        names = self._outputs if outputs is None else list(outputs)
        try:
            arrays = self._session.run(names, dict(inputs))
        except Exception as error:
            raise EncoderError(f"The model {self.path.name} failed: {error}") from error
        return dict(zip(names, arrays, strict=True))
