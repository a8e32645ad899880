"""Which engine holds what of a collection: bytes on each medium, machines, hours, and what that costs."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from tools.scale.laws import Laws
from tools.scale.prices import Prices

ENGINES = ("files and FAISS", "PostgreSQL and pgvector", "PostgreSQL and Milvus")
#: Threads of one machine by which the lists of a query are taken to be shared without loss. Two were measured.
THREADS = 8
#: Rows of dead versions, free space and logs of a database.
SLACK = 1.3


@dataclass(frozen=True, slots=True)
class Wanted:
    """`rate` queries a second at once, `latency` seconds for the vector index. `photographs`: a set of `stages_ms`.
    `encoder`: "bundled" or "ViT-B-32-256". `machines` that encode."""

    rate: float = 10.0
    latency: float = 0.1
    photographs: str = "12mp"
    encoder: str = "bundled"
    machines: int = 10


@dataclass(frozen=True, slots=True)
class Encoding:
    """Once: processor hours, hours on the machines that are wanted, and what they cost; `gpu_...`: by assumption."""

    cpu_hours: float
    hours: float
    cost: float
    gpu_machines: int
    gpu_hours: float
    gpu_cost: float


@dataclass(frozen=True, slots=True)
class Layout:
    """`disk` and `memory`: bytes. `query_s`: processor seconds of a query, of which `index_s` in the vector index;
    `latency_s`: that of the index with its work on all of its machines. `month`: what it costs each. `limits`: what the
    product does not do there today."""

    engine: str
    images: int
    disk: dict[str, float]
    memory: float
    machines: dict[str, int]
    write_hours: float
    build_hours: float
    index_s: float
    query_s: float
    latency_s: float
    shards: int
    month: float
    limits: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def encoding(laws: Laws, prices: Prices, images: int, wanted: Wanted) -> Encoding:
    """What encoding all of them takes on machines of the smallest class, and by assumption with GPUs."""
    stages = dict(laws.measured.stages_ms[wanted.photographs])
    if wanted.encoder != "bundled":
        stages["encode"] = laws.measured.vit_encode_ms
    machine = prices.machines[0]
    cpu_hours = images * sum(stages.values()) / 3.6e6
    hours = cpu_hours / (wanted.machines * machine.cores)
    flops = float(prices.table["encoder_flops"]["ViT-B-32-256"])
    before = (sum(stages.values()) - stages["encode"]) / 1e3  # of a core: reading and decoding
    rate = min(prices.gpu_images_a_second(flops), prices.table["gpu"]["vcpus_beside_it"] / before)
    gpu_hours = images / rate / 3_600
    cost = hours * wanted.machines * machine.hour
    return Encoding(
        cpu_hours, hours, cost, wanted.machines, gpu_hours / wanted.machines,
        gpu_hours * float(prices.table["gpu_machine_hour"]),
    )  # fmt: skip


def layout(engine: str, laws: Laws, prices: Prices, images: int, wanted: Wanted) -> Layout:
    """One engine's part in a collection of so many images."""
    return {
        "files and FAISS": _files, "PostgreSQL and pgvector": _pgvector, "PostgreSQL and Milvus": _milvus,
    }[engine](laws, prices, images, wanted)  # fmt: skip


def _files(laws: Laws, prices: Prices, images: int, wanted: Wanted) -> Layout:
    catalog, index = laws.catalogs["sqlite"].total(images), laws.index.bytes(images)
    index_s = laws.index.query_s(images)
    query_s = index_s + _beside(laws, "sqlite")
    machine, needed = prices.holding(index)
    copies = max(1, math.ceil(wanted.rate * query_s / (0.6 * machine.cores)))
    disk = {"catalog": catalog, "vector index, two during a build": 2 * index}
    month = copies * (machine.hour * prices.month + prices.block(sum(disk.values())))
    latency = index_s / min(machine.cores, THREADS)
    limits = []
    if needed > 1:
        limits.append(
            f"one machine holds the index: {needed} of the largest class would be needed, and it is not divided"
        )
        month *= needed
    return _layout(
        "files and FAISS", laws, images, disk, index, {machine.name: copies * needed}, "sqlite", index_s, query_s,
        latency, month, limits, wanted,
    )  # fmt: skip


