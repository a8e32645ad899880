"""What `search index` prints of a run, and where its time went."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import search
from indexer.types import Report
from search.loaded_models import LoadedModels
from search.shell.run_report import print_report, report_json
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.painted_classes import paint_classes


@pytest.mark.parametrize(
    ("preparing", "said"),
    [
        (9.12, "200 encoded; 0.7 s (286 images/s), after 9.1 s in which the encoder was made ready"),
        (0.9, "200 encoded; 0.7 s (286 images/s)"),
    ],
)
def test_the_time_before_the_first_image_is_said_where_it_is_long(
    capsys: pytest.CaptureFixture[str], preparing: float, said: str
) -> None:
    report = Report(encoded=200, seconds=0.7, preparing=preparing, encoder="x", unchanged=0)
    print_report(report, quiet=False)
    assert capsys.readouterr().out.splitlines()[0] == said
    assert report_json(report)["preparing"] == preparing


def test_an_export_is_time_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    made = LoadedModels.encoder_for_indexing

    def slow(self: LoadedModels, *given: Any) -> Any:
        now[0] += 9.0
        return made(self, *given)

    monkeypatch.setattr(LoadedModels, "encoder_for_indexing", slow)
    monkeypatch.setattr("search.calls.indexing.time", SimpleNamespace(monotonic=lambda: now[0]))
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        assert library.index(paint_classes(tmp_path / "photos", {"fire": "red"}, 2)).preparing == 9.0
