"""Names that would be markup, terminal commands or no text at all: nothing acts on them, every command takes them."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from search.console.escaping import escaped
from search.shell.progress_bar import listener
from tests.conftest import Cli

#: Markup of rich, a title of a terminal's window, colours, text that runs backwards, a line of its own.
HOSTILE = "x[/b][red]:smile: \x1b]0;t\x07\x1b[31m\u202egpj.\nsearch: all is well"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("terminal", [False, True])
def test_phases_are_shown_as_they_are_named(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    shown = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    with listener(False) as progress:
        progress.phase(f"Looking through /{HOSTILE}")
        progress.total(3)
        progress.advance(3)
        progress.phase(f"Indexing /{HOSTILE}")
    said = shown.getvalue()
    assert "[/b][red]:smile:" in said or ("[/b]" in said and terminal)  # a bar has less room
    assert "\x1b]0;t" not in said
    assert "\x07" not in said
    assert "\u202e" not in said
    assert "\nsearch: all is well" not in said


def test_every_command_takes_a_store_and_photographs_of_any_name(cli: Cli, tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff\xfe") + HOSTILE.replace("/", "∕")
    photos, store = tmp_path / f"photos {odd}", tmp_path / f"store {odd}" / "s"
    photos.mkdir()
    Image.new("RGB", (40, 30), "red").save(photos / f"{odd}.png")
    (photos / f"{odd}.txt").write_text(f"a red square {HOSTILE}")
    made = cli("index", photos, "-s", store)
    assert made.code == 0, made.err
    said = [made]
    for command in (
        ("query", "red"),
        ("query", "red", "--to", "any", "--json"),
        ("query", "red", "--explain"),
        ("query", photos / f"{odd}.png"),
        ("query", "red", "--sheet", tmp_path / f"{odd}.html"),
        ("query", "red", "--copy-to", tmp_path / f"picks {odd}"),
        ("status",),
        ("status", "--json"),
        ("doctor",),
        ("doctor", "--repair"),
        ("index", "--verify"),
        ("forget", photos / f"{odd}.png"),
    ):
        answer = cli(*command, "-s", store)
        assert answer.code == 0, (command, answer.err)
        said.append(answer)
    for answer in said:
        assert "\x1b" not in answer.out + answer.err
        assert "\u202e" not in answer.out + answer.err
        assert "\nsearch: all is well" not in "\n" + answer.out + answer.err
    assert len(list((tmp_path / f"picks {odd}").iterdir())) == 1
    assert escaped(str(photos))[:40] in made.err


@pytest.mark.parametrize("encoder", ["hf-hub:my org/x", "hf-hub:my/\x1b[31mx", "open_clip:\x1b]0;t\x07/x", "a\nb"])
def test_an_encoder_that_can_be_none_is_one_sentence(cli: Cli, tmp_path: Path, encoder: str) -> None:
    (tmp_path / "photos").mkdir()
    answer = cli("index", tmp_path / "photos", "-s", tmp_path / "s", "--encoder", encoder)
    assert answer.code == 2
    assert answer.err.startswith("search: ")
    assert answer.err.count("\n") == 1
    assert "\x1b" not in answer.err
    assert not (tmp_path / "s").exists()
