"""A plain query means the same with and without typer; what is not plain is left to typer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from search.fast_start.plain_arguments import read
from search.shell.cli import COMMANDS, parsed, program
from search.shell.commands.query import QueryOptions

WORDS = st.sampled_from(
    ["a red car", "x", "photo.jpg", "7", "0.5", "über", "--", "-", "", "-5", "a=b", "text", "-date", "in:2021"]
)
OPTIONS = st.sampled_from(
    [
        *("--text", "--image", "--paths", "--print0", "-0", "--json", "--no-rerank", "--explain", "--resident"),
        *(
            "--no-resident",
            "--store",
            "-s",
            "--to",
            "--limit",
            "-k",
            "--sheet",
            "--rerank",
            "--reranker",
            "--copy-to",
            "--open",
        ),
        *("--in", "--near", "--not", "--like", "--sort", "--with-text", "--path", "--id"),
        *("--min-probability", "--encoder", "--device", "--help", "--nonsense", "-k5", "--store=x", "--no-text", "-0k"),
    ]
)


Read = Callable[[list[str]], dict[str, Any] | None]


@pytest.fixture(scope="module")
def by_typer() -> Iterator[Read]:
    """What typer would have run the query with; None where it complains or shows help."""
    seen: list[QueryOptions] = []

    def keep(options: QueryOptions) -> int:
        seen.append(options)
        return 0

    def read_by_typer(arguments: list[str]) -> dict[str, Any] | None:
        seen.clear()
        parsed(["query", *arguments])
        return vars(seen[0]) if seen else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(COMMANDS, "query", (QueryOptions, keep))
        program.cache_clear()
        program()  # made with what keeps the options
        yield read_by_typer
    program.cache_clear()


def plainly(arguments: list[str]) -> dict[str, Any] | None:
    given = read(QueryOptions.rows(), QueryOptions.types(), arguments)
    return None if given is None else vars(QueryOptions(**given))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(WORDS, OPTIONS), max_size=7))
@example(["a red car"])
@example(["a red car", "-k", "3", "-s", "store", "--json"])
@example(["--min-probability", "0.05", "x", "--rerank", "0"])
@example(["--in", "2021", "--near", "Paris,5", "--near", "Rome", "--sort", "-date"])
def test_the_same_as_typer(by_typer: Read, capfd: pytest.CaptureFixture[str], rest: list[str]) -> None:
    found = plainly(rest)
    if found is not None:
        assert found == by_typer(rest)


@pytest.mark.parametrize(
    "arguments",
    [
        ["a red car"],
        ["a red car", "-k", "3"],
        ["a", "-k", "3", "red", "--json", "car"],
        ["a red car", "--limit", "3", "--to", "any", "-0"],
        ["-s", "/photos.search", "holiday.jpg", "--image", "--json", "--no-rerank", "--no-resident"],
        ["x", "--copy-to", "picks", "--open"],
        ["--in", "2021", "--near", "Paris,5"],
        ["a", "red car", "--not", "people", "--not", "dogs", "--like", "b.jpg", "--sort", "-date", "-k", "3"],
        ["x", "--sheet", "out.html", "--explain", "--reranker", "blip:m", "--encoder", "bundled", "--device", "cpu"],
    ],
)
def test_usual_queries_are_plain(arguments: list[str], by_typer: Read) -> None:
    found = plainly(arguments)
    assert found is not None
    assert found == by_typer(arguments)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--help"], ["-"], ["a", ""], ["x", "-k", "many"], ["x", "-k3"], ["x", "-k", "1", "-k", "2"], ["x", "-s"]],
)
def test_the_rest_is_left_to_typer(arguments: list[str]) -> None:
    assert plainly(arguments) is None


def test_every_option_of_a_query_is_read_plainly() -> None:
    """A type that the reader does not know would send each query that gives it through typer."""
    values = {"str": "x", "int": "7", "float": "0.5", "Path": "x", "list[str]": "x"}
    for name, row in QueryOptions.rows().items():
        kind = QueryOptions.types()[name].removesuffix(" | None")
        for flag in row.flags:
            for side in flag.split("/"):
                given = [side] if kind == "bool" else [side, values[kind]]
                assert plainly(["words", *given]) is not None, side


def test_a_plain_query_starts_without_typer(indexed: Path) -> None:
    program = (
        "import sys; from search.__main__ import run\n"
        f"assert run(['query', 'a cat', '-k', '1', '-s', {str(indexed)!r}]) == 0\n"
        "assert not {'typer', 'click', 'rich', 'PIL', 'faiss', 'torch'} & set(sys.modules), set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
