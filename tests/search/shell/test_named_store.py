"""Commands that sentences propose act on the store that was named."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.shell.named_store import naming_store

SAID = (
    "it is old; `search index --reencode` mends it, `search models` has others, `search doctor -s b` looks at b, "
    "`search train --help` says more."
)


@pytest.mark.parametrize(
    "arguments",
    [["query", "dog", "--store", "a b"], ["query", "-s", "other", "-s", "a b"], ["--store=a b"]],
)
def test_the_store_of_the_command_line_is_in_them(arguments: list[str]) -> None:
    assert naming_store(SAID, arguments) == (
        "it is old; `search index --reencode --store 'a b'` mends it, `search models` has others, "
        "`search doctor -s b` looks at b, `search train --help` says more."
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["query", "dog"],
        ["query", "--", "-s", "a"],
        ["query", "dog", "-s"],
        ["query", "-sunset"],
        ["query", "--store="],
    ],
)
def test_without_one_nothing_changes(arguments: list[str]) -> None:
    assert naming_store(SAID, arguments) == SAID


def test_what_a_person_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from search.shell.run import run

    store = tmp_path / "my store"
    assert run(["status", "--store", str(store)]) == 2
    assert f"`search index FOLDER --store '{store}'`" in capsys.readouterr().err
