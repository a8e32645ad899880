"""A store that was made where the clocks show another time is not damaged, and its dates stay as they were derived."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

MAKE = """
import sys
from pathlib import Path
from indexer.catalog.files import FileRecord, Files
from indexer.types import Candidate, Said
from tests.fixtures.catalog_rows import add_photo, new_catalog

catalog = new_catalog(Path(sys.argv[1]))
with catalog.batch() as batch:
    for number, name in enumerate(("plain.jpg", "told.jpg", "PXL_20210131_223000123.jpg", "IMG_20210131_223000.jpg")):
        add_photo(batch, 1, f"/photos/{name}", number)
    Files(batch).save(
        [
            FileRecord(Candidate("/photos/plain.jpg", 1, 1_612_132_200 * 10**9), "image", content_id=1),
            FileRecord(
                Candidate("/photos/told.jpg.json", 1, 1),
                "captions",
                said=Said("2021-01-31T22:30:00+00:00"),
                about="/photos/told.jpg",
            ),
        ]
    )
catalog.close()
"""
LOOK = """
import json, sys
from pathlib import Path
from indexer import doctor
from indexer.catalog.catalog import Catalog
from indexer.catalog.sqlite import file_url
from indexer.catalog.shown_facts import ShownFacts

place = Path(sys.argv[1])
found = [each.problem for each in doctor.check(place.parent) if each.part == "facts"]
catalog = Catalog.open(file_url(place))
with catalog.snapshot() as snapshot:
    dates = [str(each.date) for each in ShownFacts(snapshot).get(range(1, 9)).values()]
catalog.close()
print(json.dumps([found, dates]))
"""


def test_dates_of_another_zone_are_no_damage(tmp_path: Path) -> None:
    place = tmp_path / "catalog.sqlite"
    _run(MAKE, place, "JST-9")
    tokyo = ["2021-02-01 07:30:00"] * 3 + ["2021-01-31 22:30:00"]  # of the file, of Takeout, and of a name in UTC
    for zone in ("JST-9", "NST3:30", "NPT-5:45", "LINT-14", "AoE12"):
        assert json.loads(_run(LOOK, place, zone)) == [[], tokyo], zone


def _run(program: str, place: Path, zone: str) -> str:
    command = [sys.executable, "-c", program, str(place)]
    done = subprocess.run(command, env={**os.environ, "TZ": zone}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
