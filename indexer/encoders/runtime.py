"""Runs exported graphs on the CPU. The only file that knows which runtime does it (OpenVINO).

OpenVINO, because of the candidates measured side by side (`tests/benchmarks/bench_runtimes.py`) it runs a ViT in int8
without any calibration (weights in int8, activations quantised token by token as they come), takes models from torch
without a third package, and is the fastest at both towers.

Its Python package would report each import to its makers; `import_openvino` leaves the part that does so out.
"""

from __future__ import annotations

import os
import queue
import sys
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from indexer import forking
from indexer.encoders.compile_cache import Compilation, CompileCache, let_go
from indexer.errors import EncoderError, EncoderUnavailableError
from indexer.settings import thread_count

Arithmetic = Literal["exact", "fast", "narrow"]
"""How floating point is computed: "exact" is float32; "fast" is bfloat16 where the CPU has it in hardware, and matrix
products whose weights are int8 quantise their inputs too, `GROUP` numbers of a row together. "narrow" is float32 around
convolutions whose int8 weights have 7 bits, so that pairs of products fit into 16 on any CPU."""

#: Numbers that share a scale when an input of a matrix product is quantised. 128: as fast as whole rows of 768, and no
#: outlier spoils more than its neighbours.
GROUP: Final = 128

#: Parts of OpenVINO's package that no graph needs to run: the report to its makers, and the converter, which
#: `openvino_export.py` imports when it converts.
_LEFT_OUT: Final = ("openvino_telemetry", "openvino.tools.ovc")


#: What oneDNN can be told to use at most that has no VNNI.
_WITHOUT_VNNI: Final = ("SSE41", "AVX", "AVX2", "AVX512_CORE")

_importing: Final = forking.lock()
#: What the runtime, and the system that loads its libraries, say when memory runs out.
_NO_MEMORY: Final = ("bad_alloc", "failed to map segment", "annot allocate memory")


class Origin(Protocol):
    """Where a graph's files come from."""

    def verify(self, *files: Path) -> None:
        """Raise EncoderUnavailableError for one that is not what was written."""
        ...

    def damaged(self, file: Path, what: str = "damaged") -> EncoderUnavailableError:
        """The error of a file that is damaged, or `what` it is."""
        ...


class MemoryLackingError(EncoderUnavailableError):
    """A model does not fit into the memory that is left; nothing is wrong with it."""


class _Core:
    """The runtime's core, one in a process, which is never destroyed.

    Its plugin for CPUs gives the thread that begins with it a stack for signals. Of two plugins the first that goes
    takes its stack along, though the second will put that back in the end (2026.4): Ctrl-C, which Python takes on that
    stack, then ends the process by a signal.
    """

    def __init__(self) -> None:
        self._core: Any = None
        self._lock = forking.lock()
        forking.register(self)

    def get(self) -> Any:
        """Raises EncoderUnavailableError when the package does not import."""
        openvino = import_openvino()
        with self._lock:
            if self._core is None:
                self._core = openvino.Core()
                forking.keep_for_ever(self._core)
            return self._core

    def before_fork(self) -> None:
        """Nothing: the child has a core of its own."""

    def after_fork(self) -> None:
        """The parent's has threads that are not here."""
        self._core = None


