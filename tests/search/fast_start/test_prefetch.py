"""An encoder is on its way before the catalog is open, and is used only when the catalog agrees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import search
from indexer.encoder_hint import HINT_NAME, read_encoder_hint, write_encoder_hint
from indexer.encoders.graph_encoder import GraphEncoder
from search.fast_start.prefetch import prefetch_encoder
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourEncoder

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="forked on Linux only")


def in_a_fresh_process(code: str, store: Path) -> str:
    """What `code` prints where a process may be forked: `folder` is the store, `fork()` begins to encode "a cat",
    `right` is the id of the store's encoder."""
    before = (
        "import os, sys; from pathlib import Path; from search.fast_start.prefetch import prefetch_texts\n"
        "from indexer.encoders.base import EncoderId\n"
        "folder = Path(sys.argv[1]); right = EncoderId.from_json(sys.argv[2])\n"
        "def fork():\n    found = prefetch_texts(folder, ('a cat',), None); assert found is not None; return found\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", before + code, str(store), GraphEncoder().identity.to_json()],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not done.returncode, done.stderr
    return done.stdout


# -- the hint -----------------------------------------------------------------------------------------------


def test_the_hint_is_of_the_encoder_that_answers(store: Path) -> None:
    assert read_encoder_hint(store) == GraphEncoder().identity


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"name": "bundled"}', "\0"])
def test_a_hint_that_does_not_read_is_none(store: Path, content: str | None) -> None:
    (store / HINT_NAME).unlink()
    if content is not None:
        (store / HINT_NAME).write_text(content)
    assert read_encoder_hint(store) is None
    command = [sys.executable, "-m", "search", "query", "a cat", "-s", str(store), "-k", "1", "--paths"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("chelsea.png")


def test_the_next_run_mends_the_hint(store: Path) -> None:
    (store / HINT_NAME).write_text("{")
    with search.open(store) as library:
        library.index()
    assert read_encoder_hint(store) == GraphEncoder().identity


def test_a_folder_that_cannot_be_written_has_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    write_encoder_hint(tmp_path / "file" / "store", GraphEncoder().identity)
    assert read_encoder_hint(tmp_path / "file" / "store") is None


# -- the text of a query ------------------------------------------------------------------------------------


@on_linux
def test_the_text_is_encoded_elsewhere(store: Path) -> None:
    said = in_a_fresh_process(
        "found = fork().get(right)\n"
        "assert found.identity == right\n"
        "print(found.encode_texts(['a cat']).vectors.tobytes().hex())\n"
        "assert 'openvino' not in sys.modules",
        store,
    )
    assert bytes.fromhex(said) == GraphEncoder().encode_texts(["a cat"]).vectors.tobytes()


@on_linux
def test_a_query_does_without_a_runtime_of_its_own(store: Path) -> None:
    in_a_fresh_process(
        "from search.__main__ import run\n"
        "assert run(['query', 'a cat', '-s', str(folder)]) == 0\n"
        "assert 'openvino' not in sys.modules",
        store,
    )


@on_linux
def test_a_process_that_is_killed_leaves_the_ordinary_way(store: Path) -> None:
    in_a_fresh_process(
        "import signal; found = fork(); os.kill(found._pid, signal.SIGKILL)\n"
        "assert found.get(right) is None and found.get(right) is None",
        store,
    )


@on_linux
def test_an_encoder_that_is_not_the_catalogs_is_not_used(store: Path) -> None:
    assert in_a_fresh_process("print(fork().get(right) is not None)", store) == "True\n"
    write_encoder_hint(store, ColourEncoder().identity)
    assert in_a_fresh_process("print(fork().get(right) is not None)", store) == "False\n"


@on_linux
def test_nobody_waits_for_a_process_whose_answer_is_not_wanted(store: Path) -> None:
    """The output of a command ends with the command, though the child goes on: this one would go on for an hour."""
    child = in_a_fresh_process(
        "import time; from indexer.encoders import registry\n"
        "registry.load_encoder = lambda *a, **k: time.sleep(3600)\n"
        "print(fork()._pid)",
        store,
    )
    os.kill(int(child), signal.SIGKILL)  # it is there


@on_linux
def test_where_a_fork_is_not_safe_there_is_none(store: Path) -> None:
    in_a_fresh_process(
        "import threading; started = threading.Event(); threading.Thread(target=started.wait).start()\n"
        "assert prefetch_texts(folder, ('a cat',), None) is None; started.set()",
        store,
    )
    in_a_fresh_process("import openvino; assert prefetch_texts(folder, ('a cat',), None) is None", store)


def test_a_query_answers_the_same_without(store: Path, cli: Cli) -> None:
    command = [sys.executable, "-m", "search", "query", "a cat", "-s", str(store), "--json", "--no-resident"]
    ahead = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["hits"]
    with search.open(store) as library:
        assert ahead == json.loads(json.dumps(library.query("a cat").to_json()))["hits"]


# -- the encoder of a new store -----------------------------------------------------------------------------


def test_the_encoder_of_a_new_store_comes_with_its_image_tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefetch = prefetch_encoder(tmp_path / "new", None, None)
    assert prefetch is not None
    found = prefetch.get(None)
    assert isinstance(found, GraphEncoder)
    for thread in threading.enumerate():
        if thread.name == "prefetch":
            thread.join()
    monkeypatch.setattr("indexer.encoders.runtime.Graph", None)  # nothing is left to load
    wanted = found.identity.preprocessing
    assert found.encode_images(np.zeros((2, wanted.height, wanted.width, 3), np.uint8)).vectors.shape[0] == 2


def test_a_store_that_is_there_may_need_no_encoder(store: Path) -> None:
    assert prefetch_encoder(store, None, None) is None


def test_an_encoder_that_does_not_load_is_reported_in_the_ordinary_way(tmp_path: Path, cli: Cli) -> None:
    prefetch = prefetch_encoder(tmp_path / "new", "bundeld", None)
    assert prefetch is not None
    assert prefetch.get(None) is None
    answer = cli("index", tmp_path, "-s", tmp_path / "new", "--encoder", "bundeld")
    assert answer.code == 2
    assert answer.err.startswith("search: There is no encoder 'bundeld'")
    assert not (tmp_path / "new").exists()


def test_a_store_that_was_made_meanwhile_keeps_its_encoder(tmp_path: Path) -> None:
    prefetch = prefetch_encoder(tmp_path / "new", None, None)
    assert prefetch is not None
    assert prefetch.get(ColourEncoder().identity) is None
