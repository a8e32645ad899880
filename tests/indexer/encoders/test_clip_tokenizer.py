"""CLIP's tokenizer without open_clip gives open_clip's ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from indexer.encoders import clip_tokenizer
from indexer.encoders.clip_tokenizer import ClipTokenizer
from indexer.encoders.openclip_model import Sources
from indexer.encoders.openclip_tokenizer import Tokenizer
from indexer.errors import EncoderUnavailableError


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClipTokenizer, Tokenizer]:
    """The fast one and the reference."""
    import open_clip

    reference = Tokenizer(open_clip, Sources({"text_cfg": {"context_length": 16}}, {}, ""))
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    vocabulary, merges = reference.byte_pairs() or ({}, {})
    clip_tokenizer.write(file, vocabulary, merges)
    return ClipTokenizer(file, 16), reference


WORDS = st.sampled_from(
    [
        *("a", "photo", "of", "a", "Cat", "it's", "they'll", "café", "naïve", "日本", "emoji 🐈", "x" * 300, "3.5mm"),
        *("&amp;lt;", "--", "...", "\t", "\n", "“quoted”", "ﬁne", "Ünïcödé", "<start_of_text>", "<end_of_text>"),
        *("!!<end_of_text>", "don’t", "İstanbul", "\x1b[0m", "ã©", "'ſ", "'S", "\udcff", "½", "①", "a\u0301"),
        *("\u200b", "Ω", "мир", "مرحبا"),
    ]
)
TEXTS = st.one_of(
    st.lists(WORDS, max_size=30).map(" ".join),
    st.lists(WORDS, max_size=8).map("".join),
    st.text("abcXYZ 019'.,-&;<>_éß", max_size=60),
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TEXTS)
@example("")
@example("a photo of a cat")
def test_the_same_as_open_clip(both: tuple[ClipTokenizer, Tokenizer], text: str) -> None:
    fast, reference = both
    rows = fast([text])
    assert np.array_equal(rows, reference([text]))
    assert fast.count(text) == reference.count(text)
    assert fast.words(text, 8) == reference.words(text, 8)
    for mine, theirs in zip(fast.word_places(rows, 8), reference.word_places(rows, 8), strict=True):
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize(
    "content", [None, b"", b"{}", b"no json", b'{"model": {"type": "BPE", "vocab": {}, "merges": []}}']
)
def test_a_file_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "tokenizer.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(EncoderUnavailableError, match="tokenizer"):
        ClipTokenizer(file, 77)
