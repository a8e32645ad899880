"""What machines and bytes cost: assumptions from a file, which anybody may put their own beside."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT = Path(__file__).with_name("prices.json")
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Machine:
    """A class of machines: `name` is "8 vCPU / 32 GiB"."""

    name: str
    hour: float

    @property
    def cores(self) -> int:
        return int(self.name.split()[0])

    @property
    def memory(self) -> int:
        """Bytes."""
        return int(self.name.split("/")[1].split()[0]) * GIB


@dataclass(frozen=True, slots=True)
class Prices:
    """`table`: see `prices.json`."""

    table: dict[str, Any]

    @classmethod
    def read(cls, path: Path = DEFAULT) -> Prices:
        return cls(json.loads(path.read_text(encoding="utf-8")))

    @property
    def machines(self) -> list[Machine]:
        """The smallest first."""
        return sorted((Machine(*row) for row in self.table["machine_hour"].items()), key=lambda one: one.memory)

    @property
    def month(self) -> float:
        """Hours of it."""
        return float(self.table["hours_a_month"])

    def block(self, size: float) -> float:
        """A month of so many bytes on disks."""
        return size / 1e9 * float(self.table["block_storage_gb_month"])

    def objects(self, size: float) -> float:
        """A month of so many bytes in an object store."""
        return size / 1e9 * float(self.table["object_storage_gb_month"])

    def holding(self, memory: float, share: float = 0.75) -> tuple[Machine, int]:
        """The class and the number of machines that hold so many bytes in `share` of their memory: the smallest class
        of which one is enough, else as many of the largest as it takes."""
        for machine in self.machines:
            if memory <= share * machine.memory:
                return machine, 1
        largest = self.machines[-1]
        return largest, math.ceil(memory / (share * largest.memory))

    def gpu_images_a_second(self, flops: float) -> float:
        """Not measured: what the assumptions say of an encoder with so many operations an image."""
        gpu = self.table["gpu"]
        return float(gpu["peak_flops"]) * float(gpu["efficiency"]) / flops