def _pgvector(laws: Laws, prices: Prices, images: int, wanted: Wanted) -> Layout:
    each, build = laws.measured.servers["pgvector hnsw"]
    catalog, index = SLACK * laws.catalogs["postgresql"].total(images), each * images
    index_s = laws.graph_ms(images) / 1e3
    query_s = index_s + _beside(laws, "postgresql")
    machine, needed = prices.holding(index)
    servers = max(1, math.ceil(wanted.rate * query_s / (0.6 * prices.machines[0].cores)))
    disk = {"catalog": catalog, "table and graph, two during a build": 2 * index}
    month = needed * machine.hour * prices.month + servers * prices.machines[0].hour * prices.month
    month += prices.block(sum(disk.values()))
    limits = (
        [f"one table, one graph, on one machine: it would need {needed} of the largest class"] if needed > 1 else []
    )
    machines = {f"database, {machine.name}": needed, f"servers, {prices.machines[0].name}": servers}
    found = _layout(
        "PostgreSQL and pgvector", laws, images, disk, index, machines, "postgresql", index_s, query_s, index_s, month,
        limits, wanted,
    )  # fmt: skip
    return _with_build(found, build * images)


def _milvus(laws: Laws, prices: Prices, images: int, wanted: Wanted) -> Layout:
    index = 2 * laws.index.bytes(images)  # it holds the one before until the next run
    catalog = SLACK * laws.catalogs["postgresql"].total(images)
    index_s = laws.index.query_s(images)
    query_s = index_s + _beside(laws, "postgresql")
    small = prices.machines[0]
    machine = prices.machines[1]
    nodes = max(
        1, math.ceil(index / (0.75 * machine.memory)), math.ceil(index_s / (wanted.latency * machine.cores)),
        math.ceil(wanted.rate * index_s / (0.6 * machine.cores)),
    )  # fmt: skip
    servers = max(1, math.ceil(wanted.rate * (query_s - index_s) / (0.6 * small.cores)))
    disk = {"catalog": catalog, "vector index": index}
    month = (nodes * machine.hour + servers * small.hour + prices.machines[1].hour) * prices.month
    month += prices.block(catalog) + prices.objects(index)
    machines = {
        f"query nodes, {machine.name}": nodes,
        f"servers, {small.name}": servers,
        f"database, {machine.name}": 1,
    }
    return _layout(
        "PostgreSQL and Milvus", laws, images, disk, index, machines, "postgresql", index_s, query_s,
        index_s / (nodes * machine.cores), month, [], wanted,
    )  # fmt: skip


def _beside(laws: Laws, database: str) -> float:
    """Processor seconds of a query besides its vector index."""
    return laws.catalogs[database].query_ms / 1e3


def _layout(
    engine: str,
    laws: Laws,
    images: int,
    disk: dict[str, float],
    memory: float,
    machines: dict[str, int],
    database: str,
    index_s: float,
    query_s: float,
    latency: float,
    month: float,
    limits: list[str],
    wanted: Wanted,
) -> Layout:
    write, build = laws.catalogs[database].write(images) / 3_600, laws.index.build_s(images) / 3_600
    if latency > wanted.latency:
        limits = [*limits, f"the index answers in {latency:.2f} s where {wanted.latency:.2f} s were wanted"]
    if write > 24:
        limits = [
            *limits,
            f"one writer takes {write:,.0f} hours of the processor for the rows, one transaction after the other",
        ]
    shards = max(1, math.ceil(latency / wanted.latency))
    return Layout(
        engine, images, disk, memory, machines, write, build, index_s, query_s, latency, shards, month, limits
    )


def _with_build(found: Layout, seconds: float) -> Layout:
    return Layout(**{**found.to_json(), "build_hours": seconds / 3_600})
