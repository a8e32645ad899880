"""A query's text encoded in a forked process: the same answers, and the ordinary way when it comes to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer.encoder_hint import write_encoder_hint
from indexer.encoders.bundled import BundledEncoder
from search.fast_start.prefetch_process import EncodedText, PrefetchedEncoder, encode_text
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.encoded import images_with_tokens, texts_with_tokens

TEXT = "a cat on a chair"


@pytest.fixture(scope="module")
def bundled() -> BundledEncoder:
    return BundledEncoder()


def test_what_it_says_comes_through_the_pipe_whole(bundled: BundledEncoder) -> None:
    known = encode_text(bundled, TEXT)
    read = EncodedText.from_bytes(known.to_bytes())
    np.testing.assert_array_equal(read.vector, known.vector)
    assert known.tokens is not None
    assert read.tokens is not None
    np.testing.assert_array_equal(read.tokens, known.tokens)
    assert (read.identity, read.shape, read.words, read.count) == (
        known.identity, known.shape, known.words, known.count
    )  # fmt: skip


def test_an_encoder_without_tokens(bundled: BundledEncoder) -> None:
    colours = ColourEncoder()
    read = EncodedText.from_bytes(encode_text(colours, "red").to_bytes())
    assert (read.shape, read.tokens, read.words) == (None, None, [])
    np.testing.assert_array_equal(read.vector, colours.encode_texts(["red"]).vectors[0])


@pytest.mark.parametrize("data", [b"", b"\n", b"{}\n", b"[]", b"\xff", b"null\n"])
def test_what_was_cut_short_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        EncodedText.from_bytes(data)


def test_no_array_may_be_cut_short(bundled: BundledEncoder) -> None:
    data = encode_text(bundled, TEXT).to_bytes()
    line = data.index(b"\n") + 1
    for end in (line, line + 4, len(data) - 1):
        with pytest.raises(ValueError, match=r"buffer|reshape"):
            EncodedText.from_bytes(data[:end])


def test_it_stands_for_the_whole_encoder(bundled: BundledEncoder) -> None:
    ahead = PrefetchedEncoder(EncodedText.from_bytes(encode_text(bundled, TEXT).to_bytes()), None)
    assert ahead.independent_rows == bundled.independent_rows
    assert (ahead.identity, ahead.token_shape, ahead.batch_size, ahead.text_batch_size, ahead.max_text_tokens) == (
        bundled.identity, bundled.token_shape, bundled.batch_size, bundled.text_batch_size, bundled.max_text_tokens
    )  # fmt: skip
    wanted = bundled.identity.preprocessing
    pixels = np.full((1, wanted.height, wanted.width, 3), 90, np.uint8)
    for text in (TEXT, "another"):
        np.testing.assert_array_equal(ahead.encode_texts([text]).vectors, bundled.encode_texts([text]).vectors)
        vectors, [tokens] = texts_with_tokens(ahead, [text])
        right, [right_tokens] = texts_with_tokens(bundled, [text])
        np.testing.assert_array_equal(vectors, right)
        np.testing.assert_array_equal(tokens, right_tokens)
        assert ahead.words(text) == bundled.words(text)
        assert ahead.count_tokens(text) == bundled.count_tokens(text)
    np.testing.assert_array_equal(ahead.encode_images(pixels).vectors, bundled.encode_images(pixels).vectors)
    np.testing.assert_array_equal(images_with_tokens(ahead, pixels)[1], images_with_tokens(bundled, pixels)[1])


def in_a_fresh_process(code: str, store: Path) -> str:
    """`code` where a process may be forked: `folder` is the store, `fork(text)` begins, `right` is its encoder's id."""
    before = (
        "import sys; from pathlib import Path; from search.fast_start.prefetch import early_encoder\n"
        "from indexer.encoders.base import EncoderId; from indexer.encoder_hint import read_encoder_hint\n"
        "from search.fast_start.prefetch_process import EarlyProcess\n"
        "folder = Path(sys.argv[1]); right = EncoderId.from_json(sys.argv[2])\n"
        "def fork(text):\n    early = early_encoder(folder, text, None)\n"
        "    assert type(early) is EarlyProcess, early\n    return early\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", before + code, str(store), BundledEncoder().identity.to_json()],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert not done.returncode, done.stderr
    return done.stdout


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forked on Linux only")


def test_the_encoder_is_that_of_the_note(store: Path, bundled: BundledEncoder) -> None:
    said = in_a_fresh_process(
        "found = fork('a cat').get(right)\n"
        "assert found.identity == right and 'openvino' not in sys.modules\n"
        "print(found.encode_texts(['a cat']).vectors.tobytes().hex())",
        store,
    )
    assert bytes.fromhex(said) == bundled.encode_texts(["a cat"]).vectors.tobytes()


def test_a_process_that_is_killed_leaves_the_ordinary_way(store: Path) -> None:
    in_a_fresh_process(
        "import os, signal\nearly = fork('a cat'); os.kill(early._child, signal.SIGKILL)\n"
        "assert early.get(right) is None and early.get(right) is None",
        store,
    )


def test_an_encoder_that_is_not_the_catalogs_is_not_used(store: Path) -> None:
    write_encoder_hint(store, ColourEncoder().identity)
    in_a_fresh_process("assert fork('a cat').get(right) is None", store)


def test_nobody_waits_for_a_process_whose_answer_is_not_wanted(tmp_path: Path) -> None:
    """The output of the command ends with the command, though the child may go on for a moment."""
    in_a_fresh_process("fork('a cat'); print('done')", tmp_path)


def test_a_query_answers_the_same_in_a_thread(store: Path) -> None:
    command = [sys.executable, "-m", "search", "query", "a cat", "-s", str(store), "--json", "--no-resident"]
    forked = subprocess.run(command, capture_output=True, check=True).stdout
    threaded = (
        "import sys, search.fast_start.prefetch as early; early.sys = type(sys)('sys'); early.sys.platform = 'none'\n"
        "from search.__main__ import main; sys.argv[1:] = sys.argv[1:]; main()"
    )
    other = subprocess.run([sys.executable, "-c", threaded, *command[3:]], capture_output=True, check=True).stdout
    assert json.loads(forked)["hits"] == json.loads(other)["hits"]  # beside them it says how long it took
