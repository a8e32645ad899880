"""How much memory a process may use: what a user says, what the machine and its control groups have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexer import memory
from indexer.errors import UsageError
from indexer.memory import FLOOR, LEAST, held, in_words, process_limit, room


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        ("600MB", 600_000_000),
        ("600 mb", 600_000_000),
        ("2G", 2_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("1234567890", 1_234_567_890),
        ("400000kb", 400_000_000),
        ("1048576KiB", 1 << 30),
        ("1TB", 10**12),
    ],
)
def test_amounts_as_people_write_them(given: str, amount: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_MEMORY", given)
    assert process_limit() == amount


@pytest.mark.parametrize("given", ["much", "0", "-1GB", "2 gigabytes", "1e9", "GB", "1.GB", "٣GB", "0.0000001"])
def test_another_value_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_MEMORY", given)
    with pytest.raises(UsageError, match=r"SEARCH_MEMORY=.*600MB or 2GB, or unset it"):
        process_limit()


@pytest.mark.parametrize("given", ["10", "1MB", "399MB", "0.3GB"])
def test_too_little_to_work_with_is_refused_with_what_would_do(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_MEMORY", given)
    with pytest.raises(UsageError, match=rf"SEARCH_MEMORY='{given}' is too little to work with; give 400MB or more"):
        process_limit()
    monkeypatch.setenv("SEARCH_MEMORY", "400MB")
    assert process_limit() == LEAST


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="what the machine has")
def test_without_one_it_is_a_share_of_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEARCH_MEMORY", raising=False)
    assert 100_000_000 < process_limit() <= 0.75 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 1_000_000 < held() < process_limit()
    monkeypatch.setattr(memory, "_group_limits", lambda: iter([700_000_000, 600_000_000]))
    memory._usual_limit.cache_clear()
    try:
        assert process_limit() == 540_000_000
    finally:
        memory._usual_limit.cache_clear()


def test_what_is_left_is_never_less_than_a_photograph_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_MEMORY", "400MB")
    least = room(390_000_000)
    assert least.most == FLOOR
    assert least.beside == pytest.approx(390e6 + held(), abs=50e6)
    monkeypatch.setenv("SEARCH_MEMORY", "500GB")
    most, beside = room(10**9)
    assert most == pytest.approx(499e9 - held(), abs=1e9)
    assert most + beside == 500_000_000_000


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "own")
    return tmp_path


def test_the_nearest_limit_of_any_control_group_above_holds(groups: Path) -> None:
    """Version 2: a limit of a group holds for all below it; "max" is none."""
    (groups / "own").write_text("0::/slice/job\n")
    job = groups / "groups" / "slice" / "job"
    job.mkdir(parents=True)
    (job / "memory.max").write_text("max\n")
    (job.parent / "memory.max").write_text("700000000\n")
    assert list(memory._group_limits()) == [700_000_000]
    (job / "memory.max").write_text("600000000\n")
    assert min(memory._group_limits()) == 600_000_000


def test_version_1_and_a_container_whose_path_is_another_outside(groups: Path) -> None:
    (groups / "own").write_text("9:cpu:/\n4:memory:/docker/abc\n0::/\n")
    top = groups / "groups" / "memory"
    top.mkdir(parents=True)
    (top / "memory.limit_in_bytes").write_text("512000000\n")
    assert list(memory._group_limits()) == [512_000_000]


def test_no_control_groups(groups: Path) -> None:
    assert list(memory._group_limits()) == []
    (groups / "own").write_text("nonsense\n\n::\n")
    assert list(memory._group_limits()) == []


def test_in_words() -> None:
    assert [in_words(n) for n in (600_000_000, 999_999_999, 1_234_000_000, 5, 42_400_000)] == [
        "600 MB",
        "1.0 GB",
        "1.2 GB",
        "1 MB",
        "42 MB",
    ]
