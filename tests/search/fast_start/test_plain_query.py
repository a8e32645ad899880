"""A plain query means the same with and without typer; what is not plain is left to typer."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from search.fast_start import plain_query
from search.shell.cli import parsed
from search.shell.query_options import Asking

WORDS = st.sampled_from(["a red car", "x", "photo.jpg", "7", "0.5", "über", "--", "-", "", "-5", "a=b", "text"])
OPTIONS = st.sampled_from(
    [
        *("--text", "--image", "--paths", "--print0", "-0", "--json", "--no-rerank", "--explain", "--resident"),
        *("--no-resident", "--store", "-s", "--to", "--limit", "-k", "--sheet", "--rerank", "--reranker"),
        *("--min-probability", "--encoder", "--device", "--help", "--nonsense", "-k5", "--store=x", "--no-text", "-0k"),
    ]
)


def by_typer(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> Asking | None:
    """What the command would have been run with; None where typer complains or shows help."""
    seen: list[Asking] = []

    def keep(self: Asking) -> int:
        seen.append(self)
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(Asking, "run", keep)
        parsed(arguments)
    return seen[0] if seen else None


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(WORDS, OPTIONS), max_size=7))
@example(["a red car"])
@example(["a red car", "-k", "3", "-s", "store", "--json"])
@example(["--min-probability", "0.05", "x", "--rerank", "0"])
def test_the_same_as_typer(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], rest: list[str]) -> None:
    found = plain_query.parse(["query", *rest])
    if found is not None:
        assert found == by_typer(["query", *rest], monkeypatch)


@pytest.mark.parametrize(
    "arguments",
    [
        ["a red car"],
        ["a red car", "-k", "3"],
        ["a red car", "--limit", "3", "--to", "any", "-0"],
        ["-s", "/photos.search", "holiday.jpg", "--image", "--json", "--no-rerank", "--no-resident"],
        ["x", "--sheet", "out.html", "--explain", "--reranker", "blip:m", "--encoder", "bundled", "--device", "cpu"],
    ],
)
def test_usual_queries_are_plain(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = plain_query.parse(["query", *arguments])
    assert found is not None
    assert found == by_typer(["query", *arguments], monkeypatch)


@pytest.mark.parametrize("arguments", [[], ["status"], ["query"], ["query", "a", "b"], ["query", "--help"], ["-h"]])
def test_the_rest_is_left_to_typer(arguments: list[str]) -> None:
    assert plain_query.parse(arguments) is None


def test_every_option_is_known_or_left_to_typer() -> None:
    """A new option of the query need not be plain, but must not be forgotten by accident."""
    plain = {name for name, _ in (*plain_query._FLAGS.values(), *plain_query._VALUES.values())}
    assert {field.name for field in dataclasses.fields(Asking)} == plain | {"what"}