class Graph:
    """One exported graph, loaded and ready. Safe to run from several threads at once.

    `path` is the `.xml` of a graph in OpenVINO's format, its weights in the `.bin` beside it. `threads`: how many cores
    it may use (default `thread_count()`). `streams`: how many runs go on at once, each with its share of the threads;
    one answers soonest, one a thread does most in a second, because no run waits for another's thread. `shapes`: fixed
    sizes of inputs by name, where the graph leaves them open. What was compiled is kept in `cache`, where there is one.
    `origin` verifies the files where they are read, which is when nothing was compiled of them before.

    Raises EncoderUnavailableError when the file or the runtime is missing, or the file is no graph that it can load.
    """

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        *,
        streams: int = 1,
        arithmetic: Arithmetic = "exact",
        shapes: Mapping[str, Sequence[int]] | None = None,
        cache: CompileCache | None = None,
        origin: Origin | None = None,
    ) -> None:
        files = (path, path.with_suffix(".bin"))
        for file in files:
            if not file.is_file():
                raise _unusable(origin, file, "missing")
        openvino = import_openvino()
        properties = {
            "INFERENCE_NUM_THREADS": max(1, (threads or thread_count()) // streams),
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # the threads that decode want the same cores
            **_arithmetic(arithmetic),
        }
        core = CORE.get()
        processor = f"{_processor()} {_most_allowed()}"
        key = Compilation(openvino.__version__, processor, path, properties, dict(shapes or {}))

        # Each stream is a graph of its own. OpenVINO's own would share one, but they also write the constants that
        # are computed on loading at the same time, into the same memory, and read what others have not yet written
        # (2026.4, int8 and float32: wrong vectors, other ones at each load).
        blob = None if cache is None else cache.load(key)
        graphs: list[Any] = []
        blobs = [blob]
        while len(graphs) < streams:
            compiled = None if blob is None else _imported(openvino, core, blob, properties)
            if compiled is None:
                if origin is not None:
                    origin.verify(*files)
                compiled = _compiled(core, path, shapes or {}, properties, arithmetic, origin)
                if cache is not None:
                    cache.store(key, partial(_exported, compiled))
                    blob = cache.load(key)  # mapped once, for all streams that follow
                    blobs.append(blob)
            graphs.append(compiled)
        for each in blobs:
            if each is not None:
                let_go(each)
        self.path = path
        self._outputs: list[str] = [output.any_name for output in graphs[0].outputs]
        self._alive = (graphs, blobs)  # their requests need both, and keep neither
        self._requests = [graph.create_infer_request() for graph in graphs]
        self._idle = _queue_of(self._requests)
        forking.register(self)

    def before_fork(self) -> None:
        """Nothing: what was compiled is shared with the child."""

    def after_fork(self) -> None:
        """The runtime computes in the thread that asks, so it goes on without its own. What another thread of the
        parent was computing is left alone. Nothing that came along may be destroyed."""
        idle = self._idle.qsize()
        graphs = self._alive[0]
        for each in (*graphs, *self._requests, self._alive[1]):
            forking.keep_for_ever(each)
        if idle < len(graphs):
            self._requests = [graph.create_infer_request() for graph in graphs]
        self._idle = _queue_of(self._requests)

    def run(
        self, inputs: Mapping[str, npt.NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """The graph's outputs by name: all, or those that are asked for (the others are not handed over).

        Raises EncoderError when the inputs do not fit, an output is not there, or memory runs out.
        """
        request = self._idle.get()
        try:
            given = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
            request.infer(given, share_inputs=True)
            names = self._outputs if outputs is None else outputs
            return {name: np.array(request.get_tensor(name).data) for name in names}
        except Exception as error:
            raise EncoderError(f"The model {self.path.name} failed: {last_line(error)}") from error
        finally:
            self._idle.put(request)


def _queue_of(requests: Sequence[Any]) -> queue.SimpleQueue[Any]:
    idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for request in requests:
        idle.put(request)
    return idle


def _arithmetic(wanted: Arithmetic) -> dict[str, Any]:
    if wanted != "fast":
        return {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    return {"INFERENCE_PRECISION_HINT": "bf16", "DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP}


def has_int8_products() -> bool:
    """Whether the CPU multiplies int8 and adds in 32 bits (VNNI), and oneDNN may use it (`ONEDNN_MAX_CPU_ISA`).

    Others add pairs in 16 bits, which can overflow; where nobody can say (no Linux), float32 is right.
    """
    has = any(flag in _processor() for flag in ("avx512_vnni", "avx_vnni", "amx_int8"))
    return has and _most_allowed() not in _WITHOUT_VNNI


def has_pairs_of_products() -> bool:
    """Whether it multiplies int8 and adds pairs in 16 bits (AVX2), for weights that leave them room."""
    return "avx2" in _processor() and _most_allowed() not in ("SSE41", "AVX")


def has_wide_products() -> bool:
    """Whether float32 is multiplied with AVX-512, which oneDNN can be told not to use (`ONEDNN_MAX_CPU_ISA`)."""
    allowed = _most_allowed()
    return "avx512f" in _processor() and ("AVX512" in allowed or allowed in ("DEFAULT", "ALL"))


def _most_allowed() -> str:
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "DEFAULT").upper()


def _to_float(model: Any) -> None:
    """Let convolutions that were quantised compute in float32: their inputs are rounded to int8 no more."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "FakeQuantize":
            node.output(0).replace(node.input_value(0))


def last_line(error: BaseException) -> str:
    """The runtime's own reason: it writes where it was first, and what was wrong last."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].rstrip(".")


def _unusable(origin: Origin | None, file: Path, what: str) -> EncoderUnavailableError:
    if origin is not None:
        return origin.damaged(file, what)
    return EncoderUnavailableError(f"The model file {file} is {what}.")


def _compiled(
    core: Any,
    path: Path,
    shapes: Mapping[str, Sequence[int]],
    properties: Mapping[str, Any],
    arithmetic: Arithmetic,
    origin: Origin | None,
) -> Any:
    """Raises EncoderUnavailableError for a file that is no graph."""
    try:
        model = core.read_model(path)
        if arithmetic != "narrow" and not has_int8_products():
            _to_float(model)
        if shapes:
            model.reshape({name: list(shape) for name, shape in shapes.items()})
        return core.compile_model(model, "CPU", dict(properties))
    except Exception as error:  # the runtime raises bare RuntimeError, and others for files of other kinds
        if isinstance(error, MemoryError) or any(sign in str(error) for sign in _NO_MEMORY):
            raise MemoryLackingError(
                f"There is not enough memory to load the model file {path}; close other programs that use it."
            ) from error
        raise _unusable(origin, path, f"refused by the runtime ({last_line(error)})") from error


def _exported(compiled: Any) -> bytes:
    """Raises RuntimeError where the runtime cannot."""
    made: bytes = compiled.export_model().getvalue()
    return made


def _imported(openvino: Any, core: Any, blob: npt.NDArray[np.uint8], properties: Mapping[str, Any]) -> Any:
    """What was compiled before, from its bytes (mapped), or None when this runtime does not take them."""
    try:
        return core.import_model(openvino.Tensor(blob, shared_memory=True), "CPU", dict(properties))
    except Exception:  # another machine's, or another version's: it is compiled anew
        return None


@cache
def _processor() -> str:
    """What tells this CPU from another one that shares the home folder."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as stream:
            return next(line for line in stream if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        import platform

        return f"{platform.machine()} {platform.processor()}"


def import_openvino() -> Any:
    """The package, without its reports to its makers. Raises EncoderUnavailableError when it does not import."""
    with _importing:
        openvino = _imported_package()
        # The first tensor whose data are asked for makes the table of NumPy's types. Two threads that do so at once, as
        # the first batch of a run, wait for each other for ever (2026.4: one holds the table, one the interpreter).
        for shared in (False, True):
            openvino.Tensor(np.zeros(1, np.float32), shared_memory=shared).data  # noqa: B018
    return openvino


def _imported_package() -> Any:
    hidden = [name for name in _LEFT_OUT if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it is an ImportError, which openvino expects
    try:
        import openvino
    except (ImportError, FileNotFoundError) as error:  # it walks through sys.path, the working folder included
        raise EncoderUnavailableError(
            f"The package openvino cannot be imported ({error}); install it: pip install openvino"
        ) from error
    finally:
        for name in hidden:
            if name != "openvino_telemetry":
                sys.modules.pop(name, None)
    return openvino


CORE: Final = _Core()
