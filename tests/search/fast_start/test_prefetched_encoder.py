"""An encoder that knows one text says of it what the encoder says that it stands for."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from indexer.encoders.batches import encode_query
from indexer.encoders.graph_encoder import GraphEncoder
from search.fast_start.prefetched_encoder import EncodedTexts, PrefetchedEncoder, encode_ahead
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.encoded import images_with_tokens, texts_with_tokens

TEXT = "a cat on a chair"


@pytest.fixture(scope="module")
def bundled() -> GraphEncoder:
    return GraphEncoder()


def sent(known: EncodedTexts) -> EncodedTexts:
    """As it comes out of a pipe."""
    read: EncodedTexts = pickle.loads(pickle.dumps(known))
    return read


def test_an_encoder_without_tokens() -> None:
    colours = ColourEncoder()
    ahead = PrefetchedEncoder(sent(encode_ahead(colours, ("red",))), Path("s"), None)
    assert (ahead.token_shape, ahead.encode_texts(["red"], tokens=True).tokens, ahead.words("red")) == (None, None, [])
    np.testing.assert_array_equal(ahead.encode_texts(["red"]).vectors, colours.encode_texts(["red"]).vectors)


@pytest.mark.parametrize("text", [TEXT, "another"])
def test_it_stands_for_the_whole_encoder(bundled: GraphEncoder, text: str) -> None:
    ahead = PrefetchedEncoder(sent(encode_ahead(bundled, (TEXT,))), Path("s"), None)
    assert ahead.independent_rows == bundled.independent_rows
    assert (ahead.identity, ahead.token_shape, ahead.batch_size, ahead.text_batch_size, ahead.max_text_tokens) == (
        bundled.identity, bundled.token_shape, bundled.batch_size, bundled.text_batch_size, bundled.max_text_tokens
    )  # fmt: skip
    np.testing.assert_array_equal(ahead.encode_texts([text]).vectors, bundled.encode_texts([text]).vectors)
    assert ahead.encode_texts([text]).tokens is None
    vectors, [tokens] = texts_with_tokens(ahead, [text])
    right, [right_tokens] = texts_with_tokens(bundled, [text])
    np.testing.assert_array_equal(vectors, right)
    np.testing.assert_array_equal(tokens, right_tokens)
    assert ahead.words(text) == bundled.words(text)
    assert ahead.count_tokens(text) == bundled.count_tokens(text)


def test_it_encodes_images(bundled: GraphEncoder) -> None:
    ahead = PrefetchedEncoder(sent(encode_ahead(bundled, (TEXT,))), Path("s"), None)
    wanted = bundled.identity.preprocessing
    pixels = np.full((1, wanted.height, wanted.width, 3), 90, np.uint8)
    np.testing.assert_array_equal(ahead.encode_images(pixels).vectors, bundled.encode_images(pixels).vectors)
    np.testing.assert_array_equal(images_with_tokens(ahead, pixels)[1], images_with_tokens(bundled, pixels)[1])


def test_what_was_cut_short_is_refused(bundled: GraphEncoder) -> None:
    data = pickle.dumps(encode_ahead(bundled, (TEXT,)))
    for end in (0, 1, 100, len(data) // 2, len(data) - 1):
        with pytest.raises((EOFError, pickle.UnpicklingError)):
            pickle.loads(data[:end])


def test_it_knows_all_texts_of_a_query(bundled: GraphEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ("a cat 猫", "a dog", "grass")
    ahead = PrefetchedEncoder(sent(encode_ahead(bundled, texts)), Path("s"), None)
    monkeypatch.setattr(ahead, "_encoder", lambda: pytest.fail("nothing has to be loaded"))
    found, right = encode_query(ahead, texts, tokens=True), encode_query(bundled, texts, tokens=True)
    np.testing.assert_array_equal(found.vectors, right.vectors)
    assert found.tokens is not None
    assert right.tokens is not None
    for one, other in zip(found.tokens, right.tokens, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [ahead.count_tokens(text) for text in texts] == [bundled.count_tokens(text) for text in texts]
    assert [ahead.unread(text) for text in texts] == [["猫"], [], []]
