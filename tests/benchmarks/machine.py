"""What a benchmark ran on: printed before its figures, and written with them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("openvino", "faiss-gpu", "numpy", "pillow", "sqlalchemy", "torch")
#: What decides how fast a CPU multiplies small numbers.
EXTENSIONS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


def about(**more: Any) -> dict[str, Any]:
    """The machine, the versions, the commit, the load when it began, and `more`: printed on one line, and returned.

    From here on Python may keep what it compiled: an installed package's modules are compiled once, and so are the
    rivals'. Where a variable forbids it, those of a checkout are compiled at each start (a tenth of a cold query).
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    found = {
        "cpu": cpu(), "cores": os.cpu_count(), "python": platform.python_version(), "versions": versions(),
        "commit": commit, "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None, **more,
    }  # fmt: skip
    print(json.dumps(found), flush=True)
    return found


def save(path: Path | None, found: dict[str, Any], **results: Any) -> None:
    """Write what `about` gave and the results as JSON, where a path is given."""
    if path is not None:
        path.write_text(json.dumps({**found, **results}, indent=1) + "\n", encoding="utf-8")


def add_row(path: Path | None, machine: dict[str, Any], command: Sequence[str]) -> None:
    """Measure one thing in a process of its own, whose output is the result as JSON: printed, and put behind those that
    the file at `path` has."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result = json.loads(done.stdout) | {"load": machine["load"]}
    print(json.dumps(result), flush=True)
    if path is not None:
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else machine
        save(path, before, rows=[*before.get("rows", []), result])


def versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def cpu() -> str:
    """Its name, and which of `EXTENSIONS` it has."""
    if sys.platform != "linux":
        return f"{platform.machine()} {platform.processor()}"
    lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    flags = said.get("flags", "").split()
    return " ".join([said.get("model name", platform.machine()), *(each for each in EXTENSIONS if each in flags)])
