"""The plan's simulation: its laws beside what was measured and they had not seen, and what has to hold of any plan."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.vectors.refresh import TAIL_MOST
from tools.scale import growth, page, simulate, waiting
from tools.scale.check import compared
from tools.scale.laws import FITTED_UP_TO, Laws, Power, Straight, fitted
from tools.scale.layouts import ENGINES, Wanted, encoding, layout
from tools.scale.measured import Measured, read
from tools.scale.prices import Prices

#: Predicted over measured, at most, or one over it.
WITHIN = {"bytes": 1.1, "lists": 1.5, "build": 1.5, "query": 2.0, "write": 1.5, "status": 2.0}


@pytest.fixture(scope="module")
def measured() -> Measured:
    return read()


@pytest.fixture(scope="module")
def laws(measured: Measured) -> Laws:
    return fitted(measured, simulate.ALL)


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices.read()


def test_what_the_laws_had_not_seen_is_predicted(measured: Measured) -> None:
    held_out = [one for one in compared(measured) if one.held_out]
    assert {one.count for one in held_out} >= {1_000_000}
    assert all(one.count > FITTED_UP_TO for one in held_out)
    off = {(one.what, one.count): one.times for one in held_out if _off(one.what, one.times)}
    assert off == {}


def test_what_they_were_fitted_to_is_near(measured: Measured) -> None:
    assert all(1 / 2 < one.times < 2 for one in compared(measured) if not one.held_out)


def test_a_wrong_law_does_not_pass(measured: Measured) -> None:
    """The check can fail: a collection whose large index was ten times the work."""
    points = tuple(
        replace(point, build_cpu_s=10 * (point.build_cpu_s or 0)) if point.count == 1_000_000 else point
        for point in measured.indexes
    )
    found = compared(replace(measured, indexes=points))
    assert any(_off(one.what, one.times) for one in found if one.held_out)


def _off(what: str, times: float) -> bool:
    most = max(bound for word, bound in WITHIN.items() if word in what)
    return not 1 / most <= times <= most


def test_laws_are_found_again() -> None:
    assert Straight.of([(10, 25.0), (100, 205.0), (1_000, 2_005.0)]).each == pytest.approx(2)
    assert Straight.of([(10, 20.0), (100, 190.0), (1_000, 1_950.0)]).fixed >= 0  # never less than nothing
    law = Power.of([(10, 3 * 10**0.5), (1_000, 3 * 1_000**0.5)])
    assert (law.factor, law.exponent) == (pytest.approx(3), pytest.approx(0.5))


@pytest.mark.parametrize("engine", ENGINES)
def test_more_images_never_cost_less(engine: str, laws: Laws, prices: Prices) -> None:
    found = [layout(engine, laws, prices, 10**power, Wanted()) for power in range(4, 10)]
    for name in ("memory", "write_hours", "build_hours", "query_s", "month"):
        values = [getattr(one, name) for one in found]
        assert values == sorted(values), name
    assert [sum(one.disk.values()) for one in found] == sorted(sum(one.disk.values()) for one in found)


def test_bytes_are_those_of_the_type(laws: Laws) -> None:
    """A byte a dimension, eight of the position, eight of the id."""
    assert laws.index.bytes(10**9) == pytest.approx((laws.measured.dimension + 16) * 1e9, rel=0.01)
    assert laws.index.bytes(10**9) / 10**9 < laws.catalogs["sqlite"].total(10**9) / 10**9


@pytest.mark.parametrize("engine", ENGINES)
def test_prices_scale(engine: str, laws: Laws, prices: Prices) -> None:
    table = json.loads(json.dumps(prices.table))
    for name in ("gpu_machine_hour", "block_storage_gb_month", "object_storage_gb_month"):
        table[name] *= 3
    table["machine_hour"] = {name: 3 * hour for name, hour in table["machine_hour"].items()}
    dear = Prices(table)
    assert layout(engine, laws, dear, 10**7, Wanted()).month == pytest.approx(
        3 * layout(engine, laws, prices, 10**7, Wanted()).month
    )
    assert encoding(laws, dear, 10**7, Wanted()).cost == pytest.approx(3 * encoding(laws, prices, 10**7, Wanted()).cost)


def test_twice_the_machines_encode_in_half_the_time_for_the_same(laws: Laws, prices: Prices) -> None:
    one, two = (encoding(laws, prices, 10**6, Wanted(machines=count)) for count in (5, 10))
    assert one.hours == pytest.approx(2 * two.hours)
    assert one.cost == pytest.approx(two.cost)
    assert one.cpu_hours == pytest.approx(10**6 * sum(laws.measured.stages_ms["12mp"].values()) / 3.6e6)


def test_queries_wait_as_theory_says() -> None:
    """One core, half busy, nearly constant times: the mean wait of M/G/1 is half the service time and a little."""
    found = waiting.simulated(5.0, 0.1, 1, queries=100_000)
    assert found.busy == pytest.approx(0.5, rel=0.05)
    assert 0.1 <= found.p50 < found.p95 < 0.4
    assert waiting.simulated(0.01, 0.1, 1).p50 == pytest.approx(0.1, rel=0.05)  # nobody waits
    assert waiting.simulated(20.0, 0.1, 1).p95 > 100  # twice what one core can do


def test_a_rate_is_kept(laws: Laws) -> None:
    rate = waiting.rate_for(0.1, 8, 0.5)
    assert 20 < rate < 80
    assert waiting.simulated(0.9 * rate, 0.1, 8).p95 <= 0.5
    assert waiting.rate_for(0.6, 8, 0.5) == 0


def test_it_grows_to_the_end_and_an_index_is_built_when_its_tail_is_full(laws: Laws) -> None:
    found = growth.months(laws, growth.Setting())
    assert found[-1].images == pytest.approx(10**9, rel=0.01)
    assert sum(month.came for month in found) == found[-1].images - 1_000
    assert all(month.tail <= TAIL_MOST for month in found)
    assert all(1 <= month.builds <= growth.DAYS_A_MONTH for month in found)
    sizes = [images for _, images in growth.first_passed(found)]
    assert sizes == sorted(sizes)
    assert sizes, "a billion passes a bound on one machine"


def test_a_larger_machine_bends_later(laws: Laws) -> None:
    small, large = (
        dict(growth.first_passed(growth.months(laws, growth.Setting(memory=memory * 2**30, latency=latency))))
        for memory, latency in ((32, 0.1), (512, 1.0))
    )
    first = {bound.split(":")[0]: images for bound, images in small.items()}
    for bound, images in large.items():
        assert images >= first.get(bound.split(":")[0], math.inf)


def test_the_command_answers_in_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["simulate", "--images", "1000000", "--json"])
    simulate.main()
    (one,) = json.loads(capsys.readouterr().out)
    assert one["images"] == 1_000_000
    assert [each["engine"] for each in one["layouts"]] == list(ENGINES)
    assert one["photographs"]["bytes"] > 1e12


def test_own_prices_are_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = json.loads((Path(simulate.__file__).with_name("prices.json")).read_text())
    table["machine_hour"] = {"8 vCPU / 32 GiB": 100.0, "16 vCPU / 128 GiB": 200.0, "64 vCPU / 512 GiB": 300.0}
    (tmp_path / "own.json").write_text(json.dumps(table))
    monkeypatch.setattr("sys.argv", ["simulate", "--images", "1000000", "--prices", str(tmp_path / "own.json")])
    simulate.main()
    assert "$73,0" in capsys.readouterr().out


def test_the_page_is_that_of_the_simulation() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.written(text) == text, "python -m tools.scale.page"
