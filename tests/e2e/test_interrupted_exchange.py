"""Ctrl-C while vectors come in or go out: one sentence, exit code 130, nothing half-written, and the same command goes
on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import search
from search.console import exit_codes
from tests.fixtures.paths import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")

#: Ctrl-C comes at the second call of what is named.
INTERRUPTED = """
import importlib, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
module, kind, name = sys.argv.pop(1).split(":")
owner = getattr(importlib.import_module(module), kind)
calls, own = [], getattr(owner, name)

def interrupted(*arguments, **more):
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGINT)
    return own(*arguments, **more)

setattr(owner, name, interrupted)
from indexer.pipeline import copy_store
from search.exchange import batches
copy_store.PAGE, batches.AT_ONCE = 4, 4
from search.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("command", "at"),
    [
        (["export", "NEW", "--format", "npy", "-s", "STORE"], "search.exchange.npy_layout:NpyLayout:write"),
        (["import", "EXPORT", "-s", "NEW"], "indexer.pipeline.take_over:TakeOver:add_images"),
        (["merge", "STORE", "--into", "NEW"], "indexer.pipeline.copy_store:StoreCopy:_copy"),
        (["split", "PHOTOS", "--into", "NEW", "-s", "STORE"], "indexer.pipeline.copy_store:StoreCopy:_copy"),
    ],
)
def test_ctrl_c(store: Path, indexed: Path, tmp_path: Path, command: list[str], at: str) -> None:
    photos = indexed.parent / "photos"
    with search.open(store) as library:
        wanted = len(library.export(tmp_path / "export", format="npy").folder and list(library.items()))
    places = {"NEW": tmp_path / "new", "STORE": store, "EXPORT": tmp_path / "export", "PHOTOS": photos}
    words = [str(places.get(word, word)) for word in command]
    begun = [sys.executable, "-c", INTERRUPTED, at, *words]
    done = subprocess.run(begun, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (exit_codes.INTERRUPTED, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert [line for line in done.stderr.splitlines() if "nterrupt" in line or "topped" in line], done.stderr
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]
    if command[0] == "export":
        assert not places["NEW"].exists()
    again = subprocess.run(
        [sys.executable, "-m", "search", *words], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert again.returncode == exit_codes.FOUND, again.stderr
    if command[0] == "export":
        shutil.rmtree(places["NEW"])
    else:
        with search.open(places["NEW"]) as library:
            assert len(list(library.items())) == wanted
            assert library.check() == []
