"""Where a torch model runs: devices, one replica on each, batches cut to what fits into memory.

Imports torch at the top; import this module only where torch is wanted.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from indexer import forking
from indexer.encoders.device_names import wanted_device
from indexer.errors import EncoderError, UsageError

Task = Literal["image", "text"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

Forward = Callable[[torch.nn.Module, torch.Tensor], tuple[torch.Tensor, ...]]
"""(model, n rows on its device) -> one or more outputs, each (n, ...)."""

Outputs = tuple[npt.NDArray[Any], ...]
"""What a `Forward` gave, on the CPU: floats of any type as float32, whole numbers as they are."""

#: Rows of one forward pass. CPUs: larger batches are no faster and cost memory. CUDA images: measured, see `fit_rows`.
ROWS: dict[str, dict[Task, int]] = {
    "cpu": {"image": 16, "text": 32},
    "mps": {"image": 32, "text": 64},
    "cuda": {"image": 256, "text": 256},
}

#: Passes of a full batch. CUDA: while one is computed the next is on its way to the device.
PASSES: dict[str, int] = {"cpu": 1, "mps": 1, "cuda": 2}

#: Rows of the pass that measures how much memory one image takes.
PROBE_ROWS = 8


def choose_devices(wanted: str | None) -> list[torch.device]:
    """The devices to run on: `wanted`, else SEARCH_DEVICE, else every CUDA GPU, else MPS, else the CPU.

    "cuda" means every GPU; one ("cuda:1") or several ("cuda:0,cuda:2") can be named, and "auto" is no wish. A device
    named twice gets two replicas. Raises UsageError when the name is none or the device is not here.
    """
    text = wanted_device(wanted)
    gpus = [torch.device("cuda", i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    has_mps = torch.backends.mps.is_available()
    if not text:
        return gpus or [torch.device("mps" if has_mps else "cpu")]
    if text == "cuda" and gpus:
        return gpus
    devices: list[torch.device] = []
    for name in text.split(","):
        device = torch.device(name.strip())
        if device == torch.device("cuda") and gpus:
            device = gpus[0]
        here = [*gpus, *([torch.device("mps")] if has_mps else []), torch.device("cpu")]
        if device not in here:
            raise UsageError(
                f"Device {name.strip()!r} is not available to torch here; there is {', '.join(map(str, here))}."
            )
        devices.append(device)
    return devices


def fit_rows(free_bytes: int, bytes_per_row: int) -> int:
    """How many images a GPU takes at once: the largest power of two that fills at most half of its free memory.

    Half, because other programs, fragmentation and cuDNN's workspaces want some too; never less than 8, and at most
    256: 12,800 rows of each matrix product of a ViT-B-32, and two passes of them (`PASSES`) wait for a batch.
    """
    fitting = max(1, free_bytes // 2 // max(1, bytes_per_row))
    return min(256, max(8, 1 << (fitting.bit_length() - 1)))


class DeviceLostError(EncoderError):
    """An accelerator failed for another reason than memory: it fell off the bus, its driver hung, its context is dead.

    After such an error nothing more can be had from it in this process, the weights that lie on it included.
    """


class Tower(torch.nn.Module):
    """One way through a model, as a module of its own."""

    def __init__(self, model: torch.nn.Module, forward: Forward) -> None:
        super().__init__()
        self.model = model
        self._way = forward

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, ...] | torch.Tensor:
        outputs = self._way(self.model, rows)
        return outputs if len(outputs) > 1 else outputs[0]


class Replica:
    """One copy of the model on one device.

    A pass that runs out of memory is halved and tried again, and the smaller size is kept. The lock lets one pass at a
    time onto the device: two would want twice the memory that was measured, and no device gains from it.

    Raises EncoderError when the device does not take the model.
    """

    def __init__(self, model: torch.nn.Module, device: torch.device, precision: Precision = "auto") -> None:
        self.device = device
        self.rows: dict[Task, int] = dict(ROWS[device.type])
        try:
            self.model = model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._autocast = _autocast_type(device, precision)
            self._copies = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise _too_little(device, "the model") from error
            raise EncoderError(
                f"The model cannot be put on {device} ({_first_line(error)}); set SEARCH_DEVICE=cpu."
            ) from error
        self._lock = forking.lock()

    def run(self, task: Task, forward: Forward, batch: npt.NDArray[Any]) -> Outputs:
        """`batch`: (n, ...) of any type that torch takes, n >= 1. Returns the outputs of all its rows.

        More rows than fit go in several passes, the last one filled up with copies of its last row, so that all passes
        have one size: the kernels that a library picks by size decide a result's last bits. Raises EncoderError when
        the device fails or a single row does not fit.
        """
        done: list[Outputs] = []
        start = 0
        coming: torch.Tensor | None = None  # the part at `start`, where it is on the device already
        with self._lock:
            while start < len(batch):
                rows = self.rows[task]
                wanted = min(rows, len(batch) - start)
                part: npt.NDArray[Any] | torch.Tensor | None = coming
                if part is None:
                    part = _part(batch, start, rows)
                following = _part(batch, start + rows, rows) if start + rows < len(batch) else None
                done_here = self._attempt(forward, part, following)
                if done_here is None:
                    if len(part) == 1:
                        raise _too_little(self.device, f"a single {task}")
                    self.rows[task] = max(1, len(part) // 2)
                    part, coming = None, None
                    self._give_back()
                    continue
                outputs, coming = done_here
                done.append(tuple(output[:wanted] for output in outputs))
                start += wanted
        return _joined(done)

    def measure(self, forward: Forward, sample: npt.NDArray[Any]) -> None:
        """On CUDA, set the rows of an image pass from one pass of `sample`, (PROBE_ROWS, h, w, 3) uint8."""
        if self.device.type != "cuda":
            return
        with self._lock:
            try:
                self._attempt(forward, sample[:1])  # what is taken once, such as a library's workspace, is no row's
                torch.cuda.reset_peak_memory_stats(self.device)
                before = torch.cuda.memory_allocated(self.device)
                self._attempt(forward, sample)
                used = torch.cuda.max_memory_allocated(self.device) - before
                self._give_back()
                free, _ = torch.cuda.mem_get_info(self.device)
            except RuntimeError as error:
                raise DeviceLostError(f"{self.device} cannot be asked for its memory ({error})") from error
            self.rows["image"] = fit_rows(free, used // len(sample))

    def _attempt(
        self, forward: Forward, part: npt.NDArray[Any] | torch.Tensor, following: npt.NDArray[Any] | None = None
    ) -> tuple[Outputs, torch.Tensor | None] | None:
        """One pass over `part`, and the `following` part on the device, copied there meanwhile.

        None when the memory ran out, and then nothing of the pass is held any more.
        """
        try:
            with torch.inference_mode(), self._mixed_precision():
                rows = self._sent(part) if isinstance(part, np.ndarray) else part
                self._await(rows)
                outputs = forward(self.model, rows)  # on CUDA this returns before it is computed
                coming = None if following is None else self._sent(following)
                here = (each.float() if each.is_floating_point() else each for each in outputs)
                return tuple(each.cpu().numpy() for each in here), coming
        except RuntimeError as error:  # torch.OutOfMemoryError is one
            if is_out_of_memory(error):
                return None
            kind = EncoderError if self.device.type == "cpu" else DeviceLostError
            raise kind(f"The model failed on {self.device} ({_first_line(error)}); try SEARCH_DEVICE=cpu.") from error

    def _sent(self, part: npt.NDArray[Any]) -> torch.Tensor:
        """`part` on its way to the device: on CUDA from pinned memory, beside what is computed there."""
        rows = torch.from_numpy(part)
        if self._copies is None:
            return rows.to(self.device)
        with torch.cuda.stream(self._copies):
            return rows.pin_memory().to(self.device, non_blocking=True)

    def _await(self, rows: torch.Tensor) -> None:
        """Let what is computed next wait for `rows`, and their memory for what is computed with them."""
        if self._copies is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_stream(self._copies)
            rows.record_stream(current)

    def _mixed_precision(self) -> contextlib.AbstractContextManager[Any]:
        if self._autocast is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self._autocast)

    def _give_back(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()


class Replicas:
    """The model on every device: a batch is cut into equal runs of rows, one a replica, in threads."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self.all = tuple(replicas)
        self._pool = self._new_pool()
        forking.register(self)

    def _new_pool(self) -> ThreadPoolExecutor | None:
        return ThreadPoolExecutor(len(self.all), "encoder") if len(self.all) > 1 else None

    def before_fork(self) -> None:
        """Nothing: weights on CPUs are shared with the child; those on a GPU are lost to it, and loaded again."""

    def after_fork(self) -> None:
        """The pool's threads did not come along."""
        self._pool = self._new_pool()

    @classmethod
    def of(cls, model: torch.nn.Module, devices: Sequence[torch.device], precision: Precision = "auto") -> Replicas:
        """`model` itself on the first device, copies on the others."""
        models = [model, *(copy.deepcopy(model) for _ in devices[1:])]
        return cls([Replica(each, device, precision) for each, device in zip(models, devices, strict=True)])

    def rows(self, task: Task) -> int:
        """How many rows keep every replica busy with full passes, `PASSES` of them."""
        return sum(replica.rows[task] * PASSES[replica.device.type] for replica in self.all)

    def run(self, task: Task, forward: Forward, batch: npt.NDArray[Any]) -> Outputs:
        """As `Replica.run`, in the order of `batch`, n >= 1."""
        shards = [shard for shard in np.array_split(batch, len(self.all)) if len(shard)]
        if self._pool is None or len(shards) == 1:
            return self.all[0].run(task, forward, batch)
        running = [
            self._pool.submit(replica.run, task, forward, shard)
            for replica, shard in zip(self.all, shards, strict=False)  # fewer rows than replicas
        ]
        return _joined([each.result() for each in running])


