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
#: Share of the cores' time that queries may take, and of a machine's memory an index: the rest is spare.
BUSY, FULL = 0.6, 0.75
#: Hours in which rows should be written.
DAY = 24
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
    index, index_s = laws.index.bytes(images), laws.index.query_s(images)
    query_s = index_s + _beside(laws, "sqlite")
    machine, needed = prices.holding(index)
    copies = max(1, math.ceil(wanted.rate * query_s / (BUSY * machine.cores)))
    disk = {"catalog": laws.catalogs["sqlite"].total(images), "vector index, two during a build": 2 * index}
    write_hours, latency = laws.catalogs["sqlite"].write(images) / 3_600, index_s / min(machine.cores, THREADS)
    limits = [f"one machine holds the index: {needed} of the largest class would be needed, and it is not divided"]
    return Layout(
        engine="files and FAISS",
        images=images,
        disk=disk,
        memory=index,
        machines={machine.name: copies * needed},
        write_hours=write_hours,
        build_hours=laws.index.build_s(images) / 3_600,
        index_s=index_s,
        query_s=query_s,
        latency_s=latency,
        month=copies * needed * machine.hour * prices.month + copies * prices.block(sum(disk.values())),
        limits=(limits if needed > 1 else []) + _limits(write_hours, latency, wanted),
    )


def _pgvector(laws: Laws, prices: Prices, images: int, wanted: Wanted) -> Layout:
    each, build = laws.measured.servers["pgvector hnsw"]
    index, index_s = each * images, laws.graph_ms(images) / 1e3
    query_s = index_s + _beside(laws, "postgresql")
    machine, needed = prices.holding(index)
    small = prices.machines[0]
    servers = max(1, math.ceil(wanted.rate * query_s / (BUSY * small.cores)))
    disk = {
        "catalog": SLACK * laws.catalogs["postgresql"].total(images),
        "table and graph, two during a build": 2 * index,
    }
    write_hours = laws.catalogs["postgresql"].write(images) / 3_600
    limits = [f"one table, one graph, on one machine: it would need {needed} of the largest class"]
    return Layout(
        engine="PostgreSQL and pgvector",
        images=images,
        disk=disk,
        memory=index,
        machines={f"database, {machine.name}": needed, f"servers, {small.name}": servers},
        write_hours=write_hours,
        build_hours=build * images / 3_600,
        index_s=index_s,
        query_s=query_s,
        latency_s=index_s,
        month=(needed * machine.hour + servers * small.hour) * prices.month + prices.block(sum(disk.values())),
        limits=(limits if needed > 1 else []) + _limits(write_hours, index_s, wanted),
    )


def _milvus(laws: Laws, prices: Prices, images: int, wanted: Wanted) -> Layout:
    index, index_s = laws.index.bytes(images), laws.index.query_s(images)
    query_s = index_s + _beside(laws, "postgresql")
    small, machine = prices.machines[:2]
    held = 2 * index  # it keeps the one before until the next run
    nodes = math.ceil(max(
        held / (FULL * machine.memory), index_s / (wanted.latency * machine.cores),
        wanted.rate * index_s / (BUSY * machine.cores),
    ))  # fmt: skip
    servers = max(1, math.ceil(wanted.rate * (query_s - index_s) / (BUSY * small.cores)))
    catalog = SLACK * laws.catalogs["postgresql"].total(images)
    write_hours, latency = laws.catalogs["postgresql"].write(images) / 3_600, index_s / (nodes * machine.cores)
    return Layout(
        engine="PostgreSQL and Milvus",
        images=images,
        disk={"catalog": catalog, "vector index, two until the next run": held},
        memory=held,
        machines={
            f"query nodes, {machine.name}": nodes,
            f"servers, {small.name}": servers,
            f"database, {machine.name}": 1,
        },
        write_hours=write_hours,
        build_hours=laws.index.build_s(images) / 3_600,
        index_s=index_s,
        query_s=query_s,
        latency_s=latency,
        month=((nodes + 1) * machine.hour + servers * small.hour) * prices.month
        + prices.block(catalog)
        + prices.objects(held),
        limits=_limits(write_hours, latency, wanted),
    )


def _beside(laws: Laws, database: str) -> float:
    """Processor seconds of a query besides its vector index."""
    return laws.catalogs[database].query_ms / 1e3


def _limits(write_hours: float, latency: float, wanted: Wanted) -> list[str]:
    """Those that engines share."""
    limits = []
    if latency > wanted.latency:
        parts = math.ceil(latency / wanted.latency)
        limits.append(
            f"the index answers in {latency:.2f} s where {wanted.latency:.2f} s were wanted: {parts} parts of it, "
            "searched at once, would do"
        )
    if write_hours > DAY:
        limits.append(
            f"one writer takes {write_hours:,.0f} hours of the processor for the rows, one transaction after the other"
        )
    return limits
