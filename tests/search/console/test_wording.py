"""The library speaks of calls and arguments, the shell of commands and options: the one becomes the other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer.arguments import RULES
from indexer.doctor import Finding
from search.console import wording
from search.console.wording import in_shell_words, worded
from search.query.fields import FIELDS
from search.results import Results
from search.shell.cli import COMMANDS
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.paths import ROOT

#: Rooms of the shell: whoever reads their messages sits before one.
#: A server, and what asks one, are met by whoever has started it from the shell.
OF_THE_SHELL = (
    *("search/shell/", "search/console/", "search/fast_start/", "search/resident/", "search/__main__.py"),
    *("search/web/", "search/remote/"),
)
#: An option, or a command, of the shell.
SHELL_WORDS = re.compile(r"(?<![\w-])--[a-z]|(?<![\w-])-k\b|`search [a-z]")


@pytest.mark.parametrize(
    ("library", "shell"),
    [
        ("`repair()` saves it.", "`search doctor --repair` saves it."),
        ("`index()`", "`search index`"),
        ("`index(FOLDER)`", "`search index FOLDER`"),
        ("`index('/my photos', reencode=True)`", "`search index '/my photos' --reencode`"),
        ("`index(settings=IndexSettings(tokens=True))`", "`search index --tokens`"),
        ("`index(settings=IndexSettings(tokens=False))`", "`search index --no-tokens`"),
        ("`open(..., encoder='a b').index(reencode=True)`", "`search index --reencode --encoder 'a b'`"),
        ("`status().failures` names them", "`search status --failed` names them"),
        ("`list_encoders(all=True)`", "`search models --all`"),
        ("`train_reranker()`", "`search train reranker`"),
        ("another `store`, or `rerank=0`, or `k=3`", "another --store, or --no-rerank, or -k 3"),
        ("`unignores=('a b/', 'c')`", "--no-ignore 'a b/' --no-ignore c"),
        ("`min_probability=0.05`", "--min-probability 5%"),
        ("`min_probability=0.29`", "--min-probability 29%"),
        ("`min_probability=0.9999`", "--min-probability 99.99%"),
        ("`labels=True`", "--labels"),
        ("`top` takes a whole number from 1 to 100, not 0.", "--top takes a whole number from 1 to 100, not 0."),
        ("`by_words=False`", "--no-by-words"),
        ("`index(settings=IndexSettings(default_ignores=False))`", "`search index --no-default-ignores`"),
    ],
)
def test_calls_become_commands(library: str, shell: str) -> None:
    assert in_shell_words(library) == shell


@pytest.mark.parametrize(
    "text",
    [
        "`pip install torch`",
        "`identity`",
        "`search.open(..., encoder=...)`",
        "`foo(1)`",
        "`index(colour='red')`",
        "`'a'`",
        "`a",
        "no word of it",
        "`(`",
        "`\0`",
        "`index(`",
    ],
)
def test_what_the_shell_does_not_know_stays(text: str) -> None:
    assert in_shell_words(text) == text


def test_the_sentences_in_a_value() -> None:
    results = worded(Results("`index()`", notes=("`index()` adds them.", "plain")))
    assert results.notes == ("`search index` adds them.", "plain")
    assert results.query == "`index()`"  # what a person asked for is theirs
    finding = worded(Finding("catalog", "damaged", "`repair()` mends it"))
    assert finding.remedy == "`search doctor --repair` mends it"


def test_the_commands_and_options_are_there() -> None:
    named: set[str] = set()
    for path in (ROOT / "search" / "shell").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "option":
                flags = (each.value for each in node.args if isinstance(each, ast.Constant))
                named |= {flag for each in flags for flag in str(each).split("/")}
    assert len(named) > 30
    named |= {field.option for field in FIELDS.values()}
    assert set(wording.OPTIONS.values()) <= named
    pages = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [name for name in wording.COMMANDS.values() if name.partition(" --")[0] not in pages] == []


#: Options that no argument of the library stands behind, and of switches what the sentences say as a call.
OF_THE_SHELL_ALONE = {
    *("--json", "--quiet", "--text", "--image", "--paths", "--print0", "--sheet", "--open", "--copy-to", "--html"),
    *("--classes-file", "--query", "--resident", "--background", "--stop", "--status"),
    *("--failed", "--left-out", "--repair", "--reset", "--no-rerank"),
}


def test_every_option_stands_for_its_argument() -> None:
    """Of the fields of queries the words are the query language's own."""
    known = set(wording.OPTIONS.values()) | OF_THE_SHELL_ALONE
    missing = [
        (command, row.flags)
        for command, (options, _) in COMMANDS.items()
        for name, row in options.rows().items()
        if row.flags and not name.startswith("field_") and not known & {flag.split("/")[0] for flag in row.flags}
    ]
    assert missing == []
    named = {name for options, _ in COMMANDS.values() for name, row in options.rows().items() if row.flags}
    arguments = {
        name for each in search.Library.__mro__ for call in vars(each).values() for name in getattr(call, RULES, ())
    }
    ambiguous = {"query", "paths", "limit"}  # of calls that no command with such an option makes
    assert (arguments & named) - set(wording.OPTIONS) - ambiguous == set()


def sentences() -> list[str]:
    """Every text below the shell that is no docstring, with its place."""
    found = []
    for package in ("indexer", "search"):
        for path in sorted((ROOT / package).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if place.startswith(OF_THE_SHELL):
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            expressions = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            found += [
                f"{place}:{node.lineno}: {node.value}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in expressions
            ]
    return found


def test_no_message_of_the_library_speaks_of_the_shell() -> None:
    said = sentences()
    assert len(said) > 2_000
    assert any("`repair()`" in each for each in said)
    assert [each for each in said if SHELL_WORDS.search(each)] == []


def test_an_error_reads_right_on_both_sides(cli: Cli, tmp_path: Path) -> None:
    with pytest.raises(search.StoreMissingError) as refused:
        search.open(tmp_path / "none").query("a cat")
    assert "`index(FOLDER)`" in str(refused.value)
    answer = cli("query", "a cat", "-s", tmp_path / "none")
    assert answer.code == 2
    assert f"make one with `search index FOLDER --store {tmp_path / 'none'}` (--store or SEARCH_STORE" in answer.err


def test_a_store_of_a_programs_own_encoder_says_so(cli: Cli, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (16, 16), "red").save(photos / "red.png")
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
    for command in (["query", "red"], ["query", "--image", photos / "red.png"], ["index"], ["index", photos]):
        answer = cli(*command, "-s", tmp_path / "s")
        assert (answer.code, answer.out) == (2, "")
        assert answer.err == (
            f"search: {tmp_path / 's'} was made with the encoder 'colours' of a program; open it there, with "
            "search.open(..., encoder=...).\n"
        )
    assert cli("status", "-s", tmp_path / "s").code == 0
    assert cli("doctor", "-s", tmp_path / "s").code == 0
