"""What a better encoder costs, where one can be had, and how the shell says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.encoders.presets import PRESETS
from search import offers as module
from search.console.offer_text import cost_text, duration_text, offer_text, shown_offer
from search.offers import Offer, offers


@pytest.fixture(autouse=True)
def a_cpu_with_the_full_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "installed", lambda: module.FULL)
    monkeypatch.setattr(module, "shows_gpu", lambda: False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def test_time_is_reckoned_from_the_last_run() -> None:
    found = offers("bundled", 6_000, 0.01)
    assert [each.name for each in found] == [preset.purpose for preset in PRESETS]
    assert [each.seconds for each in found] == [pytest.approx(60 * preset.times) for preset in PRESETS]
    assert [each.recall for each in found] == [preset.recall for preset in PRESETS]


def test_without_a_measured_run_or_on_a_gpu_no_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {each.seconds for each in offers("bundled", 6_000, None)} == {None}
    monkeypatch.setattr(module, "shows_gpu", lambda: True)
    assert {each.seconds for each in offers("bundled", 6_000, 0.01)} == {None}


@pytest.mark.parametrize("why", ["another encoder", "no photographs", "the light form", "offline", "no open_clip"])
def test_nothing_is_offered_that_cannot_be_had(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, count = "bundled", 10
    if why == "another encoder":
        encoder = PRESETS[0].encoder
    elif why == "no photographs":
        count = 0
    elif why == "the light form":
        monkeypatch.setattr(module, "installed", lambda: "image-collection-search-light")
    elif why == "offline":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    else:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert offers(encoder, count, 0.01) == ()
    assert offers(None, count, 0.01) == ()


def test_one_line_says_the_command_what_it_costs_and_what_it_brings() -> None:
    offer = shown_offer(offers("bundled", 6_000, 0.01))
    assert offer is not None
    line = offer_text(offer, Path("/my photos.search"))
    preset = next(each for each in PRESETS if each.purpose == "balanced")
    assert "`search index --reencode --encoder balanced --store '/my photos.search'`" in line
    assert f"{preset.megabytes / 1000:.1f} GB to fetch once, about {60 * preset.times / 60:.0f} min" in line
    assert f"first for {100 * preset.recall:.0f} of 100 captions" in line
    assert "\n" not in line
    assert "--store" not in offer_text(offer, None)
    assert shown_offer(()) is None


def test_a_cost_without_a_time() -> None:
    assert cost_text(Offer("fast", 605, None, 0.4, "English", "MIT")) == "0.6 GB to fetch once"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "10 s"), (44, "40 s"), (89, "90 s"), (91, "2 min"), (3_000, "50 min"), (5_400, "1.5 h"), (40_000, "11 h")],
)
def test_times_as_a_person_says_them(seconds: float, said: str) -> None:
    assert duration_text(seconds) == said
