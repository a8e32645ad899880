"""A line that is wrong is shown, with a caret under the character."""

from __future__ import annotations

import pytest

from search.shell.caret import point_at
from tests.conftest import Cli


def shown(capsys: pytest.CaptureFixture[str], line: str, position: int) -> tuple[str, int]:
    """The line as it is shown, and the column of the caret, both without the indent."""
    point_at(line, position)
    first, second, _ = capsys.readouterr().err.split("\n")
    assert first.startswith("    ")
    assert second.strip() == "^"
    return first[4:], second.index("^") - 4


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "45")  # 40 of them for the line


@pytest.mark.parametrize(
    ("line", "position", "column"),
    [
        ('red car "at', 8, 8),
        ("car in:", 7, 7),
        ('猫猫 "x', 3, 5),  # two columns each
        ('cafe\u0301 "x', 6, 5),  # a mark takes none
        ('a\tb "x', 4, 5),  # a tab is shown as \t
    ],
)
def test_the_caret_stands_under_the_character(
    capsys: pytest.CaptureFixture[str], line: str, position: int, column: int
) -> None:
    said, at = shown(capsys, line, position)
    assert at == column
    assert said == line.replace("\t", r"\t")


def test_of_a_long_line_the_part_around_it_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    line = "".join(chr(97 + at % 26) for at in range(500))
    for position in (0, 10, 250, 480, 499):
        said, at = shown(capsys, line[:position] + "X" + line[position + 1 :], position)
        assert len(said) <= 40
        assert said[at] == "X"
        assert said.startswith("…") == (position > 28)
        assert said.endswith("…") == (position < 499)
    said, at = shown(capsys, "猫" * 100 + "X" + "猫" * 100, 100)
    assert at <= 40
    assert len(said) <= 22


def test_a_wrong_line_is_one_sentence_and_a_place(cli: Cli) -> None:
    answer = cli("query", 'red car "at night')
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        'search: The query is wrong at character 9: the quotation mark " has no partner.\n'
        '    red car "at night\n'
        "            ^\n"
    )
