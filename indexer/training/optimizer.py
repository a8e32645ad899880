"""AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), made so that Ctrl-C does no harm meanwhile.

torch's optimizers import its compiler, and with that Triton, when the first one is made: two seconds in which an
interruption ends the process by a signal, as it is raised within C++ that takes no exceptions. Python raises it in the
main thread alone, so all that is imported in another.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import Any, Final

import torch

_COMPILER: Final = "torch._dynamo"


def adamw(groups: Iterable[dict[str, Any]], rate: float) -> torch.optim.Optimizer:
    """An optimizer of these groups of parameters (`params`, `weight_decay`), at the learning rate `rate`."""
    thread = Thread(target=_import_compiler, name="import", daemon=True)
    thread.start()
    thread.join()
    return torch.optim.AdamW(groups, lr=rate)


def _import_compiler() -> None:
    with suppress(Exception):  # the optimizer says it, if it matters
        import_module(_COMPILER)
