"""docs/cli.md is made from the commands, and names all that they read."""

from __future__ import annotations

import re

import pytest

from search.shell.cli import COMMANDS
from search.shell.options import Options, option
from tests.conftest import Cli
from tests.fixtures.paths import ROOT
from tools.docs import cli_reference


def test_the_page_is_made_from_the_commands() -> None:
    assert cli_reference.main(["--check"]) == 0, "python -m tools.docs.cli_reference"


def test_a_new_option_is_drift(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Longer(Options):
        new: bool = option("--new", default=False, help="What is new.")

    monkeypatch.setitem(COMMANDS, "status", (Longer, COMMANDS["status"][1]))
    assert "| `--new` | What is new. |" in cli_reference.page()
    assert cli_reference.main(["--check"]) == 1
    assert "has drifted" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_and_page_have_the_same_options(cli: Cli, name: str) -> None:
    shown = cli(*name.split(), "--help")
    assert shown.code == 0
    section = cli_reference.page().split(f"## `search {name}`\n")[1].split("\n## ")[0]
    options = re.compile(r"(?<![\w-])--[a-z0-9-]+")
    typed = {
        found
        for line in section.splitlines()
        if line.startswith("| `")
        for found in options.findall(line.split("` |")[0])
    }
    listed = [line for line in shown.out.splitlines() if re.match(r"  (-|\*)", line)]
    assert typed == {found for line in listed for found in options.findall(line)[:2]} - {"--help"}


def test_every_variable_is_named() -> None:
    sources = "".join(path.read_text() for package in ("search", "indexer") for path in (ROOT / package).rglob("*.py"))
    assert set(re.findall(r"SEARCH_[A-Z_]*[A-Z]", sources)) == cli_reference.VARIABLES.keys()
