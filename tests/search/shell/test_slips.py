"""What people type by mistake: one sentence that says what to type, and exit code 2."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEARCH_STORE", str(tmp_path / "no store"))
    (tmp_path / "photos").mkdir()
    (tmp_path / "dog.jpg").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["a red car"], "`search query 'a red car'`"),
        (["a", "red", "car"], "`search query a red car`"),
        (["a red car", "-k", "3"], "`search query 'a red car' -k 3`"),
        (["photos"], "`search index photos`"),
        (["./photos", "-q"], "`search index ./photos -q`"),
        (["dog.jpg"], "`search query dog.jpg`"),
        (["gone/photos"], "`search index FOLDER`"),
        (["qery", "a cat"], "did you mean `search query 'a cat'`?"),
        (["Index", "photos"], "did you mean `search index photos`?"),
        (["find", "a cat"], "did you mean `search query 'a cat'`?"),
        (["remove", "photos"], "did you mean `search forget photos`?"),
        (["search", "query", "a", "red", "car"], "did you mean `search query a red car`?"),
        (["search", "a cat"], "did you mean `search query 'a cat'`?"),
        (["query", "cat", "-to", "text"], "`search query` has no option -to; did you mean --to?"),
        (["query", "cat", "-limit", "3"], "did you mean --limit?"),
        (["xyzzy"], "`search --help`"),
        (["-s", "x", "query", "a cat"], "behind it"),
        (["train", "rerankr"], "reranker"),
        (["index", ""], "Argument 1 of `search index` is empty; is it a variable that is not set?"),
        (["query", "cat", "--copy-to", ""], "Argument 3 of `search query` is empty"),
        (["query", "cat", "--store="], "Argument 2 of `search query` is empty"),
        (["forget", "photos", ""], "Argument 2 of `search forget` is empty"),
        (["query"], "The query is empty; say what to look for"),
        (["query", "--json"], "The query is empty; say what to look for"),
        (["query", "cat", "--ignore", "x"], "no option --ignore; `search index` has it"),
        (["index", "--to", "text"], "no option --to; `search query` has it"),
        (["query", "cat", "--limt", "3"], "did you mean --limit?"),
        (["query", "cat", "--threshold", "0.2"], "did you mean --min-probability?"),
        (["query", "cat", "-n", "3"], "did you mean --limit?"),
        (["query", "cat", "--frobnicate"], "`search query --help`"),
        (["query", "cat", "-k"], "requires an argument"),
        (["query", "cat", "-k", "five"], "-k takes a whole number, not five."),
        (["query", "cat", "-k3.5"], "-k takes a whole number, not 3.5."),
        (["train", "encoder", "--pairs", "x", "--epochs", "1e9"], "search: --epochs takes a whole number, not 1e9."),
        (["train", "encoder", "--pairs", "x", "--rate=fast"], "search: --rate takes a number, not fast."),
        (["classify", "--classes", "a,b", "--top", "0"], "--top takes a whole number from 1 to 100, not 0."),
        (["query", "cat", "-k", "0"], "at least 1, not 0"),
        (["query", "cat", "--to", "imag"], "--to: takes image, text or any, not 'imag'; did you mean image?"),
        (["query", "cat", "--to", "txt"], "did you mean text?"),
        (
            ["query", "cat", "--min-probability", "50"],
            "--min-probability: '50' is no probability from 0 to 1, as in 50% or 0.5; 50",
        ),
        (["query", "cat", "--min-probability", "500"], "'500' is no probability"),
        (["query", "cat", "--min-probability", "nan"], "'nan' is no probability"),
        (["query", "cat to:any", "--to", "text"], "--to text and to: in the query say different things; give one."),
        (
            ["query", "cat", "--sort", "date", "--sort", "-date"],
            "--sort date and --sort -date say different things; give one.",
        ),
        (["query", "cat sort:date", "--sort=-size"], "--sort -size and sort: in the query say different things"),
        (
            ["query", "cat", "--min-probability", "5%", "--min-probability", "0.05", "--min-probability", ".5"],
            "--min-probability 5% and --min-probability .5 say different things; give one.",
        ),
        (["query", "cat", "--near", "5km"], "--near: '5km' is a radius without a place"),
        (["query", "cat", "--in", "2021-02-30"], "--in: 2021-02-30 is no date: February 2021 has no day 30."),
        (["query", "cat", "--type", "jpge"], "--type: takes jpeg, png"),
        (["query", "--not", "people"], "say what is wanted as well"),
        (["query", "cat", "--not", " "], "--not: ' ' holds no words."),
        (
            ["query", "animal", "--not", "a", "dog"],
            "--not: 'a' alone says nothing of a picture; put several words "
            'between quotation marks, as in --not "a dog".',
        ),
        (["query", "cat", "--like", "gone.jpg"], "gone.jpg is not there"),
        (["query", "cat", "--like", "photos"], "is not a file"),
        (["query", "cat", "--since", "2021"], "did you mean --after?"),
        (["query", "cat", "--exclude", "people"], "did you mean --not?"),
        (["query", "-blue", "car"], "as in `search query 'car -blue'`."),
        (
            ["query", "-k", "50", "-date:sidecar"],
            "-date:sidecar begins like an option; a query that begins with a minus "
            "stands behind --, as in `search query -k 50 -- -date:sidecar`.",
        ),
        (["query", "-has:gps", "-size:>5MB"], "as in `search query -- '-has:gps -size:>5MB'`."),
        (["query", "in:2021", "-has:gps"], "as in `search query 'in:2021 -has:gps'`."),
        (["query", "-not:dog"], "as in `search query 'car -not:dog'`."),
        (["query", "car", "-blue"], "as in `search query 'car -blue'`."),
        (["query", "-k", "3", "car", "-has:gps", "--json"], "as in `search query -k 3 --json 'car -has:gps'`."),
        (["query", "--", "-has:gps", "--json"], "options go before it: `search query --json -- -has:gps`."),
        (["query", "--", "cat", "--sort=date"], "--sort stands behind --, where all is words;"),
        (["query", "beach", "-sunset"], "as in `search query 'beach -sunset'`."),
        (["query", "beach", "-kids"], "as in `search query 'beach -kids'`."),
        (["query", "beach", "-houses", "--paths"], "as in `search query --paths 'beach -houses'`."),
        (["query", "-(type:png)"], "begins like an option"),
        (["query", "cat", "--json", "--paths"], "--json and --paths"),
        (["query", "cat", "--json", "-0"], "--json and --paths"),
        (["query", "cat", "--sheet", "cats.png"], "cats.png is named otherwise; end the name in .html"),
        (["query", "cat", "--sheet", "gone/x.html"], "there is no folder"),
        (["query", "cat", "--copy-to", "dog.jpg"], "dog.jpg is a file"),
        (["query", "cat", "--copy-to", "dog.jpg/picks"], "dog.jpg is a file"),
        (["eval", "captions.jsonl", "--html", "report.pdf"], "end the name in .html"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_one_sentence_says_what_to_type(cli: Cli, here: Path, typed: list[str], said: str) -> None:
    answer = cli(*typed)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("search: ")
    assert answer.err.count("\n") == 1
    assert said in answer.err
    assert "no store" not in answer.err  # it is said before anything is looked for
    assert not (here / "no store").exists()


def test_the_help_of_a_query_has_headings_and_examples(cli: Cli) -> None:
    lines = cli("query", "--help").out.splitlines()
    headings = [line for line in lines if line.endswith(":") and "--" not in line and not line.startswith("   ")]
    assert headings == [
        *("Arguments:", "Options:", "Output:", "Ranking:", "Running:", "Answers:", "More or less of what is meant:"),
        *("When:", "Where:", "Camera:", "File:", "What is said of it:", "  Examples:"),
    ]
    assert max(map(len, lines)) <= 80
    options = [line.split()[0] for line in lines if line.startswith("  -")]
    assert len(options) == len(set(options)) > 40
    assert lines[-1] == "    search query 'birthday min:50% sort:date'"


@pytest.mark.parametrize("command", ["index", "query", "merge", "split", "import", "export", "forget", "classify"])
def test_arguments_stand_in_the_help_as_in_the_usage_line(cli: Cli, command: str) -> None:
    usage, _, rest = cli(command, "--help").out.partition("\n")
    arguments = rest.partition("Arguments:\n")[2].partition("\n\n")[0].splitlines()
    named = [line.split()[0] for line in arguments if line[:3].strip()]
    assert named == re.sub(r"[][{}]", "", usage).split()[4:]
    assert "<" not in rest.partition("Options:")[0]


@pytest.mark.parametrize("typed", [["help"], ["help", "query"], ["help", "train", "reranker"], ["train"], []])
def test_help_is_help(cli: Cli, typed: list[str]) -> None:
    shown = cli(*typed)
    assert (shown.out + shown.err).startswith("Usage: search")
    assert shown.code == (0 if "help" in typed else 2)


def test_an_empty_index_says_how_to_fill_it(cli: Cli, here: Path) -> None:
    assert cli("index", "photos", "-s", "empty").code in (0, 3)
    for more, kind in (((), "images"), (("--to", "text"), "captions"), (("--json",), "images"), (("-0",), "images")):
        answer = cli("query", "a cat", "-s", "empty", *more)
        assert answer.code == 1
        step = "they come from the photographs themselves" if kind == "captions" else "`search index FOLDER` fills it"
        assert answer.err.startswith(f"search: the index holds no {kind}; {step}")
        if more == ("--json",):
            assert json.loads(answer.out)["notes"] == [answer.err.removeprefix("search: ").rstrip()]
    least = cli("query", "a cat", "-s", "empty", "--min-probability", "0.5")
    assert (least.code, least.out) == (1, "Nothing found.\n")
    assert "the index holds no images" in least.err


def test_an_index_that_is_being_filled_says_so(cli: Cli, here: Path) -> None:
    assert cli("index", "photos", "-s", "empty").code in (0, 3)
    holds = "import sys; from pathlib import Path; from indexer.store import write_lock\n"
    holds += "with write_lock(Path('empty')): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as indexer:
        assert indexer.stdout is not None
        assert indexer.stdout.readline() == "held\n"
        answer = cli("query", "a cat", "-s", "empty")
        indexer.communicate("")
    assert answer.code == 1
    assert f"({indexer.pid}) is filling it; ask again in a moment." in answer.err


def test_hits_that_are_left_out_are_no_empty_index(cli: Cli, indexed: Path) -> None:
    answer = cli("query", "a cat", "-s", indexed, "--min-probability", "0.9999")
    assert (answer.code, answer.err) == (1, "")
    assert "Nothing here matches well" in answer.out
