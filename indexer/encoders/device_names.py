"""Names of devices: which there are, and whether one is here, told without importing torch (2 s)."""

from __future__ import annotations

import os
import re
import sys
from typing import Final

from indexer.errors import UsageError

_NAME: Final = re.compile(r"cpu|mps|cuda(:\d{1,2})?")
#: Files by which Linux shows a GPU that torch calls cuda: NVIDIA's, those of WSL and of AMD, and NVIDIA's Tegra.
_GPUS: Final = ("/dev/nvidiactl", "/dev/nvidia[0-9]*", "/dev/dxg", "/dev/kfd", "/dev/nvmap")


def wanted_device(given: str | None) -> str:
    """The wish, in lower case: `given`, else SEARCH_DEVICE; "" for none. Raises UsageError for what is no device."""
    named = (given or os.environ.get("SEARCH_DEVICE", "")).strip()
    wish = named.lower()
    if wish in ("", "auto"):
        return ""
    for name in wish.split(","):
        if _NAME.fullmatch(name.strip()) is None:
            said = "" if given else "SEARCH_DEVICE: "
            raise UsageError(f"{said}{name.strip()!r} is no device; use cuda, cuda:0, mps or cpu.")
    return wish


def check_device(given: str | None) -> None:
    """Raise UsageError for what is no device, and for one that this machine does not show.

    For encoders that do not use it; torch knows better, and says for its own (`devices.py`).
    """
    for name in wanted_device(given).split(","):
        kind = name.strip().partition(":")[0]
        if (kind == "cuda" and not shows_gpu()) or (kind == "mps" and sys.platform != "darwin"):
            said = "" if given else " (SEARCH_DEVICE)"
            raise UsageError(f"Device {name.strip()!r}{said} is not on this machine; leave it out, or name cpu.")


def shows_gpu() -> bool:
    """Whether there may be a GPU for CUDA here; True where the system cannot be asked."""
    if not sys.platform.startswith("linux"):
        return sys.platform != "darwin"
    import glob

    return any(glob.glob(pattern) for pattern in _GPUS)


def unused(given: str | None) -> str | None:
    """What a person should know who asked for a device of an encoder that runs on the CPU alone; None: nothing.

    SEARCH_DEVICE is for every store, and says nothing of this one.
    """
    names = (given or "").strip().lower()
    if names in ("", "auto", "cpu"):
        return None
    return f"The bundled encoder runs on the CPU; the device {names} is for models on torch, and is not used."
