"""What is gone when a store goes over to an encoder that was trained for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.calibration.calibration_file import Calibration, Entry
from search.calibration.curve import FALLBACK
from search.calls.left_behind import left_behind
from search.console.wording import in_shell_words
from tests.fixtures.colour_encoder import ColourTokenEncoder


def test_what_the_store_has_for_its_present_encoder_alone_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = ColourTokenEncoder()
    assert left_behind(tmp_path, encoder) == ()
    known = Calibration(encoder.identity.weights, (Entry("text", "image", None, FALLBACK),))
    monkeypatch.setattr("search.calls.left_behind.find_calibration", lambda *_given: known)
    monkeypatch.setattr("search.calls.left_behind.find_reranker", lambda *_given: tmp_path)
    [note] = left_behind(tmp_path, encoder)
    assert in_shell_words(note) == (
        "Going over to it takes away percentages, until `search calibrate`; the reranker and --explain, until "
        "`search train reranker --pairs TABLE`."
    )
