"""How many times as long as with the bundled encoder a photograph takes with each preset: `Preset.times`.

    python tests/benchmarks/bench_presets.py PHOTOGRAPHS [--count 120] [--rounds 3] [--only fast,...] [--json PATH]

PHOTOGRAPHS: `python tests/benchmarks/photographs.py PHOTOGRAPHS --count 200 --size 500x375` makes some. Whole
`search index` processes, each preset's in turn with the bundled encoder's, over `--count` photographs and over a few;
their difference is what the others took, without the start. The architectures have random weights and a small tokenizer
(`bench_architectures.py`): how fast they are does not depend on them. The first run of each exports it and is not
counted. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench_architectures import model_of

from indexer.encoders.presets import PRESETS

#: Photographs of the run that is taken off.
FEW = 8


def architecture(repository: str) -> str:
    """The name that open_clip gives to what lies in a repository."""
    import open_clip

    for model, tag in open_clip.list_pretrained():
        if (open_clip.get_pretrained_cfg(model, tag).get("hf_hub") or "").strip("/") == repository:
            return str(model)
    raise SystemExit(f"open_clip knows no model of {repository}")


def seconds(photographs: Path, store: Path, encoder: str) -> float:
    """Of a whole process, over a new store."""
    shutil.rmtree(store, ignore_errors=True)
    command = [sys.executable, "-m", "search", "index", str(photographs), "-s", str(store), "--encoder", encoder, "-q"]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(preset.purpose for preset in PRESETS))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    paths = sorted(asked.photographs.glob("*.jpg"))[: asked.count]
    found = machine.about(photographs=len(paths), rounds=asked.rounds)
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        os.environ["SEARCH_CACHE"] = str(work / "cache")
        for folder, some in (("many", paths), ("few", paths[:FEW])):
            (work / folder).mkdir()
            for path in some:
                shutil.copy(path, work / folder)

        def each(encoder: str) -> float:
            """Seconds a photograph."""
            many, few = (seconds(work / folder, work / "store", encoder) for folder in ("many", "few"))
            return (many - few) / (len(paths) - FEW)

        each("bundled")
        for purpose in asked.only.split(","):
            preset = next(preset for preset in PRESETS if preset.purpose == purpose)
            encoder = model_of(architecture(preset.repository), work / purpose)
            seconds(work / "many", work / "store", encoder)
            rounds = [(each("bundled"), each(encoder)) for _ in range(asked.rounds)]
            rows[purpose] = {
                "times": round(median(own / bundled for bundled, own in rounds), 1),
                "bundled_ms": [round(1000 * bundled, 2) for bundled, _ in rounds],
                "own_ms": [round(1000 * own, 2) for _, own in rounds],
            }
            print(purpose, rows[purpose], flush=True)
            shutil.rmtree(work / purpose)
            machine.save(asked.json, found, presets=rows)


if __name__ == "__main__":
    main()
