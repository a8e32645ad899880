"""A command line becomes a request where it can mean one thing alone, and means the same to the command itself."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from search.query.fields import FIELDS
from search.resident import plain_query, plain_status
from search.resident.wire import JSON, PATHS, PATHS0, TABLE, percent, unpercent
from search.shell.cli import COMMANDS, parsed, program
from search.shell.commands.query import QueryOptions
from search.shell.options import store_in

#: Options of the command that are left to it, each with its reason.
LEFT = {
    "--image",  # names a file
    "--like",
    *("--sheet", "--open", "--copy-to"),  # the command writes files and opens windows itself
    *("--reranker", "--encoder", "--device"),  # models of its own
    "--no-resident",
}
KNOWN = {
    *plain_query.SWITCHES,
    *plain_query.FORMS,
    *plain_query.NUMBERS,
    *plain_query.STORES,
    *plain_query.OPTIONS,
}

Read = Callable[[list[str]], dict[str, Any] | None]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def by_typer() -> Iterator[Read]:
    """What the command would have been given."""
    seen: list[QueryOptions] = []

    def keep(options: QueryOptions) -> int:
        seen.append(options)
        return 0

    def read(arguments: list[str]) -> dict[str, Any] | None:
        seen.clear()
        parsed(["query", *arguments])
        return vars(seen[0]) if seen else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(COMMANDS, "query", (QueryOptions, keep))
        program.cache_clear()
        program()
        yield read
    program.cache_clear()


def test_every_option_of_the_command_is_known_or_left_to_it() -> None:
    flags = {side for row in QueryOptions.rows().values() for flag in row.flags for side in flag.split("/")}
    assert flags == KNOWN | LEFT
    assert not KNOWN & LEFT


def meant(options: dict[str, Any]) -> dict[str, Any]:
    """What the command would ask, in the words of a request."""
    said: dict[str, Any] = {"fields": [], "as_words": options["as_text"], "explain": options["explain"]}
    for name in FIELDS:
        said["fields"] += [f"{name}:{value}" for value in options[f"field_{name}"] or ()]
    said |= {name: options[name] for name in ("by_words", "templates", "all_copies")}
    rerank = 0 if options["no_rerank"] else options["rerank"]
    said |= {"q": " ".join(options["what"] or ()), "k": options["limit"], "rerank": rerank}
    form = PATHS0 if options["print0"] else PATHS if options["paths"] else JSON if options["as_json"] else TABLE
    return said | {"form": form}


def read_back(target: str, form: str) -> dict[str, Any]:
    path, _, query = target.partition("?")
    assert path == "/search"
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    given_once = dict(pair for pair in pairs if pair[0] != "field")
    fields = [value for name, value in pairs if name == "field"]
    assert len(given_once) + len(fields) == len(pairs)
    flags: dict[str, Any] = {
        name: None if name not in given_once else given_once[name] == "true"
        for name in ("as_words", "explain", "by_words", "templates", "all_copies")
    }
    flags |= {name: bool(flags[name]) for name in ("as_words", "explain", "all_copies")}
    flags["by_words"] = flags["by_words"] is not False
    numbers = {name: None if name not in given_once else int(given_once[name]) for name in ("k", "rerank")}
    order = {name: place for place, name in enumerate(FIELDS)}
    fields.sort(key=lambda each: order[each.partition(":")[0]])
    return {"fields": fields, "q": given_once.get("q", ""), "form": form, **flags, **numbers}


WORDS = st.sampled_from(["a red car", "x", "photo.jpg", "7", "über", "--", "-", "", "-5", "in:2021", "a -b", "like:#1"])
OPTIONS = st.sampled_from([*sorted(KNOWN | LEFT), "-k3", "--limit=3", "--store=x", "-sx", "--near=Rome", "-date", "-h"])


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(WORDS, OPTIONS), max_size=7))
@example(["a red car", "-k", "3", "--json"])
@example(["--in", "2021", "--near", "Paris", "--sort", "-date", "x"])
@example(["x", "--by-words", "--no-by-words"])
@example(["x", "--rerank", "3", "--no-rerank"])
@example(["x", "-s", "a", "--store=b"])
@example(["x", "--sort", "-s", "a"])
def test_it_means_what_the_command_means(
    by_typer: Read, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    found = plain_query.target_of(arguments)
    if found is not None:
        options = by_typer(arguments)
        assert options is not None
        assert read_back(*found) == meant(options)
        store = options["store"]
        assert store_in(["query", *arguments]) == (None if store is None else str(store))


@pytest.mark.parametrize(
    "line",
    [
        "a red car",
        "'red car -blue in:2021 near:Paris' -k 3",
        "red car --not blue --in 2021 --near Paris,5 --json",
        "'in:2019-06..2019-09 type:jpeg' --paths",
        "'birthday min:50% sort:date' -0",
        "dog --sort -date -s /photos.search",
        "'St. Bernard' --explain --all-copies",
        '\'2*"at night" camera:"canon eos"\'',
        "--text photo.jpg",
        "собака",
        "in:1970..2100",
    ],
)
def test_usual_queries_are_plain(line: str) -> None:
    assert plain_query.target_of(shlex.split(line)) is not None


@pytest.mark.parametrize(
    "line",
    [
        "photo.jpg",
        "./photo",
        "~/photo",
        "photos/",
        "black/white",
        "'a cat + photo.jpg'",
        "like:x",
        "'a -LIKE:x'",
        "http://x",
        "file:///x",
        "path:a://b",
        "data:image/png;base64,x",
        "Mission: Impossible",
        "-",
        "-- -k",
        "--text",
        "",
        "''",
        "' '",
        "x --image",
        "x --sheet y.html",
        "x -k 0x1",
        "x -k -1",
        "x --json --paths",
        "text:'ACME invoice' x",
    ],
)
def test_what_may_be_something_else_is_left_to_the_command(line: str) -> None:
    assert plain_query.target_of(shlex.split(line)) is None


def test_what_is_there_by_that_name_is_left_to_the_command(tmp_path: Path) -> None:
    for name in ("cats", "a red car", "cat near:48.85,2.35", "near:48.85,2.35"):
        assert plain_query.target_of([name]) is not None
        (tmp_path / name).symlink_to("nowhere")
        assert plain_query.target_of([name]) is None
        assert plain_query.target_of([f" {name}"]) is None
        assert plain_query.target_of(["--text", name]) is not None
    assert plain_query.target_of(["two", "cat near:48.85,2.35"]) is None
    assert plain_query.target_of(["old cat near:48.85,2.35 x"]) is None
    assert plain_query.target_of(["old cats"]) is not None  # a word that is no path is a word


def test_a_line_that_is_too_long_or_no_text_is_left_to_the_command() -> None:
    assert plain_query.target_of(["x" * 10_000]) is not None
    assert plain_query.target_of(["x" * 10_001]) is None
    assert plain_query.target_of(["x " * 61]) is None
    assert plain_query.target_of(["\udcff"]) is None
    assert plain_query.target_of(["x", "--camera", "\udcff"]) is None


def test_status() -> None:
    assert plain_status.target_of([]) == ("/own/status?", TABLE)
    assert plain_status.target_of(["-s", "x", "--json"]) == ("/own/status?", JSON)
    assert plain_status.target_of(["--failed", "--left-out", "--store=x"]) == (
        "/own/status?failed=true&left_out=true",
        TABLE,
    )
    for other in (["--help"], ["x"], ["-s"], ["--store"], ["--store="], ["-s", "--json"], [""]):
        assert plain_status.target_of(other) is None


@given(st.binary(max_size=50))
def test_any_bytes_travel(data: bytes) -> None:
    assert unpercent(percent(data)) == data
    assert percent(data).isascii()
    assert percent(data).isprintable()
    assert " " not in percent(data)