def _part(batch: npt.NDArray[Any], start: int, rows: int) -> npt.NDArray[Any]:
    """`rows` rows of `batch` from `start`; the last ones of more than a pass are filled up with copies of the last."""
    part = batch[start : start + rows]  # (m, ...), m <= rows
    if len(part) < rows < len(batch):
        return np.concatenate([part, np.repeat(part[-1:], rows - len(part), axis=0)])
    return part


def _joined(parts: Sequence[Outputs]) -> Outputs:
    return tuple(np.concatenate(each) for each in zip(*parts, strict=True))


def _autocast_type(device: torch.device, precision: Precision) -> torch.dtype | None:
    """The type of the matrix products. "auto": bf16 on GPUs that have it in hardware, fp16 on older ones, else fp32."""
    if precision == "auto":
        if device.type != "cuda":
            return None
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
    return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def _too_little(device: torch.device, what: str) -> EncoderError:
    return EncoderError(
        f"{device} has not enough free memory for {what}; close other programs that use it, or set SEARCH_DEVICE=cpu."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device has no more memory. cuBLAS, MPS and the CPU report it as plain RuntimeError, known by the text
    alone."""
    return isinstance(error, torch.OutOfMemoryError) or any(
        sign in str(error) for sign in ("out of memory", "ALLOC_FAILED", "can't allocate memory")
    )
