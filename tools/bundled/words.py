"""Texts as token ids of a fixed length."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tools.bundled.towers import text_weights_folder

#: Tokens of a caption that are trained on, the marks included: 1 in 1,000 is longer.
CAPTION_TOKENS: Final = 32


def token_ids(texts: Sequence[str], longest: int = CAPTION_TOKENS) -> npt.NDArray[np.int16]:
    """(n, longest) int16, 0 where padded; the mark of the end is never cut."""
    found = np.zeros((len(texts), longest), np.int16)
    for row, encoding in enumerate(_tokenizer().encode_batch(list(texts))):
        ids = encoding.ids
        cut = ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]
        found[row, : len(cut)] = cut
    return found


@functools.cache
def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(text_weights_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
