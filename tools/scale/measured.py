"""What the benchmarks measured, read from the results that are committed. Units stand in the names."""

from __future__ import annotations

import itertools
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[2] / "tests" / "benchmarks" / "results" / "vnni"
#: What captions have to find of their true first ten.
TARGET = 0.95


@dataclass(frozen=True, slots=True)
class IndexPoint:
    """An index of `count` vectors: `lists` of which captions need `probes` for `TARGET`, None where no width that was
    tried reached it. `build_cpu_s`: None where the build was not seen to its end. `curve`: (lists probed, recall of
    captions, processor ms, of that ms to choose the lists)."""

    count: int
    base: int
    bytes: int
    build_cpu_s: float | None
    peak_mb: int
    lists: int
    probes: float | None
    curve: tuple[tuple[int, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class CatalogPoint:
    """A catalog of `count` images: bytes by part, processor seconds to write all, processor ms of reads by name (none
    where it was only written)."""

    count: int
    bytes: dict[str, int]
    write_cpu_s: float
    asked_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """`indexes`: ivf-sq8 files, by size. `harder`: the lists and those probed of clustered vectors (`ann.json`), with
    their number. `servers`: bytes a vector and build seconds of the processor a vector, by engine and type.
    `graph_ms`: vectors, and ms of a query of pgvector's graph. `stages_ms`: processor ms an image by set of photographs
    and stage. `scan_s`: processor seconds a known file. `file_bytes`: of a photograph, by set."""

    dimension: int
    indexes: tuple[IndexPoint, ...]
    regrown: tuple[IndexPoint, ...]
    harder: tuple[int, int, int]
    catalogs: dict[str, tuple[CatalogPoint, ...]]
    servers: dict[str, tuple[float, float]]
    stages_ms: dict[str, dict[str, float]]
    graph_ms: tuple[tuple[float, float], ...]
    vit_encode_ms: float
    scan_s: float
    file_bytes: dict[str, int]


def read(folder: Path = RESULTS) -> Measured:
    """Raises FileNotFoundError, KeyError."""

    def results(name: str) -> Any:
        return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))

    rows = results("index-growth")["rows"]
    files = [row for row in rows if row.get("backend", "files") == "files" and row["asked"] == "ivf-sq8"]
    points = sorted((_index(row) for row in files), key=lambda point: point.count)
    servers = {
        f"{row['backend']} {row['index']}": (row["bytes"] / row["count"], row["build_cpu_s"] / row["count"])
        for row in rows
        if row.get("backend", "files") != "files"
    }
    graphs = [
        (float(row["count"]), at["cpu_ms"])
        for row in rows
        if row["asked"] == "hnsw" and row.get("backend") == "pgvector"
        for at in row["curve"]
        if at["width"] == row["width"]
    ]
    beside = results("servers")
    for row in beside["rows"]:  # by the clock of a busy machine, clustered vectors of another dimension
        if row["backend"] == "milvus":
            servers["milvus hnsw"] = (row["mb"] * 1e6 / beside["count"], row["build_s"] / beside["count"])
        if row["backend"] == "pgvector" and row["index"] == "hnsw":
            graphs.append((float(beside["count"]), row["all"]["p50_ms"]))
    (clustered,) = (row for row in results("ann")["results"] if row["count"] == 1_000_000)
    limits = {row["what"]: row for row in results("rivals")["rows"] if row["what"].startswith("limit")}
    scans = results("scan")
    catalogs: dict[str, list[CatalogPoint]] = {}
    for row in results("catalog-growth")["rows"]:
        asked = {name: took["cpu_ms"] for name, took in row.get("asked", {}).items() if "cpu_ms" in took}
        point = CatalogPoint(row["count"], row["bytes"], row["write_cpu_s"], asked)
        catalogs.setdefault(row["database"], []).append(point)
    return Measured(
        dimension=rows[0]["dimension"],
        indexes=tuple(point for point in points if point.base < 20_000),
        regrown=tuple(point for point in points if point.base > 20_000),
        harder=(clustered["count"], 3_276, clustered["tuned"]["width"]),
        catalogs={name: tuple(sorted(some, key=lambda point: point.count)) for name, some in catalogs.items()},
        servers=servers,
        stages_ms={row["folder"]: row["cpu_ms"] for row in results("stages")["rows"]},
        graph_ms=tuple(graphs),
        vit_encode_ms=2e3 / limits["limit 500x375 same model"]["encoding"],  # both cores were busy
        scan_s=statistics.median(own for _, own in scans["seconds"]["scan"]) / scans["files"],
        file_bytes={row["folder"]: row["file_bytes"] for row in results("stages")["rows"]},
    )


def _index(row: dict[str, Any]) -> IndexPoint:
    curve = tuple(
        (at["width"], at["recall"]["captions"], at["cpu_ms"], at.get("cells_cpu_ms", 0.0)) for at in row["curve"]
    )
    needed = None
    for (low, below, *_), (high, above, *_) in itertools.pairwise(curve):
        if below < TARGET <= above:
            needed = low * (high / low) ** ((TARGET - below) / (above - below))
    base, count, lists = row.get("base", 10_000), row["count"], row["lists"]
    return IndexPoint(count, base, row["bytes"], row.get("build_cpu_s"), row["peak_mb"], lists, needed, curve)
